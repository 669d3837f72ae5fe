"""Quotas on a racing site: what organizers say in chat is what the site lets people use."""

import pytest

from adapters.deepracer.invitations import OUT
from provisioning.deciding import QUOTA_PATIENCE
from sandbox.racing import RACERS, Profile
from tests.scenario.conftest import ON_BOTH, MakeSite
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.test_deepracer_join import make_stage_with_account, only_account_of
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


@pytest.mark.parametrize("group", [RACERS, None], ids=["a racer before", "in no group before"])
def test_nobody_is_forgotten_before_their_own_account_has_its_quota_back_but_for_a_day(
    make_site: MakeSite, group: str | None
) -> None:
    stage = make_stage_with_account(make_site, group)
    racer = joined(stage)
    may_use(stage, racer, 600, 5)
    stage.befalls("racing", "PATCH /profile", "status", status=502, times=1000)
    racer.says("leave --yes")
    racer.comes_to("gone")
    stage.clock.turn(minutes=50)
    eventually(lambda: "organizers-quota-not-back" in stage.organizers_hear, "the organizers know")
    assert racer.says("forget --yes").kind == "DR-109"

    stage.calms("racing")
    stage.clock.turn(minutes=10)
    may_use(stage, racer, -1, -1)
    stage.clock.turn(minutes=50)
    eventually(lambda: racer.says("forget --yes").kind == "forgotten", "the racer is forgotten")


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


def test_what_is_used_is_shown_to_racers_and_organizers_and_told_once_at_each_level(
    make_site: MakeSite,
) -> None:
    stage = make_site(fields={"quota": {"training_hours": 10, "models": 5, "price_per_hour": "0.90 USD"}})
    stage.starts_bot()
    assert stage.person("employee-002").says("usage").kind == "nowhere"
    racer = joined(stage)
    organizer = stage.person("organizer")

    profile_of(stage, racer).minutes_used = 500
    profile_of(stage, racer).minutes_queued = 45
    stage.clock.turn(minutes=6)
    eventually(lambda: racer.told[-1] == "used-80", "the racer is warned", otherwise=lambda: repr(racer))
    eventually(lambda: stage.organizers_hear == ["organizers-usage"], "the organizers hear of it")
    for words in ("usage", "status"):
        assert "8 h 20 min of 10 training hours used and 45 min reserved" in racer.says(words).text

    profile_of(stage, racer).minutes_used = 600
    listed = answered(organizer, "usage", "usage-listed")
    assert "9.00 USD" in listed
    assert "107 %" in listed
    stage.stop_bots()
    stage.starts_bot()
    stage.clock.turn(minutes=6)
    eventually(lambda: stage.organizers_hear == ["organizers-usage"] * 2, "the organizers hear of it")
    eventually(lambda: racer.told[-1] == "used-100", "the racer hears of it")
    assert racer.told == ["ready", "used-80", "used-100"]


def test_a_quota_changed_at_the_site_is_put_back(make_site: MakeSite) -> None:
    stage = make_site()
    stage.starts_bot()
    racer = joined(stage)
    profile_of(stage, racer).minutes_allowed = -1
    stage.clock.turn(minutes=6)
    may_use(stage, racer, 600, 5)
    eventually(lambda: stage.organizers_hear == ["organizers-quota-altered"], "the organizers hear of it")


def test_a_site_that_does_not_tell_what_is_used_is_told_of_with_its_code(make_site: MakeSite) -> None:
    stage = make_site()
    stage.starts_bot()
    joined(stage)
    stage.befalls("racing", "GET /profiles", "status", status=403, times=1000)
    organizer = stage.person("organizer")
    organizer.says("admin usage")
    organizer.sees("DR-423")
    stage.calms("racing")
    stage.clock.turn(minutes=1)
    organizer.sees("usage-listed")


@ON_BOTH
def test_models_are_shown_and_deleted_after_a_yes_for_racers_of_the_event_alone(
    make_site: MakeSite,
) -> None:
    stage = make_site()
    stage.starts_bot()
    racer, organizer = joined(stage), stage.person("organizer")
    account = only_account_of(stage, racer).username
    racing, now = stage.company.racing, stage.company.clock.now()
    mail = str(racer.person.entra.mail) if racer.person.entra else ""
    assert "no models" in answered(organizer, f"models {mail}", "models-shown")
    stage.world.do(lambda: [racing.add_model(account, name, now) for name in ("Lightning", "Thunder")])
    shown = answered(organizer, f"models {mail}", "models-shown")
    assert "Lightning" in shown
    assert "READY" in shown

    outsider = stage.company.people["employee-002"].entra
    assert outsider is not None
    answered(organizer, f"models delete {outsider.mail}", "DR-283")
    answered(organizer, f"models delete {mail}", "models-delete-asks")
    assert len(racing.models[account]) == 2
    organizer.presses("Yes, do it")
    organizer.sees("models-delete-done")
    eventually(lambda: "cleared" in stage.audit(), "the models are gone", otherwise=lambda: repr(organizer))
    assert account not in racing.models
    answered(organizer, f"models delete {mail}", "DR-266")


def test_a_worker_that_dies_while_it_tells_the_site_is_made_up_for(make_site: MakeSite) -> None:
    stage = make_site()
    stage.starts_bot(worker=False)
    worker = stage.starts_process("work")
    stage.befalls("racing", "PATCH /profile", "late", seconds=1.0)
    racer = stage.person("employee-001")
    racer.says("join")
    eventually(lambda: stage.befallen("racing"), "the site is being told")
    worker.kill()
    stage.clock.turn(seconds=61)
    stage.starts_bot(door=False)

    racer.becomes_ready()
    may_use(stage, racer, 600, 5)
    assert stage.audit().count("allotted") == 1


def test_through_the_api_alone_a_quota_of_nothing_lets_in_and_leaving_lets_out(make_site: MakeSite) -> None:
    stage = make_site(fields={"quota": {"training_hours": 0, "models": 0}})
    stage.settings["DEEPRACER_THROUGH_API"] = "true"
    stage.starts_bot()
    racer = stage.person("employee-001")

    racer.says("join")
    racer.becomes_ready()
    may_use(stage, racer, 0, 0)

    racer.says("leave --yes")
    racer.comes_to("gone")
    may_use(stage, racer, 0, OUT.models or 0)

    racer.says("join")
    racer.becomes_ready()
    may_use(stage, racer, 0, 0)
