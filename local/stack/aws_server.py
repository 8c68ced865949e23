"""moto's server in a process of its own: `python -m local.stack.aws_server HOST PORT STATE URL ROTATIONS QUEUES`.

Emails sent through SES and text messages sent through SNS go to the inbox in the state folder. They do not pile up in
memory. Objects in buckets are kept there too. ROTATIONS is JSON: which function of the gateway at URL rotates which
secret. QUEUES is JSON: those to which SES tells what becomes of emails.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.ses.models import RawMessage, ses_backends
from moto.sns.models import sns_backends

from local.stack.account import ACCOUNT, REGION
from local.stack.inbox import Inbox
from local.stack.objects import keep_objects
from local.stack.processes import exit_with_parent
from local.stack.rotations import keep_secrets, rotate_by
from local.stack.server import Handler, listen, serve
from local.stack.simulator import tell
from local.stack.state import State


class SentMessages(list[Any]):
    """Takes the place of moto's list of sent emails, and hands each to the inbox."""

    def __init__(self, inbox: Inbox) -> None:
        super().__init__()
        self._inbox = inbox

    def append(self, message: Any) -> None:
        """Hand a message to the inbox."""
        if isinstance(message, RawMessage):
            self._inbox.add(message.id, message.destinations, message.raw_data)
            message.raw_data = ""  # moto tracks every instance
        else:
            self._inbox.add_simple(message.id, message.destinations, message.source, message.subject, message.body)


class SentTexts(dict[str, tuple[str, str]]):
    """Takes the place of moto's text messages by their ids, and hands each to the inbox."""

    def __init__(self, inbox: Inbox) -> None:
        super().__init__()
        self._inbox = inbox

    def __setitem__(self, message_id: str, message: tuple[str, str]) -> None:
        """Hand the phone number and the text of a message to the inbox."""
        self._inbox.add_sms(message_id, *message)


class LongBodies(Handler):
    """Takes files that are longer than what API Gateway takes."""

    largest_body = 100 * 2**20


def main(host: str, port: int, state: State, url: str, functions: dict[str, str], queues: list[str]) -> None:
    """Serve until the parent ends."""
    inbox = Inbox(state.emails)
    ses_backends[ACCOUNT][REGION].sent_messages = SentMessages(inbox)
    sns_backends[ACCOUNT][REGION].sms_messages = SentTexts(inbox)
    keep_secrets(state)
    keep_objects(state)
    rotate_by(functions, url)
    tell(queues)
    exit_with_parent()
    serve(DomainDispatcherApplication(create_backend_app), listen(host, port), LongBodies)


if __name__ == "__main__":
    host, port, folder, url, *lists = sys.argv[1:]
    main(host, int(port), State(Path(folder)), url, *map(json.loads, lists))
