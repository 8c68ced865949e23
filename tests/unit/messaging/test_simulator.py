"""The local stack's mailbox simulator tells what SES tells, and our worker reads it."""

from typing import Any

import pytest

from boxoffice.ids import new_id
from boxoffice.messaging import feedback
from local.boxoffice import ROOT
from local.stack.aws import feedback_queues
from local.stack.sam import Template
from local.stack.simulator import events_of

MESSAGE = new_id()


def call(*addresses: str) -> dict[str, Any]:
    return {
        "Destination": {"ToAddresses": [*addresses]},
        "EmailTags": [{"Name": feedback.TAG, "Value": str(MESSAGE)}],
    }


@pytest.mark.parametrize(
    ("address", "outcome", "is_for_good"),
    [
        ("bounce@simulator.amazonses.com", "bounced", True),
        ("Bounce+label1@simulator.amazonses.com", "bounced", True),
        ("suppressionlist@simulator.amazonses.com", "bounced", True),
        ("complaint@simulator.amazonses.com", "complained", True),
    ],
)
def test_what_the_simulator_refuses(address: str, outcome: str, is_for_good: bool) -> None:
    (event,) = events_of(call(address), "1")
    told = feedback.read(event)
    assert told is not None
    assert (told.outcome, told.is_for_good) == (outcome, is_for_good)
    assert (told.message_id, told.addresses) == (MESSAGE, [address.lower()])


@pytest.mark.parametrize("address", ["success@simulator.amazonses.com", "bounce@example.com"])
def test_what_arrives(address: str) -> None:
    assert [*events_of(call(address), "1")] == []


def test_a_holiday_notice_is_no_bounce() -> None:
    (event,) = events_of(call("ooto@simulator.amazonses.com"), "1")
    assert feedback.read(event) is None


def test_the_events_go_where_the_template_leads_them() -> None:
    assert feedback_queues(Template(ROOT / "template.yaml")) == ["FeedbackQueue"]
