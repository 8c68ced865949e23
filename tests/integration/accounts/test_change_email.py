"""PUT /v1/me/email, its confirmation, and POST /v1/email-changes/undo"""

from datetime import timedelta
from uuid import UUID

from psycopg import Connection

from tests.helpers import factories
from tests.helpers.authenticators import set_up
from tests.helpers.google import Google, get_code, trade
from tests.helpers.mailbox import letters_to
from tests.helpers.people import PASSWORD, Person, can_refresh, log_in, sign_up, sign_up_request
from tests.helpers.support import Answer, Client

OLD, NEW = "old@example.com", "new@example.com"
PHONE = "+2348012345678"


def change(api: Client, person: Person, email: str = NEW, password: str | None = PASSWORD) -> Answer:
    return api.put("/v1/me/email", {"email": email, "current_password": password}, headers=person.headers)


def confirm(api: Client, token: str, password: str = PASSWORD) -> Answer:
    return api.post("/v1/email-verifications/confirm", {"token": token, "password": password})


def undo(api: Client, token: str) -> Answer:
    return api.post("/v1/email-changes/undo", {"token": token})


def moved(api: Client, conn: Connection, person: Person, email: str) -> None:
    """Change the address of an account, and confirm that."""
    assert change(api, person, email).status == 202
    assert confirm(api, letters_to(conn, email)[-1].token).status == 200


def email_of(conn: Connection, account: UUID) -> object:
    return (conn.execute("SELECT email FROM accounts WHERE id = %s", [account]).fetchone() or ("",))[0]


def templates(conn: Connection, recipient: str) -> list[str]:
    return [letter.template for letter in letters_to(conn, recipient)]


# ---------------------------------------------------------------------------------------------------------- changes


def test_a_change_holds_once_the_new_address_confirms_it(api: Client, conn: Connection) -> None:
    person = sign_up(api, email=OLD)
    assert change(api, person).status == 202
    assert email_of(conn, person.id) == OLD

    answer = confirm(api, letters_to(conn, NEW)[0].token)

    assert (answer.status, answer.json) == (200, {"email": NEW, "session": None})
    me = api.get("/v1/me", headers=person.headers).json
    assert (me["email"], me["email_verified_at"] is None, me["version"]) == (NEW, False, 2)
    assert api.post("/v1/sessions", {"email": NEW, "password": PASSWORD}).status == 200
    assert api.post("/v1/sessions", {"email": OLD, "password": PASSWORD}).status == 401


def test_the_old_address_is_told_at_once_and_again_when_it_is_done(api: Client, conn: Connection) -> None:
    person = sign_up(api, email=OLD)
    moved(api, conn, person, NEW)

    told = letters_to(conn, OLD)
    assert [letter.template for letter in told] == ["email_change_started", "email_changed"]
    for letter in told:
        assert letter.content is not None
        assert NEW in letter.content.text
        assert "http://127.0.0.1:3000/undo-email-change#token=" in letter.content.html
    assert told[0].token == told[1].token
    assert templates(conn, NEW) == ["confirm_email_change"]


def test_a_change_needs_the_password(api: Client, conn: Connection) -> None:
    person = sign_up(api)

    assert change(api, person, password="wrong password").code == "wrong_credentials"
    assert change(api, person, password=None).code == "proof_needed"
    assert change(api, person, person.email).json["errors"][0]["loc"] == ["body", "email"]
    assert conn.execute("SELECT FROM outbox").fetchall() == []


def test_an_account_without_a_password_needs_a_fresh_log_in(api: Client, conn: Connection) -> None:
    account = factories.account(conn, email=None, phone=PHONE, phone_verified_at=factories.NOW)
    conn.execute("UPDATE sessions SET created_at = now() - interval '16 minutes'")
    assert api.put("/v1/me/email", {"email": NEW}, account=account).code == "proof_needed"
    conn.execute("UPDATE sessions SET created_at = now() - interval '14 minutes'")

    assert api.put("/v1/me/email", {"email": NEW}, account=account).status == 202
    body = {"token": letters_to(conn, NEW)[0].token}
    assert api.post("/v1/email-verifications/confirm", body, account=account).status == 200

    assert email_of(conn, account) == NEW
    assert conn.execute("SELECT count(*) FROM one_time_tokens").fetchone() == (0,)  # there is nothing to go back to


