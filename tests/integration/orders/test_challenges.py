"""POST /v1/orders with a challenge, which tells guests from programs."""

import time
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import challenges as verifier
from boxoffice import config, rate_limit
from tests.helpers import factories, invariants
from tests.helpers.challenge_server import SECRET, SITE_KEY
from tests.helpers.challenges import Challenges
from tests.helpers.factories import guest_budget, order_request, platform_setting
from tests.helpers.operations import event_request
from tests.helpers.support import Answer, Client

OFFERED = {"provider": "turnstile", "site_key": SITE_KEY}


@pytest.fixture
def event(conn: Connection) -> UUID:
    return factories.event(conn, asks_challenge=True)


def buy(api: Client, ticket_type: UUID, challenge: str | None = None, **options: Any) -> Answer:
    more = {"challenge": challenge} if challenge else {}
    return api.post("/v1/orders", order_request(ticket_type, **more), **{"key": "new", **options})


def test_an_event_asks_guests_alone(
    api: Client, conn: Connection, challenges: Challenges, event: UUID, ticket_type: UUID
) -> None:
    shown = api.get(f"/v1/events/{event}").json
    assert (shown["asks_challenge"], shown["challenge"]) == (True, OFFERED)

    refused = buy(api, ticket_type)

    assert (refused.status, refused.code, refused.json["challenge"]) == (403, "challenge_needed", OFFERED)
    assert buy(api, ticket_type, challenges.solve()).status == 201
    assert buy(api, ticket_type, account=factories.account(conn)).status == 201
    organisation = conn.execute("SELECT organisation_id FROM events WHERE id = %s", [event]).fetchone() or ()
    _, key = factories.api_key(conn, *organisation)
    assert buy(api, ticket_type, headers={"x-api-key": key}).status == 201
    invariants.check(conn)


def test_the_provider_gets_what_its_protocol_asks_for(api: Client, challenges: Challenges, ticket_type: UUID) -> None:
    """The parameters are those of Turnstile's manual, "Validate the token": secret and response."""
    answer = challenges.solve()
    assert buy(api, ticket_type, answer).status == 201

    assert challenges.take_requests() == [{"secret": SECRET, "response": answer}]


@pytest.mark.parametrize("answer", ["program", "\N{SNOWMAN}", "x" * 4096])
def test_a_wrong_answer_is_refused(api: Client, challenges: Challenges, ticket_type: UUID, answer: str) -> None:
    refused = buy(api, ticket_type, answer)

    assert (refused.status, refused.code, refused.json["challenge"]) == (403, "challenge_failed", OFFERED)


def test_the_answer_to_another_sites_challenge_is_wrong(api: Client, challenges: Challenges, ticket_type: UUID) -> None:
    """It is no fault of the provider's, which would let everybody buy without a challenge for some seconds."""
    assert buy(api, ticket_type, "elsewhere").code == "challenge_failed"
    assert buy(api, ticket_type, challenges.solve()).status == 201
    assert len(challenges.take_requests()) == 2


def test_an_answer_works_once(api: Client, challenges: Challenges, ticket_type: UUID) -> None:
    answer = challenges.solve()
    assert buy(api, ticket_type, answer).status == 201

    assert buy(api, ticket_type, answer).code == "challenge_failed"


def test_an_answer_works_once_even_if_the_provider_forgets(
    api: Client, challenges: Challenges, ticket_type: UUID
) -> None:
    challenges.set_mode("forgets")
    answer = challenges.solve()

    assert [buy(api, ticket_type, answer).status for _ in range(3)] == [201, 403, 403]


def test_a_repeat_is_answered_though_its_challenge_is_used(
    api: Client, challenges: Challenges, ticket_type: UUID
) -> None:
    request = order_request(ticket_type, challenge=challenges.solve())
    first = api.post("/v1/orders", request, key="again")

    assert first.status == 201
    assert api.post("/v1/orders", request, key="again").json == first.json
    fresh = {**request, "challenge": challenges.solve()}
    assert api.post("/v1/orders", fresh, key="again").json == first.json
    del request["challenge"]
    assert api.post("/v1/orders", request, key="again").json == first.json


