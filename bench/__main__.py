"""Runs the benchmark, or some parts of it; ends with 1 if a bar is missed."""

import argparse
import sys

from bench import emails, handler, hot, imports, listings, scan
from bench.report import conclude, save

PARTS = {part.__name__.removeprefix("bench."): part.measure for part in (hot, handler, imports, listings, scan, emails)}


def main() -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--smoke", action="store_true", help="only show that it works: seconds, no bars, no file")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    found = [PARTS[name](smoke=options.smoke) for name in options.parts or PARTS]
    if not options.smoke:
        save(found)
    return 0 if conclude(found) else 1


if __name__ == "__main__":
    sys.exit(main())
