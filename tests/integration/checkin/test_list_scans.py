"""GET /v1/events/{event_id}/scans"""

from tests.helpers import factories
from tests.helpers.doors import Doors, offline


def test_the_list_shows_entries_and_refusals(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.scan(ticket, gate="North", device_id="phone 1")
    doors.scan(ticket, gate="South")

    path = f"/v1/events/{doors.event}/scans"
    refused, admitted = doors.api.get(path, account=doors.manager).json["items"]

    assert (admitted["outcome"], admitted["let_in"], admitted["holder_name"]) == ("admitted", True, "Ada Buyer")
    assert (admitted["gate"], admitted["device_id"]) == ("North", "phone 1")
    assert (admitted["scanned_by"]["id"], admitted["scanned_by"]["kind"]) == (str(doors.scanner), "account")
    assert (refused["outcome"], refused["let_in"], refused["gate"]) == ("already_scanned", False, "South")
    assert (refused["first_scan"]["scan_id"], refused["first_scan"]["gate"]) == (admitted["id"], "North")


def test_a_conflict_shows_both_devices(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.sync("B", offline(1, ticket, 5, gate="South"))
    doors.sync("A", offline(1, ticket, 9, gate="North"))

    (conflict,) = doors.conflicts()

    assert (conflict["device_id"], conflict["gate"], conflict["outcome"]) == ("B", "South", "already_scanned")
    assert (conflict["first_scan"]["device_id"], conflict["first_scan"]["gate"]) == ("A", "North")


def test_the_cursor_works_for_a_scan_whose_device_had_a_wrong_clock(doors: Doors) -> None:
    path = f"/v1/events/{doors.event}/scans"
    for number, ticket in enumerate(doors.sell(2), 1):
        scan = {"sequence": number, "qr": ticket.qr, "at": "1970-01-01T00:00:00Z"}
        body = {"device_id": "A", "sent_at": "2200-12-31T00:00:00Z", "scans": [scan]}
        doors.api.post(f"/v1/events/{doors.event}/scan-sync", body, account=doors.scanner)

    first = doors.api.get(path, account=doors.manager, query={"limit": 1}).json
    second = doors.api.get(path, account=doors.manager, query={"limit": 1, "cursor": first["next_cursor"]}).json

    assert [page["items"][0]["sequence"] for page in (second, first)] == [1, 2]


def test_the_list_is_filtered_by_gate_ticket_and_conflict(doors: Doors) -> None:
    first, second = doors.sell(2)
    doors.scan(first, gate="North")
    doors.scan(second, gate="South")

    def gates_of(**query: object) -> list[str]:
        path = f"/v1/events/{doors.event}/scans"
        return [item["gate"] for item in doors.api.get(path, account=doors.manager, query=query).json["items"]]

    assert gates_of(gate="North") == ["North"]
    assert gates_of(ticket_id=second.id) == ["South"]
    assert gates_of(only="conflicts") == []


def test_the_list_comes_in_pages(doors: Doors) -> None:
    (ticket,) = doors.sell(max_entries=5)
    scanned = [doors.scan(ticket).json["scan_id"] for _ in range(5)]
    path = f"/v1/events/{doors.event}/scans"

    listed: list[str] = []
    query: dict[str, object] = {"limit": 2}
    while len(listed) < 5:
        page = doors.api.get(path, account=doors.manager, query=query).json
        listed += [item["id"] for item in page["items"]]
        query["cursor"] = page["next_cursor"]

    assert listed == scanned[::-1]
    assert page["next_cursor"] is None


def test_only_managers_of_the_organisation_list_scans(doors: Doors) -> None:
    path = f"/v1/events/{doors.event}/scans"
    rival = factories.member(doors.conn, factories.organisation(doors.conn), "owner")

    assert doors.api.get(path).status == 401
    assert doors.api.get(path, account=doors.scanner).status == 403
    assert doors.api.get(path, account=rival).status == 404
    assert doors.api.get(path, account=doors.manager, query={"cursor": "abc"}).status == 422


def test_the_list_shows_which_key_has_scanned(doors: Doors) -> None:
    (ticket,) = doors.sell()
    key_id, key = factories.api_key(doors.conn, doors.organisation, "scan", name="Turnstile")

    assert doors.api.post("/v1/scans", {"qr": ticket.qr}, headers={"X-Api-Key": key}).status == 200

    path = f"/v1/events/{doors.event}/scans"
    (scan,) = doors.api.get(path, headers={"X-Api-Key": key}).json["items"]
    assert scan["scanned_by"] == {"id": str(key_id), "kind": "key", "name": "Turnstile"}
