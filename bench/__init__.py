"""Measures speed and compares it with targets: `python -m bench`, or one part of it, such as `python -m bench hot`.

A part is a module with a function `measure`. `report.py` prints its figures and keeps them as JSON.
It measures the functions themselves, so this package puts the layer on the path, as Lambda does.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYER = ROOT / "layers/common"

if str(LAYER) not in sys.path:
    sys.path.insert(1, str(LAYER))
