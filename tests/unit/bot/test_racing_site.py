"""How the settings reach racing sites: by which way, as whom, and not before somebody needs them."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.deepracer.access import RacerAccounts
from adapters.deepracer.invitations import InvitedRacers
from adapters.sqlite import open_store
from adapters.sqlite.store import UtcClock
from bot.addresses import mails_in
from bot.racing_access import RacingAccess
from bot.racing_site import RacingSites
from bot.setting_groups import DeepRacerSettings
from provisioning.access import Failed, Present
from provisioning.directory import DirectoryUser
from provisioning.errors import DirectoryUnavailable, Unexpected
from provisioning.events import DeepRacerOnAws, Quota
from provisioning.ids import PersonId, RegistrationKey
from provisioning.registrations import Person, Progress, Step
from provisioning.usage import Usage
from sandbox.company import Company
from sandbox.world import World
from tests.unit.provisioning.spring_cup import NOON, ada, spring_cup

MakeSites = Callable[..., RacingSites]


class FewPeople:
    """A directory of three: one with mail, one with a principal name alone, one that cannot be read."""

    def find(self, mails: Collection[str]) -> Mapping[str, tuple[DirectoryUser, ...] | Failed]:
        raise NotImplementedError

    def get(self, ids: Collection[PersonId]) -> Mapping[PersonId, DirectoryUser | Failed | None]:
        known: dict[str, DirectoryUser | Failed] = {
            "ada": DirectoryUser(PersonId("ada"), "ada@corp", "Ada", True, "Member", mail="ada@acme.example"),
            "bob": DirectoryUser(PersonId("bob"), "bob@acme.example", "Bob", True, "Member"),
            "cy": Failed(DirectoryUnavailable()),
        }
        return {one: known.get(one) for one in ids}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with World(Company.found(people=1), parts={"cognito", "racing"}) as opened:
        for name, value in opened.environment().items():
            monkeypatch.setenv(name, value)
        yield opened


@pytest.fixture
def made(tmp_path: Path) -> Iterator[MakeSites]:
    """Make racing sites from settings; they are closed in the end."""
    with ExitStack() as stack:
        store = stack.enter_context(closing(open_store(f"sqlite:///{tmp_path}/bot.db")))

        def make(**settings: str) -> RacingSites:
            given = DeepRacerSettings.model_validate(settings)
            sites = RacingSites(given, FewPeople(), brakes=store.brakes, clock=UtcClock())
            stack.callback(sites.close)
            return sites

        yield make


def test_mail_goes_to_the_address_or_else_to_the_principal_name() -> None:
    ada, bob, cy, nobody = (PersonId(one) for one in ("ada", "bob", "cy", "nobody"))
    found = mails_in(FewPeople())([ada, bob, cy, nobody])
    assert (found[ada], found[bob], found[nobody]) == ("ada@acme.example", "bob@acme.example", None)
    assert isinstance(found[cy], Failed)


def test_accounts_are_made_in_the_pool_unless_the_settings_say_through_the_api(made: MakeSites) -> None:
    usual, through_api = made(), made(DEEPRACER_THROUGH_API="true")
    assert isinstance(usual.access, RacerAccounts)
    assert isinstance(through_api.access, InvitedRacers)
    assert (usual.invites, through_api.invites) == (False, True)


def test_without_a_user_of_its_own_there_is_no_api(world: World, made: MakeSites) -> None:
    with pytest.raises(Unexpected) as caught:
        made().client_of(world.urls["racing"])
    assert "DEEPRACER_ADMIN_USER" in caught.value.facts["reason"]


def test_the_real_clients_reach_pool_and_api_by_what_the_site_tells(world: World, made: MakeSites) -> None:
    grant = DeepRacerOnAws(world.urls["racing"])
    settings = {name: value for name, value in world.environment().items() if name.startswith("DEEPRACER_")}
    ada = Person(PersonId("ada"), "ada@corp", "Ada")
    sites = made(**settings)
    sites.access.check(grant)
    outcome = sites.access.add(grant, [ada])[ada.id]
    assert isinstance(outcome, Present)
    assert outcome.subject in {one.id for one in sites.platform.profiles(grant)}
    assert sites.first_sign_in.renew(grant, ada).sign_in_as == "ada@acme.example"
    assert sites.client_of(grant.site_url) is sites.client_of(grant.site_url)


def test_what_racers_have_used_is_read_from_the_site(world: World, made: MakeSites, tmp_path: Path) -> None:
    grant = DeepRacerOnAws(world.urls["racing"])
    settings = {name: value for name, value in world.environment().items() if name.startswith("DEEPRACER_")}
    sites = made(**settings)
    outcome = sites.access.add(grant, [Person(PersonId("ada"), "ada@corp", "Ada")])[PersonId("ada")]
    assert isinstance(outcome, Present)
    profile = world.company.racing.profiles[str(outcome.subject)]
    profile.minutes_used, profile.minutes_queued, profile.models_counted = 100, 21, 2
    cup = spring_cup(grant, version=0)
    key = RegistrationKey(cup.id, PersonId("ada"))
    at_site = {grant.target: Progress(Step.CONFIRMED, NOON, outcome.subject)}

    with closing(open_store(f"sqlite:///{tmp_path}/usage.db")) as store:
        store.run(lambda rows: rows.events.save(cup)).result()
        store.run(lambda rows: rows.registrations.save(ada(key=key, progress=at_site))).result()

        assert Usage(store, lambda: sites.api, UtcClock()).of(cup) == {PersonId("ada"): Quota(3, 2)}
        assert Usage(store, lambda: made().api, UtcClock()).of(cup) == {}
        assert Usage(store, lambda: sites.api, UtcClock()).of(spring_cup()) == {}


def test_a_site_that_was_deployed_anew_behind_the_same_api_is_signed_in_to_anew(
    world: World, made: MakeSites
) -> None:
    sites, url = made(DEEPRACER_ADMIN_USER="bot", DEEPRACER_ADMIN_PASSWORD="lasting"), world.urls["racing"]
    before, site = sites.client_of(url), sites.sites.of(url)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sites.sites, "of", lambda _: replace(site, user_pool_id="us-east-1_Another01"))
        assert sites.client_of(url) is not before
    assert sites.client_of(url) is before


def test_nothing_is_reached_before_somebody_asks_and_then_once(made: MakeSites) -> None:
    reached: list[RacingSites] = []

    def reach() -> RacingSites:
        reached.append(made())
        return reached[-1]

    access = RacingAccess(reach)
    access.close()
    assert reached == []
    assert access.sites is access.sites
    assert len(reached) == 1
