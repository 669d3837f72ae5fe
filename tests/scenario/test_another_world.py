"""The bot in a world that keeps to the contracts, and is not ours."""

from sandbox.company import Company
from tests.scenario.another_world import accent
from tests.scenario.conftest import ON_BOTH, MakeStage
from tests.scenario.stage import Stage
from tests.scenario.test_organizers import answered, mention
from tests.scenario.waiting import eventually

pytestmark = ON_BOTH
CROWD = 24


def elsewhere(make_stage: MakeStage) -> Stage:
    company = Company.found(people=CROWD)
    stage = make_stage(company=company, accent=accent(company.clock))
    stage.opens_event()
    return stage


def test_a_crowd_gets_in_and_leaves_again_under_throttling(make_stage: MakeStage) -> None:
    stage = elsewhere(make_stage)
    stage.starts_bot()
    for part, operation in [("graph", "(GET|PATCH|POST) /(users|groups)"), ("aws", "CreateGroupMembership")]:
        stage.befalls(part, operation, "throttle", times=2, retry_after=1)
    racers = stage.people(CROWD - 2)

    stage.all_say(racers, "join")

    eventually(
        lambda: all(racer.told == ["ready"] for racer in racers),
        "everybody is in",
        otherwise=lambda: "\n".join(repr(racer) for racer in racers if racer.told != ["ready"]),
    )
    racers[0].says("leave --yes")
    racers[0].comes_to("gone")


def test_organizers_run_the_event(make_stage: MakeStage) -> None:
    stage = elsewhere(make_stage)
    stage.starts_bot()
    racer, organizer = stage.people(1)[0], stage.person("organizer")
    racer.says("join")
    racer.is_told("ready")

    answered(organizer, f"suspend {mention(racer)} fair play", "suspend-asks")
    organizer.presses("Yes, do it")

    racer.is_told("ready", "suspended")
    assert not racer.is_member
    assert racer.person.entra is not None
    assert f"{racer.person.entra.display_name}: suspended" in answered(organizer, "racers", "all")
