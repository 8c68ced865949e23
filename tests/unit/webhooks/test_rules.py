"""Where webhooks may go, when an attempt is repeated, and when an endpoint waits or is disabled."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_network
from itertools import accumulate
from typing import get_args

import pytest

from boxoffice.errors import Invalid
from boxoffice.outbox import WebhookType
from boxoffice.webhooks import catalogue, rules
from boxoffice.webhooks.models import Answer

NOW = datetime(2027, 5, 20, 12, tzinfo=UTC)
OK, FAILED, GONE = Answer(200), Answer(500), Answer(410)

# https://www.iana.org/assignments/iana-ipv4-special-registry, iana-ipv6-special-registry, and the multicast registries:
# the first and the last address of each block.
SPECIAL = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29 192.0.0.8/32
    192.0.0.9/32 192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24
    192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
    255.255.255.255/32
    ::1/128 ::/128 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128
    2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16 3fff::/20
    5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
""".split()  # noqa: SIM905 - a block of text is easier to compare

# The metadata of AWS, Azure and others; Lambda's own; and public IPv4 addresses inside of IPv6 ones.
NOTABLE = """
    169.254.169.254 169.254.170.2 169.254.169.253 169.254.100.1 fd00:ec2::254 fd00:ec2::253 10.20.16.5 100.100.100.200
    ::ffff:169.254.169.254 ::ffff:8.8.8.8 ::8.8.8.8 64:ff9b::808:808 64:ff9b::a9fe:a9fe 2002:808:808::1
    2002:a9fe:a9fe:: 2001:0:808:808::1 fe80::1%eth0
""".split()  # noqa: SIM905
PUBLIC = ["8.8.8.8", "93.184.215.14", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1"]
PUBLIC += ["2606:4700:4700::1111", "2a00:1450:4001:831::200e", "2001:4860:4860::8888", "240e::1"]


@pytest.mark.parametrize("block", SPECIAL)
def test_no_webhook_goes_to_an_address_of_a_special_purpose(block: str) -> None:
    network = ip_network(block)
    for address in (network[0], network[-1], network[network.num_addresses // 2]):
        assert not rules.is_allowed(str(address), allows_loopback=False), address


@pytest.mark.parametrize("address", NOTABLE)
def test_no_webhook_goes_to_what_stands_for_something_else(address: str) -> None:
    assert not rules.is_allowed(address, allows_loopback=False)
    assert not rules.is_allowed(address, allows_loopback=True), "not on a laptop either"


@pytest.mark.parametrize("address", PUBLIC)
def test_webhooks_go_to_public_addresses(address: str) -> None:
    assert rules.is_allowed(address, allows_loopback=False)


def test_a_laptop_may_send_to_itself_and_nowhere_else_that_is_private() -> None:
    assert rules.is_allowed("127.0.0.1", allows_loopback=True)
    assert rules.is_allowed("::1", allows_loopback=True)
    assert not rules.is_allowed("192.168.1.1", allows_loopback=True)
    assert not rules.is_allowed(str(IPv6Address("fe80::1")), allows_loopback=True)


def test_one_address_that_is_not_public_spoils_all() -> None:
    assert rules.are_allowed(["8.8.8.8", "1.1.1.1"], allows_loopback=False)
    assert not rules.are_allowed(["8.8.8.8", "10.0.0.1"], allows_loopback=False)
    assert not rules.are_allowed([], allows_loopback=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/webhooks",
        "https://example.com:443/",
        "https://xn--bcher-kva.example/a?token=b%20c",
        "https://hooks.example.co.uk",
    ],
)
def test_urls_of_public_names_are_fine(url: str) -> None:
    rules.check_url(url, allows_loopback=False)


@pytest.mark.parametrize(
    ("url", "because"),
    [
        ("http://example.com/", "https://"),
        ("https://example.com:8443/", "no port but 443"),
        ("https://example.com:22/", "no port but 443"),
        ("https://example.com/#part", "no fragment"),
        ("https://93.184.215.14/", "name of a public host"),
        ("https://[2606:4700:4700::1111]/", "name of a public host"),
        ("https://localhost/", "name of a public host"),
        ("https://metadata/", "name of a public host"),
        ("https://intranet./", "name of a public host"),
    ],
)
def test_other_urls_are_refused(url: str, because: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_url(url, allows_loopback=False)
    assert because in refused.value.detail


def test_a_laptop_may_name_itself() -> None:
    for url in ("http://127.0.0.1:8000/in", "http://localhost:8000/in", "http://[::1]:8000/"):
        rules.check_url(url, allows_loopback=True)
        with pytest.raises(Invalid):
            rules.check_url(url, allows_loopback=False)
    with pytest.raises(Invalid):
        rules.check_url("http://192.168.1.1/in", allows_loopback=True)


def test_the_host_header_has_the_port_only_if_it_is_unusual() -> None:
    assert rules.target_of("https://example.com/a?b=c") == rules.Target("example.com", 443, "/a?b=c", has_tls=True)
    assert rules.target_of("https://example.com").path == "/"
    assert rules.target_of("https://example.com").authority == "example.com"
    assert rules.target_of("http://127.0.0.1:8000/").authority == "127.0.0.1:8000"
    assert rules.target_of("http://[::1]:8000/").authority == "[::1]:8000"


def test_attempts_follow_the_schedule_of_standard_webhooks() -> None:
    # The table of its specification, in hours, minutes and seconds since the first attempt.
    table = ["0:00:05", "0:05:05", "0:35:05", "2:35:05", "7:35:05", "17:35:05", "31:35:05", "51:35:05", "75:35:05"]
    waits = [rules.outcome_of(FAILED, attempts, 0).wait for attempts in range(1, 10)]

    times = [sum(int(part) * 60**place for place, part in enumerate(reversed(each.split(":")))) for each in table]
    assert [moment // timedelta(seconds=1) for moment in accumulate(waits)] == times
    assert rules.outcome_of(FAILED, 9, 0).status == "pending"
    assert rules.outcome_of(FAILED, 10, 0).status == "failed"


def test_a_wait_grows_by_a_fifth_at_most() -> None:
    assert rules.outcome_of(FAILED, 2, 1).wait == timedelta(minutes=6)
    assert rules.outcome_of(FAILED, 2, 0.5).wait == timedelta(minutes=5, seconds=30)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_all_of_2xx_is_success(status: int) -> None:
    assert rules.outcome_of(Answer(status), 3, 0) == rules.Outcome("delivered", timedelta(0), None)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 304, 400, 404, 410, 500, 503])
def test_all_else_is_none(status: int) -> None:
    outcome = rules.outcome_of(Answer(status), 1, 0)
    assert (outcome.status, outcome.error) == ("pending", f"the answer was {status}")


@pytest.mark.parametrize("status", [429, 503])
def test_an_endpoint_may_ask_for_time_within_bounds(status: int) -> None:
    asked = Answer(status, retry_after=timedelta(minutes=10))
    assert rules.outcome_of(asked, 1, 0).wait == timedelta(minutes=10)
    assert rules.outcome_of(asked, 5, 0).wait == timedelta(hours=5), "never sooner than the schedule says"
    assert rules.pause_after(1, [asked]) == timedelta(minutes=10)
    greedy = Answer(status, retry_after=timedelta(days=400))
    assert rules.outcome_of(greedy, 1, 0).wait == timedelta(days=1)
    assert rules.pause_after(1, [greedy]) == timedelta(hours=1)


def test_only_an_overloaded_endpoint_may_ask_for_time() -> None:
    assert rules.outcome_of(Answer(500, retry_after=timedelta(days=1)), 1, 0).wait == timedelta(seconds=5)
    assert rules.pause_after(1, [Answer(404, retry_after=timedelta(days=1))]) == timedelta(0)
    assert rules.pause_after(1, [Answer(503)]) == timedelta(seconds=30), "one that says nothing gets a while, too"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("99999999999999999999", 86_400),
        ("Thu, 20 May 2027 12:01:40 GMT", 100),
        ("Thu, 20 May 2027 11:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("", None),
        ("Thu, 20 May 99999999999999999999 12:01:40 GMT", None),
        ("Thu, 20 May 2027 12:01:40 +99999999999999999999", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: int | None) -> None:
    assert rules.retry_after(value, NOW) == (None if seconds is None else timedelta(seconds=seconds))


def test_pauses_double_up_to_an_hour() -> None:
    pauses = [
        rules.pause_after(failures, [FAILED]) // timedelta(seconds=1) for failures in (1, 9, 10, 11, 12, 16, 17, 99)
    ]
    assert pauses == [0, 0, 30, 60, 120, 1920, 3600, 3600]


def test_one_success_ends_a_row_of_failures() -> None:
    assert rules.failures_after(9, [FAILED, OK, FAILED]) == 0
    assert rules.failures_after(9, [FAILED, FAILED]) == 11


def test_an_endpoint_is_disabled_if_it_is_gone_or_fails_for_five_days() -> None:
    long_ago, lately = NOW - timedelta(days=5), NOW - timedelta(days=4, hours=23)
    assert rules.reason_to_disable(1, None, [OK, GONE], NOW) == "gone"
    assert rules.reason_to_disable(10, long_ago, [FAILED], NOW) == "failing"
    assert rules.reason_to_disable(10, lately, [FAILED], NOW) is None
    assert rules.reason_to_disable(9, long_ago, [FAILED], NOW) is None, "not after a few failures far apart"
    assert rules.reason_to_disable(0, None, [OK], NOW) is None


def test_each_type_is_in_the_catalogue() -> None:
    assert set(catalogue.CATALOGUE) == set(get_args(WebhookType.__value__))


@pytest.mark.parametrize("record", ["", "{}", "[]", "null", '{"endpoint_id": "x"}', '{"endpoint_id": 7}', "\x00"])
def test_a_record_must_name_an_endpoint(record: str) -> None:
    with pytest.raises(ValueError, match="names no endpoint"):
        rules.endpoint_in(record)
