#!/usr/bin/env python3
"""Verify an export of the audit log (`export_audit_log`). It needs Python 3.11 and nothing else.

    python verify_audit.py export.jsonl
    python verify_audit.py export.jsonl --head 812:5feceb66…

The file has the pages of one chain, each on a line. Verified is:

- Each entry has its hash: SHA-256 over the bytes of the hash before and the entry's text in UTF-8. The text is a JSON
  array of chain, entry, at, actor_kind, actor_id, as_admin, action, subject and details. The time is in UTC and has six
  decimals. A space follows each comma and colon. Keys stand in the order of their length in bytes, then of their bytes.
- Entries are numbered without a gap, and each carries the hash of the one before.
- Personal values are those that were recorded. In the entry stands `{"sha256": …}` in place of a value: the hash of a
  random salt of 16 bytes and the value. Values that were erased cannot be verified; they are counted.
- The last entry is the head that the last page names.

Whoever can forge the file can cut its end off, and change the head. Against that, note a head from time to time where
nobody can change it, and give it by `--head`. The chain must still go through it. The file may begin right after it.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HASHED = ("chain", "entry", "at", "actor_kind", "actor_id", "as_admin", "action", "subject", "details")
FIELDS = {*HASHED, "previous_hash", "hash", "values"}
SALT_BYTES = 16

type Head = tuple[int, str]
"""The number of a chain's last entry, and its hash in hexadecimal digits."""


class Broken(Exception):
    """The export is not what was recorded, or not all of it."""


@dataclass
class Chain:
    """What is verified so far. Its head is the entry that was read last, or the one that the first must follow."""

    head: Head
    name: str | None = None
    announced: Head | None = None
    goes_through_known_head: bool = False
    entries: int = 0
    values: int = 0
    erased: int = 0


def verify(pages: Iterable[str], known: Head | None = None) -> Chain:
    """Verify the pages of an export.

    Args:
        known: a head that was noted earlier.

    Raises:
        Broken: something was changed, removed, inserted or put in another order.
    """
    chain = Chain(head=(0, ""))
    for number, text in enumerate(pages, 1):
        try:
            _take_page(chain, json.loads(text, object_pairs_hook=_each_once), known)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Broken(f"line {number} is no page of an export: {error!r}") from error
    if chain.announced is None:
        raise Broken("the file has no pages")
    if chain.announced != chain.head:
        raise Broken(f"it ends with entry {chain.head[0]}, and the head is entry {chain.announced[0]}")
    if known and not chain.goes_through_known_head:
        raise Broken(f"the chain does not go through the head that you noted, entry {known[0]}")
    return chain


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object. One that has a name twice says something else to other readers."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return fields


def _take_page(chain: Chain, page: dict[str, Any], known: Head | None) -> None:
    if chain.announced is None and known and (not page["entries"] or page["entries"][0]["entry"] == known[0] + 1):
        chain.head, chain.goes_through_known_head = known, True
    chain.name = chain.name or page["chain"]
    chain.announced = page["head"]["entry"], page["head"]["hash"]
    for entry in page["entries"]:
        _take_entry(chain, entry)
        chain.goes_through_known_head |= chain.head == known


def _take_entry(chain: Chain, entry: dict[str, Any]) -> None:
    number, before = entry["entry"], chain.head
    if set(entry) != FIELDS:
        raise Broken(f"entry {number} has other fields than an entry has")
    if entry["chain"] != chain.name:
        raise Broken(f"entry {number} belongs to another chain")
    if number != before[0] + 1:
        raise Broken(f"entry {number} follows entry {before[0]}: entries are missing, repeated or out of order")
    if entry["previous_hash"] != before[1]:
        raise Broken(f"entry {number} was not written after the one before it")
    if entry["hash"] != hashlib.sha256(bytes.fromhex(before[1]) + text_of(entry).encode()).hexdigest():
        raise Broken(f"entry {number} is not what was recorded")
    _check_values(chain, entry)
    chain.head = number, entry["hash"]
    chain.entries += 1


def text_of(entry: dict[str, Any]) -> str:
    """Return the text that the hash of an entry is made of."""
    at = datetime.fromisoformat(entry["at"]).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return json.dumps(_in_order([(entry | {"at": at})[name] for name in HASHED]), ensure_ascii=False)


def _in_order(value: Any) -> Any:
    match value:
        case dict():
            keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
            return {key: _in_order(value[key]) for key in keys}
        case list():
            return [_in_order(each) for each in value]
    return value


def _check_values(chain: Chain, entry: dict[str, Any]) -> None:
    """Check that each value has its hash in the entry."""
    hashes, found = set(_hashes_in(entry["details"])), set()
    for each in entry["values"]:
        salt = bytes.fromhex(each["salt"])
        digest = hashlib.sha256(salt + each["value"].encode()).hexdigest()
        if digest != each["sha256"] or len(salt) != SALT_BYTES:  # a longer one could have the value's first characters
            raise Broken(f"a value of entry {entry['entry']} is not what was recorded")
        found.add(each["sha256"])
    if not found <= hashes:
        raise Broken(f"a value of entry {entry['entry']} was never part of it")
    chain.values += len(found)
    chain.erased += len(hashes - found)


def _hashes_in(value: Any) -> Iterator[str]:
    match value:
        case {"sha256": str() as digest} if len(value) == 1:
            yield digest
        case dict():
            for each in value.values():
                yield from _hashes_in(each)
        case list():
            for each in value:
                yield from _hashes_in(each)


def _head(text: str) -> Head:
    entry, _, digest = text.partition(":")
    return int(entry), digest.lower()


def main(arguments: list[str]) -> int:
    """Verify a file. Return the exit code."""
    parser = argparse.ArgumentParser(description="Verify an export of the audit log.")
    parser.add_argument("file", type=Path, help="the pages of one chain, each on a line")
    parser.add_argument("--head", type=_head, help="a head that you noted earlier, as ENTRY:HASH")
    options = parser.parse_args(arguments)
    try:
        with options.file.open(encoding="utf-8", newline="\n") as pages:
            chain = verify(pages, options.head)
    except Broken as error:
        print(f"BROKEN: {error}")
        return 1
    print(f"{chain.entries} entries are as they were recorded; {chain.values} values verified, {chain.erased} erased")
    print(f"head {chain.head[0]}:{chain.head[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
