"""Every statement has a name, is used, and is understood by the database."""

import re
from pathlib import Path

import psycopg
import pytest
from psycopg import ClientCursor

from boxoffice import sql
from boxoffice.admin.rules import INVARIANTS
from tests.helpers.support import ROOT, Database

LAYER = ROOT / "layers/common/boxoffice"
DOMAINS = sorted(str(path.parent.relative_to(LAYER)).replace(".", "") for path in LAYER.glob("**/queries.sql"))
STATEMENTS = [(domain, name) for domain in DOMAINS for name in dir(sql.queries(domain))]


def test_the_database_can_plan_each(database: Database, subtests: pytest.Subtests) -> None:
    for domain, name in STATEMENTS:
        with subtests.test(statement=f"{domain}/{name}"):
            statement = getattr(sql.queries(domain), name)
            assert statement.startswith("SET ") or plan_of(database, statement)


def plan_of(database: Database, statement: str) -> str:
    """Return the plan of a statement for any values: its parameters stay parameters."""
    numbered = statement
    for number, parameter in enumerate(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)), 1):
        numbered = numbered.replace(f"%({parameter})s", f"${number}")
    with psycopg.connect(database.api_url) as conn:
        plan = ClientCursor(conn).execute(f"EXPLAIN (GENERIC_PLAN) {numbered}".replace("%%", "%")).fetchall()
    return "\n".join(line for (line,) in plan)


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain or "shared")
def test_each_statement_is_used_and_each_used_one_exists(domain: str) -> None:
    used = {each.query for each in INVARIANTS} if domain == "admin" else set()
    for path in LAYER.glob("**/*.py"):
        code = path.read_text()
        if f"sql.queries({f'"{domain}"' if domain else ''})" in code:
            used |= set(re.findall(r"\bSQL\.(\w+)", code))
    assert used == set(dir(sql.queries(domain)))


WRITES = re.compile(r"\b(?:INSERT INTO|(?<!DO )(?<!KEY )(?<!FOR )UPDATE|DELETE FROM) (\w+)")
WRITERS = {
    # A purchase is one statement: stock, order and items.
    ("orders", "place_order"): {"stock"},
    ("orders", "place_cart"): {"stock"},
    # Whoever cancels an order has its open payments closed, but does not know the domain of payments.
    ("orders", "take_payments_to_close"): {"payments"},
    # A scan is one round trip. A ticket's entries are a count of its scans.
    ("checkin", "lock_and_scan_ticket"): {"tickets", "webhook_deliveries"},
    ("checkin", "recount_scans"): {"tickets"},
    # A claim is one statement, also the key that makes it repeatable.
    ("slots", "take_slot"): {"idempotency_keys"},
}
"""The statements that write tables of other domains. The comments say why they may."""


def test_each_table_has_one_writer() -> None:
    written: dict[str, set[str]] = {}
    for domain, name in STATEMENTS:
        tables = set(WRITES.findall(getattr(sql.queries(domain), name)))
        foreign = WRITERS.get((domain, name), set())
        assert foreign <= tables, f"{domain}/{name} does not write {foreign - tables}"
        for table in tables - foreign:
            written.setdefault(table, set()).add(domain)
    assert {table: domains for table, domains in written.items() if len(domains) > 1} == {}


@pytest.mark.parametrize("path", sorted(LAYER.glob("**/*.py")), ids=lambda path: str(path.relative_to(LAYER)))
def test_no_sql_is_written_in_python(path: Path) -> None:
    if path.parent.name == "migrations":
        return
    assert not re.search(r"[\"'](SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH) ", path.read_text())


@pytest.mark.parametrize(("domain", "name"), STATEMENTS, ids=lambda value: value)
def test_locking_statements_say_so_and_lock_in_an_order(domain: str, name: str) -> None:
    statement = getattr(sql.queries(domain), name)
    if not re.search(r"FOR (NO KEY )?UPDATE", statement):
        return
    assert re.match(r"lock_|take_|take$|claim_|place_", name), "a statement that locks is called lock_… or take_…"
    many = any(word in statement for word in ("SKIP LOCKED", "LIMIT", "unnest(%("))
    assert not many or "ORDER BY" in statement


