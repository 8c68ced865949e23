"""Somebody subscribes to a newsletter by a link in an email, and unsubscribes by one click (RFC 8058)."""

from uuid import uuid4

import pytest
from psycopg import Connection

from boxoffice import config, db, rate_limit
from boxoffice.ids import new_id
from boxoffice.one_time import Purpose
from tests.helpers import erasures, factories
from tests.helpers.mailbox import letters_to
from tests.helpers.newsletters import PATH, confirm, joined, sender, subscribe, unsubscribe
from tests.helpers.rings import KeyRing
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Client


def address() -> str:
    return f"{uuid4().hex}@example.com"


def rows(conn: Connection) -> list[tuple[str | None, str, str | None, bool]]:
    query = """SELECT email, consent_version, locale, unsubscribed_at IS NULL FROM newsletter_subscriptions
        ORDER BY email"""
    return conn.execute(query).fetchall()


def test_nothing_of_a_person_is_kept_before_they_open_the_link(api: Client, conn: db.Connection) -> None:
    organisation, _ = sender(conn)
    email = address()

    assert subscribe(api, organisation, email, locale="fr").status == 202
    assert rows(conn) == []
    (letter,) = letters_to(conn, email)
    assert letter.content is not None
    assert letter.content.subject == "Do you want this newsletter?"

    confirmed = confirm(api, letter.token)
    assert (confirmed.status, confirmed.json["sender"]) == (200, "Lagos Live")
    assert rows(conn) == [(email, "2027-01", "fr", True)]
    assert confirm(api, letter.token).code == "link_over"


def test_who_names_no_language_reads_that_of_the_organisation(api: Client, conn: db.Connection) -> None:
    organisation, _ = sender(conn, locale="de")
    joined(api, conn, organisation, address())

    assert rows(conn)[0][2] == "de"


def test_no_answer_and_no_email_tells_who_has_subscribed(api: Client, conn: db.Connection) -> None:
    organisation, _ = sender(conn)
    known, unknown = address(), address()
    joined(api, conn, organisation, known)
    conn.execute("DELETE FROM outbox")

    first, second = subscribe(api, organisation, known), subscribe(api, organisation, unknown)

    assert (first.status, first.body) == (second.status, second.body) == (202, b"null")
    said = [letters_to(conn, email)[0].content for email in (known, unknown)]
    subjects = {content.subject for content in said if content}
    assert (len(said), subjects) == (2, {"Do you want this newsletter?"})


def test_joining_again_is_harmless_and_a_mailbox_is_one_reader(api: Client, conn: db.Connection) -> None:
    organisation, _ = sender(conn)
    email = address()
    token = joined(api, conn, organisation, email)
    assert joined(api, conn, organisation, email.replace("@", "+news@"), consent_version="2028-02") == token

    assert rows(conn) == [(email.replace("@", "+news@"), "2027-01", None, True)]


def test_one_click_unsubscribes_and_leaves_no_address(api: Client, conn: db.Connection) -> None:
    organisation, _ = sender(conn)
    email = address()
    token = joined(api, conn, organisation, email)

    # What a mail program sends: a form, without a credential (RFC 8058, section 3.1).
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = api.post(f"{PATH}/unsubscribe", "List-Unsubscribe=One-Click", query={"token": token}, headers=form)

    assert (answer.status, answer.headers.get("location")) == (204, None)
    assert rows(conn) == [(None, "2027-01", None, False)]
    conn.execute("DELETE FROM outbox")
    left = conn.execute("SELECT newsletter_subscriptions::text FROM newsletter_subscriptions").fetchall()
    assert email not in str(left)
    with unchanged(conn):
        assert unsubscribe(api, token).status == 204


def test_opening_the_link_changes_nothing(api: Client, conn: db.Connection) -> None:
    organisation, _ = sender(conn)
    token = joined(api, conn, organisation, address())

    with unchanged(conn):
        opened = api.get(f"{PATH}/unsubscribe", query={"token": token})
        assert (opened.status, opened.headers["location"]) == (302, f"http://127.0.0.1:3000/unsubscribe#token={token}")


def test_the_address_of_the_page_has_nothing_that_the_caller_wrote(api: Client, conn: db.Connection) -> None:
    """Python reads an id in several spellings, and a header must not have a line break."""
    organisation, _ = sender(conn)
    token = joined(api, conn, organisation, address())
    assert token.startswith("0")

    for spelled in (f"\n{token[1:]}", f"\N{FULLWIDTH DIGIT ZERO}{token[1:]}", f"urn:uuid:{token}"):
        opened = api.get(f"{PATH}/unsubscribe", query={"token": spelled})
        assert (opened.status, opened.headers["location"]) == (302, f"http://127.0.0.1:3000/unsubscribe#token={token}")


def test_whoever_confirms_again_subscribes_again_and_old_links_work(api: Client, conn: db.Connection) -> None:
    organisation, _ = sender(conn)
    email = address()
    token = joined(api, conn, organisation, email)
    unsubscribe(api, token)

    assert joined(api, conn, organisation, email, consent_version="2028-02") == token
    assert rows(conn) == [(email, "2028-02", None, True)]
    assert unsubscribe(api, token).status == 204
    assert rows(conn) == [(None, "2028-02", None, False)]


