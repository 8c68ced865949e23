"""POST /v1/claims/scan"""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.config import settings as config
from boxoffice.signing import current_key
from boxoffice.slots.rules import CLAIM
from boxoffice.tickets import qr
from tests.helpers import factories
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Database
from tests.integration.slots.conftest import Cloakroom


def test_an_open_claim_is_shown_with_its_slot_and_since_when(cloakroom: Cloakroom) -> None:
    claim = cloakroom.claim(note="a hat").json

    answer = cloakroom.scan(claim["qr"])

    assert answer.status == 200
    assert answer.json["status"] == "open"
    assert (answer.json["id"], answer.json["slot"], answer.json["note"]) == (claim["id"], 1, "a hat")
    assert (answer.json["claimed_at"], answer.json["released_at"]) == (claim["claimed_at"], None)
    assert answer.json["customer"] == claim["customer"]
    assert answer.json["service_id"] == str(cloakroom.id)
    assert answer.json["service_name"].startswith("Cloakroom")


def test_a_released_claim_is_shown_as_released_even_if_its_slot_is_taken_again(cloakroom: Cloakroom) -> None:
    claim = cloakroom.claim().json
    released = cloakroom.release(claim["id"]).json
    assert cloakroom.claim().json["slot"] == 1

    assert cloakroom.scan(claim["qr"]).json == released
    assert released["status"] == "released"
    assert released["released_at"]


def test_a_scan_changes_nothing(cloakroom: Cloakroom, conn: Connection) -> None:
    claim = cloakroom.claim().json
    before = snapshot(conn)

    assert [cloakroom.scan(claim["qr"]).status for _ in range(3)] == [200] * 3
    assert snapshot(conn) == before


def test_blanks_around_the_text_do_not_matter(cloakroom: Cloakroom) -> None:
    assert cloakroom.scan(f" {cloakroom.claim().json['qr']}\n").status == 200


def test_at_another_place_the_answer_names_the_right_one(cloakroom: Cloakroom, conn: Connection) -> None:
    claim = cloakroom.claim().json
    other = factories.place(conn, organisation_id=cloakroom.organisation)

    refused = cloakroom.scan(claim["qr"], service_id=str(other))

    assert (refused.status, refused.code) == (409, "wrong_service")
    assert refused.json["service_id"] == str(cloakroom.id)
    assert cloakroom.scan(claim["qr"], service_id=str(cloakroom.id)).status == 200


def test_another_organisations_claim_is_not_found(cloakroom: Cloakroom, conn: Connection) -> None:
    _, foreign = factories.claim(conn, factories.place(conn))

    assert cloakroom.scan(foreign).status == 404
    assert cloakroom.api.post("/v1/claims/scan", {"qr": foreign}).status == 401


def test_a_ticket_is_no_claim_and_a_claim_no_ticket(cloakroom: Cloakroom, conn: Connection) -> None:
    claim = cloakroom.claim().json
    master = current_key(config().ticket_keys_secret)[1]
    ticket = qr.text_of(master, 1, 0, cloakroom.organisation, UUID(claim["id"]))

    assert cloakroom.scan(ticket).code == "forged"
    assert cloakroom.scan("BC1:" + ticket.removeprefix("BO1:")).code == "forged"
    for text in (claim["qr"], "BO1:" + claim["qr"].removeprefix("BC1:")):
        answer = cloakroom.api.post("/v1/scans", {"qr": text}, account=cloakroom.scanner)
        assert answer.status in (404, 422)


@pytest.mark.parametrize("body", [{}, {"qr": 1}, {"qr": "x" * 501}, {"qr": "x", "service_id": 1}, {"qr": "x", "at": 1}])
def test_a_malformed_scan_is_refused(cloakroom: Cloakroom, body: dict[str, Any]) -> None:
    assert cloakroom.api.post("/v1/claims/scan", body, account=cloakroom.scanner).code == "invalid"


@st.composite
def forgeries(draw: st.DrawFn, text: str, organisation: UUID, claim: UUID) -> str:
    """Draw texts that are not the claim's, like it and unlike it."""
    position = draw(st.integers(0, len(text) - 1))
    letter = draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567=019:é "))
    master = draw(st.binary(min_size=1, max_size=64))
    signed = qr.text_of(master, draw(st.integers(0, 255)), draw(st.integers(0, 65535)), organisation, claim, CLAIM)
    return draw(
        st.sampled_from(
            [
                text[:position],
                text[position:] if position else "",
                text[:position] + letter + text[position + 1 :],
                text[:position] + letter + text[position:],
                text.replace("BC1:", "BO1:"),
                signed,
                qr.text_of(master, 1, 0, uuid4(), uuid4(), CLAIM),
                "BC1:" + draw(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=50, max_size=60)),
                draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=500)),
            ]
        )
    )


def test_only_the_claims_own_text_is_accepted(cloakroom: Cloakroom, conn: Connection) -> None:
    claim = cloakroom.claim().json
    before = snapshot(conn)

    @settings(max_examples=300, deadline=None, database=None, suppress_health_check=[*HealthCheck], derandomize=True)
    @given(forgeries(claim["qr"], cloakroom.organisation, UUID(claim["id"])))
    def show(text: str) -> None:
        if "".join(text.split()).upper() == claim["qr"]:
            return
        answer = cloakroom.scan(text)
        assert (answer.status, answer.code) in {(422, "forged"), (404, "not_found")}, text
        assert "slot" not in answer.json

    show()
    assert snapshot(conn) == before


def test_a_scan_takes_one_round_trip(cloakroom: Cloakroom, database: Database) -> None:
    from boxoffice.slots import service
    from boxoffice.slots.models import ClaimScanRequest

    claim = cloakroom.claim().json
    with psycopg.connect(database.api_url, autocommit=True) as conn:
        executed: list[str] = []
        conn.cursor_factory = counting(executed)
        service.scan_claim(conn, Caller(Who.SCANNER, cloakroom.scanner), ClaimScanRequest(qr=claim["qr"]))
    assert len(executed) == 1


def counting(executed: list[str]) -> type[psycopg.Cursor[Any]]:
    """Return a class of cursors that note the statements which they execute."""

    class Counting(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            executed.append(str(query))
            return super().execute(query, *args, **kwargs)

    return Counting


def test_a_claim_takes_two_round_trips(cloakroom: Cloakroom, database: Database) -> None:
    from boxoffice.slots import service
    from boxoffice.slots.models import ClaimRequest

    request = ClaimRequest.model_validate({"customer": {"phone": "+2348012345678"}})
    with psycopg.connect(database.api_url, autocommit=True) as conn:
        executed: list[str] = []
        conn.cursor_factory = counting(executed)
        service.claim_slot(conn, Caller(Who.SCANNER, cloakroom.scanner), cloakroom.id, request, "key")
    assert len(executed) == 2
