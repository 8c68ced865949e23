"""A person's claims: by their account, their verified email address and their confirmed phone, and by nothing else."""

from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import config
from tests.helpers import factories
from tests.helpers.people import bearer
from tests.helpers.phones import get_code, log_in
from tests.helpers.rings import KeyRing
from tests.helpers.support import Client
from tests.integration.slots.conftest import Cloakroom

EMAIL = "ada.claims@example.com"
PHONE = "+12025550188"


def claims_of(api: Client, account: UUID, **query: object) -> list[dict[str, object]]:
    answer = api.get("/v1/me/claims", account=account, query=query)
    assert answer.status == 200, answer.body
    return list(answer.json["items"])


def ids(claims: list[dict[str, object]]) -> list[object]:
    return [claim["id"] for claim in claims]


def test_claims_are_found_by_each_identity_that_is_proved(api: Client, conn: Connection, cloakroom: Cloakroom) -> None:
    ada = factories.account(conn, email=EMAIL, email_verified_at="now", phone=PHONE, phone_verified_at="now")
    customers = [{"account_id": str(ada)}, {"email": EMAIL}, {"phone": PHONE}]
    made = [cloakroom.claim(customer=customer).json["id"] for customer in customers]
    cloakroom.claim()
    assert ids(claims_of(api, ada)) == made[::-1], "the newest first"


@pytest.mark.parametrize(
    "proofs",
    [
        {"email_verified_at": None, "phone_verified_at": None},
        {"email_verified_at": None, "phone_verified_at": "2020-01-01"},  # the number may be somebody else's by now
    ],
    ids=str,
)
def test_what_somebody_merely_typed_shows_nothing(
    api: Client, conn: Connection, cloakroom: Cloakroom, proofs: dict[str, str | None]
) -> None:
    eve = factories.account(conn, email=EMAIL, phone=PHONE, **proofs)
    for customer in ({"email": EMAIL}, {"phone": PHONE}):
        cloakroom.claim(customer=customer)
    assert claims_of(api, eve) == []


def test_a_phone_counts_for_180_days(api: Client, conn: Connection, cloakroom: Cloakroom) -> None:
    ada = factories.account(conn, phone=PHONE, phone_verified_at="now")
    cloakroom.claim(customer={"phone": PHONE})
    for days, found in ((179, 1), (181, 0)):
        age = timedelta(days=days)
        conn.execute("UPDATE accounts SET phone_verified_at = now() - %s WHERE id = %s", [age, ada])
        assert len(claims_of(api, ada)) == found


def test_whoever_logs_in_by_phone_sees_what_was_claimed_with_it(
    api: Client, conn: Connection, cloakroom: Cloakroom
) -> None:
    claimed = cloakroom.claim(customer={"phone": PHONE}, note="a red coat").json
    factories.allow_sms(conn)
    session = log_in(api, PHONE, get_code(api, conn, PHONE)).json
    answer = api.get("/v1/me/claims", headers=bearer(session["access_token"]))
    (claim,) = answer.json["items"]
    place = api.get(cloakroom.path, account=cloakroom.scanner).json
    (seller,) = conn.execute("SELECT name FROM organisations WHERE id = %s", [cloakroom.organisation]).fetchone() or ()
    assert claim == {
        "id": claimed["id"],
        "service_id": str(cloakroom.id),
        "service_name": place["name"],
        "organisation_id": str(cloakroom.organisation),
        "seller": seller,
        "slot": claimed["slot"],
        "status": "open",
        "claimed_at": claimed["claimed_at"],
        "released_at": None,
        "qr": claimed["qr"],
    }, "but not the note, which is the staff's"
    assert cloakroom.scan(claim["qr"]).json["slot"] == claimed["slot"]


def test_a_released_claim_stays_without_its_qr(api: Client, conn: Connection, cloakroom: Cloakroom) -> None:
    ada = factories.account(conn)
    claim = cloakroom.claim(customer={"account_id": str(ada)}).json["id"]
    cloakroom.release(claim)
    (shown,) = claims_of(api, ada)
    assert (shown["status"], shown["qr"]) == ("released", None)
    assert shown["released_at"]


def test_a_claim_whose_key_was_withdrawn_has_no_qr(
    api: Client, conn: Connection, cloakroom: Cloakroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring, ada = KeyRing(), factories.account(conn)
    monkeypatch.setenv("TICKET_KEYS_SECRET", ring.id)
    config.settings.cache_clear()
    cloakroom.claim(customer={"account_id": str(ada)})
    assert claims_of(api, ada)[0]["qr"]
    ring.rotate()
    ring.take_out("1")
    config.forget_secrets()
    assert claims_of(api, ada)[0]["qr"] is None


def test_a_page_goes_on_where_the_one_before_ended(api: Client, conn: Connection, cloakroom: Cloakroom) -> None:
    ada = factories.account(conn, email=EMAIL, email_verified_at="now", phone=PHONE, phone_verified_at="now")
    customers = [{"account_id": str(ada)}, {"email": EMAIL}, {"phone": PHONE}]
    made = [cloakroom.claim(customer=customers[number % 3]).json["id"] for number in range(7)]
    found, cursor = [], {}
    for _ in range(4):
        answer = api.get("/v1/me/claims", account=ada, query={"limit": 2, **cursor}).json
        found += ids(answer["items"])
        cursor = {"cursor": answer["next_cursor"]}
    assert found == made[::-1]
    assert answer["next_cursor"] is None
    assert api.get("/v1/me/claims", account=ada, query={"cursor": "x"}).status == 422
    assert api.get("/v1/me/claims").status == 401
