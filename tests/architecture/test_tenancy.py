"""An organisation neither sees nor changes what is another's, and does not learn that it exists (invariant 12).

Two organisations have look-alike rows: the same buyer, titles, codes, gates, devices and addresses. What tells them
apart are ids. So a row belongs to an organisation if it names one of the organisation's ids.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any
from uuid import UUID

import psycopg
import pytest

from boxoffice import audit, auth, config, signing, sql
from boxoffice.examples import example_of
from boxoffice.guest_tokens import waitlist_token
from boxoffice.ids import new_id
from boxoffice.slots.rules import CLAIM
from boxoffice.tickets import qr, transfers
from tests.architecture.test_authorisation import ROLES, WHO
from tests.architecture.test_queries import STATEMENTS
from tests.helpers import conformance, factories
from tests.helpers.operations import ENTITLED, TIMES, Call, Caller, World, build, call_of, operations, perform
from tests.helpers.payers import sign_as_stripe
from tests.helpers.provider_servers import put_account
from tests.helpers.support import Answer, Client, as_owner

UUID_TEXT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NIL = str(UUID(int=0))

LOOK_ALIKE = """
WITH twin AS (SELECT %(organisation)s::uuid AS organisation_id),
    event AS (SELECT id FROM events JOIN twin USING (organisation_id)),
    organisation AS (UPDATE organisations SET name = 'Jazz Ltd' FROM twin WHERE id = organisation_id),
    titled AS (UPDATE events SET title = 'Jazz', city = 'Lagos' FROM event WHERE events.id = event.id),
    named AS (UPDATE ticket_types SET name = 'Standard' FROM event WHERE event_id = event.id),
    voucher AS (UPDATE vouchers SET code = 'EARLY' FROM event WHERE event_id = event.id),
    entry AS (UPDATE waitlist_entries SET email = 'ada@example.com' FROM event WHERE event_id = event.id),
    bought AS (
        UPDATE orders SET buyer_name = 'Ada', buyer_email = 'ada@example.com',
            account_id = CASE WHEN account_id IS NOT NULL THEN %(buyer)s END
        FROM twin WHERE orders.organisation_id = twin.organisation_id),
    held AS (UPDATE tickets SET holder_name = 'Ada' FROM event WHERE event_id = event.id),
    customer AS (
        UPDATE customers SET name = 'Ada', email = 'ada@example.com' FROM twin
        WHERE customers.organisation_id = twin.organisation_id),
    place AS (
        UPDATE places SET name = 'Cloakroom', event_id = events.id
        FROM events JOIN twin USING (organisation_id)
        WHERE places.organisation_id = twin.organisation_id AND events.status = 'published'),
    conflict AS (
        INSERT INTO scans (id, ticket_id, event_id, outcome, let_in, transfer_count, gate, device_id, sequence,
            scanned_by)
        SELECT gen_random_uuid(), ticket_id, event_id, 'already_scanned', true, 0, 'North', 'phone 2', 1, scanned_by
        FROM scans JOIN event ON event_id = event.id)
