"""POST /v1/transfers/accept"""

from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.tickets import transfers
from tests.helpers import factories, invariants
from tests.integration.tickets.conftest import SoldTicket
from tests.integration.tickets.test_get_ticket_qr import read


def test_whoever_accepts_becomes_the_holder(sold: SoldTicket, conn: Connection) -> None:
    accepted = sold.transfer()

    assert accepted.status == 200
    assert accepted.json["ticket"]["holder_name"] == "Bola"
    assert accepted.json["ticket"]["transferred"] is True
    picture = sold.get_qr(order_token=accepted.json["access_token"], headers={"accept": "image/png"})
    assert picture.status == 200
    assert sold.scan(read(picture.body)).json["holder_name"] == "Bola"
    invariants.check(conn)


def test_the_former_qr_is_refused_as_transferred(sold: SoldTicket, conn: Connection) -> None:
    sold.transfer()

    refused = sold.scan(sold.qr)

    assert (refused.status, refused.code) == (409, "transferred")
    assert "Bola" not in refused.body.decode()
    assert conn.execute("SELECT outcome FROM scans").fetchall() == [("transferred",)]
    invariants.check(conn)


def test_the_buyer_sees_the_transfer_but_neither_the_qr_nor_the_new_holder(sold: SoldTicket, conn: Connection) -> None:
    sold.transfer()
    path = f"/v1/tickets/{sold.ticket}"

    ticket = sold.api.get(path, order_token=sold.token)
    assert (ticket.status, ticket.json["transferred"], ticket.json["holder_name"]) == (200, True, None)
    order = sold.api.get(f"/v1/orders/{sold.order}", order_token=sold.token)
    assert [ticket["transferred"] for ticket in order.json["tickets"]] == [True]
    assert "Bola" not in order.body.decode()
    for refused in (sold.get_qr(order_token=sold.token), sold.start("chidi@example.com")):
        assert (refused.status, refused.code) == (409, "ticket_transferred")
    invariants.check(conn)


@pytest.mark.parametrize("sold", [{"buyer_email": "ada@example.com"}], indirect=True)
def test_both_holders_get_emails(sold: SoldTicket, conn: Connection) -> None:
    sold.transfer("bola@example.com")

    owed = conn.execute("SELECT template, recipient FROM outbox WHERE template LIKE 'transfer%' ORDER BY id").fetchall()

    assert owed == [
        ("transfer_started", "bola@example.com"),
        ("transfer_accepted", "bola@example.com"),
        ("transfer_completed", "ada@example.com"),
    ]


def test_a_token_is_known_as_an_email_program_wraps_it(sold: SoldTicket, conn: Connection) -> None:
    token = transfers.token_of(factories.transfer(conn, sold.ticket))

    assert sold.accept(f"\ufeff {token[:30]}\r\n {token[30:]}\n").status == 200


def test_an_account_that_accepts_has_the_ticket_in_its_list(sold: SoldTicket, conn: Connection) -> None:
    bola = factories.account(conn)
    transfer = UUID(sold.start().json["id"])

    accepted = sold.accept(transfers.token_of(transfer), account=bola)

    assert accepted.status == 200
    (ticket,) = sold.api.get("/v1/me/tickets", account=bola).json["items"]
    assert (ticket["id"], ticket["holder_name"]) == (str(sold.ticket), "Bola")
    assert sold.get_qr(account=bola).status == 200
    invariants.check(conn)


def test_an_account_does_not_get_the_ticket_by_its_address(sold: SoldTicket, conn: Connection) -> None:
    pretender = factories.account(conn, email="bola@example.com")

    sold.transfer("bola@example.com")

    assert sold.api.get("/v1/me/tickets", account=pretender).json["items"] == []
    assert sold.get_qr(account=pretender).status == 404


def test_the_buyers_account_loses_a_transferred_ticket(sold: SoldTicket, conn: Connection) -> None:
    buyer = factories.account(conn)
    conn.execute("UPDATE orders SET account_id = %(id)s; ", {"id": buyer})
    conn.execute("UPDATE tickets SET account_id = %(id)s", {"id": buyer})
    sold.transfer()

    assert sold.api.get("/v1/me/tickets", account=buyer).json["items"] == []
    assert sold.api.get(f"/v1/tickets/{sold.ticket}", account=buyer).json["transferred"] is True
    assert sold.get_qr(account=buyer).code == "ticket_transferred"


