"""What is said because its time has come, with the company's clock turned: once, and while it is true."""

from datetime import timedelta

import pytest

from tests.scenario.conftest import ON_BOTH, MakeStage
from tests.scenario.stage import Stage
from tests.scenario.test_organizers_races import posts, shows
from tests.scenario.waiting import eventually

pytestmark = ON_BOTH


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """The Spring Cup opens in an hour, closes in five days and ends in ten; the bot knows its channels."""
    stage = make_stage()
    now = stage.clock.now().replace(microsecond=0)
    stage.opens_event(
        opens=now + timedelta(hours=1), closes=now + timedelta(days=5), ends=now + timedelta(days=10)
    )
    stage.starts_bot()
    organizer = stage.person("organizer")
    organizer.says("admin event show")
    organizer.sees("announced")
    return stage


def test_joining_is_announced_reminded_of_and_closed_in_its_time(stage: Stage, platform: str) -> None:
    assert posts(stage, platform) == []
    stage.clock.turn(hours=1)
    (post,) = shows(stage, platform, "Spring Cup 2027 is open: you can join.")
    assert post.buttons == {"Join Spring Cup 2027": "join spring-cup-2027"}

    stage.clock.turn(days=4)
    shows(stage, platform, "Spring Cup 2027 is open: you can join.", "Joining Spring Cup 2027 closes soon.")

    stage.clock.turn(days=1)
    for post in shows(stage, platform, *["Joining Spring Cup 2027 has closed."] * 3):
        assert post.buttons == {}


def test_what_was_missed_while_nothing_ran_is_made_up_for_while_it_is_true(
    stage: Stage, platform: str
) -> None:
    eventually(lambda: stage.notes("announced:spring-cup-2027"), "the event was seen")
    stage.stop_bots()
    stage.clock.turn(hours=3)
    stage.starts_bot(door=False)
    shows(stage, platform, "Spring Cup 2027 is open: you can join.")

    stage.stop_bots()
    stage.clock.turn(days=8)
    stage.starts_bot(door=False)
    (post,) = shows(stage, platform, "Joining Spring Cup 2027 has closed.")
    assert post.edits == 1


def test_racers_are_reminded_once_each_and_organizers_told_how_many(stage: Stage) -> None:
    stage.clock.turn(hours=1)
    ada, grace = stage.people(2)
    for racer in (ada, grace):
        eventually(lambda racer=racer: racer.says("join").kind in {"queued", "ready"}, "it is open")  # type: ignore[misc]
        racer.becomes_ready()

    stage.clock.turn(days=7)
    for racer in (ada, grace):
        racer.comes_to("ends-soon")
    eventually(lambda: stage.organizers_hear == ["organizers-ending"], "organizers hear")
    assert "each in private: 2." in stage.organizers[-1].text

    stage.stop_bots()
    stage.starts_bot(door=False)
    stage.clock.turn(days=2)
    eventually(lambda: ada.told.count("ends-soon") == 2, "the last day is reminded of")
    eventually(lambda: grace.told.count("ends-soon") == 2, "the last day is reminded of")

    stage.clock.turn(days=1)
    for racer in (ada, grace):
        racer.comes_to("over")
        assert racer.told == ["ready", "ends-soon", "ends-soon", "over"]
    assert stage.organizers_hear[:2] == ["organizers-ending", "organizers-ending"]
    assert stage.organizers_hear.count("organizers-ending") == 2


def test_an_event_that_was_open_long_before_is_not_announced_as_news(
    make_stage: MakeStage, platform: str
) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot()

    eventually(lambda: stage.notes("announced:spring-cup-2027"), "the event was seen")

    assert posts(stage, platform) == []
