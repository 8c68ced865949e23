"""Refresh tokens: which are live, and which are reused. Phones: which are proven, and where codes are not used."""

from dataclasses import replace
from datetime import timedelta

import pytest

from boxoffice.accounts import rules
from boxoffice.accounts.models import PhoneUsage, RefreshTokenRow
from boxoffice.ids import new_id
from tests.helpers.factories import NOW

FRESH = RefreshTokenRow(
    id=new_id(),
    email="ada@example.com",
    email_verified_at=None,
    name="Ada",
    phone=None,
    phone_verified_at=None,
    locale=None,
    version=1,
    created_at=NOW,
    session_id=new_id(),
    started_at=NOW,
    expires_at=NOW + timedelta(days=7),
    used_at=None,
    revoked_at=None,
    must_change_password=False,
)
USED = replace(FRESH, used_at=NOW)
REVOKED = replace(FRESH, revoked_at=NOW)


def test_a_token_is_live_until_it_expires() -> None:
    assert rules.is_live(FRESH, NOW)
    assert rules.is_live(FRESH, FRESH.expires_at - timedelta(microseconds=1))
    assert not rules.is_live(FRESH, FRESH.expires_at)


def test_a_used_or_revoked_token_is_not_live() -> None:
    assert not rules.is_live(USED, NOW)
    assert not rules.is_live(REVOKED, NOW)


def test_only_a_used_token_of_a_live_session_counts_as_reused() -> None:
    assert rules.is_reused(USED)
    assert rules.is_reused(replace(USED, expires_at=NOW - timedelta(days=1)))
    assert not rules.is_reused(FRESH)
    assert not rules.is_reused(replace(USED, revoked_at=NOW))


def test_a_session_ends_after_90_days_however_often_it_is_used() -> None:
    end = NOW + timedelta(days=90)

    assert rules.next_expiry(FRESH, NOW) == NOW + timedelta(days=7)
    assert rules.next_expiry(FRESH, end - timedelta(days=7)) == end
    assert rules.next_expiry(FRESH, end - timedelta(minutes=1)) == end


@pytest.mark.parametrize(
    ("sent", "used", "pumped"),
    [(0, 0, False), (19, 0, False), (20, 0, True), (20, 4, True), (20, 5, False), (50, 12, True), (50, 13, False)],
)
def test_a_prefix_is_pumped_if_fewer_than_a_quarter_of_its_codes_are_used(sent: int, used: int, pumped: bool) -> None:
    assert rules.is_pumped(PhoneUsage(sent, used)) is pumped


def test_a_phone_is_proven_for_180_days() -> None:
    assert rules.is_phone_proven(NOW, NOW)
    assert rules.is_phone_proven(NOW - timedelta(days=180) + timedelta(microseconds=1), NOW)
    assert not rules.is_phone_proven(NOW - timedelta(days=180), NOW)
    assert not rules.is_phone_proven(None, NOW)
