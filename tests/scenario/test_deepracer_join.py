"""Joining an event on a DeepRacer on AWS site: one account for each racer, whatever happens on the way."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.company import Company
from sandbox.racing import FACILITATORS, RACERS, PoolUser
from tests.scenario import LONG
from tests.scenario.conftest import ON_BOTH, MakeSite, MakeStage
from tests.scenario.logged import logged_lines
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually

LEASES = 61  # seconds: what the dead held is taken up when its lease is over
CROWD = 2000 if LONG else 60
GROUP_ADDS_PER_SECOND = 25.0  # Cognito's category UserUpdate, for the whole account and Region
MESSAGES_PER_MINUTE = 300  # of "several hundred" that Slack lets into one workspace
MADE_NO_OTHER_WAY = "AdminCreateUser|AdminAddUserToGroup"


def accounts_of(stage: Stage, racer: Racer) -> list[PoolUser]:
    """Return every account with the racer's mail address."""
    mail = racer.person.entra.mail if racer.person.entra else None
    return stage.world.do(
        lambda: [user for user in stage.company.racing.users.values() if user.email == mail]
    )


def only_account_of(stage: Stage, racer: Racer) -> PoolUser:
    (account,) = accounts_of(stage, racer)
    return account


def racing_site(stage: Stage) -> str:
    return stage.world.urls["racing"]


def test_a_racer_gets_the_link_of_the_site_when_the_account_works(make_site: MakeSite) -> None:
    stage = make_site()
    stage.starts_bot()
    racer = stage.person("employee-001")
    racer.says("join")
    racer.is_told("ready")
    assert racer.messages[0].links == (racing_site(stage),)
    account = only_account_of(stage, racer)
    assert (account.enabled, account.groups, account.status) == (True, {RACERS}, "FORCE_CHANGE_PASSWORD")
    assert stage.company.racing.mails == []


def test_with_identity_center_both_links_come_and_both_work(make_stage: MakeStage) -> None:
    stage = make_stage()
    file = stage.world.event_file(stage.folder)
    text = file.read_text(encoding="utf-8")
    grants = _grants_of(text)
    stage.opens_event(grants=[*grants, stage.world.racing_grant()])
    stage.starts_bot()
    racer = stage.person("employee-001")
    racer.says("join")
    racer.is_told("ready")
    assert racer.messages[0].links == (racing_site(stage), stage.access_url)
    assert racer.in_groups == {"entra", "identity store", "racing site"}


def test_who_leaves_is_disabled_and_out_of_the_group_and_comes_back_to_the_same_account(
    make_site: MakeSite,
) -> None:
    stage = make_site()
    stage.starts_bot()
    racer = stage.person("employee-001")
    racer.says("join")
    racer.becomes_ready()
    before = only_account_of(stage, racer).username

    racer.says("leave --yes")
    racer.comes_to("gone")
    account = only_account_of(stage, racer)
    assert (account.enabled, account.groups) == (False, set())

    racer.says("join")
    racer.becomes_ready()
    account = only_account_of(stage, racer)
    assert (account.username, account.enabled, account.groups) == (before, True, {RACERS})


def test_at_the_end_of_the_event_every_account_of_ours_is_disabled_and_none_deleted(
    make_site: MakeSite,
) -> None:
    stage = make_site()
    stage.starts_bot()
    racers = stage.people(3)
    stage.all_say(racers, "join")
    for racer in racers:
        racer.becomes_ready()
    stage.clock.turn(days=45)
    for racer in racers:
        racer.comes_to("over", "gone")
        account = only_account_of(stage, racer)
        assert (account.enabled, account.groups) == (False, set())


# --- killed in the middle


@pytest.mark.parametrize("operation", ["AdminCreateUser", "AdminAddUserToGroup", "AdminListGroupsForUser"])
@pytest.mark.parametrize("kind", ["late", "drop"])
def test_a_worker_that_dies_between_any_two_steps_leaves_no_second_account(
    make_site: MakeSite, operation: str, kind: str
) -> None:
    stage = make_site()
    stage.starts_bot(worker=False)
    worker = stage.starts_process("work")
    racer = stage.person("employee-001")
    stage.befalls("cognito", operation, kind, seconds=1.0)
    racer.says("join")
    eventually(lambda: stage.befallen("cognito"), "the request is on its way")
    worker.kill()
    stage.kills = 1
    stage.clock.turn(seconds=LEASES)
    stage.starts_bot(door=False)

    racer.becomes_ready()
    account = only_account_of(stage, racer)
    assert (account.enabled, account.groups) == (True, {RACERS})
    assert len(stage.company.racing.profiles) == len(stage.company.racing.users)


