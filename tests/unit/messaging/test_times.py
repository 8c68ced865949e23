"""The times of the template and of the code fit together."""

import pytest
from samcli.yamlhelper import yaml_parse

from boxoffice.messaging import ses
from boxoffice.messaging.rules import LEASE, SECONDS_TO_SEND


@pytest.fixture
def resources(root):
    return yaml_parse((root / "template.yaml").read_text())["Resources"]


def test_no_lease_ends_while_its_worker_runs(resources):
    assert resources["SendEmail"]["Properties"]["Timeout"] < LEASE.total_seconds()


def test_the_leases_of_a_dead_worker_have_ended_when_the_queue_delivers_again(resources):
    time_out = resources["SendEmail"]["Properties"]["Timeout"]
    assert time_out + LEASE.total_seconds() < resources["EmailQueue"]["Properties"]["VisibilityTimeout"]


def test_ses_answers_or_times_out_in_the_time_for_one_message(aws_url):
    config = ses._client().meta.config
    assert config.retries["total_max_attempts"] == 1
    assert config.connect_timeout + config.read_timeout < SECONDS_TO_SEND