class TestProviderAway:
    """The sale goes on without the challenge, but nobody's budget is lifted."""

    @pytest.mark.parametrize("mode", ["error", "html", "internal"])
    def test_guests_buy_within_their_budget(
        self, api: Client, conn: Connection, challenges: Challenges, ticket_type: UUID, mode: str
    ) -> None:
        platform_setting(conn, guest_unpaid=guest_budget(network_percent=2, network_least=2))
        challenges.set_mode(mode)

        assert buy(api, ticket_type, challenges.solve()).status == 201
        refused = buy(api, ticket_type, challenges.solve())
        assert (refused.status, refused.code) == (429, "guest_budget_reached")
        assert buy(api, ticket_type).code == "challenge_needed"  # to solve it is still asked for

    def test_it_is_waited_for_once(
        self, api: Client, challenges: Challenges, ticket_type: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verifier, "TIMEOUT", 0.2)
        challenges.set_mode("hangs")
        start = time.monotonic()

        assert [buy(api, ticket_type, challenges.solve()).status for _ in range(3)] == [201, 201, 201]

        assert time.monotonic() - start < 2
        assert len(challenges.take_requests()) == 1  # then it is left alone for some seconds

    def test_a_wrong_secret_is_our_fault(
        self, api: Client, conn: Connection, challenges: Challenges, ticket_type: UUID
    ) -> None:
        from tests.helpers.challenges import SECRET_ID
        from tests.helpers.provider_servers import put_account

        put_account(SECRET_ID, {"secret": "another", "url": f"{challenges.url}/siteverify"})

        assert buy(api, ticket_type, challenges.solve()).status == 201
        assert conn.execute("SELECT count(*) FROM guest_holds").fetchone() == (1,)


class TestBudgets:
    def test_a_solved_challenge_lifts_them(self, api: Client, conn: Connection, challenges: Challenges) -> None:
        platform_setting(conn, guest_unpaid=guest_budget(network_percent=2, network_least=2))
        ticket_type = factories.ticket_type(conn)
        assert buy(api, ticket_type).status == 201

        refused = buy(api, ticket_type)

        assert refused.json["ways"] == ["log_in", "challenge", "wait"]
        assert refused.json["challenge"] == OFFERED
        assert [buy(api, ticket_type, challenges.solve()).status for _ in range(2)] == [201, 201]

    def test_guests_without_one_leave_a_part_of_each_ticket_type(
        self, api: Client, conn: Connection, challenges: Challenges
    ) -> None:
        platform_setting(conn, guest_unpaid=guest_budget(all_percent=80))
        ticket_type = factories.ticket_type(conn, quantity=10)

        answers = [buy(api, ticket_type, address=f"192.0.2.{n}") for n in range(5)]

        assert [answer.status for answer in answers] == [201, 201, 201, 201, 429]
        problem = answers[4].json
        assert (problem["shared_by"], problem["budget"], problem["used"]) == ("event", 8, 8)
        assert buy(api, ticket_type, challenges.solve()).status == 201
        assert buy(api, ticket_type).code == "sold_out"  # and not that a budget is used up


def test_wrong_answers_are_limited(
    api: Client, challenges: Challenges, ticket_type: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "FROM_ONE_ADDRESS", 2)

    assert [buy(api, ticket_type, "program").code for _ in range(3)] == ["challenge_failed"] * 2 + ["too_many_requests"]
    assert len(challenges.take_requests()) == 2


def test_an_event_cannot_ask_for_what_the_deployment_has_not(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn)
    manager = factories.member(conn, organisation, "manager")
    request = event_request(organisation)

    assert api.post("/v1/events", request | {"asks_challenge": True}, account=manager).code == "no_challenge"
    event = api.post("/v1/events", request, account=manager).json
    assert (event["asks_challenge"], event["challenge"], event["confirm_free_orders"]) == (False, None, False)
    refused = api.patch(f"/v1/events/{event['id']}", {"asks_challenge": True}, account=manager)
    assert (refused.status, refused.code) == (409, "no_challenge")


def test_a_deployment_that_gives_its_challenge_up_sells_without(api: Client, event: UUID, ticket_type: UUID) -> None:
    assert config.settings().challenge_provider == ""

    assert buy(api, ticket_type).status == 201
    assert api.get(f"/v1/events/{event}").json["challenge"] is None


def test_a_manager_lets_an_event_ask(api: Client, conn: Connection, challenges: Challenges) -> None:
    organisation = factories.organisation(conn)
    manager = factories.member(conn, organisation, "manager")
    event = factories.event(conn, organisation_id=organisation)

    changed = api.patch(f"/v1/events/{event}", {"asks_challenge": True, "confirm_free_orders": True}, account=manager)

    assert (changed.status, changed.json["challenge"], changed.json["confirm_free_orders"]) == (200, OFFERED, True)
