"""Runs the benchmark, or some parts of it. The exit code is 1 if a target is missed."""

import argparse
import sys

from bench import analytics, books, emails, handler, hot, imports, invariants, ledger, listings, pace, scan, webhooks
from bench.report import conclude, save

PARTS = {
    part.__name__.removeprefix("bench."): part.measure
    for part in (hot, handler, imports, listings, scan, emails, webhooks, pace, invariants, analytics, books, ledger)
}


def main() -> int:
    """Measure the chosen parts, print and keep the figures. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--smoke", action="store_true", help="only show that it works, without targets and file")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    parts = [PARTS[name](smoke=options.smoke) for name in options.parts or PARTS]
    if not options.smoke:
        save(parts)
    return 0 if conclude(parts) else 1


if __name__ == "__main__":
    sys.exit(main())
