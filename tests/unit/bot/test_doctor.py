import json
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.sqlite import open_store
from bot import checks, doctor
from bot.applying import apply, plan, read_file
from bot.settings import Settings
from sandbox.company import Company
from sandbox.racing import ADMINS, FACILITATORS, RACERS, SERVICE_USER
from sandbox.world import World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(Company.found(people=3)) as opened:
        yield opened


@pytest.fixture
def environment(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    given = {**world.environment(), "BOT_STORE": f"sqlite:///{tmp_path}/bot.db"}
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        if name.startswith(("AWS_", "SSL_", "REQUESTS_")):  # what the libraries read for themselves
            monkeypatch.setenv(name, value)
    return given


@pytest.fixture
def applied(world: World, environment: dict[str, str], tmp_path: Path) -> Settings:
    """Return the settings of a bot whose event is applied."""
    settings = Settings.load(environment)
    with closing(open_store(settings.bot.store)) as store:
        apply(store, plan(store, read_file(world.event_file(tmp_path))), datetime.now(UTC))
    return settings


def states(found: list[checks.Check]) -> dict[str, str]:
    return {check.name: check.state for check in found}


def not_well(found: list[checks.Check]) -> dict[str, checks.Check]:
    """Return what is not well; each has its mend."""
    bad = {check.name: check for check in found if check.state != "ok"}
    assert all(check.mend for check in bad.values())
    return bad


def test_a_company_where_everything_is_set_up_has_no_failed_check(applied: Settings) -> None:
    examined = doctor.examine(applied)
    assert [check for check in examined if check.state == "failed"] == []
    found = states(examined)
    for name in ("store", "queue", "clock against Slack", "Slack token", "Slack scopes", "Graph permissions"):
        assert found[name] == "ok"
    assert found["spring-cup-2027: entra-group"] == "ok"
    assert found["spring-cup-2027: identity-center"] == "ok"
    assert found["spring-cup-2027: organizer_channel"] == "ok"


def test_before_the_first_start_the_store_is_not_made(environment: dict[str, str], tmp_path: Path) -> None:
    settings = Settings.load(environment)
    found = states(doctor.examine(settings))
    assert (found["store"], found["events"], found["Slack token"]) == ("warn", "warn", "ok")
    assert not (tmp_path / "bot.db").exists()


def test_the_event_file_is_looked_at_before_it_is_made_and_compared_afterwards(
    world: World, applied: Settings, tmp_path: Path
) -> None:
    differs = world.event_file(tmp_path, capacity=7)
    settings = replace(applied, bot=applied.bot.model_copy(update={"event_file": differs}))
    assert "capacity" in not_well(doctor.examine(settings))["spring-cup-2027: BOT_EVENT_FILE"].found
    elsewhere = applied.bot.model_copy(
        update={"event_file": differs, "store": f"sqlite:///{tmp_path}/new.db"}
    )
    assert states(doctor.examine(replace(applied, bot=elsewhere)))["spring-cup-2027: entra-group"] == "ok"


def test_a_missing_slack_scope_is_named(world: World, applied: Settings) -> None:
    world.do(lambda: world.slack.switches.scopes.remove("users:read.email"))
    try:
        check = not_well(doctor.examine(applied))["Slack scopes"]
    finally:
        world.do(lambda: world.slack.switches.scopes.add("users:read.email"))
    assert (check.state, check.found, check.code) == ("failed", "missing: users:read.email", "DR-407")


def test_scopes_that_slack_does_not_tell_are_not_called_missing(applied: Settings) -> None:
    class Silent:
        granted: frozenset[str] | None = None

        def call(self, method: str, **_: object) -> dict[str, Any]:
            return {"team_id": "T0ACME001", "user_id": "U1", "user": {"id": "U1"}}

    assert applied.slack is not None
    found = {check.name: check.state for check in checks.slack(Silent(), applied.slack)}
    assert found["Slack scopes"] == "warn"


def test_a_refused_token_is_failed_with_its_code(environment: dict[str, str]) -> None:
    settings = Settings.load({**environment, "SLACK_BOT_TOKEN": "xoxb-wrong"})
    check = not_well(doctor.examine(settings))["Slack"]
    assert (check.state, check.code) == ("failed", "DR-406")


def test_a_workspace_that_is_not_admitted_is_failed(environment: dict[str, str]) -> None:
    settings = Settings.load({**environment, "SLACK_TEAM_IDS": "T0OTHER99"})
    assert not_well(doctor.examine(settings))["Slack token"].state == "failed"


def test_a_wrong_client_secret_is_failed_and_never_shown(environment: dict[str, str]) -> None:
    settings = Settings.load({**environment, "ENTRA_CLIENT_SECRET": "not-the-secret"})
    found = doctor.examine(settings)
    assert not_well(found)["Entra"].code == "DR-406"
    assert "not-the-secret" not in repr(found)


def test_a_group_that_nobody_can_fill_is_failed(world: World, applied: Settings) -> None:
    group = world.company.group("DeepRacer racers")
    world.do(lambda: setattr(group, "group_types", ["DynamicMembership"]))
    try:
        check = not_well(doctor.examine(applied))["spring-cup-2027: entra-group"]
    finally:
        world.do(lambda: setattr(group, "group_types", []))
    assert (check.state, check.code) == ("failed", "DR-402")


def test_without_a_region_identity_center_is_failed_and_says_why(
    environment: dict[str, str], applied: Settings
) -> None:
    given = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    check = not_well(doctor.examine(Settings.load(given)))["spring-cup-2027: identity-center"]
    assert "AWS_REGION is not set" in check.found


def test_a_system_that_cannot_be_reached_is_a_failed_check_and_no_traceback(
    environment: dict[str, str],
) -> None:
    settings = Settings.load({**environment, "GRAPH_BASE_URL": "http://127.0.0.1:9/v1.0"})
    found = not_well(doctor.examine(settings))
    assert (found["Graph users"].state, found["Graph users"].code) == ("failed", "DR-301")
    assert found["clock against Graph"].state == "failed"


def test_a_bell_that_cannot_be_reached_is_failed(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    queue = "https://sqs.us-east-1.amazonaws.com/111122223333/bot"
    check = not_well(doctor.examine(Settings.load(environment | {"BOT_QUEUE": queue})))["bell"]
    assert (check.state, check.code) == ("failed", "DR-302")


def test_a_store_that_cannot_be_kept_there_ends_the_examination(environment: dict[str, str]) -> None:
    settings = Settings.load({**environment, "BOT_STORE": "sqlite:////nowhere/at/all/bot.db"})
    assert states(doctor.examine(settings)) == {"settings": "ok", "store": "failed"}


def test_the_exit_code_and_the_json_tell_a_program(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor.run(Settings.load(environment), as_json=True) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"name", "state", "found", "mend", "code"} == set(rows[0])
    assert doctor.run(Settings.load({**environment, "SLACK_BOT_TOKEN": "xoxb-wrong"}), as_json=False) == 1
    assert "Copy the credential again" in " ".join(capsys.readouterr().out.split())


def test_in_a_narrow_terminal_ids_of_an_event_stand_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody at night copies them from there; the event's own name is said once, above its checks."""
    monkeypatch.setenv("COLUMNS", "80")
    group = "group 3e036333-9b0a-4817-b91c-85fda0a59518 is there"
    doctor.show(
        [
            checks.Check("clock against Slack", "ok", "agrees within a minute"),
            checks.Check("spring-cup-2027: organizers", "ok", group),
            checks.Check("spring-cup-2027: identity-center", "failed", "gone", "Bring it back.", "DR-401"),
        ]
    )
    shown = capsys.readouterr().out
    assert "3e036333-9b0a-4817-b91c-85fda0a59518" in shown
    assert shown.count("spring-cup-2027") == 1
    assert max(map(len, shown.splitlines())) <= 80


def test_an_event_whose_organizers_hear_of_nothing_is_a_warning(
    environment: dict[str, str], world: World, tmp_path: Path
) -> None:
    settings = Settings.load(environment)
    with closing(open_store(settings.bot.store)) as store:
        file = world.event_file(tmp_path, organizer_channel=None)
        apply(store, plan(store, read_file(file)), datetime.now(UTC))
    assert not_well(doctor.examine(settings))["spring-cup-2027: organizer_channel"].state == "warn"


# --- the racing site ----------------------------------------------------------------------------------------


@pytest.fixture
def racing(world: World, environment: dict[str, str], tmp_path: Path) -> Iterator[Settings]:
    """Return the settings of a bot whose event gives accounts on the racing site; it is well again after."""
    settings = Settings.load(environment)
    file = world.event_file(tmp_path, grants=[world.racing_grant()], access_url=None)
    with closing(open_store(settings.bot.store)) as store:
        apply(store, plan(store, read_file(file)), datetime.now(UTC))
    yield settings
    world.do(lambda: setattr(world.racing, "firewall_admits", ("deepracer-bot",)))
    site = world.company.racing
    world.do(lambda: setattr(site.users[SERVICE_USER], "groups", {ADMINS}))
    world.do(lambda: setattr(site, "version", "v1.2.5"))


def on_site(settings: Settings) -> dict[str, checks.Check]:
    """Return what the doctor finds about the site, by the name without the event."""
    found = doctor.examine(settings)
    not_well(found)
    return {check.name.removeprefix("spring-cup-2027: "): check for check in found}


def test_a_racing_site_that_is_set_up_is_well(racing: Settings) -> None:
    found = on_site(racing)
    names = ("access_url", "deepracer-on-aws", "racing site", "racing site's API", "racing site's role")
    assert {name: found[name].state for name in (*names, "invitations")} == dict.fromkeys(
        (*names, "invitations"), "ok"
    )
    assert "1.2.5" in found["racing site"].found


def test_a_firewall_in_the_way_is_a_warning_with_its_mend_for_joining_does_not_pass_it(
    racing: Settings, world: World
) -> None:
    world.do(lambda: setattr(world.racing, "firewall_admits", ()))
    check = on_site(racing)["racing site's API"]
    assert (check.state, check.code) == ("warn", "DR-423")
    assert "web ACL" in check.mend


def test_a_site_that_is_too_old_is_a_failure(racing: Settings, world: World) -> None:
    world.do(lambda: setattr(world.company.racing, "version", "v1.1.0"))
    check = on_site(racing)["deepracer-on-aws"]
    assert (check.state, check.code) == ("failed", "DR-422")


@pytest.mark.parametrize("group", [FACILITATORS, RACERS])
def test_a_role_that_is_too_small_is_named(racing: Settings, world: World, group: str) -> None:
    user = world.company.racing.users[SERVICE_USER]
    world.do(lambda: setattr(user, "groups", {group}))
    check = on_site(racing)["racing site's role"]
    assert (check.state, group in check.found, ADMINS in check.mend) == ("warn", True, True)


def test_without_a_user_of_its_own_the_bot_still_gives_access(racing: Settings) -> None:
    without = racing.deepracer.model_copy(update={"admin_user": None, "admin_password": None})
    found = on_site(replace(racing, deepracer=without))
    assert (found["deepracer-on-aws"].state, found["racing site's API"].state) == ("ok", "warn")


def test_too_few_jobs_for_what_the_quota_promises_are_told(racing: Settings, world: World) -> None:
    check = on_site(racing)["training jobs"]
    assert (check.state, "8 at once" in check.found, "may train 20,000" in check.found) == (
        "warn",
        True,
        True,
    )
    world.do(lambda: setattr(world.company.racing, "jobs_at_once", 40))
    try:
        assert on_site(racing)["training jobs"].state == "ok"
    finally:
        world.do(lambda: setattr(world.company.racing, "jobs_at_once", 8))


def test_invitations_by_cognitos_own_mailer_are_too_few_for_a_large_event(
    racing: Settings, world: World
) -> None:
    inviting = replace(racing, deepracer=racing.deepracer.model_copy(update={"invitations": True}))
    check = on_site(inviting)["invitations"]
    assert (check.state, "50 a day" in check.found) == ("warn", True)
    world.do(lambda: setattr(world.company.racing, "sends_with_ses", True))
    assert on_site(inviting)["invitations"].state == "ok"


# --- mail ---------------------------------------------------------------------------------------------------


@pytest.fixture
def mailing(world: World, environment: dict[str, str], tmp_path: Path) -> Settings:
    """Return the settings of a bot whose event mails."""
    settings = Settings.load(environment)
    with closing(open_store(settings.bot.store)) as store:
        apply(store, plan(store, read_file(world.event_file(tmp_path, mails=True))), datetime.now(UTC))
    return settings


def test_mail_that_gets_out_is_well(mailing: Settings) -> None:
    found = states(doctor.examine(mailing))
    assert found["mail"] == "ok"
    assert not {"mail sender", "mail quota"} & found.keys()


def test_an_account_in_the_sandbox_of_ses_is_a_failure(mailing: Settings, world: World) -> None:
    world.do(lambda: setattr(world.ses, "in_production", False))
    try:
        check = not_well(doctor.examine(mailing))["mail"]
    finally:
        world.do(lambda: setattr(world.ses, "in_production", True))
    assert (check.state, "sandbox" in check.found) == ("failed", True)


def test_a_sender_that_is_not_verified_is_a_failure(mailing: Settings) -> None:
    settings = replace(mailing, mail=mailing.mail.model_copy(update={"sender": "racing@other.example"}))
    assert not_well(doctor.examine(settings))["mail sender"].state == "failed"


def test_an_event_that_mails_without_a_sender_is_told(mailing: Settings) -> None:
    settings = replace(mailing, mail=mailing.mail.model_copy(update={"sender": None}))
    assert "MAIL_FROM" in not_well(doctor.examine(settings))["mail"].found
