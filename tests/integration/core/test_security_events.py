"""Whoever is refused what an attacker would try is in the log and in the metrics, without data of people."""

import json
from typing import Any

import pytest
from psycopg import Connection

from boxoffice.errors import loaded
from tests.helpers import factories
from tests.helpers.log_watch import LogWatch
from tests.helpers.people import PASSWORD, sign_up
from tests.helpers.support import Answer, Client

METRICS = {
    "LogInsRefused",
    "CredentialsRefused",
    "AccessRefused",
    "AttemptsLimited",
    "SignaturesWrong",
    "QrsForged",
}
NETWORK = "203.0.113.0/24"  # of the address from which the client calls


class Watch:
    """Reads the security events and the metrics of what has happened since the last look."""

    def __init__(self, log_watch: LogWatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._log_watch = log_watch
        self._capsys = capsys
        self.take()

    def take(self) -> tuple[list[dict[str, Any]], dict[str, int]]:
        lines = [json.loads(line) for line in self._log_watch.take() if line.startswith("{")]
        events = [line for line in lines if line["message"] == "security event"]
        written = [json.loads(line) for line in self._capsys.readouterr().out.splitlines() if '"_aws"' in line]
        counted = {name: int(sum(line[name])) for line in written for name in METRICS & line.keys()}
        assert all(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]] for line in written)
        return events, counted


@pytest.fixture
def watch(api: Client, log_watch: LogWatch, capsys: pytest.CaptureFixture[str]) -> Watch:
    return Watch(log_watch, capsys)


def check(watch: Watch, answer: Answer, status: int, metric: str, **facts: Any) -> None:
    """Check that an answer left one event with these facts, and that one metric counted it."""
    assert answer.status == status
    (event,), counted = watch.take()
    assert facts | {"network": NETWORK, "code": answer.json["code"]} == {
        name: event.get(name) for name in [*facts, "network", "code"]
    }
    assert counted == {metric: 1}
    assert event["correlation_id"] == answer.json["request_id"]


def test_a_refused_log_in_names_the_account_if_there_is_one(api: Client, watch: Watch) -> None:
    person = sign_up(api)

    right, nobody = person.email, "nobody@example.com"
    for email, account in ((right, str(person.id)), (nobody, None)):
        answer = api.post("/v1/sessions", {"email": email, "password": "a wrong password"})

        check(watch, answer, 401, "LogInsRefused", kind="log_in", operation="log_in", account_id=account, actor_id=None)

    answer = api.post("/v1/sessions/phone", {"phone": "+41791234567", "code": "000000"})

    check(watch, answer, 401, "LogInsRefused", kind="log_in", operation="log_in_with_phone")


def test_a_missing_or_wrong_credential_is_an_event(api: Client, watch: Watch) -> None:
    for headers in ({}, {"authorization": "Bearer x.y.z"}, {"x-api-key": "bo_key_x"}):
        answer = api.get("/v1/me", headers=headers)

        check(watch, answer, 401, "CredentialsRefused", kind="credential", operation="get_me", actor_kind="guest")

    answer = api.post("/v1/door-devices", {"code": "x" * 43, "name": "Gate 1"})

    check(watch, answer, 409, "CredentialsRefused", kind="credential", operation="pair_door_device")


def test_whoever_may_not_do_something_is_named_by_id(api: Client, conn: Connection, watch: Watch) -> None:
    person = sign_up(api)
    organisation = factories.organisation(conn)
    factories.member(conn, organisation, "scanner", account_id=person.id)
    by_role = api.get(f"/v1/organisations/{organisation}/members", headers=person.headers)

    check(watch, by_role, 403, "AccessRefused", kind="access", operation="list_members", actor_id=str(person.id))

    key_id, key = factories.api_key(conn, organisation, "events:read")
    by_scope = api.get(f"/v1/organisations/{organisation}/orders", headers={"x-api-key": key})

    check(watch, by_scope, 403, "AccessRefused", kind="access", actor_kind="key", actor_id=str(key_id))


def test_whoever_tries_too_often_is_an_event(api: Client, watch: Watch) -> None:
    person = sign_up(api)
    for _ in range(10):
        api.post("/v1/sessions", {"email": person.email, "password": PASSWORD + "!"})
    watch.take()

    answer = api.post("/v1/sessions", {"email": person.email, "password": PASSWORD + "!"})

    check(watch, answer, 429, "AttemptsLimited", kind="limit", operation="log_in")


def test_a_webhook_with_a_wrong_signature_is_an_event(api: Client, watch: Watch) -> None:
    proof = {"stripe-signature": "t=1,v1=00", "verif-hash": "x", "flutterwave-signature": "x", "x-webhook-secret": "x"}
    for provider in ("stripe", "flutterwave", "sandbox", "generic"):
        answer = api.post(f"/v1/webhooks/{provider}", {"id": "x"}, headers=proof)

        check(watch, answer, 401, "SignaturesWrong", kind="signature", operation=f"receive_{provider}_webhook")


def test_forged_qrs_are_events_online_and_in_what_a_device_reports(api: Client, conn: Connection, watch: Watch) -> None:
    organisation = factories.organisation(conn)
    scanner = factories.member(conn, organisation, "scanner")
    event = factories.event(conn, organisation_id=organisation)

    for path in ("/v1/scans", "/v1/claims/scan"):
        answer = api.post(path, {"qr": "BO1:FORGED"}, account=scanner)

        check(watch, answer, 422, "QrsForged", kind="qr", actor_id=str(scanner))

    scans = [{"qr": f"FORGED {n}", "sequence": n, "at": "2026-07-01T18:00:00Z"} for n in (1, 2, 3)]
    report = {"device_id": "gate-1", "sent_at": "2026-07-01T18:01:00Z", "scans": scans}
    assert api.post(f"/v1/events/{event}/scan-sync", report, account=scanner).status == 200

    (told,), counted = watch.take()
    assert (told["amount"], told["code"], told["operation"]) == (3, "forged", "sync_scans")
    assert counted == {"QrsForged": 3}


def test_what_is_found_or_invalid_is_no_event(api: Client, watch: Watch) -> None:
    assert api.get("/v1/events").status == 200
    assert api.get("/v1/events", query={"limit": "x"}).status == 422

    assert watch.take() == ([], {})


def test_each_error_of_these_statuses_is_an_event(api: Client) -> None:
    assert [error.code for error in loaded() if error.status in (401, 403, 429) and not error.security_event] == []
