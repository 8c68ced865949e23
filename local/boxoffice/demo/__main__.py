"""A sale from sign-up to the door, over HTTP against the local stack: `python -m local.boxoffice.demo`.

It uses the stack that runs on $PORT (3000), or starts a new one with short holds. It ends with a report. The exit
code is 1 if a check in the report fails.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from local.boxoffice.demo.client import Refused
from local.boxoffice.demo.stage import running_or_fresh
from local.boxoffice.demo.story import say, tell

HOLD_MINUTES = 0.75  # on a stack of our own


def main() -> int:
    """Run the demo and print its report. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.boxoffice.demo", description=__doc__)
    parser.add_argument("--buyers", type=int, default=500, help="how many arrive at once")
    arguments = parser.parse_args()
    with running_or_fresh(f"http://127.0.0.1:{os.environ.get('PORT', '3000')}", HOLD_MINUTES) as url:
        try:
            report = asyncio.run(tell(url, arguments.buyers))
        except (Refused, RuntimeError) as error:
            say(str(error))
            return 1
    print(report)
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