def test_a_mailbox_that_left_is_known_after_the_key_is_rotated(
    api: Client, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = KeyRing()
    monkeypatch.setenv("LINK_KEYS_SECRET", ring.id)
    config.settings.cache_clear()
    organisation, _ = sender(conn)
    email = address()
    token = joined(api, conn, organisation, email)
    assert unsubscribe(api, token).status == 204
    ring.rotate()
    config.forget_secrets()

    joined(api, conn, organisation, email, consent_version="2028-02")
    assert rows(conn) == [(email, "2028-02", None, True)]
    assert unsubscribe(api, token).status == 204
    assert rows(conn) == [(None, "2028-02", None, False)]


@pytest.mark.parametrize("token", ["x", "", f"{'0' * 32}.1.{'x' * 32}", "\u0661" * 32, "." * 300])
def test_a_forged_token_unsubscribes_nobody(api: Client, conn: db.Connection, token: str) -> None:
    organisation, _ = sender(conn)
    joined(api, conn, organisation, address())

    assert unsubscribe(api, token).code == "not_found"
    assert api.get(f"{PATH}/unsubscribe", query={"token": token}).code == "not_found"
    assert rows(conn)[0][3]


def test_each_list_is_apart(api: Client, conn: db.Connection) -> None:
    first, _ = sender(conn)
    second, _ = sender(conn)
    email = address()
    tokens = [joined(api, conn, whose, email) for whose in (first, second, None)]
    unsubscribe(api, tokens[1])

    left = conn.execute("SELECT organisation_id FROM newsletter_subscriptions WHERE email IS NOT NULL").fetchall()
    assert {whose for (whose,) in left} == {first, None}


def test_nobody_subscribes_to_who_does_not_sell(api: Client, conn: db.Connection) -> None:
    organisation, _ = sender(conn)
    token = factories.subscription_link_token(conn, organisation)
    conn.execute("UPDATE organisations SET status = 'suspended', status_reason = 'Fraud'")

    assert subscribe(api, organisation, address()).code == "not_found"
    assert confirm(api, token).code == "not_found"
    assert subscribe(api, new_id(), address()).code == "not_found"
    conn.execute("UPDATE organisations SET status = 'approved', status_reason = NULL")
    assert confirm(api, token).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "ada"},
        {"consent_version": ""},
        {"consent_version": "the words of June"},
        {"locale": "\u0000"},
        {"organisation_id": "1"},
        {"name": "Ada"},
    ],
)
def test_bad_input_is_refused_with_its_place(api: Client, conn: db.Connection, fields: dict[str, str]) -> None:
    organisation, _ = sender(conn)
    answer = api.post(
        PATH,
        {"organisation_id": str(organisation), "email": address(), "consent_version": "1", **fields},
    )

    assert (answer.status, answer.code) == (422, "invalid")
    assert answer.json["errors"][0]["loc"] == ["body", *fields]


def test_a_mailbox_gets_few_links(api: Client, conn: db.Connection) -> None:
    organisation, _ = sender(conn)
    email = address()
    for _ in range(rate_limit.WAITLIST_LINKS):
        assert subscribe(api, organisation, email).status == 202
    refused = subscribe(api, organisation, email.replace("@", "+more@"))

    assert (refused.status, refused.code) == (429, "too_many_requests")
    assert len(letters_to(conn, email)) == rate_limit.WAITLIST_LINKS


def test_owners_list_who_has_subscribed_and_who_has_left(api: Client, conn: db.Connection) -> None:
    organisation, owner = sender(conn)
    emails = [address() for _ in range(3)]
    tokens = [joined(api, conn, organisation, email) for email in emails]
    unsubscribe(api, tokens[1])

    def listed(status: str, **query: str) -> tuple[list[str | None], str | None]:
        query = {"organisation_id": str(organisation), "status": status, **query}
        answer = api.get("/v1/admin/newsletter/subscriptions", account=owner, query=query)
        return [item["email"] for item in answer.json["items"]], answer.json["next_cursor"]

    page, cursor = listed("subscribed", limit="1")
    assert cursor is not None
    assert (page, listed("subscribed", cursor=cursor)) == ([emails[2]], ([emails[0]], None))
    assert listed("unsubscribed") == ([None], None)


def test_the_list_of_the_platform_is_for_admins(api: Client, conn: db.Connection) -> None:
    _, owner = sender(conn)
    email = address()
    joined(api, conn, None, email)
    path = "/v1/admin/newsletter/subscriptions"

    assert api.get(path, account=owner).code == "forbidden"
    (shown,) = api.get(path, account=factories.account(conn, is_admin=True)).json["items"]
    assert shown["email"] == email


def test_personal_data_is_exported_and_erased_and_the_mailbox_stays_suppressed(
    api: Client, conn: db.Connection
) -> None:
    organisation, _ = sender(conn)
    joined(api, conn, organisation, erasures.EMAIL)
    joined(api, conn, None, erasures.EMAIL)
    token = factories.one_time_token(conn, Purpose.PERSONAL_DATA, email=erasures.EMAIL)
    shown = api.post("/v1/personal-data-requests/export", {"token": token}).json["newsletter_subscriptions"]
    assert {each["organisation"] for each in shown} == {"Lagos Live", None}
    assert {each["consent_version"] for each in shown} == {"2027-01"}

    conn.execute("UPDATE newsletter_subscriptions SET confirmed_at = confirmed_at - interval '61 minutes'")
    erasures.erase(conn, erasures.guest())

    assert rows(conn) == [(None, "2027-01", None, False)] * 2
    joined(api, conn, organisation, erasures.EMAIL)
    assert len(rows(conn)) == 2
