"""Who the people of a workspace are: the judgment of one user, and the lookup of many over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.slack.people import Policy, SlackPeople, judge
from provisioning.access import Failed
from provisioning.directory import ChatPeople, MailClaim
from provisioning.errors import (
    BotUser,
    ChatUnavailable,
    CredentialRefused,
    Deactivated,
    EmailMissing,
    EmailUnconfirmed,
    EmailUnusable,
    ForeignWorkspace,
    Guest,
    Invited,
    ProvisioningError,
    Refusal,
    ScopeMissing,
    SiblingWorkspace,
    SingleChannelGuest,
    Stranger,
)
from provisioning.ids import ChatIdentity
from sandbox.company import ENTERPRISE_ID, FOREIGN_ENTERPRISE_ID, FOREIGN_TEAM_ID, SIBLING_TEAM_ID, TEAM_ID
from sandbox.slack import SCOPES
from sandbox.wire import Fault
from tests.unit.adapters.slack_workspace import Workspace, workspace

OURS = frozenset({TEAM_ID})
POLICY = Policy(OURS)
GRID = Policy(frozenset({TEAM_ID, ENTERPRISE_ID}))
ASKED = "U0ADA"


def good(**changes: Any) -> dict[str, Any]:
    user = {
        "id": ASKED,
        "team_id": TEAM_ID,
        "deleted": False,
        "is_bot": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_email_confirmed": True,
        "profile": {"email": "ada@acme.example", "team": TEAM_ID},
    }
    return user | changes


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in good().items() if name not in names}


def verdict_on(user: dict[str, Any], policy: Policy = POLICY) -> object:
    found = judge(user, policy, asked=ASKED)
    return found if isinstance(found, MailClaim) else type(found)


def org(team: str, enterprise: str, teams: list[str]) -> dict[str, Any]:
    return good(team_id=team, enterprise_user={"id": "W0ADA", "enterprise_id": enterprise, "teams": teams})


def test_an_employee_in_good_standing_is_vouched_for_with_their_mail() -> None:
    assert verdict_on(good()) == MailClaim("ada@acme.example")
    assert verdict_on(without("deleted")) == MailClaim("ada@acme.example")
    assert verdict_on(good(is_stranger=False, is_invited_user=False)) == MailClaim("ada@acme.example")


@pytest.mark.parametrize(
    ("user", "refusal"),
    [
        (good(deleted=True), Deactivated),
        (good(is_bot=True), BotUser),
        (good(is_invited_user=True), Invited),
        (good(team_id=FOREIGN_TEAM_ID), ForeignWorkspace),
        (good(is_stranger=True), Stranger),
        (good(is_restricted=True, is_ultra_restricted=True), SingleChannelGuest),
        (good(is_restricted=True), Guest),
        (good(profile={}), EmailMissing),
        (good(profile={"email": ""}), EmailMissing),
        (good(is_email_confirmed=False), EmailUnconfirmed),
        (without("is_email_confirmed"), EmailUnconfirmed),
        (good(is_email_confirmed="true"), EmailUnconfirmed),
    ],
)
def test_each_way_of_not_being_an_employee_has_its_own_refusal(
    user: dict[str, Any], refusal: type[Refusal]
) -> None:
    assert verdict_on(user) is refusal


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ({"deleted": True}, {"is_bot": True}),
        ({"is_bot": True}, {"is_invited_user": True}),
        ({"is_invited_user": True}, {"team_id": FOREIGN_TEAM_ID}),
        ({"team_id": FOREIGN_TEAM_ID}, {"is_stranger": True}),
        ({"is_stranger": True}, {"is_ultra_restricted": True}),
        ({"is_restricted": True}, {"profile": {}}),
        ({"profile": {}}, {"is_email_confirmed": False}),
        ({"is_email_confirmed": False}, {"profile": {"email": "a@b@c"}}),
    ],
)
def test_of_several_reasons_the_first_in_order_is_told(first: dict[str, Any], later: dict[str, Any]) -> None:
    assert verdict_on({**good(), **later, **first}) is verdict_on(good(**first))


def test_slackbot_is_a_bot_although_it_says_otherwise() -> None:
    assert isinstance(judge(good(id="USLACKBOT"), POLICY, asked="USLACKBOT"), BotUser)


@pytest.mark.parametrize(
    "mail",
    [
        "ada@acme.example@evil.example",
        "ada lovelace@acme.example",
        "ada@acme.example ",
        "ada@acme.example\n",
        "ada\x00@acme.example",
        "ada@аcme.example",  # noqa: RUF001 - the first letter of the domain is Cyrillic
        "ada@acme.example\u200b",
        "@acme.example",
        "ada@",
        "ada@.example",
        "ada",
        "a" * 250 + "@acme.example",
    ],
)
def test_an_address_that_could_pass_for_another_is_not_used(mail: str) -> None:
    assert verdict_on(good(profile={"email": mail})) is EmailUnusable


@pytest.mark.parametrize("mail", ["o'neil+racing@acme.example", "ADA@Acme.Example", "a_b-c@sub.acme.example"])
def test_usual_addresses_are_used_as_slack_shows_them(mail: str) -> None:
    assert verdict_on(good(profile={"email": mail})) == MailClaim(mail)


def test_a_workspace_of_single_sign_on_alone_may_trust_unconfirmed_addresses() -> None:
    trusting = Policy(OURS, trust_unconfirmed_mail=True)

    assert verdict_on(good(is_email_confirmed=False), trusting) == MailClaim("ada@acme.example")
    assert verdict_on(without("is_email_confirmed"), trusting) == MailClaim("ada@acme.example")
    assert verdict_on(good(is_email_confirmed=False, is_restricted=True), trusting) is Guest


@pytest.mark.parametrize(
    ("user", "policy", "outcome"),
    [
        (org(TEAM_ID, ENTERPRISE_ID, [TEAM_ID]), POLICY, MailClaim("ada@acme.example")),
        (
            org(SIBLING_TEAM_ID, ENTERPRISE_ID, [SIBLING_TEAM_ID, TEAM_ID]),
            GRID,
            MailClaim("ada@acme.example"),
        ),
        (org(SIBLING_TEAM_ID, ENTERPRISE_ID, [SIBLING_TEAM_ID]), GRID, SiblingWorkspace),
        (org(SIBLING_TEAM_ID, ENTERPRISE_ID, [SIBLING_TEAM_ID, TEAM_ID]), POLICY, SiblingWorkspace),
        (org(FOREIGN_TEAM_ID, FOREIGN_ENTERPRISE_ID, [FOREIGN_TEAM_ID]), GRID, ForeignWorkspace),
        (org(FOREIGN_TEAM_ID, FOREIGN_ENTERPRISE_ID, [FOREIGN_TEAM_ID]), POLICY, ForeignWorkspace),
        (org(FOREIGN_TEAM_ID, FOREIGN_ENTERPRISE_ID, [ENTERPRISE_ID]), GRID, ForeignWorkspace),
        (org(ENTERPRISE_ID, FOREIGN_ENTERPRISE_ID, []), GRID, ForeignWorkspace),
        (org(SIBLING_TEAM_ID, "", [SIBLING_TEAM_ID]), POLICY, ForeignWorkspace),
    ],
)
def test_on_enterprise_grid_siblings_are_in_only_when_the_organization_is_admitted(
    user: dict[str, Any], policy: Policy, outcome: object
) -> None:
    assert verdict_on(user, policy) == outcome


def test_a_sibling_is_known_by_the_organization_they_asked_from() -> None:
    user = org(SIBLING_TEAM_ID, ENTERPRISE_ID, [SIBLING_TEAM_ID])

    assert isinstance(judge(user, POLICY, asked=ASKED, home=ENTERPRISE_ID), SiblingWorkspace)
    assert isinstance(judge(user, POLICY, asked=ASKED, home=TEAM_ID), ForeignWorkspace)


@pytest.mark.parametrize(
    "user",
    [
        {},
        without("id"),
        good(id="U0EVE"),
        good(id=None),
        without("team_id"),
        good(team_id=None),
        good(team_id=""),
        good(team_id=[TEAM_ID]),
        without("is_restricted"),
        good(is_restricted=None),
        good(is_restricted="false"),
        good(is_restricted=0),
        good(deleted="no"),
        good(is_stranger=None),
        without("profile"),
        good(profile=[]),
        good(profile={"email": ["ada@acme.example"]}),
        good(team_id=SIBLING_TEAM_ID, enterprise_user=[]),
        good(team_id=SIBLING_TEAM_ID, enterprise_user={"enterprise_id": ENTERPRISE_ID}),
        good(team_id=SIBLING_TEAM_ID, enterprise_user={"enterprise_id": ENTERPRISE_ID, "teams": TEAM_ID}),
    ],
)
def test_what_cannot_be_judged_is_asked_again_and_never_allowed(user: dict[str, Any]) -> None:
    assert verdict_on(user, GRID) is ChatUnavailable


def test_the_mark_of_bots_may_be_left_out_of_somebody_with_a_confirmed_address() -> None:
    assert isinstance(verdict_on(without("is_bot"), GRID), MailClaim)
    assert verdict_on({**without("is_bot"), "is_email_confirmed": False}, GRID) is EmailUnconfirmed
    assert verdict_on({**without("is_bot"), "profile": {"bot_id": "B0BOT"}}, GRID) is EmailMissing


def test_the_mark_of_a_single_channel_guest_may_be_left_out_beside_that_of_guests() -> None:
    assert isinstance(verdict_on(without("is_ultra_restricted"), GRID), MailClaim)
    assert verdict_on({**without("is_ultra_restricted"), "is_restricted": True}, GRID) is Guest


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = [*good(), "is_stranger", "is_invited_user", "enterprise_user"]
AGAINST = {"deleted", "is_bot", "is_invited_user", "is_stranger", "is_restricted", "is_ultra_restricted"}


@settings(max_examples=400)
@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), JSON, max_size=10))
def test_random_answers_are_never_taken_for_an_employee(user: dict[str, Any]) -> None:
    assert not isinstance(judge(user, GRID, asked=ASKED), MailClaim)


@settings(max_examples=600)
@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4), st.sets(st.sampled_from(NAMES), max_size=3))
def test_no_change_and_no_omission_lets_somebody_in_against_a_flag(
    changes: dict[str, Any], omitted: set[str]
) -> None:
    user = {name: value for name, value in (good() | changes).items() if name not in omitted}

    verdict = judge(user, GRID, asked=ASKED)

    if isinstance(verdict, MailClaim):
        assert user["id"] == ASKED
        assert user["team_id"] == TEAM_ID
        assert user["is_email_confirmed"] is True
        assert all(user.get(name, False) is False for name in AGAINST)
        assert verdict.mail == user["profile"]["email"]


# --- over HTTP ---


@pytest.fixture
def acme() -> Iterator[Workspace]:
    with workspace(people=3) as found:
        yield found


def kinds(answer: Any) -> dict[str, object]:
    return {
        chat.user: type(found.error) if isinstance(found, Failed) else found for chat, found in answer.items()
    }


def test_every_special_person_of_the_company_meets_their_own_refusal(acme: Workspace) -> None:
    people: ChatPeople = SlackPeople(acme.client, OURS)
    expected: dict[str, object] = {
        "guest": Guest,
        "single-channel-guest": SingleChannelGuest,
        "stranger": Stranger,
        "foreigner": ForeignWorkspace,
        "sibling": SiblingWorkspace,
        "bot": BotUser,
        "deactivated": Deactivated,
        "invited": Invited,
        "unconfirmed": EmailUnconfirmed,
        "no-mail": EmailMissing,
        "homoglyph": EmailUnusable,
        "employee": MailClaim("employee.001@acme.example", "en-US"),
        "look-alike": MailClaim("eve@evil-acme.example", "en-US"),  # its domain is the event's to refuse
    }

    answer = kinds(people.vouch([acme.chat(key) for key in expected]))

    assert answer == {acme.chat(key).user: outcome for key, outcome in expected.items()}


def test_somebody_slack_does_not_know_is_a_stranger(acme: Workspace) -> None:
    nobody = ChatIdentity("slack", TEAM_ID, "U0NOBODY")

    assert kinds(SlackPeople(acme.client, OURS).vouch([nobody])) == {"U0NOBODY": Stranger}


def test_a_change_in_slack_counts_at_the_next_asking(acme: Workspace) -> None:
    people, ada = SlackPeople(acme.client, OURS), acme.chat("employee")
    assert isinstance(people.vouch([ada])[ada], MailClaim)

    acme.company.people["employee"].slack.deleted = True

    assert kinds(people.vouch([ada])) == {ada.user: Deactivated}


def test_without_the_scope_for_mail_the_operator_is_told_and_not_the_asker() -> None:
    with workspace(scopes=SCOPES - {"users:read.email"}) as acme:
        ada = acme.chat("employee")
        found = SlackPeople(acme.client, OURS).vouch([ada])[ada]

    assert isinstance(found, Failed)
    assert isinstance(found.error, ScopeMissing)
    assert found.error.facts["needed"] == "users:read.email"


def test_a_refused_token_ends_the_round_at_once_for_everybody() -> None:
    with workspace(token="xoxb-wrong") as acme:
        chats = [acme.chat(f"employee-00{number}") for number in (1, 2, 3)]
        answer = SlackPeople(acme.client, OURS).vouch(chats)
        calls = acme.slack.log.count("users.info")

    assert set(kinds(answer).values()) == {CredentialRefused}
    assert calls == 1


def test_an_outage_part_way_keeps_the_answers_that_came(acme: Workspace) -> None:
    chats = [acme.chat(f"employee-00{number}") for number in (1, 2, 3)]
    people = SlackPeople(acme.client, OURS)
    people.vouch(chats[:1])
    acme.slack.faults.arm(Fault("users.info", "status", status=503, times=None))
    assert set(kinds(people.vouch(chats)).values()) == {ChatUnavailable}

    acme.slack.faults.disarm()
    acme.slack.faults.arm(Fault("users.info", "late", times=1))  # the first is answered, the next ones not
    acme.slack.faults.arm(Fault("users.info", "status", status=503, times=None))
    answer = kinds(people.vouch(chats))

    assert isinstance(answer[chats[0].user], MailClaim)
    assert [answer[chat.user] for chat in chats[1:]] == [ChatUnavailable, ChatUnavailable]


def test_a_throttled_lookup_waits_as_slack_asks_when_there_is_time(acme: Workspace) -> None:
    ada = acme.chat("employee")
    acme.slack.faults.arm(Fault("users.info", "throttle", retry_after=6))

    assert isinstance(SlackPeople(acme.client, OURS).vouch([ada])[ada], MailClaim)
    assert sum(acme.time.slept) == pytest.approx(6)


def test_a_throttled_lookup_is_handed_back_when_there_is_not(acme: Workspace) -> None:
    ada = acme.chat("employee")
    acme.slack.faults.arm(Fault("users.info", "throttle", retry_after=90))

    found = SlackPeople(acme.client, OURS).vouch([ada])[ada]

    assert isinstance(found, Failed)
    assert isinstance(found.error, ChatUnavailable)
    assert found.error.retry_after == 90


def test_a_stampede_is_read_from_the_workspace_and_not_asked_one_by_one() -> None:
    with workspace(people=400) as acme:
        chats = [acme.chat(f"employee-{number:03d}") for number in range(1, 301)]
        answer = SlackPeople(acme.client, OURS).vouch([*chats, ChatIdentity("slack", TEAM_ID, "U0NOBODY")])

        assert all(isinstance(answer[chat], MailClaim) for chat in chats)
        assert kinds(answer)["U0NOBODY"] is Stranger
        assert acme.slack.log.count("users.list") == 1
        assert acme.slack.log.count("users.info") == 1
        assert acme.slack.log.count("", status=429) == 0


def test_those_met_while_reading_through_are_judged_like_any_other() -> None:
    with workspace(people=60) as acme:
        for number in range(1, 31):
            acme.company.people[f"employee-{number:03d}"].slack.is_restricted = True
        chats = [acme.chat(f"employee-{number:03d}") for number in range(1, 61)]
        answer = SlackPeople(acme.client, OURS).vouch(chats)

        assert [kinds(answer)[chat.user] for chat in chats[:30]] == [Guest] * 30
        assert all(isinstance(answer[chat], MailClaim) for chat in chats[30:])


def test_a_workspace_too_large_to_read_through_is_asked_one_by_one_from_then_on() -> None:
    with workspace(people=2_500) as acme:
        people = SlackPeople(acme.client, OURS)
        chats = [acme.chat(f"employee-{number:03d}") for number in range(1, 13)]
        # The first employees are on the last of three pages; twelve people are worth one page.
        assert all(isinstance(found, MailClaim) for found in people.vouch(chats).values())
        pages = acme.slack.log.count("users.list")
        assert all(isinstance(found, MailClaim) for found in people.vouch(chats).values())

        assert pages >= 1
        assert acme.slack.log.count("users.list") == pages
        assert acme.slack.log.count("users.info") == 24


def test_a_page_size_that_slack_does_not_take_is_made_smaller() -> None:
    with workspace(people=250) as acme:
        refused = '{"ok": false, "error": "limit_required"}'
        acme.slack.faults.arm(Fault("users.list", "status", status=200, body=refused))
        chats = [acme.chat(f"employee-{number:03d}") for number in range(1, 101)]
        answer = SlackPeople(acme.client, OURS).vouch(chats)

        assert all(isinstance(found, MailClaim) for found in answer.values())
        assert acme.slack.log.count("users.list") >= 3
        assert acme.slack.log.count("users.info") == 0


def test_when_reading_through_fails_people_are_looked_up_as_far_as_the_time_goes() -> None:
    with workspace(people=60) as acme:
        acme.slack.faults.arm(Fault("users.list", "status", status=503, times=None))
        chats = [acme.chat(f"employee-{number:03d}") for number in range(1, 61)]
        answer = SlackPeople(acme.client, OURS, patience_seconds=10).vouch(chats)

        claims = [found for found in answer.values() if isinstance(found, MailClaim)]
        assert 20 <= len(claims) < 60
        left: list[ProvisioningError] = [
            found.error for found in answer.values() if isinstance(found, Failed)
        ]
        assert {type(error) for error in left} == {ChatUnavailable}


def test_one_person_under_two_tenants_is_looked_up_once_and_answered_twice(acme: Workspace) -> None:
    ada = acme.chat("employee")
    again = ChatIdentity("slack", ENTERPRISE_ID, ada.user)

    answer = SlackPeople(acme.client, OURS).vouch([ada, again])

    assert answer[ada] == answer[again]
    assert acme.slack.log.count("users.info") == 1
