"""The export of the audit log, which the published script verifies, and exports that somebody has forged."""

import json
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import audit
from boxoffice.admin import audit_log
from tests.helpers import factories
from tests.helpers.support import ROOT, Client
from tools.verify_audit import main, text_of

PATH = "/v1/admin/audit-log/export"
NAMES = ["Ada", "بی\u200cدرنگ", "අදා", "Donaudampfschifffahrtsgesellschaft", "👩🏽\u200d🎤", 'O\'"\\ Hara | {"sha256"}']

type Pages = list[dict[str, Any]]
type Forgery = Callable[[Pages], None]


@pytest.fixture
def owner(conn: Connection, organisation: UUID) -> UUID:
    return factories.member(conn, organisation, "owner")


@pytest.fixture
def exported(api: Client, organisation: UUID, owner: UUID, monkeypatch: pytest.MonkeyPatch) -> Pages:
    """Return the export of a chain of six entries, as two pages."""
    for name in NAMES:
        body = {"organisation_id": str(organisation), "name": name, "capacity": 3}
        assert api.post("/v1/services", body, account=owner).status == 201
    monkeypatch.setattr(audit_log, "_MOST_ENTRIES", 4)
    return pages_of(api, organisation, owner)


def pages_of(api: Client, chain: UUID, account: UUID) -> Pages:
    pages, after = [], 0
    while after is not None:
        answer = api.get(PATH, account=account, query={"chain": chain, "after": after})
        assert answer.status == 200, answer.body
        pages.append(answer.json)
        after = answer.json["next_after"]
    return pages


def verify(folder: Path, pages: Pages, *arguments: str) -> tuple[int, str]:
    """Run the script as a reader does: alone, without our packages. Return its exit code and what it says."""
    file = folder / "export.jsonl"
    file.write_text("".join(f"{json.dumps(page)}\n" for page in pages))
    script = [sys.executable, "-I", "-S", str(ROOT / "tools/verify_audit.py"), str(file), *arguments]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout


