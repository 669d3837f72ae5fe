"""A stage for every scenario; what people were told is checked when it closes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adapters.slack import door as slack_door
from adapters.teams import door as teams_door
from provisioning import working
from sandbox import chatting, slack_socket, slack_views
from sandbox.company import Company
from tests.scenario.stage import Stage

MakeStage = Callable[..., Stage]
MakeSite = Callable[..., Stage]
# A busy machine answers later than Slack would wait; still sooner than the bot gives a slow system up: a door
# that waited for one is found out.
PATIENCE_SECONDS = 7.0
ANSWER_SECONDS = 6.0
ON_BOTH = pytest.mark.parametrize("platform", ["slack", "teams"], indirect=True, scope="module")

IN_TEAMS = pytest.mark.parametrize("platform", ["teams"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def platform(request: pytest.FixtureRequest) -> str:
    """The chat platform on which people talk; a file of scenarios for both says so (`ON_BOTH`)."""
    return str(getattr(request, "param", "slack"))


@pytest.fixture
def make_stage(tmp_path: Path, platform: str) -> Iterator[MakeStage]:
    """Open a stage with a company or switches of one's own."""
    with ExitStack() as stack:

        def make(**switches: Any) -> Stage:
            return stack.enter_context(Stage(tmp_path, **{"platforms": (platform,), **switches}))

        yield make


@pytest.fixture
def make_site(make_stage: MakeStage) -> MakeSite:
    """Open a stage whose event gives an account on the racing site, after other grants or alone."""

    def make(*grants: dict[str, Any], fields: dict[str, Any] | None = None, **switches: Any) -> Stage:
        stage = make_stage(**switches)
        given = {"access_url": None, **(fields or {})}
        stage.opens_event(grants=[*grants, stage.world.racing_grant()], **given)
        return stage

    return make


@pytest.fixture(scope="module", autouse=True)
def _prompt_ends() -> Iterator[None]:
    """Let idle workers notice sooner that a scenario is over; it is what most of the time would go into."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(working, "IDLE_SECONDS", 0.2)
        yield


@pytest.fixture(scope="module", autouse=True)
def _patience() -> Iterator[None]:
    """Let people, and the doors that answer them, wait longer: how fast a machine is is not what is told."""
    with pytest.MonkeyPatch.context() as patched:
        for module in (chatting, slack_socket):
            patched.setattr(module, "ANSWER_SECONDS", PATIENCE_SECONDS)
        patched.setattr(slack_views, "TRIGGER_SECONDS", PATIENCE_SECONDS)
        for door in (slack_door, teams_door):
            patched.setattr(door, "DoorSettings", partial(door.DoorSettings, answer_seconds=ANSWER_SECONDS))
        yield


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, platform: str) -> Iterator[Stage]:
    """A stage for all scenarios of a file that do not disturb each other: each takes `someone` of its own."""
    company = Company.found(people=60)
    with Stage(tmp_path_factory.mktemp("town"), company=company, platforms=(platform,)) as stage:
        stage.opens_event()
        stage.starts_bot()
        yield stage


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A company of twelve employees, the Spring Cup open, and one bot with door and worker."""
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot()
    return stage
