"""Where a request comes from: whom API Gateway, our CDN or a trusted shop names, and what limits count."""

import json
from collections.abc import Iterator

import pytest

from boxoffice import addresses, config
from boxoffice.errors import Invalid
from tests.helpers.rings import KeyRing

CONNECTED = "203.0.113.7"


@pytest.fixture
def ring(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyRing]:
    """A key ring of the CDN."""
    ring = KeyRing()
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("EMAIL_QUEUE_URL", "")
    monkeypatch.setenv("EDGE_KEYS_SECRET", ring.id)
    config.settings.cache_clear()
    config.forget_secrets()
    yield ring
    config.settings.cache_clear()


def address(presented: str | None, viewer: str | None) -> str:
    headers = {"x-edge-secret": presented, "cloudfront-viewer-address": viewer}
    return addresses.address_of({name: text for name, text in headers.items() if text is not None}, CONNECTED)


# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-cloudfront-headers.html
@pytest.mark.parametrize(
    ("header", "viewer"),
    [
        ("198.51.100.10:46532", "198.51.100.10"),
        ("2001:db8:85a3::8a2e:370:7334:46532", "2001:db8:85a3::8a2e:370:7334"),  # CloudFront writes no brackets
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:198.51.100.10:46532", "198.51.100.10"),
        ("0:0:0:0:0:0:0:1:1", "::1"),
    ],
)
def test_our_cdn_says_whom_it_serves(ring: KeyRing, header: str, viewer: str) -> None:
    assert address(ring.keys["1"], header) == viewer


@pytest.mark.parametrize("presented", [None, "", "1", "current", "x" * 64, "\u00e9", "\udcff"])
def test_nobody_else_is_believed(ring: KeyRing, presented: str | None) -> None:
    assert address(presented, "198.51.100.10:46532") == CONNECTED


@pytest.mark.parametrize("viewer", [None, "", "198.51.100.10", "nobody:80", "fe80::1%eth0:80", "198.51.100.300:80"])
def test_without_a_viewer_it_is_who_has_connected(ring: KeyRing, viewer: str | None) -> None:
    assert address(ring.keys["1"], viewer) == CONNECTED


def test_the_secret_rotates_without_a_gap(ring: KeyRing) -> None:
    old = ring.keys["1"]
    ring.rotate()
    config.forget_secrets()
    assert [address(each, "198.51.100.10:1") for each in (old, ring.keys["2"])] == ["198.51.100.10"] * 2

    ring.take_out("1")
    config.forget_secrets()
    assert [address(each, "198.51.100.10:1") for each in (old, ring.keys["2"])] == [CONNECTED, "198.51.100.10"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("198.51.100.10", "198.51.100.10"),
        (" 198.51.100.10 ", "198.51.100.10"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("::ffff:198.51.100.10", "198.51.100.10"),
    ],
)
def test_a_shop_passes_an_address_on(text: str, read: str) -> None:
    assert addresses.passed_on_address(text) == read


@pytest.mark.parametrize(
    "text", ["", "nobody", "198.51.100.10:80", "198.51.100.10, 198.51.100.11", "fe80::1%eth0", "1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        addresses.passed_on_address(text)
    assert refusal.value.facts["errors"][0]["loc"] == ["header", "X-Buyer-Address"]
    assert json.dumps(refusal.value.facts)


@pytest.mark.parametrize(
    ("one", "network"),
    [
        ("198.51.100.10", "198.51.100.10"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("", ""),
    ],
)
def test_limits_take_a_64_of_ipv6_as_one(one: str, network: str) -> None:
    assert addresses.network_of(one) == network


@pytest.mark.parametrize(
    ("address", "logged"),
    [
        ("198.51.100.10", "198.51.100.0/24"),
        ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "2001:db8:85a3::/48"),
        ("::ffff:198.51.100.10", "198.51.100.0/24"),
        ("", ""),
    ],
)
def test_logs_have_the_part_of_an_address_that_many_share(address: str, logged: str) -> None:
    assert addresses.part_of_network(address) == logged