def test_several_transfers_follow_each_other_and_all_are_stored(sold: SoldTicket, conn: Connection) -> None:
    token, qrs = sold.token, [sold.qr]
    for name in ("bola", "chidi", "dayo"):
        accepted = sold.transfer(f"{name}@example.com", order_token=token)
        former, token = token, accepted.json["access_token"]
        assert sold.get_qr(order_token=former).status in {404, 409}
        qrs.append(read(sold.get_qr(order_token=token, headers={"accept": "image/png"}).body))

    chain = conn.execute(
        "SELECT transfer_count, from_email, to_email, status FROM transfers ORDER BY transfer_count"
    ).fetchall()
    assert [(row[0], row[2], row[3]) for row in chain] == [
        (1, "bola@example.com", "accepted"),
        (2, "chidi@example.com", "accepted"),
        (3, "dayo@example.com", "accepted"),
    ]
    assert [row[1] for row in chain][1:] == ["bola@example.com", "chidi@example.com"]
    assert [sold.scan(qr).json.get("code", "admitted") for qr in qrs] == ["transferred"] * 3 + ["admitted"]
    invariants.check(conn)


def test_a_link_works_once(sold: SoldTicket, conn: Connection) -> None:
    token = transfers.token_of(UUID(sold.start().json["id"]))
    assert sold.accept(token).status == 200

    again = sold.accept(token)

    assert (again.status, again.code) == (409, "transfer_accepted")
    assert conn.execute("SELECT transfer_count FROM tickets").fetchone() == (1,)
    invariants.check(conn)


def test_a_link_works_until_it_expires(sold: SoldTicket, conn: Connection) -> None:
    token = transfers.token_of(UUID(sold.start().json["id"]))
    conn.execute("UPDATE transfers SET expires_at = now()")

    assert sold.accept(token).code == "transfer_expired"
    assert sold.scan(sold.qr).status == 200
    invariants.check(conn)


def test_a_forged_token_is_not_found(sold: SoldTicket, conn: Connection) -> None:
    transfer = UUID(sold.start().json["id"])
    token = transfers.token_of(transfer)
    id_text, key, proof = token.split(".")
    last = "A" if token[-1] != "A" else "B"
    forged = [
        token[:-1] + last,
        f"{uuid4().hex}.{key}.{proof}",
        f"{id_text}.9.{proof}",
        f"{id_text}.{key}.",
        id_text,
        "x",
        sold.token,
        transfers.token_of(uuid4()),
    ]

    answers = [sold.accept(text, address=f"198.51.100.{number}") for number, text in enumerate([*forged, "²." * 9])]

    assert {answer.status for answer in answers} == {404}
    assert conn.execute("SELECT transfer_count FROM tickets").fetchone() == (0,)


def test_guessing_is_limited_and_accepting_is_not(sold: SoldTicket, conn: Connection) -> None:
    def guess() -> int:
        return sold.accept(f"{uuid4().hex}.1.{'A' * 32}").status

    assert (guess(), sold.transfer().status) == (404, 200)
    buckets = "SELECT bucket, attempts FROM rate_limits WHERE bucket LIKE 'transfer%'"
    assert conn.execute(buckets).fetchall() == [("transfer address 203.0.113.7", 1)]
    conn.execute("UPDATE rate_limits SET attempts = 299")
    assert [guess(), guess()] == [404, 429]


def test_a_right_link_is_accepted_whatever_neighbours_guess(sold: SoldTicket, conn: Connection) -> None:
    sold.accept("guessed")
    conn.execute("UPDATE rate_limits SET attempts = 1000 WHERE bucket LIKE 'transfer%'")

    assert sold.accept("guessed").status == 429
    assert sold.transfer().status == 200


@pytest.mark.parametrize(
    "body", [{}, {"token": "x"}, {"name": "Bola"}, {"token": 1, "name": "Bola"}, {"token": "\ud800", "name": "B"}]
)
def test_a_malformed_request_is_refused(sold: SoldTicket, body: dict[str, object]) -> None:
    assert sold.api.post("/v1/transfers/accept", body).code == "invalid"
