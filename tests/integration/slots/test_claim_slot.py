"""POST /v1/services/{service_id}/claims"""

from typing import Any
from uuid import uuid4

import cv2
import numpy
import pytest
import zxingcpp
from psycopg import Connection

from boxoffice.ids import new_id
from boxoffice.slots.rules import CLAIM
from boxoffice.tickets import qr
from tests.helpers import factories, invariants
from tests.helpers.rings import KeyRing
from tests.helpers.snapshots import snapshot
from tests.integration.slots.conftest import Cloakroom

PHONE = "+2348012345678"


def test_a_customer_gets_the_lowest_free_slot_and_a_qr(cloakroom: Cloakroom, conn: Connection) -> None:
    answer = cloakroom.claim(customer={"phone": PHONE, "name": "Ada"}, note="2 coats")

    assert answer.status == 201, answer.body
    claim = answer.json
    assert (claim["service_id"], claim["slot"], claim["note"]) == (str(cloakroom.id), 1, "2 coats")
    assert claim["customer"] | {"id": ""} == {
        "id": "",
        "account_id": None,
        "email": None,
        "phone": "…" + PHONE[-3:],
        "name": "Ada",
    }
    assert claim["customer_slots"] == [1]
    assert claim["claimed_at"].endswith("Z")
    assert cloakroom.claim().json["slot"] == 2
    row = conn.execute("SELECT claimed_by, qr_hash FROM claims WHERE slot = 1").fetchone()
    assert row == (cloakroom.scanner, qr.hash_of(claim["qr"]))
    invariants.check(conn)


def test_the_qr_holds_no_personal_data_and_readers_read_its_picture(cloakroom: Cloakroom) -> None:
    claim = cloakroom.claim().json

    assert claim["qr"].startswith("BC1:")
    assert qr.read(claim["qr"], CLAIM) == qr.Claimed(1, 0, factories.UUID(claim["id"]))
    assert claim["qr_svg"] == qr.svg(claim["qr"]).decode()
    image = cv2.imdecode(numpy.frombuffer(qr.png(claim["qr"]), numpy.uint8), cv2.IMREAD_GRAYSCALE)
    assert zxingcpp.read_barcodes(image)[0].text == claim["qr"]


def test_a_released_slot_is_the_next_that_is_taken(cloakroom: Cloakroom) -> None:
    claims = [cloakroom.claim().json for _ in range(3)]

    cloakroom.release(claims[1]["id"])

    assert [cloakroom.claim().json["slot"] for _ in range(2)] == [2, 4]


@pytest.mark.parametrize("identity", ["account_id", "email", "phone"])
def test_a_customer_who_comes_again_is_the_same_customer(cloakroom: Cloakroom, conn: Connection, identity: str) -> None:
    known = {"account_id": str(factories.account(conn)), "email": "ada@example.com", "phone": PHONE}[identity]

    first = cloakroom.claim(customer={identity: known}).json
    second = cloakroom.claim(customer={identity: known, "name": "Ada"}).json
    third = cloakroom.claim(customer={identity: known, "name": "Bola"}).json

    assert first["customer"]["id"] == second["customer"]["id"] == third["customer"]["id"]
    assert [claim["customer"]["name"] for claim in (first, second, third)] == [None, "Ada", "Ada"]
    assert [claim["customer_slots"] for claim in (first, second, third)] == [[1], [1, 2], [1, 2, 3]]
    assert conn.execute("SELECT count(*) FROM customers").fetchone() == (1,)


def test_an_email_is_the_same_however_it_is_written(cloakroom: Cloakroom) -> None:
    claims = [cloakroom.claim(customer={"email": email}).json for email in ("Ada@Example.com", "ada@example.com")]

    assert len({claim["customer"]["id"] for claim in claims}) == 1


def test_each_organisation_has_customers_of_its_own(cloakroom: Cloakroom, conn: Connection) -> None:
    other = factories.place(conn)
    (owner,) = conn.execute(
        "SELECT account_id FROM members JOIN places USING (organisation_id) WHERE id = %s", [other]
    ).fetchone() or (None,)
    body = {"customer": {"phone": PHONE}}

    ours = cloakroom.claim(**body).json
    theirs = cloakroom.api.post(f"/v1/services/{other}/claims", body, account=owner, key="new").json

    assert ours["customer"]["id"] != theirs["customer"]["id"]
    assert theirs["customer_slots"] == [1]
    invariants.check(conn)


