"""Five hundred people join at once in a company of two thousand, and a storm comes over Graph."""

import pytest

from sandbox.company import RACERS_GROUP, Company
from tests.scenario.conftest import MakeStage
from tests.scenario.waiting import eventually

PEOPLE, JOINS, BEFORE = 2000, 500, 100


def test_a_burst_is_cheap_and_nobody_is_forgotten(
    make_stage: MakeStage, capsys: pytest.CaptureFixture[str]
) -> None:
    company = Company.found(people=PEOPLE)
    stage = make_stage(company=company, slack={"rate_scale": 20.0})
    racing, linked = company.group(RACERS_GROUP), company.store_group(RACERS_GROUP)
    accounts = {one.external_id: one for one in company.store_users.values()}
    # Every fifth of the joining, and so five in a hundred of the company, were members before.
    for number in range(1, JOINS + 1, JOINS // BEFORE):
        user = company.people[f"employee-{number:03d}"].entra
        assert user is not None
        racing.members[user.id] = 0.0
        linked.memberships[company.store_id()] = accounts[user.id].user_id
    stage.opens_event()
    stage.starts_bot(worker=False)
    racers = stage.people(JOINS)
    stage.all_say(racers, "join")

    with stage.time_flies(10):  # what takes the time is the pace of messages and of the identity store
        stage.starts_bot(door=False)
        eventually(lambda: stage.count_told("ready"), "the first are in")
        stage.befalls("graph", ".*", "throttle", times=5, retry_after=2.0)
        eventually(
            lambda: stage.count_told("ready") >= JOINS,
            "everybody is in",
            seconds=240,
            otherwise=lambda: f"{stage.count_told('ready')} of {JOINS} are in",
        )
    assert [racer for racer in racers if racer.told != ["ready"]] == []
    graph, store = stage.tally("graph"), stage.tally("aws")
    with capsys.disabled():
        print(  # noqa: T201 - the figures are what this is for
            f"\n{JOINS} joins: Graph {graph.answered / JOINS:.3f} a join and {graph.throttled} throttled,"
            f" AWS {store.answered / JOINS:.3f} a join and {store.throttled} throttled"
            f"\n  {graph.by_operation}\n  {store.by_operation}"
        )
    assert stage.befallen("graph"), "the storm has been met"
    assert graph.answered <= 0.15 * JOINS
    assert graph.throttled <= 0.05 * JOINS
    assert store.answered <= 1.3 * JOINS
    assert stage.organizers_hear == []
