"""How long a run may work on what it has leased."""

from datetime import UTC, datetime

from samcli.yamlhelper import yaml_parse

from boxoffice.payments import rules
from tests.helpers.support import ROOT

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_no_lease_ends_while_its_run_goes_on() -> None:
    """A run that finds a unit again, because its lease has ended, would try it twice."""
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]

    lease = (rules.lease_end(NOW) - NOW).total_seconds()
    assert resources["ReconcilePayments"]["Properties"]["Timeout"] < lease
    assert resources["SendRefunds"]["Properties"]["Timeout"] < lease
