"""`python -m local run | sam-local | psql | reset`: Boxoffice on one machine."""

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
from typing import NoReturn

from local.boxoffice import ROOT, demo_data, example_data
from local.boxoffice.project import UnknownSetting, configured
from local.stack import sam_local
from local.stack.logs import say
from local.stack.postgres import BIN
from local.stack.project import Project
from local.stack.server import PortInUse
from local.stack.state import State, StateInUse
from local.stack.supervisor import OWNER_URL_FILE, PartEnded, Stack

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MISUSED = 2  # the exit code of whoever was called in a wrong way
HIGHEST_PORT = 65_535
STARTED = """
  Start    {pages}/
  API      {api}
  Docs     {api}/docs
  Emails   {pages}/_local/emails
  Accounts {accounts}
           password: {password}

  Ctrl-C ends everything; `make reset` deletes the data.
"""


def main() -> int:
    """Run one command. Return the exit code."""
    parser = _parser()
    arguments, others = parser.parse_known_args()
    arguments.others = others
    if others and arguments.command != "psql":
        parser.error(f"unknown arguments: {' '.join(others)}")
    try:
        return COMMANDS[arguments.command](arguments)
    except KeyboardInterrupt:
        say("stopped")
        return 0
    except (PortInUse, UnknownSetting) as error:
        say(str(error))
        return MISUSED
    except (StateInUse, PartEnded, RuntimeError) as error:
        say(str(error))
        return 1


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        say(f"{message}. `python -m local --help` lists what there is")
        sys.exit(MISUSED)


def _port(text: str) -> int:
    """Return a port that a text names."""
    if not text.isdecimal() or int(text) > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"PORT must be a number from 0 to {HIGHEST_PORT}, not {text!r}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m local",
        description=__doc__,
        epilog="psql gets all other arguments: python -m local psql -c 'SELECT 1'",
        allow_abbrev=False,
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--state", type=Path, default=ROOT / ".local", help="the folder that is kept between runs")
    parser.add_argument("--port", type=_port, default=os.environ.get("PORT") or "3000", help="of the API")
    parser.add_argument(
        "--quiet",
        action="store_true",
        default=bool(os.environ.get("QUIET")),
        help="show neither requests nor emails here",
    )
    parser.add_argument(
        "--hold-minutes",
        default=os.environ.get("HOLD_MINUTES"),
        help="how long a pending order keeps its tickets, in place of the template's value",
    )
    parser.add_argument("--no-demo", action="store_true", help="leave out the demo organisation and its event")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    """Run everything until a signal comes or a part ends."""
    started = time.monotonic()
    stack = Stack(_project(arguments), arguments.state, arguments.port, quiet=arguments.quiet)
    with _until_stopped(stack):
        if not arguments.no_demo:
            demo_data.ensure(stack.url, stack.owner_url)
            example_data.ensure(stack.url, stack.owner_url)
        say(f"ready after {time.monotonic() - started:.1f} s")
        _print_addresses(stack.url, stack.url)
        stack.watch()
    return 0


def _sam_local(arguments: argparse.Namespace) -> int:
    """Run everything, and the API a second time through `sam local`. Our gateway serves pages, queues and schedules."""
    containers = sam_local.containers()
    stack = Stack(
        _project(arguments), arguments.state, arguments.port + 1, containers=containers, quiet=arguments.quiet
    )
    with _until_stopped(stack):
        demo_data.ensure(stack.url, stack.owner_url)
        stack.serve_in_docker(arguments.port)
        say("ready")
        _print_addresses(f"http://127.0.0.1:{arguments.port}", stack.url)
        stack.watch()
    return 0


def _psql(arguments: argparse.Namespace) -> int:
    """Run psql on the running stack's database, as the owner of the schema, with the arguments that are not ours."""
    owner_url = arguments.state / OWNER_URL_FILE
    if not owner_url.exists():
        say("there is no database yet: `make run` starts it")
        return 1
    command = [str(BIN / "psql"), f"--dbname={owner_url.read_text()}", *arguments.others]
    return subprocess.run(command, check=False).returncode


def _reset(arguments: argparse.Namespace) -> int:
    """Delete the state of the local stack."""
    State(arguments.state).delete()
    say(f"{arguments.state} is deleted")
    return 0


COMMANDS = {"run": _run, "sam-local": _sam_local, "psql": _psql, "reset": _reset}


def _project(arguments: argparse.Namespace) -> Project:
    project = configured(os.environ)
    return project.with_variables(HOLD_MINUTES=arguments.hold_minutes) if arguments.hold_minutes else project


@contextmanager
def _until_stopped(stack: Stack) -> Iterator[Stack]:
    """Run the stack until a signal comes. While it is ending, a second Ctrl-C must not leave parts behind."""
    for number in STOP_SIGNALS:
        signal.signal(number, _raise_interrupt)
    stack.start()
    try:
        yield stack
    finally:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        stack.stop()


def _print_addresses(api: str, pages: str) -> None:
    accounts = ", ".join(demo_data.ACCOUNTS)
    print(STARTED.format(api=api, pages=pages, accounts=accounts, password=demo_data.PASSWORD), flush=True)


def _raise_interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
