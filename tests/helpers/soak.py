"""How much longer than in the suite random tests run: `make soak` asks for more."""

import os

SOAK = float(os.environ.get("SOAK", "1"))
