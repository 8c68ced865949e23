"""Runs the benchmark, or some parts of it; ends with 1 if a bar is missed."""

import argparse
import sys

from bench import handler, hot, imports
from bench.report import conclude, save

PARTS = {"hot": hot.measure, "handler": handler.measure, "imports": imports.measure}


def main() -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=PARTS, default=list(PARTS), metavar="part", help=", ".join(PARTS))
    parser.add_argument("--smoke", action="store_true", help="only show that it works: seconds, no bars, no file")
    options = parser.parse_args()
    found = [PARTS[name](smoke=options.smoke) for name in options.parts]
    if not options.smoke:
        save(found)
    return 0 if conclude(found) else 1


if __name__ == "__main__":
    sys.exit(main())
