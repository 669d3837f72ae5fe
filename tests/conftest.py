"""What every test may rely on: nothing of the machine it runs on reaches it."""

import os

import pytest
from hypothesis import settings

OURS = (
    "ACCESS_",
    "AWS_",
    "BOT_",
    "DEEPRACER_",
    "ENTRA_",
    "GRAPH_",
    "IDENTITY_",
    "MICROSOFT_",
    "SLACK_",
    "SSO_",
    "TEAMS_",
)


# The gate tries the same examples every time, so that it fails for what was changed; `make explore` tries new
# ones. Neither has a deadline: what a busy machine does to a test says nothing of it.
settings.register_profile("gate", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("gate")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own workspace and account are never what a test talks to."""
    for name in os.environ:
        if name.startswith(OURS):
            monkeypatch.delenv(name)
