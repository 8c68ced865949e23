"""POST /v1/transfers/accept"""

from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.tickets import transfers
from tests.helpers import factories, invariants
from tests.integration.tickets.conftest import Held
from tests.integration.tickets.test_get_ticket_qr import read


def test_whoever_accepts_holds_the_ticket(held: Held, conn: Connection) -> None:
    accepted = held.pass_on()

    assert accepted.status == 200
    assert accepted.json["ticket"]["holder_name"] == "Bola"
    assert accepted.json["ticket"]["transferred"] is True
    shown = held.show(order_token=accepted.json["access_token"], headers={"accept": "image/png"})
    assert shown.status == 200
    assert held.scan(read(shown.body)).json["holder_name"] == "Bola"
    invariants.check(conn)


def test_the_qr_of_before_is_refused_as_transferred(held: Held, conn: Connection) -> None:
    held.pass_on()

    refused = held.scan(held.qr)

    assert (refused.status, refused.code) == (409, "transferred")
    assert "Bola" not in refused.body.decode()
    assert conn.execute("SELECT outcome FROM scans").fetchall() == [("transferred",)]
    invariants.check(conn)


def test_the_buyer_sees_that_it_has_passed_but_neither_the_qr_nor_to_whom(held: Held, conn: Connection) -> None:
    held.pass_on()
    path = f"/v1/tickets/{held.ticket}"

    seen = held.api.get(path, order_token=held.token)
    assert (seen.status, seen.json["transferred"], seen.json["holder_name"]) == (200, True, None)
    order = held.api.get(f"/v1/orders/{held.order}", order_token=held.token)
    assert [ticket["transferred"] for ticket in order.json["tickets"]] == [True]
    assert "Bola" not in order.body.decode()
    for refused in (held.show(order_token=held.token), held.start("chidi@example.com")):
        assert (refused.status, refused.code) == (409, "ticket_transferred")
    invariants.check(conn)


@pytest.mark.parametrize("held", [{"buyer_email": "ada@example.com"}], indirect=True)
def test_both_are_told_by_email(held: Held, conn: Connection) -> None:
    held.pass_on("bola@example.com")

    owed = conn.execute("SELECT template, recipient FROM outbox WHERE template LIKE 'transfer%' ORDER BY id").fetchall()

    assert owed == [
        ("transfer_offered", "bola@example.com"),
        ("transfer_accepted", "bola@example.com"),
        ("transfer_completed", "ada@example.com"),
    ]


def test_whoever_is_logged_in_has_it_among_their_tickets(held: Held, conn: Connection) -> None:
    bola = factories.account(conn)
    transfer = UUID(held.start().json["id"])

    accepted = held.accept(transfers.token_of(transfer), account=bola)

    assert accepted.status == 200
    (mine,) = held.api.get("/v1/me/tickets", account=bola).json["items"]
    assert (mine["id"], mine["holder_name"]) == (str(held.ticket), "Bola")
    assert held.show(account=bola).status == 200
    invariants.check(conn)


def test_an_account_that_was_opened_with_the_address_alone_gets_nothing(held: Held, conn: Connection) -> None:
    pretender = factories.account(conn, email="bola@example.com")

    held.pass_on("bola@example.com")

    assert held.api.get("/v1/me/tickets", account=pretender).json["items"] == []
    assert held.show(account=pretender).status == 404


def test_a_buyer_with_an_account_loses_it(held: Held, conn: Connection) -> None:
    buyer = factories.account(conn)
    conn.execute("UPDATE orders SET account_id = %(id)s; ", {"id": buyer})
    conn.execute("UPDATE tickets SET account_id = %(id)s", {"id": buyer})
    held.pass_on()

    assert held.api.get("/v1/me/tickets", account=buyer).json["items"] == []
    assert held.api.get(f"/v1/tickets/{held.ticket}", account=buyer).json["transferred"] is True
    assert held.show(account=buyer).code == "ticket_transferred"


def test_it_goes_from_hand_to_hand_and_the_chain_is_kept(held: Held, conn: Connection) -> None:
    token, qrs = held.token, [held.qr]
    for name in ("bola", "chidi", "dayo"):
        accepted = held.pass_on(f"{name}@example.com", order_token=token)
        former, token = token, accepted.json["access_token"]
        assert held.show(order_token=former).status in {404, 409}
        qrs.append(read(held.show(order_token=token, headers={"accept": "image/png"}).body))

    chain = conn.execute(
        "SELECT transfer_count, from_email, to_email, status FROM transfers ORDER BY transfer_count"
    ).fetchall()
    assert [(row[0], row[2], row[3]) for row in chain] == [
        (1, "bola@example.com", "accepted"),
        (2, "chidi@example.com", "accepted"),
        (3, "dayo@example.com", "accepted"),
    ]
    assert [row[1] for row in chain][1:] == ["bola@example.com", "chidi@example.com"]
    assert [held.scan(qr).json.get("code", "admitted") for qr in qrs] == ["transferred"] * 3 + ["admitted"]
    invariants.check(conn)


def test_a_link_is_good_once(held: Held, conn: Connection) -> None:
    token = transfers.token_of(UUID(held.start().json["id"]))
    assert held.accept(token).status == 200

    again = held.accept(token)

    assert (again.status, again.code) == (409, "transfer_accepted")
    assert conn.execute("SELECT transfer_count FROM tickets").fetchone() == (1,)
    invariants.check(conn)


def test_a_link_is_good_until_it_expires(held: Held, conn: Connection) -> None:
    token = transfers.token_of(UUID(held.start().json["id"]))
    conn.execute("UPDATE transfers SET expires_at = now()")

    assert held.accept(token).code == "transfer_expired"
    assert held.scan(held.qr).status == 200
    invariants.check(conn)


def test_a_forged_token_is_not_found(held: Held, conn: Connection) -> None:
    transfer = UUID(held.start().json["id"])
    token = transfers.token_of(transfer)
    name, key, proof = token.split(".")
    last = "A" if token[-1] != "A" else "B"
    forged = [
        token[:-1] + last,
        f"{uuid4().hex}.{key}.{proof}",
        f"{name}.9.{proof}",
        f"{name}.{key}.",
        name,
        "x",
        held.token,
        transfers.token_of(uuid4()),
    ]

    answers = [held.accept(text, address=f"198.51.100.{number}") for number, text in enumerate([*forged, "²." * 9])]

    assert {answer.status for answer in answers} == {404, 422}
    assert [answer.status for answer in answers[:-1]] == [404] * len(forged)
    assert conn.execute("SELECT transfer_count FROM tickets").fetchone() == (0,)


def test_guessing_is_limited(held: Held) -> None:
    answers = [held.accept(f"{uuid4().hex}.1.{'A' * 32}") for _ in range(11)]

    assert [answer.status for answer in answers] == [404] * 10 + [429]


@pytest.mark.parametrize(
    "body", [{}, {"token": "x"}, {"name": "Bola"}, {"token": 1, "name": "Bola"}, {"token": "\ud800", "name": "B"}]
)
def test_a_malformed_request_is_refused(held: Held, body: dict[str, object]) -> None:
    assert held.api.post("/v1/transfers/accept", body).code == "invalid"