def test_who_leaves_after_a_death_in_the_middle_is_out(make_site: MakeSite) -> None:
    stage = make_site()
    stage.starts_bot(worker=False)
    worker = stage.starts_process("work")
    racer = stage.person("employee-001")
    stage.befalls("cognito", "AdminAddUserToGroup", "drop")
    racer.says("join")
    eventually(lambda: stage.befallen("cognito"), "the request is on its way")
    worker.kill()
    eventually(lambda: "racing site" in racer.in_groups, "the membership has landed")

    racer.says("leave --yes")
    stage.clock.turn(seconds=LEASES)
    stage.starts_bot(door=False)

    racer.is_told("gone")
    account = only_account_of(stage, racer)
    assert (account.enabled, account.groups) == (False, set())


# --- many, and throttled


def test_a_crowd_at_once_costs_four_requests_each_at_most(
    make_site: MakeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    company = Company.found(people=CROWD)
    company.racing.settings["usageQuotas"]["newUser"] = {  # what the event gives: then nobody need be told
        "newUserComputeMinutesLimit": 600,
        "newUserModelCountLimit": 5,
    }
    stage = make_site(company=company, slack={"rate_scale": 20.0})
    stage.starts_bot(worker=False)
    racers = stage.people(CROWD)
    for first in range(0, CROWD, 200):
        stage.all_say(racers[first : first + 200], "join")
    begun = stage.clock.now()

    def until(reached: Callable[[], int], what: str) -> float:
        eventually(lambda: reached() == CROWD, what, seconds=180.0 + CROWD, otherwise=lambda: str(reached()))
        return (stage.clock.now() - begun).total_seconds()

    stage.starts_bot(door=False)
    within = until(lambda: stage.world.do(lambda: len(company.racing.members(RACERS))), "all have access")
    told = until(lambda: stage.count_told("ready"), "all are told")
    tally = stage.tally("cognito")
    with capsys.disabled():
        print(  # noqa: T201 - the figures are what this is for
            f"\n{CROWD} accounts: all have access after {within:.0f} s, of which Cognito's limit on changes"
            f" of users takes {CROWD / GROUP_ADDS_PER_SECOND:.0f} s\n  all are told after {told:.0f} s,"
            f" of which Slack's limit on messages takes {60 * CROWD / MESSAGES_PER_MINUTE:.0f} s\n"
            f"  {tally.answered / CROWD:.2f} requests each, {tally.throttled} throttled:"
            f" {tally.by_operation}"
        )
    assert tally.answered <= 4 * CROWD, tally
    assert tally.by_operation["AdminCreateUser"] == tally.by_operation["AdminAddUserToGroup"] == CROWD
    mails = Counter(stage.world.do(lambda: [user.email for user in company.racing.users.values()]))
    assert {mails[str(racer.person.entra.mail)] for racer in racers if racer.person.entra} == {1}


def test_a_throttled_pool_slows_everybody_down_and_loses_nobody(make_site: MakeSite) -> None:
    stage = make_site()
    stage.befalls("cognito", MADE_NO_OTHER_WAY, "throttle", times=2)
    stage.befalls("cognito", "ListUsersInGroup|AdminGetUser", "status", status=500, times=2)
    stage.starts_bot()
    racers = stage.people(8)
    stage.all_say(racers, "join")
    with stage.time_flies(6):
        for racer in racers:
            racer.is_told("ready")
    assert stage.befallen("cognito")
    assert len({only_account_of(stage, racer).username for racer in racers}) == 8


def test_lists_that_lag_behind_keep_nobody_from_being_ready(make_site: MakeSite) -> None:
    stage = make_site(cognito={"visibility_seconds": 2.0})
    stage.starts_bot()
    racers = stage.people(6)
    stage.all_say(racers, "join")
    for racer in racers:
        racer.is_told("ready")
    assert stage.calls("cognito", "AdminCreateUser") == 6


# --- accounts of their own


def test_who_has_an_account_of_their_own_uses_it_and_keeps_it(make_site: MakeSite) -> None:
    stage = make_site()
    stage.starts_bot()
    racer = stage.person("employee-001")
    theirs = _own_account(stage, racer, FACILITATORS)
    racer.says("join")
    racer.becomes_ready()
    assert only_account_of(stage, racer) is theirs
    assert theirs.groups == {FACILITATORS, RACERS}

    racer.says("leave --yes")
    racer.comes_to("gone")
    assert (theirs.enabled, theirs.groups) == (True, {FACILITATORS})


@pytest.mark.parametrize("raced_before", [False, True])
def test_who_has_an_account_of_their_own_may_use_after_leaving_what_they_might_before(
    make_site: MakeSite, *, raced_before: bool
) -> None:
    stage = make_stage_with_account(make_site) if raced_before else make_site()
    if not raced_before:
        stage.starts_bot()
        _own_account(stage, stage.person("employee-001"))
    racer = stage.person("employee-001")
    profile = stage.company.racing.profiles[only_account_of(stage, racer).username]
    profile.minutes_allowed, profile.models_allowed = 77, -1
    quota = stage.event().quota
    for _ in range(2):
        racer.says("join")
        racer.becomes_ready()
        assert (profile.minutes_allowed, profile.models_allowed) == (quota.training_hours * 60, quota.models)
        racer.says("leave --yes")
        racer.comes_to("gone")
        eventually(
            lambda: (profile.minutes_allowed, profile.models_allowed) == (77, -1),
            "what they had before is theirs again",
            otherwise=lambda: repr(profile),
        )


def test_who_raced_before_the_bot_came_races_on_after_leaving(make_site: MakeSite) -> None:
    stage = make_stage_with_account(make_site)
    racer = stage.person("employee-001")
    theirs = only_account_of(stage, racer)
    racer.says("join")
    racer.becomes_ready()
    racer.says("leave --yes")
    racer.comes_to("gone")
    assert (theirs.enabled, theirs.groups) == (True, {RACERS})


def make_stage_with_account(make_site: MakeSite, group: str | None = RACERS) -> Stage:
    """Return a stage on which the first employee has an account already when the event opens."""
    company = Company.found(people=12)
    user = company.people["employee-001"].entra
    assert user is not None
    account = company.racing.enroll("earlybird000001", str(user.mail), group, company.clock.now())
    account.status = "CONFIRMED"
    stage = make_site(company=company)
    stage.starts_bot()
    return stage


def test_an_account_of_their_own_that_is_disabled_is_told_with_its_code(make_site: MakeSite) -> None:
    stage = make_site()
    stage.starts_bot()
    racer = stage.person("employee-001")
    theirs = _own_account(stage, racer)
    theirs.enabled = False
    racer.says("join")
    racer.comes_to("DR-241")
    assert theirs.groups == set()


def test_two_racers_of_the_same_alias_are_two(make_site: MakeSite) -> None:
    stage = make_site()
    stage.starts_bot()
    one, other = stage.people(2)
    stage.all_say([one, other], "join")
    for racer in (one, other):
        racer.becomes_ready()
    aliases = [
        stage.company.racing.profiles[only_account_of(stage, racer).username] for racer in (one, other)
    ]
    assert aliases[0].alias != aliases[1].alias
    for profile in aliases:  # at the first visit each chooses, and the site lets both choose the same
        profile.alias = "Lightning"

    one.says("leave --yes")
    one.comes_to("gone")
    assert only_account_of(stage, one).enabled is False
    assert (only_account_of(stage, other).enabled, other.in_groups) == (True, {"racing site"})


# --- a site that is broken


def test_a_group_that_is_gone_breaks_the_event_and_heals(make_site: MakeSite) -> None:
    stage = make_site()
    stage.world.do(lambda: stage.company.racing.groups.discard(RACERS))
    stage.starts_bot()
    racer = stage.person("employee-001")
    racer.says("join")
    racer.comes_to("broken")
    assert "organizers-broken" in stage.organizers_hear

    stage.world.do(lambda: stage.company.racing.groups.add(RACERS))
    stage.clock.turn(seconds=30)
    racer.becomes_ready()
    assert "organizers-healed" in stage.organizers_hear


def _own_account(stage: Stage, racer: Racer, *groups: str) -> PoolUser:
    """Let the racer have an account that somebody else made."""
    assert racer.person.entra is not None
    mail = str(racer.person.entra.mail)

    def make() -> PoolUser:
        account = stage.company.racing.enroll("theirown0000001", mail, None, stage.company.clock.now())
        account.groups, account.status = set(groups), "CONFIRMED"
        return account

    return stage.world.do(make)


def _grants_of(text: str) -> list[dict[str, Any]]:
    import tomllib

    return list(tomllib.loads(text)["event"]["grants"])


def first_password(racer: Racer) -> str:
    """Ask for a first password, and return it once it is shown where it was asked for."""
    assert "making your first sign-in" in racer.says("signin").text
    eventually(lambda: "Password" in racer.card.text, "the password comes", otherwise=lambda: repr(racer))
    shown = re.search(r"Password[*:`\s]*(\S{16})", racer.card.text)  # its signs are none of these
    assert shown is not None, racer.card.text
    return shown[1]


@ON_BOTH
def test_a_first_password_is_shown_to_its_owner_alone_and_kept_nowhere(make_site: MakeSite) -> None:
    stage = make_site()
    stage.starts_bot()
    racer = stage.person("employee-001")
    racer.says("join")
    racer.becomes_ready()

    with logged_lines() as logged:
        password = first_password(racer)

    assert only_account_of(stage, racer).password == password
    assert logged.lines
    assert not any(password in line for line in logged.lines)
    assert racer.told == ["ready"]
    assert stage.public() == []
    kept = b"".join(file.read_bytes() for file in stage.folder.glob("bot.db*"))
    assert password.encode() not in kept
    renewed = first_password(racer)
    assert only_account_of(stage, racer).password == renewed != password


@ON_BOTH
def test_a_password_of_the_racers_own_is_never_touched(make_site: MakeSite) -> None:
    stage = make_site()
    stage.starts_bot()
    racer = stage.person("employee-001")
    racer.says("join")
    racer.becomes_ready()
    account = only_account_of(stage, racer)

    def choose() -> None:
        account.status, account.password = "CONFIRMED", "her own"

    stage.world.do(choose)
    racer.says("signin")

    racer.sees("DR-243")
    assert only_account_of(stage, racer).password == "her own"


def test_a_chat_account_that_is_somebody_elses_now_is_shown_no_password(make_site: MakeSite) -> None:
    stage = make_site()
    stage.starts_bot()
    racer, other = stage.person("employee-001"), stage.person("employee-002")
    racer.says("join")
    racer.becomes_ready()

    stage.world.do(lambda: setattr(racer.person.slack, "email", other.person.slack.email))
    racer.says("signin")

    racer.sees("DR-231")
    assert "Password" not in racer.card.text
    assert stage.calls("cognito", "AdminSetUserPassword") == 0
    eventually(lambda: stage.organizers_hear == ["organizers-incident"], "organizers hear of it")


@ON_BOTH
def test_who_has_no_account_is_told_so(make_site: MakeSite) -> None:
    stage = make_site()
    stage.starts_bot()

    assert stage.person("employee-001").says("signin").kind == "DR-244"


def test_a_repeated_request_makes_no_second_password(make_site: MakeSite) -> None:
    stage = make_site()
    stage.starts_bot()
    racer = stage.person("employee-001")
    racer.says("join")
    racer.becomes_ready()
    answer = racer.line.say("signin")
    eventually(lambda: stage.calls("cognito", "AdminSetUserPassword") == 1, "a password is made")

    again = stage.plays(racer.line.moves.send(answer.sent.body, answer.sent.headers))  # type: ignore[attr-defined]

    assert again.status == 200
    eventually(stage.is_at_rest, "nothing is left to do")
    assert stage.calls("cognito", "AdminSetUserPassword") == 1