UPDATE scans SET gate = 'North', device_id = 'phone 1', sequence = 1 FROM event WHERE event_id = event.id
"""


@dataclass(frozen=True)
class Twins:
    """Two organisations that look alike."""

    ours: World
    theirs: World

    def only_theirs(self, conn: psycopg.Connection) -> set[str]:
        """Return the ids of all rows of the other organisation, and what else names them alone."""
        return ids_of(conn, self.theirs.organisation) - ids_of(conn, self.ours.organisation)


def make_twins(conn: psycopg.Connection) -> Twins:
    """Make two organisations that look alike."""
    theirs = make_one(conn)
    return Twins(make_one(conn, buyer=theirs.buyer), theirs)


def make_one(conn: psycopg.Connection, buyer: UUID | None = None) -> World:
    """Make an organisation that looks like all others that this makes. ``buyer`` is a buyer of another one."""
    conn.execute("DELETE FROM rate_limits")
    world = build(conn)
    manager, subject = auth.Caller(auth.Who.MANAGER, world.manager), f"organisation {world.organisation}"
    audit.record(conn, manager, "undo_scan", subject, organisation=world.organisation, name="Ada")
    conn.execute(LOOK_ALIKE, {"organisation": world.organisation, "buyer": buyer or world.buyer})
    return world


@pytest.fixture
def twins(api: Client, conn: psycopg.Connection) -> Twins:
    return make_twins(conn)


def rows(conn: psycopg.Connection) -> Iterator[str]:
    """Yield every row of every table as text, but for those that count requests."""
    tables = conn.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('rate_limits', 'migrations')"
    ).fetchall()
    with as_owner(conn) as owner:
        for (table,) in tables:
            for (row,) in owner.execute(f"SELECT t::text FROM {table} AS t".encode()).fetchall():
                yield f"{table} {row}"


def ids_of(conn: psycopg.Connection, organisation: UUID) -> set[str]:
    """Return the ids in all rows that name an organisation, or a row of it, and so on. Accounts belong to nobody."""
    shared = {row for row in rows(conn) if row.startswith(("accounts ", "sessions ", "refresh_tokens "))}
    nobodys = {NIL, *(found for row in shared for found in UUID_TEXT.findall(row))}
    named = [set(UUID_TEXT.findall(row)) - nobodys for row in rows(conn)]
    ids, size = {str(organisation)}, 0
    while len(ids) > size:
        size = len(ids)
        ids.update(*(each for each in named if each & ids))
    return ids


def rows_naming(conn: psycopg.Connection, ids: set[str]) -> set[str]:
    """Return the rows that name one of some ids."""
    return {row for row in rows(conn) if not ids.isdisjoint(UUID_TEXT.findall(row))}


# ------------------------------------------------------------------------------------ their ids, one at a time

# What requests can name of an organisation, beside the examples: the operation, the field, and how to put it there.
OPTIONAL: list[tuple[str, str, Callable[[Call, World], Call]]] = [
    ("create_event", "ticket_type_ids", lambda call, world: with_body(call, gates=gates(world.ticket_type))),
    ("create_event", "image_id", lambda call, world: with_body(call, image_id=str(world.unused_upload))),
    ("update_event", "image_id", lambda call, world: with_body(call, image_id=str(world.unused_upload))),
    ("update_organisation", "logo_id", lambda call, world: with_body(call, logo_id=str(world.unused_upload))),
    ("update_gallery", "event_id", lambda call, world: with_body(call, event_id=str(world.event))),
    ("create_event", "ticket_type_ids", lambda call, world: with_body(call, questions=questions(world.ticket_type))),
    ("create_order", "answers", lambda call, world: with_body(call, answers={str(world.event): {}})),
    ("create_order", "seat_ids", lambda call, world: with_body(call, items=seats(call, world.scan))),
    ("create_order", "waitlist_token", lambda call, world: with_body(call, waitlist_token=offer(world))),
    ("create_export", "event_id", lambda call, world: with_body(call, event_id=str(world.event))),
    ("list_attendees", "ticket_type_id", lambda call, world: with_query(call, ticket_type_id=world.ticket_type)),
    ("list_orders", "event_id", lambda call, world: with_query(call, event_id=world.event)),
    ("list_ledger_entries", "event_id", lambda call, world: with_query(call, event_id=world.event)),
    ("list_ledger_entries", "order_id", lambda call, world: with_query(call, order_id=world.paid_order)),
    ("list_scans", "ticket_id", lambda call, world: with_query(call, ticket_id=world.ticket.id)),
    ("list_services", "event_id", lambda call, world: with_query(call, event_id=world.event)),
    (
        "list_webhook_deliveries",
        "endpoint_id",
        lambda call, world: with_query(call, endpoint_id=world.webhook_endpoint),
    ),
    ("refund_order", "ticket_ids", lambda call, world: replace(call, body={"ticket_ids": [str(world.ticket.id)]})),
    ("update_event", "ticket_type_ids", lambda call, world: with_body(call, gates=gates(world.ticket_type))),
    ("update_event", "ticket_type_ids", lambda call, world: with_body(call, questions=questions(world.ticket_type))),
    ("update_order", "answers", lambda call, world: with_body(call, answers={str(world.event): {}})),
    (
        "update_voucher",
        "ticket_type_ids",
        lambda call, world: with_body(call, ticket_type_ids=[str(world.ticket_type)]),
    ),
]
# Fields that name what belongs to no organisation.
OF_NOBODY = {("claim_slot", "account_id"), ("list_audit_entries", "actor_id")}
# Anybody may name what everybody sees.
PUBLIC_FIELDS = {
    ("create_order", "ticket_type_id"),
    ("list_events", "organisation_id"),
    ("list_events", "series_id"),
    ("list_galleries", "organisation_id"),
    ("list_galleries", "event_id"),
}


def with_query(call: Call, **parameters: object) -> Call:
    return replace(call, query={**call.query, **{name: str(value) for name, value in parameters.items()}})


def with_body(call: Call, **fields: Any) -> Call:
    return replace(call, body={**call.body, **fields})


def gates(ticket_type: UUID) -> list[dict[str, Any]]:
    return [{"name": "North", "ticket_type_ids": [str(ticket_type)]}]


def questions(ticket_type: UUID) -> list[dict[str, Any]]:
    about = {"asked_of": "ticket", "kind": "text", "label": "Size", "ticket_type_ids": [str(ticket_type)]}
    return [{"id": "size", **about}]


def seats(call: Call, seat: UUID) -> list[dict[str, Any]]:
    return [{**call.body["items"][0], "quantity": 1, "seat_ids": [str(seat)]}]


def offer(world: World) -> str:
    return waitlist_token(world.waitlist_entry)


class _Names(Mapping[str, str]):
    """The names of a world, which remembers those that were asked for."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names, self.used = names, set[str]()

    def __getitem__(self, name: str) -> str:
        self.used.add(name)
        return self._names[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def names_in(operation: str, world: World) -> set[str]:
    """Return the fields of the world that an operation's example names, of what belongs to an organisation."""
    names = _Names(world.names())
    example_of(operation, names)
    fields = {name.replace("ticket_qr", "ticket") for name in names.used}
    return {name for name in fields if isinstance(getattr(world, name, None), UUID) or name in ABSENT}


def signed(kind: qr.Kind, organisation: UUID) -> tuple[UUID, str]:
    """Return the id of something that does not exist, and a QR for it that we have signed."""
    key_id, master = signing.current_key(config.settings().ticket_keys_secret)
    absent = new_id()
    return absent, qr.text_of(master, int(key_id), 0, organisation, absent, kind)


def absent_ticket(world: World) -> Any:
    ticket_id, text = signed(qr.TICKET, world.organisation)
    return replace(world.ticket, id=ticket_id, qr=text)


ABSENT: dict[str, Callable[[World], Any]] = {
    "ticket": absent_ticket,
    "claim_qr": lambda world: signed(CLAIM, world.organisation)[1],
    "transfer_token": lambda _: transfers.token_of(new_id()),
}


def mixed(world: World, other: World | None, field: str) -> World:
    """Return a world with one field of another; with None, with one that does not exist."""
    if other is not None:
        return replace(world, **{field: getattr(other, field)})
    return replace(world, **{field: ABSENT.get(field, lambda _: new_id())(world)})


def mixed_calls(name: str, twins: Twins) -> Iterator[tuple[str, Call, Call]]:
    """Yield for each thing that a request of ours can name: what it is, a call with theirs, and one with none."""
    ours, theirs = twins.ours, twins.theirs
    if WHO[name] not in ("public", "account", "provider"):
        for field in sorted(names_in(name, ours)):
            yield field, call_of(name, mixed(ours, theirs, field)), call_of(name, mixed(ours, None, field))
    for operation, field, put in OPTIONAL:
        if operation == name:
            nothing = replace(theirs, ticket_type=new_id(), event=new_id(), scan=new_id(), waitlist_entry=new_id())
            nothing = replace(nothing, webhook_endpoint=new_id(), unused_upload=new_id())
            nothing = mixed(nothing, None, "ticket")
            yield field, put(call_of(name, ours), theirs), put(call_of(name, ours), nothing)


def likeness(answer: Answer) -> tuple[int, str]:
    """Return an answer without what differs each time: ids, times and codes of QRs."""
    text = answer.body.decode(errors="replace")
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", "<time>", UUID_TEXT.sub("<id>", text))
    text = re.sub(r'"skew_ms":-?\d+', '"skew_ms":0', text)
    return answer.status, re.sub(r'"(B[OC]1:\w+|early-\w+)"', '"<text>"', text, flags=re.IGNORECASE)


def test_what_is_theirs_is_as_if_it_were_not_there(
    twins: Twins, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    ids = twins.only_theirs(conn)
    before = rows_naming(conn, ids)
    for name, operation in operations().items():
        for field, with_theirs, with_none in mixed_calls(name, twins):
            for who in ("owner", "guest") if WHO[name] in ("guest", "public") else ("owner",):
                with subtests.test(operation=name, field=field, caller=who):
                    token = call_of(name, twins.ours).token
                    caller = Caller(twins.ours.owner) if who == "owner" else Caller(token=token)
                    theirs, none = (perform(api, operation, call, caller) for call in (with_theirs, with_none))
                    assert likeness(theirs) == likeness(none)
                    sent = set(UUID_TEXT.findall(json.dumps(vars(with_theirs), default=str)))
                    assert set(UUID_TEXT.findall(theirs.body.decode(errors="replace"))) & (ids - sent) == set()
                    changed, before = rows_naming(conn, ids) ^ before, rows_naming(conn, ids)
                    assert changed == set()


def test_each_field_that_can_name_something_of_theirs_is_tried(twins: Twins) -> None:
    tried = {(operation, field) for operation, field, _ in OPTIONAL} | OF_NOBODY | PUBLIC_FIELDS
    for methods in conformance.document()["paths"].values():
        for operation in methods.values():
            name = operation["operationId"]
            example = json.dumps(vars(example_of(name)))
            if WHO[name] == "provider":
                continue  # see test_webhooks_of_a_merchant_reach_what_is_its_own_alone
            fields = {each["name"] for each in operation.get("parameters", []) if "uuid" in json.dumps(each["schema"])}
            for content in operation.get("requestBody", {}).get("content", {}).values():
                fields |= set(fields_of_ids(content["schema"]))
            assert {field for field in fields if f'"{field}"' not in example and (name, field) not in tried} == set()


def fields_of_ids(schema: dict[str, Any]) -> Iterator[str]:
    """Yield the fields of a body that hold ids, or lists of ids."""
    if "$ref" in schema:
        schema = conformance.document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for inner in [*schema.get("anyOf", []), *([schema["items"]] if isinstance(schema.get("items"), dict) else [])]:
        yield from fields_of_ids(inner)
    for field, inner in schema.get("properties", {}).items():
        if '"uuid"' in json.dumps(inner):
            yield field
        yield from fields_of_ids(inner)


# -------------------------------------------------------------------------------- our listings, and our changes

# Each filter of each listing, with a value that finds rows of both organisations. An id finds what is ours.
FILTERS: dict[str, dict[str, Callable[[World], object]]] = {
    "export_audit_log": {"chain": lambda ours: ours.organisation, "after": lambda _: 0},
    "get_event_analytics": {"since": lambda _: "2026-06-01", "until": lambda _: "2026-12-31"},
    "list_attendees": {
        "ticket_type_id": lambda ours: ours.ticket_type,
        "status": lambda _: "valid",
        "checked_in": lambda _: "false",
        "q": lambda _: "ada",
    },
    "list_audit_entries": {
        "organisation_id": lambda ours: ours.organisation,
        "action": lambda _: "undo_scan",
        "actor_id": lambda ours: ours.manager,
        "subject": lambda ours: f"organisation {ours.organisation}",
        "from": lambda _: "2020-01-01T00:00:00Z",
        "to": lambda _: "2120-01-01T00:00:00Z",
    },
    "get_revenue_report": {
        "since": lambda _: f"{TIMES['month']}-01",
        "until": lambda _: f"{TIMES['month']}-28",
        "interval": lambda _: "week",
        "group_by": lambda _: "ticket_type",
        "format": lambda _: "json",
    },
    "list_money_matters": {"settled": lambda _: "false"},
    "list_newsletters": {"organisation_id": lambda ours: ours.organisation},
    "list_subscriptions": {
        "organisation_id": lambda ours: ours.organisation,
        "status": lambda _: "unsubscribed",
    },
    "list_ledger_entries": {
        "currency": lambda _: "NGN",
        "account": lambda _: "pending",
        "kind": lambda _: "sale",
        "event_id": lambda ours: ours.event,
        "order_id": lambda ours: ours.paid_order,
        "from": lambda _: "2020-01-01T00:00:00Z",
        "to": lambda _: "2100-01-01T00:00:00Z",
    },
    "list_orders": {
        "event_id": lambda ours: ours.event,
        "status": lambda _: "paid",
        "email": lambda _: "ada@example.com",
        "from": lambda _: "2020-01-01T00:00:00Z",
        "to": lambda _: "2120-01-01T00:00:00Z",
    },
    "list_scans": {
        "only": lambda _: "conflicts",
        "gate": lambda _: "North",
        "ticket_id": lambda ours: ours.used_ticket,
    },
    "list_services": {"event_id": lambda ours: ours.event},
    "list_slots": {"state": lambda _: "taken"},
    "list_vouchers": {},
    "list_webhook_deliveries": {
        "endpoint_id": lambda ours: ours.webhook_endpoint,
        "status": lambda _: "pending",
    },
    "list_waitlist": {"status": lambda _: "waiting"},
}


# What shows no rows, but a document.
OF_BYTES = {"get_statement"}


def listings() -> dict[str, dict[str, Callable[[World], object]]]:
    """Return the operations that show an organisation's rows, with their filters."""
    return {
        name: FILTERS.get(name, {})
        for name, operation in operations().items()
        if operation.method == "GET" and WHO[name] in ROLES and name not in OF_BYTES
    }


def test_each_filter_of_each_listing_is_tried() -> None:
    declared = {
        operation["operationId"]: {
            each["name"]
            for each in operation.get("parameters", [])
            if each["in"] == "query" and not each["required"] and each["name"] not in ("limit", "cursor")
        }
        for methods in conformance.document()["paths"].values()
        for operation in methods.values()
    }
    assert {name: set(filters) for name, filters in listings().items()} == {name: declared[name] for name in listings()}


def all_that_is_listed(api: Client, ours: World) -> dict[tuple[str, ...], Any]:
    """Return what our owner gets from each listing with each choice of its filters, without the cursors."""
    found = {}
    for name, filters in listings().items():
        for size in range(len(filters) + 1):
            for chosen in combinations(sorted(filters), size):
                query = {parameter: filters[parameter](ours) for parameter in chosen}
                call = with_query(call_of(name, ours), **query)
                answer = perform(api, operations()[name], call, Caller(ours.owner))
                assert answer.status == 200, answer.body
                found[name, *chosen] = {**answer.json, "next_cursor": None, "as_of": None}
    return found


def test_what_we_list_is_the_same_beside_them(api: Client, conn: psycopg.Connection, subtests: pytest.Subtests) -> None:
    ours = make_one(conn)
    alone = all_that_is_listed(api, ours)
    theirs = make_one(conn, buyer=ours.buyer)
    ids = Twins(ours, theirs).only_theirs(conn)
    for listing, answer in all_that_is_listed(api, ours).items():
        with subtests.test(operation=listing[0], filters=listing[1:]):
            assert answer.get("items") != [], "the filters find nothing"
            assert answer == alone[listing]
            assert set(UUID_TEXT.findall(json.dumps(answer))) & ids == set()


def test_a_cursor_of_theirs_leads_to_nothing_of_theirs(
    twins: Twins, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    ids = twins.only_theirs(conn)
    for name in listings():
        with subtests.test(operation=name):
            operation, of_theirs = operations()[name], Caller(twins.theirs.owner)
            first = perform(api, operation, with_query(call_of(name, twins.theirs), limit=1), of_theirs)
            if first.status == 200 and first.json.get("next_cursor"):
                call = with_query(call_of(name, twins.ours), cursor=first.json["next_cursor"])
                answer = perform(api, operation, call, Caller(twins.ours.owner))
                assert set(UUID_TEXT.findall(answer.body.decode())) & ids == set()


def test_members_see_the_drafts_of_their_own_organisation_alone(twins: Twins, api: Client) -> None:
    path, owner = "/v1/events", twins.ours.owner
    ours = api.get(path, account=owner, query={"organisation_id": twins.ours.organisation})
    theirs = api.get(path, account=owner, query={"organisation_id": twins.theirs.organisation})
    everybodys = api.get(path, account=owner)

    def listed(answer: Answer) -> set[str]:
        return {event["id"] for event in answer.json["items"]}

    assert listed(ours) == {str(twins.ours.event), str(twins.ours.draft)}
    assert listed(theirs) == {str(twins.theirs.event)}
    assert str(twins.ours.draft) not in listed(everybodys)
    assert str(twins.theirs.draft) not in listed(everybodys)


# Calls that reach more than the example does.
MORE_CALLS: list[tuple[str, Callable[[Call, World], Call]]] = [
    ("create_order", lambda call, _: with_body(call, voucher="EARLY")),
    (
        "refund_order",
        lambda _, ours: replace(call_of("refund_order", ours), body={"ticket_ids": [str(ours.ticket.id)]}),
    ),
    ("scan_ticket", lambda call, _: with_body(call, device_id="phone 3", sequence=1)),
    ("update_ticket_type", lambda call, _: with_body(call, quantity=120)),
    ("claim_slot", lambda call, _: with_body(call, customer={"email": "ada@example.com"})),
]


# What an admin does for all organisations at once.
FOR_ALL = {"create_payout_file"}


def test_what_we_do_changes_nothing_of_theirs(api: Client, conn: psycopg.Connection, subtests: pytest.Subtests) -> None:
    theirs = make_one(conn)
    conn.execute("UPDATE scans SET device_id = 'phone 3' WHERE device_id = 'phone 2'")  # a device that we use later
    ids = ids_of(conn, theirs.organisation)
    before = rows_naming(conn, ids)
    writing = [(name, lambda call, _: call) for name, operation in operations().items() if operation.method != "GET"]
    for name, change in [*writing, *MORE_CALLS]:
        if name in FOR_ALL:
            continue
        with subtests.test(operation=name):
            ours = make_one(conn, buyer=theirs.buyer)  # a new one each time, since many calls can be made only once
            call = change(call_of(name, ours), ours)
            caller_of = next(iter(ENTITLED[WHO[name]].values()))
            answer = perform(api, operations()[name], call, caller_of(ours, call))
            assert answer.status < 300, answer.body
    assert rows_naming(conn, ids) ^ before == set()


# -------------------------------------------------------------------------------------- merchants and statements


def test_webhooks_of_a_merchant_reach_what_is_its_own_alone(
    twins: Twins, api: Client, conn: psycopg.Connection
) -> None:
    """Providers number payments, refunds and events for each account. So two merchants can have the same numbers."""
    for world in (twins.ours, twins.theirs):
        account = {"secret_key": "sk", "publishable_key": "pk", "webhook_secret": str(world.organisation)}
        put_account(f"boxoffice/local/organisations/{world.organisation}/stripe", account)
        conn.execute(
            "UPDATE payments SET provider = 'stripe', merchant_id = %s, provider_reference = 'pi_1' WHERE id = %s",
            [world.organisation, world.payment],
        )
        factories.refund(conn, world.ticket.id)
        conn.execute(
            """UPDATE incoming_payments SET provider = 'stripe', merchant_id = %s, reference = 'pi_2'
            WHERE payment_id IN (SELECT id FROM payments WHERE order_id = %s)""",
            [world.organisation, world.paid_order],
        )
        conn.execute(
            """UPDATE refunds SET status = 'succeeded', due_at = NULL, provider_reference = 're_1'
            WHERE payment_id IN (SELECT id FROM payments WHERE order_id = %s)""",
            [world.paid_order],
        )
    ids = twins.only_theirs(conn)
    before = rows_naming(conn, ids)

    def tell(world: World, kind: str, subject: dict[str, Any]) -> str:
        body = json.dumps({"id": "evt_1" + kind, "type": kind, "data": {"object": subject}}).encode()
        headers = sign_as_stripe(body, str(world.organisation))
        answer = api.post("/v1/webhooks/stripe", body, headers=headers, query={"organisation": world.organisation})
        assert answer.status == 200, answer.body
        return str(answer.json["effect"])

    def succeeded(payment: UUID) -> dict[str, Any]:
        intent = {"id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 10000, "currency": "ngn"}
        return {**intent, "metadata": {"payment_id": str(payment)}}

    assert tell(twins.ours, "payment_intent.succeeded", succeeded(twins.theirs.payment)) == "unknown_payment"
    tell(twins.ours, "refund.updated", {"id": "re_1", "object": "refund", "metadata": {"refund": "ours"}})
    elsewhere = {"id": "re_2", "object": "refund", "payment_intent": "pi_1", "amount": 100, "currency": "ngn"}
    assert tell(twins.ours, "refund.created", {**elsewhere, "status": "succeeded"}) == "noted"

    assert rows_naming(conn, ids) == before
    states = "SELECT refunds.status FROM refunds JOIN payments ON payments.id = payment_id WHERE order_id = %s"
    assert conn.execute(states, [twins.ours.paid_order]).fetchall() == [("sent",)]
    assert conn.execute(states, [twins.theirs.paid_order]).fetchall() == [("succeeded",)]
    assert tell(twins.theirs, "payment_intent.succeeded", succeeded(twins.theirs.payment)) == "paid"
    effects = conn.execute("SELECT effect FROM provider_events WHERE kind = 'succeeded' ORDER BY effect").fetchall()
    assert effects == [("paid",), ("unknown_payment",)]


def test_an_order_that_a_merchant_names_is_its_own(twins: Twins, api: Client, conn: psycopg.Connection) -> None:
    name = f"boxoffice/local/organisations/{twins.ours.organisation}/generic"
    put_account(name, {"webhook_secret": "ours"})
    (number,) = conn.execute("SELECT number FROM orders WHERE id = %s", [twins.theirs.order]).fetchone() or ()
    ids = twins.only_theirs(conn)
    before = rows_naming(conn, ids)

    for order in (str(twins.theirs.order), number):
        answer = api.post(
            "/v1/webhooks/generic",
            {"order": order, "status": "PAID"},
            headers={"X-Webhook-Secret": "ours"},
            query={"organisation": twins.ours.organisation},
        )
        assert answer.json["effect"] == "unknown_payment"

    after = rows_naming(conn, ids)
    assert before <= after
    assert all(str(twins.ours.organisation) in row for row in after - before), "what our merchant said is ours"


# How often each statement compares the organisation or the merchant, by hand. A statement that loses the comparison
# fails here, and a new one needs a row. The others read by an id that their service has checked.
COMPARISON = re.compile(
    r"(?:organisation_id|merchant_id) = %\(\w+\)s|%\(merchant_id\)s::uuid IN \(organisation_id|"
    r"works_for\(%\(account_id\)s, |organisations\.id = %\(organisation_id\)s|"
    r"\(organisation_id, id\) [<>]= \(%\(organisation_id\)s, "
)
COMPARISONS = {
    "provider_reports/find_booked": 2,
    "provider_reports/find_money": 2,
    "provider_reports/find_payment": 1,
    "provider_reports/list_missing_entries": 3,
    "provider_reports/open_reports": 1,
    "/append_audit_entry": 1,
    "/role_of": 1,
    "api_keys/count_keys_in_use": 1,
    "api_keys/get_key_for_email": 1,
    "api_keys/list_keys": 1,
    "api_keys/list_owners": 1,
    "api_keys/lock_key": 1,
    "api_keys/revoke_key": 1,
    "checkin/lock_and_insert_scans": 1,
    "checkin/lock_and_scan_ticket": 2,
    "doors/list_passes": 1,
    "doors/lock_events": 1,
    "doors/lock_pass_of_organisation": 1,
    "events/has_slug": 1,
    "fees/end_terms": 1,
    "fees/get_version": 1,
    "fees/insert_terms": 1,
    "fees/list_terms": 1,
    "ledger/list_balances": 1,
    "ledger/list_entries": 2,
    "ledger/list_unreleased": 1,
    "ledger/sum_corrections": 1,
    "ledger/post_difference": 1,
    "events/list_door_passes": 1,
    "events/list_events": 2,
    "exports/count_entries": 1,
    "exports/count_orders": 1,
    "exports/list_entries": 1,
    "exports/count_revenue": 1,
    "exports/list_orders": 1,
    "exports/list_revenue": 1,
    "media/has_event": 1,
    "media/has_upload": 1,
    "media/list_galleries": 1,
    "media/use_upload": 1,
    "orders/list_orders": 1,
    "orders/list_orders_of_buyer": 1,
    "orders/list_orders_of_event": 1,
    "orders/list_quantities_of_buyer": 3,
    "organisations/delete_invitation": 1,
    "organisations/delete_member": 1,
    "organisations/get_hand_over_for_email": 1,
    "organisations/get_member": 1,
    "organisations/get_member_of_address": 1,
    "organisations/has_other_owner": 1,
    "organisations/is_owner": 1,
    "organisations/list_invitations": 1,
    "organisations/list_members": 1,
    "organisations/list_owners": 1,
    "payments/ask_about_refund": 1,
    "payments/count_waiting_payments": 1,
    "payments/find_reversed_payment": 3,
    "payments/get_effect": 1,
    "payments/get_matter": 1,
    "payments/get_named_order": 1,
    "payments/get_unannounced_payment": 1,
    "payments/get_wait": 1,
    "payments/list_matters": 1,
    "payments/list_open_matters": 1,
    "payments/lock_payment": 1,
    "payments/set_effect": 1,
    "payments/slow_down": 1,
    "payments/store_event": 1,
    "payments/take_due_refunds": 1,
    "payouts/get_method": 1,
    "payouts/has_more_neutral_admin": 1,
    "payouts/list_methods": 1,
    "payouts/list_owners": 1,
    "payouts/list_payouts": 1,
    "payouts/lock_open_payouts_of_method": 1,
    "payouts/remove_method": 1,
    "reports/get_organisation": 1,
    "reports/get_statement": 1,
    "reports/list_postings": 1,
    "reports/list_revenue": 1,
    "reports/list_turnover": 1,
    "slots/get_claim_of_member": 2,
    "slots/get_place_of_member": 2,
    "slots/insert_place": 1,
    "slots/list_places": 1,
    "slots/list_places_of_event": 1,
    "waitlist/get_owned_quantities": 1,
    "webhooks/count_endpoints": 1,
    "webhooks/get_delivery": 1,
    "webhooks/get_endpoint": 1,
    "webhooks/list_deliveries": 1,
    "webhooks/list_endpoints": 1,
    "webhooks/list_owners": 1,
    "webhooks/lock_and_replay_failed": 1,
    "webhooks/lock_delivery": 1,
    "webhooks/lock_endpoint": 1,
}


def test_statements_keep_to_their_organisation() -> None:
    found = {
        f"{domain}/{name}": len(COMPARISON.findall(getattr(sql.queries(domain), name))) for domain, name in STATEMENTS
    }
    assert {name: count for name, count in found.items() if count} == COMPARISONS
