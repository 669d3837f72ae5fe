"""Everybody slows down together, and nobody sees an error."""

from collections.abc import Iterable

import pytest

from sandbox.company import Company
from tests.scenario import LONG
from tests.scenario.conftest import IN_TEAMS, ON_BOTH, MakeStage
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually

CROWD = 24


@pytest.fixture
def crowded(make_stage: MakeStage) -> Stage:
    """A company large enough for a burst."""
    stage = make_stage(company=Company.found(people=CROWD))
    stage.opens_event()
    stage.starts_bot()
    return stage


def all_get_in(stage: Stage, racers: Iterable[Racer]) -> None:
    """Wait until everybody was told that they are in, and nothing else."""
    crowd = list(racers)
    eventually(
        lambda: all(racer.told == ["ready"] for racer in crowd),
        "everybody is in",
        otherwise=lambda: "\n".join(repr(racer) for racer in crowd if racer.told != ["ready"]),
    )
    assert stage.organizers_hear == []
    assert stage.public() == []
    shown = {one.kind for racer in crowd for one in racer.reads()}
    assert shown <= {"queued", "adding", "confirming", "ready"}


ASKS = {"slack": "users.info|users.list", "teams": "GET member"}  # who people are
SENDS = {"slack": "chat.postMessage", "teams": "POST activit|POST conversations"}
RESULTS = {"slack": "chat.postMessage", "teams": "POST activities"}  # messages of their own
ELSEWHERE = [("graph", ".*"), ("aws", ".*")]
STORMS = {
    "slack": {
        "everywhere": [("slack", f"{ASKS['slack']}|{SENDS['slack']}"), *ELSEWHERE],
        "the directory": [("graph", "GET /users"), ("graph", "GET /groups"), ("graph", "PATCH /groups")],
        "who people are": [("slack", ASKS["slack"])],
        "messages": [("slack", SENDS["slack"]), ("slack", "response_url")],
        "people in AWS": [("aws", "GetUserId|DescribeUser|ListUsers")],
        "memberships in AWS": [("aws", "CreateGroupMembership")],
        "assignments in AWS": [("aws", "ListAccountAssignments")],
    },
    "teams": {
        "everywhere": [("teams", f"{ASKS['teams']}|{SENDS['teams']}|PUT activity"), *ELSEWHERE],
        "who people are": [("teams", ASKS["teams"])],
        "messages": [("teams", SENDS["teams"]), ("teams", "PUT activity")],
    },
}
OUTAGES = [
    ("graph", "GET /users"),
    ("graph", "PATCH /groups"),
    ("graph", "GET /groups"),
    ("aws", "CreateGroupMembership"),
    ("aws", "ListAccountAssignments"),
]


@pytest.mark.parametrize(
    ("platform", "storm"),
    [(platform, storm) for platform in STORMS for storm in STORMS[platform] if LONG or storm == "everywhere"],
    indirect=["platform"],
    scope="module",
)
def test_throttling_in_the_middle_of_a_burst_is_waited_out(crowded: Stage, platform: str, storm: str) -> None:
    stage, racers, storms = crowded, crowded.people(CROWD), STORMS[platform][storm]
    for part, operation in storms:
        stage.befalls(part, operation, "throttle", times=3, retry_after=1.0)

    stage.all_say(racers, "join")

    with stage.time_flies(3):
        all_get_in(stage, racers)
    for part, _ in storms:
        assert stage.befallen(part), "the storm has been met"
        # Beside what was armed there is at most what was under way when the first was refused.
        assert stage.tally(part).throttled <= 3 * len(storms) + 3


@pytest.mark.skipif(not LONG, reason="a quarter of a minute each")
@ON_BOTH
@pytest.mark.parametrize("kind", ["status", "drop", "refuse"])
def test_an_outage_of_a_moment_is_nobodys_concern(crowded: Stage, platform: str, kind: str) -> None:
    stage, racers = crowded, crowded.people(8)
    outages = [*OUTAGES, (platform, ASKS[platform])]
    if kind != "drop":  # a message whose answer was lost has been posted, and comes again
        outages.append((platform, SENDS[platform]))
    for part, operation in outages:
        stage.befalls(part, operation, kind, status=503)

    stage.all_say(racers, "join")

    with stage.time_flies(3):
        all_get_in(stage, racers)
    assert all(stage.befallen(part) for part, _ in outages)


@ON_BOTH
def test_a_message_whose_answer_was_lost_comes_again_rather_than_never(crowded: Stage, platform: str) -> None:
    stage, racer = crowded, crowded.person("employee-001")
    stage.befalls(platform, RESULTS[platform], "drop")
    stage.kills = 1

    racer.says("join")

    racer.is_told("ready", "ready")


@IN_TEAMS
def test_while_bot_connector_is_away_nothing_is_lost(crowded: Stage) -> None:
    stage, racers = crowded, crowded.people(8)
    away = f"{ASKS['teams']}|{SENDS['teams']}|PUT activity"
    stage.befalls("teams", away, "refuse", times=None)
    stage.all_say(racers, "join")
    eventually(lambda: stage.calls("teams", "GET member") > 2, "the gate is held up")
    assert stage.members()["entra"] == []

    stage.calms("teams")

    with stage.time_flies(3):
        all_get_in(stage, racers)
    assert racers[0].says("status").kind == "ready"


def test_while_an_api_asks_for_patience_it_is_left_alone(crowded: Stage) -> None:
    stage, racers = crowded, crowded.people(8)
    stage.befalls("graph", ".*", "throttle", times=1, retry_after=30.0)
    stage.all_say(racers, "join")
    eventually(lambda: stage.calls("graph", ".*"), "it was asked, and has answered")
    asked = stage.calls("graph", ".*")
    more = stage.people(8, first=9)

    stage.all_say(more, "join")
    for racer in more:
        assert racer.says("status").kind == "queued"
    assert stage.calls("graph", ".*") == asked

    stage.clock.turn(seconds=31)
    all_get_in(stage, [])
    for racer in (*racers, *more):
        racer.becomes_ready()


def test_the_answer_never_waits_for_a_slow_system(crowded: Stage) -> None:
    stage = crowded
    stage.befalls("graph", ".*", "hang", seconds=60.0, times=None)  # longer than anybody waits for an answer
    racers = stage.people(4)

    stage.all_say(racers, "join")
    for racer in racers:
        assert racer.says("status").kind == "queued"
    stage.calms("graph")

    for racer in racers:
        racer.is_told("ready")
