"""What the bot asks chat platforms when it starts, against the simulated Slack."""

import pytest

from bot.chats import own_workspace
from provisioning.errors import ChatUnavailable, CredentialRefused
from sandbox.wire import Fault
from tests.unit.adapters.slack_workspace import workspace


def test_a_start_outlasts_a_slack_that_throttles_or_fails_for_a_moment() -> None:
    with workspace() as acme:
        acme.slack.faults.arm(Fault("auth.test", "throttle", retry_after=20))
        acme.slack.faults.arm(Fault("auth.test", "status", status=503))
        (team,) = own_workspace(acme.client)
        assert team.startswith("T")
        assert 20 <= sum(acme.time.slept) < 60


def test_a_start_ends_when_slack_does_not_come_back_or_refuses_the_token() -> None:
    with workspace() as acme:
        acme.slack.faults.arm(Fault("auth.test", "status", status=503, times=None))
        with pytest.raises(ChatUnavailable):
            own_workspace(acme.client)
        assert sum(acme.time.slept) <= 60
    with workspace(token="xoxb-somebody-elses") as acme, pytest.raises(CredentialRefused):
        own_workspace(acme.client)
    assert acme.time.slept == []