# The statements that lock by writing alone: nothing that they read first needs a lock.
TAKE_BY_WRITING = {
    "exports/take_export",
    "messaging/take_message",
    "payments/take_from_incoming_payment",
    "payments/take_turns",
    "privacy/lock_contact_purge",
    "seats/take_named",
    "seats/take_scattered",
    "seats/take_together",
    "webhooks/take_turn",
}
# How often each statement leaves out rows that others have locked.
SKIPS = {
    "/take_and_delete_rate_limits": 1,
    "accounts/take_sessions": 1,
    "announcements/take_announcement": 1,
    "admin/take_run": 1,
    "events/take_facets": 1,
    "events/take_move": 1,
    "media/take_due_upload": 1,
    "messaging/take_due_messages": 1,
    "newsletter/take_issue": 1,
    "orders/lock_lapsed_orders": 1,
    "orders/place_cart": 2,
    "orders/place_order": 2,
    "orders/take_ended_orders": 1,
    "orders/take_order": 1,
    "orders/take_reminder": 1,
    "orders/take_payments_to_close": 1,
    "payments/take_due_refunds": 1,
    "payments/take_payments_to_ask": 1,
    "payments/take_refunds": 1,
    "privacy/take_erasure": 1,
    "provider_reports/lock_due_entries": 1,
    "provider_reports/take_reports": 1,
    "platform/take_renewals": 1,
    "seats/take_best_row": 1,
    "seats/take_best_rows": 1,
    "slots/take_slot": 1,
    "stock/take": 1,
    "stock/take_available": 1,
    "waitlist/take_and_close_waiting": 1,
    "waitlist/take_lapsed": 1,
    "waitlist/take_next_entries": 1,
    "webhooks/take_due_deliveries": 1,
}


# The statements that lock rows which others may lock so too, but nobody may change.
SHARES = {
    "accounts/lock_account_and_open_session",
    "doors/lock_events",
    "organisations/lock_account_and_insert_owner",
    "slots/lock_claim",
    "ticket_types/lock_event_of_ticket_type",
    "vouchers/lock_event",
    "vouchers/lock_event_of_voucher",
}


# The statements that lock rows whose key may change, such as an email address.
LOCKS_OF_KEYS = {"accounts/lock_credentials"}


def test_statements_that_are_called_so_lock(database: Database, subtests: pytest.Subtests) -> None:
    for domain, name in STATEMENTS:
        statement = getattr(sql.queries(domain), name)
        if not re.match(r"lock_|take(_|$)", name) or "pg_advisory_xact_lock" in statement:
            continue
        with subtests.test(statement=f"{domain}/{name}"):
            plan = plan_of(database, statement)
            writes = "Update on" in plan or "Conflict Resolution: UPDATE" in plan
            assert "LockRows" in plan or (writes and f"{domain}/{name}" in TAKE_BY_WRITING)


def test_locks_keep_other_writers_out() -> None:
    strengths = {
        f"{domain}/{name}": set(
            re.findall(r"FOR ((?:NO KEY )?(?:UPDATE|SHARE)|KEY SHARE)", getattr(sql.queries(domain), name))
        )
        for domain, name in STATEMENTS
    }
    assert {name for name, found in strengths.items() if found - {"NO KEY UPDATE"}} == SHARES | LOCKS_OF_KEYS


def test_statements_that_must_not_wait_leave_locked_rows_out() -> None:
    found = {f"{domain}/{name}": getattr(sql.queries(domain), name).count("SKIP LOCKED") for domain, name in STATEMENTS}
    assert {name: count for name, count in found.items() if count} == SKIPS


@pytest.mark.parametrize("path", sorted(LAYER.glob("**/*.sql")), ids=lambda path: str(path.relative_to(LAYER)))
def test_lines_of_sql_fit(path: Path) -> None:
    assert [line for line in path.read_text().splitlines() if len(line) > 120] == []


def answers_all_columns(statement: str) -> bool:
    """Return True if the outermost select list, or what a statement returns of what it writes, has a ``*``."""
    outermost = re.sub(r"%\(\w+\)s", "", statement)
    while "(" in outermost:
        outermost = re.sub(r"\([^()]*\)", "", outermost)
    is_silent = outermost.startswith("INSERT") and "RETURNING" not in outermost
    return not is_silent and re.search(r"(SELECT|RETURNING|,)\s+(\w+\.)?\*", outermost) is not None


@pytest.mark.parametrize(("domain", "name"), STATEMENTS, ids=lambda value: value)
def test_no_statement_answers_all_columns(domain: str, name: str) -> None:
    """A new column must not change what a prepared statement answers, or warm environments fail until they end."""
    assert not answers_all_columns(getattr(sql.queries(domain), name))


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        ("SELECT * FROM orders", True),
        ("WITH a AS (SELECT 1) SELECT id, a.* FROM a WHERE id = %(id)s", True),
        ("UPDATE orders SET total = 1 RETURNING *", True),
        ("SELECT id FROM (SELECT * FROM orders) AS page", False),
        ("INSERT INTO orders SELECT * FROM unnest(%(ids)s::uuid[])", False),
        ("SELECT count(*), 2 * 3 FROM orders", False),
    ],
)
def test_all_columns_are_told_from_some(statement: str, answer: bool) -> None:
    assert answers_all_columns(statement) is answer
