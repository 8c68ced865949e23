"""What PRODUCT.md promises of speed, measured: `python -m bench`, or one part of it, `python -m bench hot`.

The layer and the tests' helpers are imported as the functions and the tests import them.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYER = ROOT / "layers/common"

if str(LAYER) not in sys.path:
    sys.path.insert(1, str(LAYER))