def test_a_true_export_is_verified(exported: Pages, tmp_path: Path, organisation: UUID) -> None:
    entries = [entry for page in exported for entry in page["entries"]]

    assert [len(page["entries"]) for page in exported] == [4, 2]
    assert [entry["entry"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert {entry["chain"] for entry in entries} == {str(organisation)}
    assert [value["value"] for entry in entries for value in entry["values"] if "." not in value["value"]] == NAMES
    head = f"6:{entries[-1]['hash']}"
    assert verify(tmp_path, exported) == (
        0,
        f"6 entries are as they were recorded; 12 values verified, 0 erased\nhead {head}\n",
    )


def test_the_text_that_is_hashed_is_as_documented() -> None:
    """The text and its hash were made by hand, and by `printf %s "$text" | sha256sum`."""
    entry = {
        "chain": "0192f0c1-0000-7000-8000-000000000000",
        "entry": 1,
        "at": "2026-01-31T20:00:00+01:00",
        "actor_kind": "account",
        "actor_id": None,
        "as_admin": False,
        "action": "publish_event",
        "subject": "event 1",
        "details": {"aa": [1, None], "b": "ü\n", "ä": True},
    }
    text = (
        '["0192f0c1-0000-7000-8000-000000000000", 1, "2026-01-31T19:00:00.000000Z", "account", null, false, '
        '"publish_event", "event 1", {"b": "ü\\n", "aa": [1, null], "ä": true}]'
    )

    assert text_of(entry) == text
    assert sha256(text.encode()).hexdigest() == "646dcbaa68a82626083585e53cb528d96456ca240fd00a8897d0aceb96f0dc4d"


def change_details(pages: Pages) -> None:
    pages[0]["entries"][2]["details"]["capacity"] = 4


def change_time(pages: Pages) -> None:
    entry = pages[1]["entries"][0]
    entry["at"] = entry["at"].replace("20", "19", 1)


def deny_admin(pages: Pages) -> None:
    pages[0]["entries"][0]["as_admin"] = True


def change_value(pages: Pages) -> None:
    pages[0]["entries"][1]["values"][0]["value"] = "Mallory"


def add_value(pages: Pages) -> None:
    digest = sha256(b"0" * 16 + b"Mallory").hexdigest()
    pages[0]["entries"][1]["values"].append({"sha256": digest, "salt": (b"0" * 16).hex(), "value": "Mallory"})


def move_start_into_salt(pages: Pages) -> None:
    """Change a value, and not the bytes that are hashed."""
    value = pages[0]["entries"][0]["values"][0]
    value["salt"], value["value"] = value["salt"] + value["value"][:1].encode().hex(), value["value"][1:]


def add_field(pages: Pages) -> None:
    pages[0]["entries"][1]["actor_name"] = "Mallory"


def remove(pages: Pages) -> None:
    del pages[0]["entries"][2]


def remove_first(pages: Pages) -> None:
    del pages[0]["entries"][0]


def reorder(pages: Pages) -> None:
    entries = pages[0]["entries"]
    entries[1], entries[2] = entries[2], entries[1]


def swap_contents(pages: Pages) -> None:
    entries = pages[0]["entries"]
    entries[1]["subject"], entries[2]["subject"] = entries[2]["subject"], entries[1]["subject"]


def insert(pages: Pages) -> None:
    pages[0]["entries"].insert(2, deepcopy(pages[0]["entries"][1]))


def insert_of_another_chain(pages: Pages) -> None:
    pages[1]["entries"][0]["chain"] = str(UUID(int=0))


def cut_page(pages: Pages) -> None:
    del pages[1]


def cut_entry(pages: Pages) -> None:
    del pages[1]["entries"][-1]


def lose_pages(pages: Pages) -> None:
    pages.clear()


def scramble(pages: Pages) -> None:
    pages[0]["entries"][0] = "nothing"


FORGERIES: dict[Forgery, str] = {
    change_details: "entry 3 is not what was recorded",
    change_time: "entry 5 is not what was recorded",
    deny_admin: "entry 1 is not what was recorded",
    change_value: "a value of entry 2 is not what was recorded",
    add_value: "a value of entry 2 was never part of it",
    move_start_into_salt: "a value of entry 1 is not what was recorded",
    add_field: "entry 2 has other fields than an entry has",
    remove: "entry 4 follows entry 2",
    remove_first: "entry 2 follows entry 0",
    reorder: "entry 3 follows entry 1",
    swap_contents: "entry 2 is not what was recorded",
    insert: "entry 2 follows entry 2",
    insert_of_another_chain: "entry 5 belongs to another chain",
    cut_page: "it ends with entry 4, and the head is entry 6",
    cut_entry: "it ends with entry 5, and the head is entry 6",
    lose_pages: "the file has no pages",
    scramble: "line 1 is no page of an export",
}


def test_a_forged_export_is_refused(exported: Pages, tmp_path: Path, subtests: pytest.Subtests) -> None:
    for forge, said in FORGERIES.items():
        with subtests.test(forgery=forge.__name__):
            forged = deepcopy(exported)
            forge(forged)

            code, output = verify(tmp_path, forged)

            assert (code, output[:8]) == (1, "BROKEN: ")
            assert said in output


def test_a_name_that_stands_twice_is_refused(exported: Pages, tmp_path: Path) -> None:
    """A reader that takes the first of the two would read what nobody has recorded."""
    file = tmp_path / "export.jsonl"
    lines = [json.dumps(page) for page in exported]
    lines[0] = lines[0].replace('"action": ', '"action": "delete_event", "action": ', 1)
    file.write_text("\n".join(lines))

    assert main([str(file)]) == 1


def rehash(pages: Pages) -> None:
    """Hash all entries anew, as a forger who knows the script does, and change the heads."""
    before = ""
    for page in pages:
        for number, entry in enumerate(page["entries"], 1 if page is pages[0] else 5):
            entry["entry"], entry["previous_hash"] = number, before
            entry["hash"] = before = sha256(bytes.fromhex(before) + text_of(entry).encode()).hexdigest()
    for page in pages:
        page["head"] = {"entry": entry["entry"], "hash": before}


def test_a_head_that_was_noted_shows_what_a_careful_forger_has_done(
    exported: Pages, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    last = exported[-1]["entries"][-1]
    head = f"{last['entry']}:{last['hash']}"
    assert verify(tmp_path, exported, "--head", head)[0] == 0
    for forge in (change_details, cut_entry, swap_contents):
        with subtests.test(forgery=forge.__name__):
            forged = deepcopy(exported)
            forge(forged)
            rehash(forged)
            assert verify(tmp_path, forged)[0] == 0

            code, output = verify(tmp_path, forged, "--head", head)

            assert (code, output) == (1, "BROKEN: the chain does not go through the head that you noted, entry 6\n")


def test_an_export_can_go_on_after_a_head_that_was_noted(exported: Pages, tmp_path: Path) -> None:
    fourth = exported[0]["entries"][-1]

    assert verify(tmp_path, exported[1:], "--head", f"4:{fourth['hash']}")[0] == 0
    assert verify(tmp_path, exported, "--head", f"4:{fourth['hash']}")[0] == 0
    assert verify(tmp_path, exported[1:], "--head", f"4:{'0' * 64}")[0] == 1
    assert verify(tmp_path, exported[1:])[0] == 1


def test_erased_values_leave_the_chain_whole(
    api: Client, conn: Connection, exported: Pages, organisation: UUID, owner: UUID, tmp_path: Path
) -> None:
    erased = audit.erase(conn, owner, values=["Ada", "අදා"])

    assert erased == 6 + 2, "the addresses that the owner acted from, and two names"
    after = pages_of(api, organisation, owner)
    assert [entry["hash"] for page in after for entry in page["entries"]] == [
        entry["hash"] for page in exported for entry in page["entries"]
    ]
    assert verify(tmp_path, after)[1].startswith("6 entries are as they were recorded; 4 values verified, 8 erased\n")
    assert not {"Ada", "අදා", "203.0.113.7"} & {
        value["value"] for page in after for entry in page["entries"] for value in entry["values"]
    }


def test_a_chain_without_entries_is_verified(api: Client, conn: Connection, owner: UUID, tmp_path: Path) -> None:
    (organisation,) = conn.execute("SELECT id FROM organisations").fetchone() or ()

    pages = pages_of(api, organisation, owner)

    assert pages == [{"chain": str(organisation), "head": {"entry": 0, "hash": ""}, "entries": [], "next_after": None}]
    assert verify(tmp_path, pages)[0] == 0


def test_a_page_has_as_many_bytes_as_an_answer_may_have(
    api: Client, conn: Connection, organisation: UUID, owner: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        audit.record(conn, None, "test", "nothing", organisation=organisation, text="x" * 2000)
    monkeypatch.setattr(audit_log, "_MOST_BYTES", 10_100)

    assert [len(page["entries"]) for page in pages_of(api, organisation, owner)] == [2, 1]
    monkeypatch.setattr(audit_log, "_MOST_BYTES", 100)
    assert [len(page["entries"]) for page in pages_of(api, organisation, owner)] == [1, 1, 1]


def test_admins_read_every_chain_and_others_only_what_they_own(
    api: Client, conn: Connection, organisation: UUID, owner: UUID
) -> None:
    admin, account = factories.account(conn, is_admin=True), factories.account(conn)
    manager, rival = factories.member(conn, organisation, "manager"), factories.organisation(conn)

    def status(caller: UUID, **query: object) -> int:
        return api.get(PATH, account=caller, query=query).status

    assert [status(admin, chain=chain) for chain in (organisation, account, UUID(int=0))] == [200] * 3
    assert status(admin) == 200
    assert [status(owner, chain=organisation), status(owner, chain=rival), status(owner, chain=account)] == [
        200,
        404,
        404,
    ]
    assert [status(owner), status(account), status(manager)] == [403] * 3
    assert status(manager, chain=organisation) == 403
    assert status(account, chain=account) == 404
    assert [status(admin, after=after) for after in (-1, 10**9, "x")] == [422] * 3
