"""GET /v1/tickets/{ticket_id}/qr"""

import json
import os
from collections.abc import Callable, Iterator
from uuid import UUID

import boto3
import cv2
import numpy
import pytest
import zxingcpp
from psycopg import Connection

from boxoffice import config
from boxoffice.guest_tokens import order_token
from boxoffice.tickets import service
from tests.helpers import factories
from tests.helpers.support import Client


@pytest.fixture
def order(api: Client, conn: Connection) -> UUID:
    return factories.paid_order(conn, factories.ticket_type(conn), quantity=1)


@pytest.fixture
def path(conn: Connection, order: UUID) -> str:
    return f"/v1/tickets/{service.list_for_order(conn, order)[0].id}/qr"


type ChangeRing = Callable[..., None]


@pytest.fixture
def ring(api: Client) -> Iterator[ChangeRing]:
    """Return a function that changes the key ring of tickets. The old ring returns after the test."""
    secrets, name = boto3.client("secretsmanager"), os.environ["TICKET_KEYS_SECRET"]
    before = secrets.get_secret_value(SecretId=name)["SecretString"]

    def change(ring: dict[str, str], *, keep: bool) -> None:
        content = {**json.loads(before), **ring} if keep else ring
        secrets.put_secret_value(SecretId=name, SecretString=json.dumps(content))
        config.forget_secrets()

    yield change
    secrets.put_secret_value(SecretId=name, SecretString=before)
    config.forget_secrets()


def read(png: bytes) -> str:
    """Return the text of a picture's QR, as two independent readers read it."""
    image = cv2.imdecode(numpy.frombuffer(png, numpy.uint8), cv2.IMREAD_GRAYSCALE)
    text = str(cv2.QRCodeDetectorAruco().detectAndDecode(image)[0])
    assert zxingcpp.read_barcodes(image)[0].text == text
    return text


def test_the_png_has_the_text_of_the_ticket(api: Client, conn: Connection, order: UUID, path: str) -> None:
    answer = api.get(path, order_token=order_token(order), headers={"accept": "image/png"})

    assert answer.status == 200
    assert answer.headers["content-type"] == "image/png"
    (ticket,) = service.list_for_order(conn, order)
    assert read(answer.body) == ticket.qr


def test_a_browser_gets_svg(api: Client, order: UUID, path: str) -> None:
    answer = api.get(path, order_token=order_token(order), headers={"accept": "image/avif,image/*,*/*;q=0.8"})

    assert answer.headers["content-type"] == "image/svg+xml; charset=utf-8"
    assert b"<svg " in answer.body


def test_no_cache_stores_a_qr(api: Client, order: UUID, path: str) -> None:
    answer = api.get(path, order_token=order_token(order))

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Accept"


def test_only_those_who_see_the_ticket_get_its_qr(api: Client, conn: Connection, path: str) -> None:
    organisation = conn.execute("SELECT organisation_id FROM tickets").fetchone()
    assert organisation is not None

    assert api.get(path, account=factories.account(conn)).status == 404
    assert api.get(path, account=factories.member(conn, organisation[0], "scanner")).status == 403
    assert api.get(path).status == 401


def test_a_refunded_ticket_has_no_qr(api: Client, conn: Connection, order: UUID, path: str) -> None:
    conn.execute("UPDATE tickets SET status = 'refunded'")

    refused = api.get(path, order_token=order_token(order))

    assert (refused.status, refused.code) == (409, "ticket_refunded")


def test_a_new_key_does_not_change_old_qrs(
    api: Client, conn: Connection, order: UUID, ring: Callable[..., None]
) -> None:
    (before,) = service.list_for_order(conn, order)

    ring({"current": "2", "2": "a new master"}, keep=True)

    assert service.list_for_order(conn, order) == [before]
    new = service.list_for_order(conn, factories.paid_order(conn, before.ticket_type_id, quantity=1))
    assert new[0].key_id == 2


def test_a_withdrawn_key_ends_its_qrs(
    api: Client, conn: Connection, order: UUID, path: str, ring: Callable[..., None]
) -> None:
    ring({"current": "2", "2": "a new master"}, keep=False)

    refused = api.get(path, order_token=order_token(order))

    assert (refused.status, refused.code) == (409, "ticket_key_retired")
