"""`python -m local run | sam-local | psql | reset`: the whole stack on one machine."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from local.boxoffice import demo_data
from local.stack import sam_local
from local.stack.cluster import BIN
from local.stack.logs import say
from local.stack.processes import ROOT
from local.stack.server import PortInUse
from local.stack.state import State, StateInUse
from local.stack.supervisor import DATABASE_URL_FILE, PartEnded, Stack

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GREETING = """
  API      {api}
  Docs     {api}/docs
  Emails   {pages}/_local/emails
  Accounts {accounts}
           password: {password}

  Ctrl-C ends everything; `make reset` forgets the data.
"""


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.command == "reset":
        return _reset(arguments.state)
    if arguments.command == "psql":
        return _psql(arguments.state)
    for number in STOP_SIGNALS:
        signal.signal(number, _interrupt)
    try:
        _serve_in_docker(arguments) if arguments.command == "sam-local" else _serve(arguments)
    except KeyboardInterrupt:
        say("stopped")
    except (StateInUse, PortInUse, PartEnded, RuntimeError) as error:
        say(str(error))
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("command", choices=["run", "sam-local", "psql", "reset"])
    parser.add_argument("--state", type=Path, default=ROOT / ".local", help="the folder that is kept between runs")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "3000")), help="of the API")
    parser.add_argument(
        "--hold-minutes",
        default=os.environ.get("HOLD_MINUTES"),
        help="how long a pending order keeps its tickets, in place of the template's value",
    )
    parser.add_argument("--no-demo", action="store_true", help="leave out the demo organisation and its event")
    return parser


def _serve(arguments: argparse.Namespace) -> None:
    started = time.monotonic()
    hold = {"HOLD_MINUTES": arguments.hold_minutes} if arguments.hold_minutes else {}
    with _uninterrupted(Stack(arguments.state, arguments.port, variables=hold)) as stack:
        if not arguments.no_demo:
            demo_data.ensure(stack.url, stack.owner_conninfo)
        say(f"ready after {time.monotonic() - started:.1f} s")
        _greet(stack.url, stack.url)
        stack.watch()


def _serve_in_docker(arguments: argparse.Namespace) -> None:
    """The same, and the API a second time through `sam local`; pages, queues and schedules stay with our gateway."""
    containers = sam_local.containers()
    built = sam_local.build(ROOT / "template.yaml", arguments.state.resolve() / "sam")
    with _uninterrupted(Stack(arguments.state, arguments.port + 1, containers=containers)) as stack:
        demo_data.ensure(stack.url, stack.owner_conninfo)
        stack.serve_in_docker(built, arguments.port)
        say("ready")
        _greet(f"http://127.0.0.1:{arguments.port}", stack.url)
        stack.watch()


@contextmanager
def _uninterrupted(stack: Stack) -> Iterator[Stack]:
    """The running stack; once it is being ended, a second Ctrl-C must not leave parts behind."""
    stack.start()
    try:
        yield stack
    finally:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        stack.stop()


def _greet(api: str, pages: str) -> None:
    accounts = ", ".join(demo_data.EMAILS)
    print(GREETING.format(api=api, pages=pages, accounts=accounts, password=demo_data.PASSWORD), flush=True)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _psql(folder: Path) -> int:
    """A session in the running stack's database, as the owner of the schema."""
    address = folder / DATABASE_URL_FILE
    if not address.exists():
        say("there is no database yet: start it by `make run`")
        return 1
    return subprocess.run([str(BIN / "psql"), address.read_text()], check=False).returncode


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