def test_a_repeat_gets_the_first_answer_whatever_has_happened_since(cloakroom: Cloakroom, conn: Connection) -> None:
    body = {"customer": {"phone": PHONE}, "note": "a hat"}
    first = cloakroom.claim(key="one", **body)
    cloakroom.claim(customer={"phone": PHONE, "name": "Ada"})
    cloakroom.release(first.json["id"])
    cloakroom.resize(1)

    again = cloakroom.claim(key="one", **body)

    assert (again.status, again.body) == (201, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert conn.execute("SELECT count(*) FROM claims").fetchone() == (2,)
    invariants.check(conn)


def test_a_repeat_gets_the_first_answer_even_if_the_place_is_full_now(cloakroom: Cloakroom, conn: Connection) -> None:
    cloakroom.resize(1)
    first = cloakroom.claim(key="one", customer={"phone": PHONE})

    assert cloakroom.claim(key="one", customer={"phone": PHONE}).body == first.body
    assert cloakroom.claim(key="two", customer={"phone": PHONE}).code == "service_full"


def test_a_key_belongs_to_one_request(cloakroom: Cloakroom, conn: Connection) -> None:
    cloakroom.claim(key="one", customer={"phone": PHONE})
    other = factories.place(conn, organisation_id=cloakroom.organisation)
    before = snapshot(conn)

    reused = cloakroom.claim(key="one", customer={"phone": PHONE}, note="a hat")
    elsewhere = cloakroom.api.post(
        f"/v1/services/{other}/claims", {"customer": {"phone": PHONE}}, account=cloakroom.scanner, key="one"
    )

    assert (reused.status, reused.code) == (422, "idempotency_key_reused")
    assert (elsewhere.status, elsewhere.code) == (422, "idempotency_key_reused")
    assert snapshot(conn) == before
    assert cloakroom.claim(key="one", account=cloakroom.manager).status == 201


def test_a_claim_needs_an_idempotency_key(cloakroom: Cloakroom) -> None:
    answer = cloakroom.api.post(f"{cloakroom.path}/claims", {"customer": {"phone": PHONE}}, account=cloakroom.scanner)

    assert (answer.status, answer.code) == (422, "invalid")


def test_a_full_place_refuses_a_claim_and_writes_nothing(cloakroom: Cloakroom, conn: Connection) -> None:
    for _ in range(10):
        assert cloakroom.claim().status == 201
    before = snapshot(conn)

    refused = cloakroom.claim()

    assert (refused.status, refused.code) == (409, "service_full")
    assert snapshot(conn) == before
    invariants.check(conn)


def test_an_unknown_account_is_refused(cloakroom: Cloakroom, conn: Connection) -> None:
    before = snapshot(conn)

    refused = cloakroom.claim(customer={"account_id": str(uuid4())})

    assert (refused.status, refused.code) == (404, "account_not_found")
    assert snapshot(conn) == before


REFUSED: list[dict[str, Any]] = [
    {"customer": {}},
    {"customer": {"name": "Ada"}},
    {"customer": {"email": "ada@example.com", "phone": PHONE}},
    {"customer": {"account_id": "7", "name": "Ada"}},
    {"customer": {"email": "ada"}},
    {"customer": {"email": "Ada <ada@example.com>"}},
    {"customer": {"phone": "080 1234 5678"}},
    {"customer": {"phone": PHONE, "age": 7}},
    {"customer": {"phone": PHONE, "name": "\n"}},
    {"customer": None},
    {"note": ""},
    {"note": "\0"},
    {"note": "x" * 201},
    {"slot": 3},
]


def test_an_invalid_claim_is_refused_and_changes_nothing(
    cloakroom: Cloakroom, conn: Connection, subtests: pytest.Subtests
) -> None:
    before = snapshot(conn)
    for fields in REFUSED:
        with subtests.test(fields=fields):
            answer = cloakroom.claim(**fields)
            assert (answer.status, answer.code) == (422, "invalid"), answer.body
    assert snapshot(conn) == before


def test_only_members_of_the_organisation_can_claim(cloakroom: Cloakroom, conn: Connection) -> None:
    rival = factories.account(conn)
    factories.organisation(conn, owner=rival)
    before = snapshot(conn)

    assert cloakroom.claim(account=rival).status == 404
    assert cloakroom.api.post(f"{cloakroom.path}/claims", {"customer": {"phone": PHONE}}, key="new").status == 401
    missing = f"/v1/services/{new_id()}/claims"
    assert cloakroom.api.post(missing, {"customer": {"phone": PHONE}}, account=rival, key="new").status == 404
    assert snapshot(conn) == before
    assert cloakroom.claim(account=cloakroom.manager).status == 201


def test_after_a_rotation_old_claims_are_valid_until_their_key_is_withdrawn(
    cloakroom: Cloakroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    from boxoffice import config

    ring = KeyRing()
    monkeypatch.setenv("TICKET_KEYS_SECRET", ring.id)
    config.settings.cache_clear()
    old = cloakroom.claim(key="one", customer={"phone": PHONE})
    ring.rotate()
    config.forget_secrets()
    new = cloakroom.claim()

    assert cloakroom.claim(key="one", customer={"phone": PHONE}).body == old.body
    assert [cloakroom.scan(claim.json["qr"]).status for claim in (old, new)] == [200, 200]

    ring.take_out("1")
    config.forget_secrets()
    assert cloakroom.scan(old.json["qr"]).code == "claim_key_retired"
    assert cloakroom.scan(new.json["qr"]).status == 200
    assert cloakroom.claim(key="one", customer={"phone": PHONE}).code == "claim_key_retired"
