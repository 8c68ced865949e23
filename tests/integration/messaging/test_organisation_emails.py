"""The emails about applications, invitations and the hand-over, as people read them."""

from email.message import EmailMessage
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import config
from tests.helpers import factories, owners
from tests.helpers.mailbox import deliver, inbox, outbox_row


@pytest.fixture
def ada(conn: Connection) -> UUID:
    return factories.account(conn, name="Ada <b>Owner</b>", email=f"ada-{uuid4().hex}@example.com")


@pytest.fixture
def shop(conn: Connection, ada: UUID) -> UUID:
    return factories.organisation(conn, owner=ada, name="Ẹ̀kọ́ & Größe", status="pending")


@pytest.fixture
def admin(conn: Connection) -> UUID:
    return factories.account(conn, is_admin=True)


def read(conn: Connection, aws_url: str, template: str) -> EmailMessage:
    """Send the newest email of a template, and return it."""
    query = "SELECT id FROM outbox WHERE template = %s ORDER BY id DESC"
    (message,) = conn.execute(query, [template]).fetchone() or ()
    assert deliver(message) == []
    return inbox(aws_url, outbox_row(conn, message)["recipient"])[-1]


def bodies(mail: EmailMessage) -> tuple[str, str]:
    """Return the text and the HTML of an email."""
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content().replace("\r\n", "\n"), html.get_content()


def test_an_owner_reads_what_was_decided_and_why(conn: Connection, aws_url: str, shop: UUID, admin: UUID) -> None:
    decided = {
        "reject": ("Your organisation was not approved", "You can change its profile and apply again."),
        "approve": ("Your organisation can sell tickets now", "You can publish events and sell tickets."),
        "suspend": ("Your organisation is suspended", "Tickets that were sold before stay valid"),
    }
    for decision, (subject, sentence) in decided.items():
        assert owners.decide(conn, shop, admin, decision) == owners.DONE
        mail = read(conn, aws_url, "organisation_decided")
        assert mail["Subject"] == subject
        for body in bodies(mail):
            assert sentence in body
            assert f"The reason: We {decision} it." in body
    assert "Ẹ̀kọ́ &amp; Größe" in bodies(mail)[1]


def test_an_invitation_has_a_link_with_the_token_that_accepts(conn: Connection, aws_url: str, shop: UUID) -> None:
    address = f"chi-{uuid4().hex}@example.com"
    invitation, token = factories.invitation(conn, shop, address, "scanner")

    mail = read(conn, aws_url, "invitation")

    assert (mail["To"], mail["Subject"]) == (address, "You are invited to an organisation")
    link = f"http://127.0.0.1:3000/invitations/{invitation}#token={token}"
    plain, html = bodies(mail)
    assert f"Accept the invitation: {link}\n" in plain
    assert f'href="{link}"' in html
    assert "Somebody at Ẹ̀kọ́ & Größe invites you to work with them, as a scanner." in plain
    assert "Owner" not in plain + html, "whoever invites puts no other words into it"
    assert "for an account with this email address" in plain
    chi = factories.account(conn, email=address)
    assert owners.accept(conn, chi, token) == owners.DONE


def test_an_invitation_that_is_gone_before_its_email_is_sent_is_not_sent(
    conn: Connection, aws_url: str, shop: UUID, ada: UUID
) -> None:
    address = f"chi-{uuid4().hex}@example.com"
    invitation, _ = factories.invitation(conn, shop, address)
    assert owners.withdraw(conn, shop, ada, invitation) == owners.DONE
    (message,) = conn.execute("SELECT id FROM outbox WHERE recipient = %s", [address]).fetchone() or ()

    assert deliver(message) == []

    assert inbox(aws_url, address) == []
    assert outbox_row(conn, message)["last_error"] == "the invitation is over"


def test_a_long_name_takes_one_short_line(conn: Connection, aws_url: str, ada: UUID) -> None:
    name = f"{'Donaudampfschifffahrtsgesellschaft ' * 5}\u2028evil"
    shop = factories.organisation(conn, owner=ada, name=name)
    factories.invitation(conn, shop, f"chi-{uuid4().hex}@example.com")

    mail = read(conn, aws_url, "invitation")

    shown = f"{name[:100]}…"
    assert f"Somebody at {shown} invites you" in bodies(mail)[0]
    assert "evil" not in "".join(bodies(mail))


def test_without_pages_an_invitation_says_until_when(
    conn: Connection, aws_url: str, shop: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_URL", "")
    config.settings.cache_clear()
    factories.invitation(conn, shop, f"chi-{uuid4().hex}@example.com")

    for body in bodies(read(conn, aws_url, "invitation")):
        assert "The invitation waits for you until" in body


def test_both_read_of_a_hand_over_and_of_the_way_back(conn: Connection, aws_url: str, shop: UUID, ada: UUID) -> None:
    bola = factories.account(conn, name="بولا", email=f"bola-{uuid4().hex}@example.com")
    factories.member(conn, shop, "manager", account_id=bola)
    assert owners.hand_over(conn, shop, ada, bola) == owners.DONE

    received, handed_over = (read(conn, aws_url, f"ownership_{what}") for what in ("received", "handed_over"))

    assert received["Subject"] == "You are now the owner of an organisation"
    assert handed_over["Subject"] == "Your organisation has another owner now"
    for body in bodies(received):
        assert "hand it over to another member, or ask an admin" in body
    plain, html = bodies(handed_over)
    assert "handed over to \N{FIRST STRONG ISOLATE}بولا\N{POP DIRECTIONAL ISOLATE}, who decides" in plain
    assert "handed over to <bdi>بولا</bdi>, who decides" in html
    for body in (plain, html):
        assert "change your password, and ask an admin at once. An admin can give it back to you." in body
