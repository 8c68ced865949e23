"""The emails about accounts, as the worker sends them."""

import re
from email.message import EmailMessage
from typing import Any

import pytest
from psycopg import Connection

from boxoffice import config
from boxoffice.one_time import Purpose, token_of
from tests.helpers import factories
from tests.helpers.factories import NOW
from tests.helpers.mailbox import deliver, inbox, outbox_row, owe

ADA = "ada@example.com"
# Each email with a link: its page, and the purpose of its token.
LINKS: dict[str, tuple[str, Purpose]] = {
    "confirm_sign_up": ("confirm-email", Purpose.SIGN_UP),
    "confirm_email": ("confirm-email", Purpose.CONFIRM_EMAIL),
    "confirm_email_change": ("confirm-email", Purpose.CHANGE_EMAIL),
    "email_change_started": ("undo-email-change", Purpose.UNDO_EMAIL_CHANGE),
    "email_changed": ("undo-email-change", Purpose.UNDO_EMAIL_CHANGE),
    "email_change_undone": ("reset-password", Purpose.RESET_PASSWORD),
    "reset_password": ("reset-password", Purpose.RESET_PASSWORD),
}
TO_STRANGERS = ["confirm_sign_up", "confirm_email_change"]
OF_CHANGES = ["email_change_started", "email_changed"]


def payload_of(conn: Connection, template: str) -> tuple[dict[str, Any], str]:
    """Return the payload of an email to Ada, and the token that its link must have."""
    email = "bola@example.com" if template in TO_STRANGERS else ADA
    purpose = LINKS[template][1]
    account = (conn.execute("SELECT id FROM accounts").fetchone() or (None,))[0]
    text = factories.one_time_token(conn, purpose, account_id=account, email=email, old_email=ADA, undo_id=None)
    token_id = (conn.execute("SELECT id FROM one_time_tokens ORDER BY id DESC").fetchone() or (None,))[0]
    assert token_of(purpose, token_id) == text
    if template in OF_CHANGES:
        return {"undo_id": str(token_id), "new_email": "new@example.com"}, text
    return {"token_id": str(token_id)} | ({"email": email} if template in TO_STRANGERS else {}), text


def send(conn: Connection, aws_url: str, template: str, payload: dict[str, Any]) -> EmailMessage | None:
    message = owe(conn, template=template, payload=payload)
    assert deliver(message) == []
    mails = inbox(aws_url, outbox_row(conn, message)["recipient"])
    return mails[0] if mails else None


def bodies(mail: EmailMessage | None) -> list[str]:
    assert mail is not None
    parts = [mail.get_body((kind,)) for kind in ("plain", "html")]
    return [str(part.get_content()) for part in parts if part]


@pytest.fixture(autouse=True)
def _account(conn: Connection) -> None:
    factories.account(conn, email=ADA)


@pytest.mark.parametrize("template", LINKS)
def test_each_link_leads_to_a_page_with_the_token(conn: Connection, aws_url: str, template: str) -> None:
    payload, token = payload_of(conn, template)

    for body in bodies(send(conn, aws_url, template, payload)):
        assert f"http://127.0.0.1:3000/{LINKS[template][0]}#token={token}" in body


@pytest.mark.parametrize("template", LINKS)
def test_where_there_are_no_pages_the_email_has_the_token(
    conn: Connection, aws_url: str, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_URL", "")
    config.settings.cache_clear()
    payload, token = payload_of(conn, template)

    for body in bodies(send(conn, aws_url, template, payload)):
        assert token in body
        assert "http" not in re.sub(r"<head>.*</head>", "", body, flags=re.DOTALL)


@pytest.mark.parametrize("template", LINKS)
def test_a_link_that_is_over_is_not_sent(conn: Connection, aws_url: str, template: str) -> None:
    payload, _ = payload_of(conn, template)
    conn.execute("UPDATE one_time_tokens SET expires_at = now()")

    assert send(conn, aws_url, template, payload) is None
    assert conn.execute("SELECT status, last_error FROM outbox").fetchall() == [("dropped", "the link is over")]


@pytest.mark.parametrize("template", ["reset_password", "email_change_undone", "confirm_sign_up"])
def test_a_blocked_account_is_sent_no_link(conn: Connection, aws_url: str, template: str) -> None:
    payload, _ = payload_of(conn, template)
    conn.execute("UPDATE accounts SET blocked_at = %s, email = %s", [NOW, payload.get("email", ADA)])

    assert send(conn, aws_url, template, payload) is None


@pytest.mark.parametrize("template", OF_CHANGES)
def test_the_emails_about_a_change_name_the_new_address(conn: Connection, aws_url: str, template: str) -> None:
    payload, _ = payload_of(conn, template)

    for body in bodies(send(conn, aws_url, template, payload)):
        assert "new@example.com" in body


def test_the_platform_is_called_what_the_sender_is_called(
    conn: Connection, aws_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMAIL_SENDER", "Kulturhaus <tickets@example.com>")
    config.settings.cache_clear()

    payloads = {
        "password_changed": {},
        "second_factor_added": {},
        "second_factor_removed": {},
        "recovery_code_used": {"left": 9},
    }
    for template, payload in payloads.items():
        for body in bodies(send(conn, aws_url, template, payload)):
            assert "your account at Kulturhaus" in body
            assert "http://127.0.0.1:3000/forgot-password" in body
