"""The main job over HTTP on the local stack: a crowd buys, pays, gets its tickets by email and goes in."""

import asyncio
from collections.abc import Iterator

import pytest

from local.boxoffice.demo.report import Report
from local.boxoffice.demo.stage import fresh
from local.boxoffice.demo.story import tell

BUYERS = 50


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    """Run a small demo. Its holds are long, so buyers who do not pay cancel."""
    with fresh(hold_minutes=15) as url:
        yield asyncio.run(tell(url, BUYERS))


def test_every_check_of_the_demo_holds(report: Report) -> None:
    assert [check for check in report.checks if not check.holds] == []
    assert {check.what for check in report.checks} >= {
        "nobody is refused while there is enough for them",
        "a double click makes one order",
        "every ticket admits",
        "no ticket admits twice",
        "of two who show the same ticket at once, one goes in",
        "a forged ticket is refused",
        "freed tickets are sold again",
        "sold exactly what there was",
    }


def test_some_were_refused_and_some_did_not_pay(report: Report) -> None:
    assert int(report.figures["refused: sold out"]) > 10
    assert int(report.figures["orders cancelled"]) > 0


def test_tickets_arrive_soon_after_the_payment(report: Report) -> None:
    assert float(report.figures["payment to email, median, s"]) < 2
