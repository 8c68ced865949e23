"""An owner sends an issue of a newsletter to whoever has subscribed."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from psycopg import Connection

from boxoffice import db, platform_settings
from boxoffice.newsletter import sending
from tests.helpers import factories
from tests.helpers.audit import only_entry
from tests.helpers.mailbox import deliver, inbox, letters_to
from tests.helpers.newsletters import (
    ADDRESS,
    ISSUE,
    joined,
    send,
    sender,
    unsubscribe,
    write_newsletters,
    written_to,
)
from tests.helpers.ses_events import bounce, complaint
from tests.helpers.support import Client

ISSUES = "/v1/newsletter/issues"


def address() -> str:
    return f"{uuid4().hex}@example.com"


def deliver_all(conn: Connection) -> None:
    waiting = conn.execute("SELECT id FROM outbox WHERE template = 'newsletter' AND status = 'pending'").fetchall()
    assert deliver(*[message for (message,) in waiting]) == []


def shown(api: Client, conn: Connection, organisation: UUID, owner: UUID) -> dict[str, Any]:
    """Count what became of the emails, and return the one issue."""
    conn.execute("UPDATE newsletter_issues SET tally_at = now()")
    assert write_newsletters()["units_failed"] == 0
    (issue,) = api.get(ISSUES, account=owner, query={"organisation_id": str(organisation)}).json["items"]
    return dict(issue)


def test_an_issue_reaches_each_reader_with_what_rfc_8058_asks(api: Client, conn: db.Connection, aws_url: str) -> None:
    organisation, owner = sender(conn)
    email = address()
    token = joined(api, conn, organisation, email)

    sent = send(api, organisation, owner)
    assert (sent.status, sent.json["status"], sent.json["expected"], sent.json["recipients"]) == (201, "sending", 1, 0)
    assert write_newsletters()["units_failed"] == 0
    deliver_all(conn)

    (mail,) = inbox(aws_url, email)
    url = f"https://api.example.com/v1/newsletter/subscriptions/unsubscribe?token={token}"
    assert mail.get_all("List-Unsubscribe") == [f"<{url}>"]  # one HTTPS URI, in angle brackets (section 3.1)
    assert mail.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    assert (mail["Subject"], mail["From"]) == ("June", "Lagos Live <tickets@example.com>")
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    for part in (text, html):
        assert "Come" in part
        assert "https://example.com/june" in part
        assert f"http://127.0.0.1:3000/unsubscribe#token={token}" in part
        assert "subscribed to the newsletter of Lagos Live" in " ".join(part.split())
        assert all(line in part for line in ADDRESS.split("\n"))
    assert "<strong>begins</strong>" in html

    assert httpx.URL(url).params["token"] == token
    assert unsubscribe(api, token).status == 204
    issue = shown(api, conn, organisation, owner)
    facts = {"status": "sent", "recipients": 1, "sent": 1, "waiting": 0, "unsubscribed": 1, "failed": 0}
    assert issue.items() >= facts.items()
    entry = only_entry(conn)
    assert (entry.action, entry.chain, entry.details["expected"]) == ("send_newsletter", organisation, 1)


def test_markdown_of_a_sender_runs_nothing(api: Client, conn: db.Connection) -> None:
    organisation, owner = sender(conn)
    body = "<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![pixel](https://evil.example/p.png) {{ 7*7 }}"
    content = api.post(
        f"{ISSUES}/preview", {**ISSUE, "organisation_id": str(organisation), "body": body}, account=owner
    ).json

    assert "<script" not in content["html"]
    assert "evil.example" not in content["html"]
    assert 'href="javascript' not in content["html"]
    assert "{{ 7*7 }}" in content["html"]


@pytest.mark.parametrize(
    "text", ["دعوت به کنسرت", "ජුනි මාසයේ", "🎷 Jazz", "Donaudampfschifffahrtsgesellschaftskapitänsmützen"]
)
def test_an_issue_is_in_any_script(api: Client, conn: db.Connection, text: str) -> None:
    organisation, owner = sender(conn)
    fields = {"subject": text, "body": f"**{text}**", "organisation_id": str(organisation)}
    content = api.post(f"{ISSUES}/preview", fields, account=owner).json

    assert content["subject"] == text
    assert f"<strong>{text}</strong>" in content["html"]
    assert text in content["text"]


def test_a_preview_counts_and_writes_to_its_sender_alone(api: Client, conn: db.Connection) -> None:
    organisation, owner = sender(conn)
    emails = [address(), address()]
    for email in emails:
        joined(api, conn, organisation, email)
    factories.suppression(conn, emails[0])
    mine = address()
    conn.execute("UPDATE accounts SET email = %s WHERE id = %s", [mine, owner])
    fields = {**ISSUE, "organisation_id": str(organisation), "send_to_me": True}
    assert api.post(f"{ISSUES}/preview", fields, account=owner).code == "email_not_verified"
    assert letters_to(conn, mine) == []
    conn.execute("UPDATE accounts SET email_verified_at = now() WHERE id = %s", [owner])

    preview = api.post(f"{ISSUES}/preview", fields, account=owner).json

    assert (preview["recipients"], preview["suppressed"], preview["sent_to"]) == (2, 1, mine)
    (letter,) = letters_to(conn, mine)
    assert letter.content is not None
    assert letter.content.html == preview["html"]
    assert letter.content.unsubscribe_url is None
    conn.execute(
        "UPDATE accounts SET email = NULL, email_verified_at = NULL, phone = '+12025550123', "
        "phone_verified_at = now() WHERE id = %s",
        [owner],
    )
    assert api.post(f"{ISSUES}/preview", fields, account=owner).code == "no_email"


def test_who_unsubscribes_while_it_is_sent_gets_no_more(api: Client, conn: db.Connection) -> None:
    organisation, owner = sender(conn)
    gone, staying = address(), address()
    token = joined(api, conn, organisation, gone)
    joined(api, conn, organisation, staying)
    send(api, organisation, owner)
    write_newsletters()
    assert unsubscribe(api, token).status == 204
    deliver_all(conn)

    statuses = dict(conn.execute("SELECT recipient, status FROM outbox WHERE template = 'newsletter'").fetchall())
    assert statuses == {gone: "dropped", staying: "sent"}
    assert shown(api, conn, organisation, owner)["unsubscribed"] == 1


def test_what_ses_tells_is_counted_and_such_addresses_get_no_more(api: Client, conn: db.Connection) -> None:
    organisation, owner = sender(conn)
    emails = [address() for _ in range(3)]
    for email in emails:
        joined(api, conn, organisation, email)
    send(api, organisation, owner)
    write_newsletters()
    deliver_all(conn)
    ids = dict(conn.execute("SELECT recipient, id FROM outbox WHERE template = 'newsletter'").fetchall())
    told = (bounce(emails[0], ids[emails[0]]), complaint(emails[1], ids[emails[1]]))
    assert deliver(*told, worker="receive_email_feedback") == []

    issue = shown(api, conn, organisation, owner)
    assert (issue["sent"], issue["bounced"], issue["complained"]) == (3, 1, 1)
    conn.execute("DELETE FROM newsletter_issues")
    conn.execute("DELETE FROM outbox")
    send(api, organisation, owner)
    write_newsletters()
    deliver_all(conn)
    issue = shown(api, conn, organisation, owner)
    assert (issue["recipients"], issue["sent"], issue["suppressed"]) == (3, 1, 2)


def test_who_subscribes_later_gets_the_next_issue(api: Client, conn: db.Connection) -> None:
    organisation, owner = sender(conn)
    early, late = address(), address()
    joined(api, conn, organisation, early)
    send(api, organisation, owner)
    joined(api, conn, organisation, late)
    write_newsletters()

    assert written_to(conn) == [early]


def test_a_withdrawn_issue_stops(api: Client, conn: db.Connection) -> None:
    organisation, owner = sender(conn)
    joined(api, conn, organisation, address())
    issue = send(api, organisation, owner).json["id"]
    write_newsletters()
    stranger = sender(conn)[1]

    assert api.post(f"{ISSUES}/{issue}/withdraw", account=stranger).code == "not_found"
    for _ in range(2):
        withdrawn = api.post(f"{ISSUES}/{issue}/withdraw", account=owner)
        assert (withdrawn.status, withdrawn.json["status"]) == (200, "withdrawn")
    deliver_all(conn)
    assert conn.execute("SELECT status FROM outbox WHERE template = 'newsletter'").fetchall() == [("dropped",)]


def test_a_seller_who_is_suspended_sends_no_more(api: Client, conn: db.Connection) -> None:
    organisation, owner = sender(conn)
    joined(api, conn, organisation, address())
    assert send(api, organisation, owner).status == 201
    conn.execute("UPDATE organisations SET status = 'suspended', status_reason = 'Fraud'")

    assert send(api, organisation, owner).code == "seller_suspended"
    write_newsletters()
    assert written_to(conn) == []


def test_an_issue_needs_readers_and_the_address_of_its_sender(api: Client, conn: db.Connection) -> None:
    organisation, owner = sender(conn, postal_address=None)
    assert send(api, organisation, owner).code == "no_postal_address"
    to_preview = {**ISSUE, "organisation_id": str(organisation)}
    assert api.post(f"{ISSUES}/preview", to_preview, account=owner).code == "no_postal_address"
    assert (
        api.patch(f"/v1/organisations/{organisation}", {"postal_address": ADDRESS}, account=owner).json[
            "postal_address"
        ]
        == ADDRESS
    )
    assert send(api, organisation, owner).code == "no_subscribers"


def test_a_day_has_few_issues_and_a_repeat_is_none(api: Client, conn: db.Connection) -> None:
    organisation, owner = sender(conn)
    joined(api, conn, organisation, address())
    first = send(api, organisation, owner, key="first")
    assert send(api, organisation, owner, key="first").json == first.json
    assert send(api, organisation, owner, key="first", subject="July").code == "idempotency_key_reused"
    most = platform_settings.current(conn).newsletters_per_day
    for _ in range(most - 1):
        assert send(api, organisation, owner).status == 201
    assert send(api, organisation, owner).code == "too_many_requests"
    assert conn.execute("SELECT count(*) FROM newsletter_issues").fetchone() == (most,)


def test_admins_send_that_of_the_platform(api: Client, conn: db.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    _, owner = sender(conn)
    admin, email = factories.account(conn, is_admin=True), address()
    joined(api, conn, None, email)
    assert send(api, None, owner).code == "forbidden"
    assert send(api, None, admin).code == "no_postal_address"
    settings = platform_settings.PlatformSettings(postal_address="2 Broad Street")
    monkeypatch.setattr(platform_settings, "current", lambda _: settings)

    assert send(api, None, admin).status == 201
    write_newsletters()
    (letter,) = [each for each in letters_to(conn, email) if each.template == "newsletter"]
    assert letter.content is not None
    assert "2 Broad Street" in letter.content.text
    assert letter.content.sender == "Boxoffice"


def test_a_reader_gets_the_frame_in_their_language(
    api: Client, conn: db.Connection, aws_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_BATCH", 1)
    organisation, owner = sender(conn)
    english, french = address(), address()
    joined(api, conn, organisation, english)
    joined(api, conn, organisation, french, locale="fr")
    send(api, organisation, owner)
    write_newsletters()
    deliver_all(conn)

    (mail,) = inbox(aws_url, french)
    text = " ".join(mail.get_body(("plain",)).get_content().split())  # type: ignore[union-attr]
    assert "Vous recevez cet e-mail parce que" in text
    assert "Se désabonner" in text


@pytest.mark.parametrize(("field", "value"), [("subject", " "), ("body", "\u200b"), ("body", "x" * 10_001)])
def test_an_issue_must_say_something(api: Client, conn: db.Connection, field: str, value: str) -> None:
    organisation, owner = sender(conn)
    answer = send(api, organisation, owner, **{field: value})

    assert (answer.status, answer.json["errors"][0]["loc"]) == (422, ["body", field])
