"""Quotas on a racing site: what organizers say in chat is what the site lets people use."""

import pytest

from provisioning.deciding import QUOTA_PATIENCE
from sandbox.racing import Profile
from tests.scenario.conftest import MakeSite
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.test_deepracer_join import only_account_of
from tests.scenario.test_organizers import answered
from tests.scenario.waiting import eventually


def profile_of(stage: Stage, racer: Racer) -> Profile:
    return stage.company.racing.profiles[only_account_of(stage, racer).username]


def may_use(stage: Stage, racer: Racer, minutes: int, models: int) -> None:
    """Wait until the site lets the racer use this."""
    eventually(
        lambda: (
            (profile_of(stage, racer).minutes_allowed, profile_of(stage, racer).models_allowed)
            == (minutes, models)
        ),
        f"the site allows {minutes} minutes and {models} models",
        otherwise=lambda: repr(profile_of(stage, racer)),
    )


def joined(stage: Stage, key: str = "employee-001") -> Racer:
    racer = stage.person(key)
    racer.says("join")
    racer.becomes_ready()
    return racer


def test_the_site_knows_the_quota_before_ready_is_said_and_follows_every_change_and_its_undo(
    make_site: MakeSite,
) -> None:
    stage = make_site()
    stage.starts_bot()
    racer = joined(stage)
    allowed = stage.event().quota
    before = (allowed.training_hours * 60, allowed.models)
    profile = profile_of(stage, racer)
    assert (profile.minutes_allowed, profile.models_allowed) == before

    organizer = stage.person("organizer")
    mail = str(racer.person.entra.mail) if racer.person.entra else ""
    answered(organizer, f"quota {mail} hours=+5 models=1", "quota-done")
    may_use(stage, racer, before[0] + 300, 1)
    answered(organizer, "undo", "any-undone")
    may_use(stage, racer, *before)


@pytest.mark.parametrize("status", [403, 502])
def test_a_site_that_takes_no_quota_keeps_nobody_out_for_long_and_is_told_later(
    make_site: MakeSite, status: int
) -> None:
    stage = make_site()
    stage.befalls("racing", "PATCH /profile", "status", status=status, times=1000)
    stage.starts_bot()
    racer = stage.person("employee-001")
    racer.says("join")
    eventually(lambda: "organizers-quota-untold" in stage.organizers_hear, "the organizers know")
    assert racer.told == []

    stage.clock.turn(seconds=QUOTA_PATIENCE.total_seconds())
    racer.becomes_ready()
    stage.calms("racing")
    stage.clock.turn(minutes=6)
    may_use(stage, racer, stage.event().quota.training_hours * 60, stage.event().quota.models)
