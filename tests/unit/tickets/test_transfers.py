"""Until when a transfer can be accepted."""

from datetime import UTC, datetime, timedelta

import pytest

from boxoffice.ids import new_id
from boxoffice.tickets.errors import TransferExpired
from boxoffice.tickets.models import TransferRow
from boxoffice.tickets.rules import check_acceptable

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TRANSFER = TransferRow(new_id(), new_id(), "bola@example.com", None, "pending", expires_at=NOW, created_at=NOW)


def test_a_transfer_can_be_accepted_before_it_expires() -> None:
    check_acceptable(TRANSFER, NOW - timedelta(microseconds=1))


@pytest.mark.parametrize("late", [timedelta(0), timedelta(microseconds=1)])
def test_a_transfer_cannot_be_accepted_from_the_moment_on_when_it_expires(late: timedelta) -> None:
    with pytest.raises(TransferExpired):
        check_acceptable(TRANSFER, NOW + late)
