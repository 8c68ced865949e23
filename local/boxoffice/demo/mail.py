"""Reads the emails that the local stack captured, and the tickets in them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from typing import Any

import cv2
import httpx
import numpy as np
import zxingcpp

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Delivery:
    """An email with tickets: its recipient, when it was sent, and the texts of its QR codes."""

    to: str
    sent_at: datetime
    codes: list[str]


async def wait_for_tickets(http: httpx.AsyncClient, addresses: set[str]) -> list[Delivery]:
    """Return the emails with tickets to these addresses, once each address has one, or after a minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    entries = await _entries_to(http, addresses)
    while len(_recipients_of(entries)) < len(addresses) and time.monotonic() < deadline:
        await asyncio.sleep(0.3)
        entries = await _entries_to(http, addresses)
    return [await _open(http, entry) for entry in entries]


async def _entries_to(http: httpx.AsyncClient, addresses: set[str]) -> list[dict[str, Any]]:
    listed = (await http.get("/_local/emails", params={"limit": 100_000})).json()
    return [entry for entry in listed["items"] if addresses.intersection(entry["to"])]


def _recipients_of(entries: list[dict[str, Any]]) -> set[str]:
    return {address for entry in entries for address in entry["to"]}


async def _open(http: httpx.AsyncClient, entry: dict[str, Any]) -> Delivery:
    raw = (await http.get(f"/_local/emails/{entry['id']}.eml")).content
    return Delivery(entry["to"][0], datetime.fromisoformat(entry["sent_at"]), codes_in(raw))


def codes_in(raw: bytes) -> list[str]:
    """Return the texts of the QR codes of an email, read from its pictures as a phone would."""
    message = message_from_bytes(raw, policy=policy.default)
    pictures = [part.get_content() for part in message.walk() if part.get_content_type() == "image/png"]
    return [code.text for picture in pictures for code in zxingcpp.read_barcodes(_pixels(picture))]


def _pixels(picture: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise ValueError("the picture cannot be read")
    return pixels
