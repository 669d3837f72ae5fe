"""The organizers' channel hears of the kinds that were switched on, in batches."""

from tests.scenario.conftest import ON_BOTH
from tests.scenario.stage import Stage
from tests.scenario.test_organizers import answered
from tests.scenario.waiting import eventually

pytestmark = ON_BOTH


def test_joins_are_told_together_and_only_while_they_are_switched_on(stage: Stage) -> None:
    organizer = stage.person("organizer")
    assert "Joins, together every few minutes: off" in answered(organizer, "feed", "feed-shown")
    answered(organizer, "feed joins=on capacity=on refusals=maybe", "DR-265")
    said = answered(organizer, "feed joins=on refusals=on", "feed-set-done")
    assert "off → on" in said
    eventually(lambda: stage.notes("feed:spring-cup-2027"), "the numbers were noted")

    racers = stage.people(3)
    stage.all_say(racers, "join")
    for racer in racers:
        racer.becomes_ready()
    guest = stage.person("not-in-directory")
    guest.says("join")
    guest.comes_to("DR-221")
    assert stage.organizers_hear == []
    stage.clock.turn(minutes=6)

    eventually(
        lambda: sorted(stage.organizers_hear) == ["organizers-joins", "organizers-refusals"],
        "the channel hears once of all",
        otherwise=lambda: repr(stage.organizers_hear),
    )
    assert any("3 are racing now, 3 of them" in one.text for one in stage.organizers)
    assert any(f"{guest.told[-1]} × 1" in one.text for one in stage.organizers)

    answered(organizer, "undo", "any-undone")
    answered(organizer, "feed joins=off", "DR-266")
    assert stage.event().feed == ("stuck", "failures", "usage")
