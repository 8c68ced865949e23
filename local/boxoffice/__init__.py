"""Boxoffice on the local stack: its declaration (`project.py`), and what helps to develop it.

`pages.py` shows captured emails and what they link to. `sandbox/` is the sandbox provider, with a memory of its own.
`demo_data.py` makes an event on sale, and `demo/` sells it out.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LAYER = str(ROOT / "layers" / "common")
if _LAYER not in sys.path:  # as in Lambda, a layer can be imported
    sys.path.append(_LAYER)

from boxoffice import sql  # noqa: E402

SQL = sql.queries(str(Path(__file__).parent))