def test_the_reader_of_the_new_address_cannot_be_made_to_confirm_for_another(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    change(api, person)
    token = letters_to(conn, NEW)[0].token

    assert api.post("/v1/email-verifications/confirm", {"token": token}).code == "proof_needed"
    assert confirm(api, token, "the reader's own one").code == "wrong_credentials"


def test_a_newer_change_ends_the_older(api: Client, conn: Connection) -> None:
    person = sign_up(api, email=OLD)
    change(api, person, "first@example.com")
    first = letters_to(conn, "first@example.com")[0].token
    change(api, person, "second@example.com")

    assert confirm(api, first).code == "link_over"
    assert [letter.content for letter in letters_to(conn, "first@example.com")] == [None]
    assert confirm(api, letters_to(conn, "second@example.com")[0].token).status == 200


def test_the_owner_of_the_new_address_is_told_and_the_caller_is_not(api: Client, conn: Connection) -> None:
    person, other = sign_up(api, email=OLD), sign_up(api, email=NEW)

    answers = [change(api, person, email) for email in ("free@example.com", NEW)]

    assert answers[0].body == answers[1].body
    (letter,) = letters_to(conn, NEW)
    assert letter.content is not None
    assert letter.content.subject == "You already have an account"
    assert "#token=" not in letter.content.text
    assert OLD not in letter.content.text
    assert email_of(conn, other.id) == NEW


def test_of_two_accounts_that_want_one_address_the_first_to_confirm_gets_it(api: Client, conn: Connection) -> None:
    ada, bola = sign_up(api), sign_up(api)
    for person in (ada, bola):
        change(api, person)
    adas, bolas = (letter.token for letter in letters_to(conn, NEW))

    assert confirm(api, bolas).status == 200
    late = confirm(api, adas)

    assert (late.status, late.code) == (409, "email_taken")
    assert email_of(conn, bola.id) == NEW


def test_the_links_that_went_to_the_old_address_end(api: Client, conn: Connection) -> None:
    person = sign_up(api, email=OLD)
    api.post("/v1/password-resets", {"email": OLD})
    reset = letters_to(conn, OLD)[0].token

    moved(api, conn, person, NEW)

    body = {"token": reset, "password": "a better one entirely"}
    assert api.post("/v1/password-resets/confirm", body).code == "link_over"


def test_changes_are_limited_for_the_account_and_for_the_new_address(api: Client, conn: Connection) -> None:
    person, other = sign_up(api), sign_up(api)

    assert [change(api, person, f"new{number}@example.com").status for number in range(11)] == [202] * 10 + [429]
    conn.execute("DELETE FROM rate_limits WHERE bucket LIKE '% address %'")
    assert [change(api, other).status for _ in range(10)] == [202] * 10
    assert change(api, sign_up(api)).status == 429


# -------------------------------------------------------------------------------------------------------------- undo


def test_the_old_address_undoes_a_change_and_shuts_the_thief_out(api: Client, conn: Connection) -> None:
    person = sign_up(api, email=OLD)
    moved(api, conn, person, NEW)
    thief = log_in(api, person, email=NEW)
    conn.execute("UPDATE accounts SET phone = %s, phone_verified_at = now()", [PHONE])
    factories.second_factor(conn, person.id)
    conn.execute("INSERT INTO google_identities VALUES ('https://accounts.google.com', 'thief', %s)", [person.id])

    assert undo(api, letters_to(conn, OLD)[-1].token).status == 202

    account = "SELECT email, email_verified_at IS NULL, password_hash, phone_verified_at FROM accounts"
    assert conn.execute(account).fetchone() == (OLD, False, None, None)
    assert not can_refresh(api, person)
    assert not can_refresh(api, thief)
    assert conn.execute("SELECT FROM google_identities").fetchall() == []
    assert api.post("/v1/sessions", {"email": OLD, "password": PASSWORD}).status == 401
    letter = letters_to(conn, OLD)[-1]
    assert letter.template == "email_change_undone"
    body = {"token": letter.token, "password": "a better one entirely"}
    assert api.post("/v1/password-resets/confirm", body).status == 204
    assert api.post("/v1/sessions", {"email": OLD, "password": body["password"]}).status == 200


def test_an_undo_ends_the_ways_in_that_were_added_since(api: Client, conn: Connection) -> None:
    person = sign_up(api, email=OLD)
    moved(api, conn, person, NEW)
    set_up(api, person)
    identity = "INSERT INTO google_identities (issuer, subject, account_id) VALUES ('google', 'thief', %s)"
    conn.execute(identity, [person.id])

    assert undo(api, letters_to(conn, OLD)[-1].token).status == 202

    assert conn.execute("SELECT second_factor_since FROM accounts").fetchone() == (None,)
    assert conn.execute("SELECT FROM second_factors").fetchall() == []
    assert conn.execute("SELECT FROM google_identities").fetchall() == []


def test_an_undo_leaves_the_ways_in_from_before(api: Client, conn: Connection) -> None:
    person = sign_up(api, email=OLD)
    conn.execute("UPDATE accounts SET email_verified_at = now()")
    set_up(api, person)
    identity = "INSERT INTO google_identities (issuer, subject, account_id) VALUES ('google', 'owner', %s)"
    conn.execute(identity, [person.id])
    conn.execute("UPDATE accounts SET phone = %s, phone_verified_at = now()", [PHONE])
    change(api, person)

    assert undo(api, letters_to(conn, OLD)[-1].token).status == 202

    state = "SELECT second_factor_since IS NULL, phone_verified_at IS NULL FROM accounts"
    assert conn.execute(state).fetchone() == (False, False)
    assert len(conn.execute("SELECT FROM second_factors").fetchall()) == 1
    assert len(conn.execute("SELECT FROM google_identities").fetchall()) == 1


def test_an_undo_of_an_address_that_nobody_had_verified_ends_every_way_in(api: Client, conn: Connection) -> None:
    """Somebody has signed up with the reader's address, and moves on so that its reader undoes that."""
    mallory = sign_up(api, email=OLD)
    set_up(api, mallory)
    identity = "INSERT INTO google_identities (issuer, subject, account_id) VALUES ('google', 'mallory', %s)"
    conn.execute(identity, [mallory.id])
    conn.execute("UPDATE accounts SET phone = %s, phone_verified_at = now()", [PHONE])
    moved(api, conn, mallory, NEW)

    assert undo(api, letters_to(conn, OLD)[-1].token).status == 202

    state = "SELECT email, password_hash, second_factor_since, phone_verified_at FROM accounts"
    assert conn.execute(state).fetchone() == (OLD, None, None, None)
    assert conn.execute("SELECT FROM second_factors").fetchall() == []
    assert conn.execute("SELECT FROM google_identities").fetchall() == []


def test_an_undo_stops_a_change_that_is_not_confirmed(api: Client, conn: Connection) -> None:
    person = sign_up(api, email=OLD)
    change(api, person)
    pending = letters_to(conn, NEW)[0].token

    assert undo(api, letters_to(conn, OLD)[0].token).status == 202

    assert confirm(api, pending).code == "link_over"
    assert email_of(conn, person.id) == OLD
    assert not can_refresh(api, person)


def test_an_undo_goes_back_behind_a_second_change_and_its_undo(api: Client, conn: Connection) -> None:
    """A thief who moves on must not be able to come back."""
    person = sign_up(api, email=OLD)
    moved(api, conn, person, "thief1@example.com")
    moved(api, conn, person, "thief2@example.com")
    owners, thiefs = letters_to(conn, OLD)[-1].token, letters_to(conn, "thief1@example.com")[-1].token

    assert undo(api, owners).status == 202

    assert email_of(conn, person.id) == OLD
    assert undo(api, thiefs).code == "link_over"
    assert undo(api, owners).code == "link_over"


def test_the_undo_of_a_later_change_leaves_that_of_an_earlier_one(api: Client, conn: Connection) -> None:
    person = sign_up(api, email=OLD)
    moved(api, conn, person, "thief1@example.com")
    moved(api, conn, person, "thief2@example.com")
    owners, thiefs = letters_to(conn, OLD)[-1].token, letters_to(conn, "thief1@example.com")[-1].token

    assert undo(api, thiefs).status == 202
    assert undo(api, owners).status == 202

    assert email_of(conn, person.id) == OLD


def test_a_reset_by_the_new_address_does_not_end_the_undo(api: Client, conn: Connection) -> None:
    person = sign_up(api, email=OLD)
    moved(api, conn, person, NEW)
    api.post("/v1/password-resets", {"email": NEW})
    body = {"token": letters_to(conn, NEW)[-1].token, "password": "a better one entirely"}
    assert api.post("/v1/password-resets/confirm", body).status == 204

    assert undo(api, letters_to(conn, OLD)[-1].token).status == 202


def test_nobody_else_can_take_an_address_that_may_be_taken_back(api: Client, conn: Connection) -> None:
    person, other = sign_up(api, email=OLD), sign_up(api)
    moved(api, conn, person, NEW)

    assert api.post("/v1/accounts", sign_up_request(email=OLD), address="192.0.2.9").code == "email_taken"
    change(api, other, OLD)
    assert confirm(api, letters_to(conn, OLD)[-1].token).code == "email_taken"
    assert email_of(conn, other.id) == other.email

    conn.execute("UPDATE one_time_tokens SET expires_at = now()")
    assert api.post("/v1/accounts", sign_up_request(email=OLD), address="192.0.2.9").status == 201


def test_nor_by_google(api: Client, conn: Connection, google: Google) -> None:
    email = "ada@gmail.com"
    person = sign_up(api, email=email)
    moved(api, conn, person, NEW)
    google.log_in_as(email)

    assert trade(api, get_code(api, google)).code == "email_taken"
    conn.execute("DELETE FROM one_time_tokens WHERE purpose = 'undo email change'")
    assert trade(api, get_code(api, google)).status == 200


def test_the_account_itself_can_go_back_to_its_address(api: Client, conn: Connection) -> None:
    person = sign_up(api, email=OLD)
    moved(api, conn, person, NEW)
    moved(api, conn, person, OLD)

    assert email_of(conn, person.id) == OLD


def test_an_undo_is_possible_for_seven_days_after_the_last_moment_to_confirm(api: Client, conn: Connection) -> None:
    person = sign_up(api, email=OLD)
    change(api, person)

    lifetimes = dict(conn.execute("SELECT purpose, expires_at - now() FROM one_time_tokens").fetchall())

    assert timedelta(hours=23) < lifetimes["change email"] <= timedelta(days=1)
    assert timedelta(days=7, hours=23) < lifetimes["undo email change"] <= timedelta(days=8)
    conn.execute("UPDATE one_time_tokens SET expires_at = now()")
    assert undo(api, "nonsense").code == "link_over"


def test_the_audit_log_has_the_request_the_change_and_the_undo(api: Client, conn: Connection) -> None:
    person = sign_up(api, email=OLD)
    moved(api, conn, person, NEW)
    undo(api, letters_to(conn, OLD)[-1].token)

    rows = conn.execute("SELECT action, actor_id, subject FROM audit_log ORDER BY at, entry").fetchall()

    of_account = [(action, actor) for action, actor, subject in rows if subject == f"account {person.id}"]
    for action in ("change_email", "confirm_email", "undo_email_change"):
        assert (action, person.id) in of_account
