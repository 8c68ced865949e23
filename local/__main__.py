"""`python -m local run | reset`: the whole stack on one machine, without Docker."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from local.logs import say
from local.processes import ROOT
from local.server import PortInUse
from local.stack import PartEnded, Stack
from local.state import State, StateInUse


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.command == "reset":
        return _reset(arguments.state)
    return _run(Stack(arguments.state, arguments.port))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("command", choices=["run", "reset"])
    parser.add_argument("--state", type=Path, default=ROOT / ".local", help="the folder that is kept between runs")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "3000")), help="of the API")
    return parser


def _run(stack: Stack) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    started = time.monotonic()
    try:
        stack.start()
        say(f"ready after {time.monotonic() - started:.1f} s")
        print(f"  {stack.url}")
        stack.watch()
    except KeyboardInterrupt:
        say("stopping")
        return 0
    except (StateInUse, PortInUse, PartEnded, RuntimeError) as error:
        say(str(error))
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave parts behind
        stack.stop()
    return 0


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _reset(folder: Path) -> int:
    try:
        State(folder).forget()
    except StateInUse as error:
        say(str(error))
        return 1
    say(f"{folder} is forgotten")
    return 0


if __name__ == "__main__":
    sys.exit(main())
