"""An Entra group as a grant: who is a member, who becomes one or ceases to be, what stands in the way."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.graph.client import GraphError
from adapters.graph.group import EntraGroupAccess, GroupPaths, Verdict, judge_add, unmanageable, was_absent
from adapters.graph.users import EntraDirectory
from provisioning.access import Absent, Failed, Outcome, Present
from provisioning.errors import (
    AccessUnavailable,
    DirectoryUnavailable,
    GroupMissing,
    GroupUnmanageable,
    Misconfigured,
    NotInDirectory,
    PermissionMissing,
    ProvisioningError,
    Unexpected,
)
from provisioning.events import EntraGroup
from provisioning.ids import GroupId, PersonId
from provisioning.registrations import Person
from sandbox.company import Company
from sandbox.wire import Fault
from tests.unit.adapters.graph_company import (
    GraphCompany,
    IssuedTokens,
    Told,
    client_of,
    graph_company,
    graph_error,
    scripted,
)

GROUP = "0c1a0000-0000-4000-8000-00000000c0de"
READS = "GET /groups/{id}/members"
BIND = "PATCH /groups/{id}"
DELETE = "DELETE /groups"


def grant_of(acme: GraphCompany, group_id: str | None = None) -> EntraGroup:
    return EntraGroup(GroupId(group_id or acme.racers.id))


def access_of(acme: GraphCompany) -> EntraGroupAccess:
    return EntraGroupAccess(acme.client, acme.allowed)


def join(acme: GraphCompany, people: Iterable[Person]) -> None:
    acme.racers.members.update(dict.fromkeys((one.id for one in people), acme.company.clock.now()))


def ghost(number: int = 0) -> Person:
    return Person(PersonId(f"{number:08d}-dead-4000-8000-000000000000"), "ghost@acme.example")


def errors(outcomes: Iterable[Outcome]) -> set[type[ProvisioningError]]:
    return {type(one.error) for one in outcomes if isinstance(one, Failed)}


# Answers that keep to the contract in another way than our simulator.


def test_whoever_a_filter_finds_may_come_on_a_later_page() -> None:
    people = [ghost(number) for number in range(3)]
    first: dict[str, Any] = {"value": []}
    with scripted([Told(body=first), Told(body={"value": [{"id": people[1].id.upper()}]})]) as (url, heard):
        first["@odata.nextLink"] = f"{url}/groups/{GROUP}/members?$skiptoken=2"
        with client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _):
            access = EntraGroupAccess(client, lambda: frozenset({GroupId(GROUP)}))
            found = access.presence(EntraGroup(GroupId(GROUP)), people)
    assert [type(found[one.id]) for one in people] == [Absent, Present, Absent]
    assert len(heard) == 2


@pytest.mark.parametrize("status", [400, 409])
def test_already_a_member_is_a_success_whatever_the_status(status: int) -> None:
    message = "One or more added object references already exist for the following modified properties"
    error = GraphError(status, "Request_BadRequest", message)
    assert judge_add(error, GROUP, [ghost().id]) is Verdict.MEMBER


# What is granted may be asked for; nothing else.


def test_no_group_outside_our_events_is_ever_asked_for_or_written_to() -> None:
    with graph_company() as acme:
        people = acme.employees(1, 2)
        access = EntraGroupAccess(acme.client, lambda: frozenset({GroupId("another")}))
        grant = grant_of(acme)
        for method in (access.presence, access.add, access.remove, access.confirm):
            assert errors(method(grant, people).values()) == {PermissionMissing}
        with pytest.raises(PermissionMissing):
            access.check(grant)
        assert acme.log.count() == 0


def test_the_ids_of_groups_compare_without_regard_to_case_and_cannot_leave_their_place_in_the_path() -> None:
    paths = GroupPaths(lambda: frozenset({GroupId("ABC"), GroupId("a/../b?x")}))
    assert paths.of(GroupId("abc"), "/members") == "/groups/abc/members"
    assert paths.of(GroupId("a/../b?x")) == "/groups/a%2F..%2Fb%3Fx"
    assert paths.member(GroupId("abc"), PersonId("p/1")) == "/groups/abc/members/p%2F1/$ref"


# Reading.


@pytest.mark.parametrize(("count", "requests"), [(1, 1), (15, 1), (16, 1), (60, 1)])
def test_members_are_told_from_others(count: int, requests: int) -> None:
    with graph_company() as acme:
        people = acme.employees(1, count)
        join(acme, people[::2])
        access = access_of(acme)
        for method in (access.presence, access.confirm):
            found = method(grant_of(acme), people)
            assert [found[one.id] for one in people[::2]] == [Present()] * len(people[::2])
            assert [found[one.id] for one in people[1::2]] == [Absent()] * len(people[1::2])
        assert acme.log.count(READS) == 2 * requests
        assert access.presence(grant_of(acme), []) == {}


def test_a_member_of_a_group_within_the_group_is_no_member() -> None:
    with graph_company() as acme:
        (inside,) = acme.employees(1, 1)
        inner = acme.company.add_group("Inner")
        inner.members[inside.id] = acme.company.clock.now()
        acme.racers.members[inner.id] = acme.company.clock.now()
        people = acme.employees(1, 20)
        assert access_of(acme).presence(grant_of(acme), people)[inside.id] == Absent()
        assert access_of(acme).presence(grant_of(acme), people[:1])[inside.id] == Absent()


def test_a_large_group_is_not_listed_for_the_sake_of_a_few() -> None:
    with graph_company(people=2100) as acme:
        join(acme, acme.employees(1, 2100))
        access = access_of(acme)
        found = access.presence(grant_of(acme), acme.employees(2081, 2100))
        assert set(found.values()) == {Present()}
        assert acme.log.count(READS) == 2 + 2  # two pages of three, then two filters
        access.presence(grant_of(acme), acme.employees(2081, 2100))
        assert acme.log.count(READS) == 4 + 2
        assert set(access.presence(grant_of(acme), acme.employees(2001, 2100)).values()) == {Present()}
        assert acme.log.count(READS) == 6 + 3


def test_when_graph_takes_one_id_in_a_filter_each_is_asked_for_itself() -> None:
    people = [ghost(number) for number in range(3)]
    page = {"value": [{"id": people[1].id.upper()}]}
    answers = [
        Told(400, graph_error("Request_UnsupportedQuery")),
        *[Told(body=page)] * 3,
        *[Told(body=page)] * 2,
    ]
    with (
        scripted(answers) as (url, heard),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
    ):
        access = EntraGroupAccess(client, lambda: frozenset({GroupId(GROUP)}))
        found = access.presence(EntraGroup(GroupId(GROUP)), people)
        assert list(found.values()) == [Absent(), Present(), Absent()]
    assert f"id%20eq%20%27{people[0].id}%27" in heard[1].path
    assert all(one.headers["ConsistencyLevel"] == "eventual" and "$count=true" in one.path for one in heard)


def test_nothing_is_known_of_members_while_graph_is_out_of_reach_or_the_group_is_gone() -> None:
    with graph_company() as acme:
        people = acme.employees(1, 3)
        acme.faults.arm(Fault(READS, "status", status=503))
        assert errors(access_of(acme).presence(grant_of(acme), people).values()) == {DirectoryUnavailable}
        acme.brakes.held.clear()
        gone = grant_of(acme)
        access = EntraGroupAccess(acme.client, lambda: frozenset({gone.group_id}))
        acme.company.entra_groups.pop(gone.group_id)
        for method in (access.presence, access.add, access.remove):
            for outcome in method(gone, people).values():
                assert isinstance(outcome, Failed)
                assert isinstance(outcome.error, GroupMissing)
                assert outcome.error.facts["group"] == gone.group_id


# Adding.


def test_one_person_is_added_by_reference_and_many_twenty_at_a_time() -> None:
    with graph_company() as acme:
        people = acme.employees(1, 46)
        access = access_of(acme)
        assert access.add(grant_of(acme), people[:1]) == {people[0].id: Present()}
        assert set(access.add(grant_of(acme), people[1:]).values()) == {Present()}
        assert set(acme.racers.members) == {one.id for one in people}
        assert [call.operation for call in acme.log.calls] == [
            "POST /groups/{id}/members/$ref",
            BIND,
            BIND,
            BIND,
        ]


def test_the_same_person_twice_is_one_person() -> None:
    with graph_company() as acme:
        (person,) = acme.employees(1, 1)
        loud = Person(PersonId(person.id.upper()), "x")
        assert access_of(acme).add(grant_of(acme), [person, loud]) == {
            person.id: Present(),
            loud.id: Present(),
        }
        assert access_of(acme).add(grant_of(acme), []) == {}


def test_who_is_a_member_already_is_present_and_costs_the_others_two_requests() -> None:
    with graph_company() as acme:
        people = acme.employees(1, 20)
        join(acme, people[:3])
        assert set(access_of(acme).add(grant_of(acme), people).values()) == {Present()}
        assert len(acme.racers.members) == 20
        assert acme.log.count() == 3
        assert access_of(acme).add(grant_of(acme), people[:1]) == {people[0].id: Present()}


def test_a_member_whom_no_reader_sees_yet_is_added_apart_from_the_others() -> None:
    with graph_company(visibility_seconds=500.0) as acme:
        people = acme.employees(1, 6)
        access = access_of(acme)
        access.add(grant_of(acme), people[:1])
        outcomes = access.add(grant_of(acme), people)
        assert set(outcomes.values()) == {Present()}
        assert len(acme.racers.members) == 6


def test_who_is_not_in_the_directory_holds_up_nobody_else() -> None:
    with graph_company() as acme:
        people = acme.employees(1, 18)
        join(acme, people[:2])
        wanted = [*people[:9], ghost(1), *people[9:], ghost(2)]
        outcomes = access_of(acme).add(grant_of(acme), wanted)
        assert errors(outcomes[one] for one in (ghost(1).id, ghost(2).id)) == {NotInDirectory}
        assert [outcomes[one.id] for one in people] == [Present()] * 18
        assert set(acme.racers.members) == {one.id for one in people}
        alone = access_of(acme).add(grant_of(acme), [ghost(1)])
        assert errors(alone.values()) == {NotInDirectory}


def test_a_full_group_takes_whom_it_can_and_names_itself() -> None:
    with graph_company(link_quota=12) as acme:
        people = acme.employees(1, 60)
        join(acme, people[:10])
        outcomes = access_of(acme).add(grant_of(acme), people[5:])
        assert sum(isinstance(one, Present) for one in outcomes.values()) == 7
        assert errors(outcomes.values()) == {GroupUnmanageable}
        assert acme.log.count(BIND) == 2  # twenty, then fifteen of them; the next twenty are not sent
        assert len(acme.racers.members) == 12


def test_members_counted_twice_do_not_make_a_group_full() -> None:
    with graph_company(link_quota=12) as acme:
        people = acme.employees(1, 12)
        join(acme, people[:10])
        assert set(access_of(acme).add(grant_of(acme), people).values()) == {Present()}


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("status", [403, 400])
@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        ("dynamic", {"group_types": ["DynamicMembership"], "membership_rule": "user.city -eq 'x'"}),
        ("mail-enabled", {"mail_enabled": True}),
        ("role-assignable", {"is_assignable_to_role": True}),
        ("on-premises", {"on_premises_sync_enabled": True}),
    ],
)
def test_a_group_that_cannot_be_managed_is_named_with_the_reason(
    count: int, status: int, reason: str, fields: dict[str, Any]
) -> None:
    with graph_company(unmanaged_status=status) as acme:
        grant = grant_of(acme, acme.company.add_group("Special", **fields).id)
        access = access_of(acme)
        for outcome in access.add(grant, acme.employees(1, count)).values():
            assert isinstance(outcome, Failed)
            assert isinstance(outcome.error, GroupUnmanageable)
            assert outcome.error.facts["reason"] == reason
        with pytest.raises(GroupUnmanageable) as checked:
            access.check(grant)
        assert checked.value.facts == {"group": grant.group_id, "name": "Special", "reason": reason}


def test_without_the_permission_to_write_the_permission_is_what_is_missing() -> None:
    with graph_company(roles=("GroupMember.Read.All",)) as acme:
        access = access_of(acme)
        access.check(grant_of(acme))
        for count in (1, 30):
            people = acme.employees(1, count)
            for outcomes in (access.add(grant_of(acme), people), access.remove(grant_of(acme), people)):
                assert errors(outcomes.values()) == {PermissionMissing}
                assert len(outcomes) == count
        assert acme.log.count(BIND) == 1


def test_a_group_made_a_moment_ago_is_tried_again_in_a_moment() -> None:
    with graph_company() as acme:
        acme.graph.created_now(acme.racers.id)
        for count in (1, 2):
            for outcome in access_of(acme).add(grant_of(acme), acme.employees(1, count)).values():
                assert isinstance(outcome, Failed)
                assert isinstance(outcome.error, DirectoryUnavailable)
                assert (outcome.error.retry_after, outcome.may_have_landed) == (5.0, False)


def test_two_writers_at_once_are_told_to_wait_a_moment() -> None:
    conflict = Told(409, graph_error("Directory_ConcurrencyViolation", "Please wait briefly and retry."))
    with (
        scripted([conflict] * 3) as (url, heard),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (
            client,
            _,
            _,
        ),
    ):
        access = EntraGroupAccess(client, lambda: frozenset({GroupId(GROUP)}))
        people = [ghost(number) for number in range(30)]
        for outcomes in (
            access.add(EntraGroup(GroupId(GROUP)), people),
            access.add(EntraGroup(GroupId(GROUP)), people[:1]),
            access.remove(EntraGroup(GroupId(GROUP)), people[:1]),
        ):
            for outcome in outcomes.values():
                assert isinstance(outcome, Failed)
                assert isinstance(outcome.error, DirectoryUnavailable)
                assert outcome.error.retry_after == 1.0
    assert len(heard) == 3


def test_an_add_whose_answer_was_lost_may_have_landed_and_nothing_more_is_sent() -> None:
    with graph_company() as acme:
        people = acme.employees(1, 45)
        access = access_of(acme)
        access.add(grant_of(acme), people[:20])
        acme.faults.arm(Fault(BIND, "drop"))
        outcomes = access.add(grant_of(acme), people[20:])
        assert errors(outcomes.values()) == {DirectoryUnavailable}
        found = [outcomes[one.id] for one in people[20:]]
        landed = [isinstance(one, Failed) and one.may_have_landed for one in found]
        assert landed == [True] * 20 + [False] * 5
        assert len(acme.racers.members) == 40
        assert acme.log.count(BIND) == 2


def test_what_was_added_before_the_trouble_stays_added() -> None:
    with graph_company() as acme:
        people = acme.employees(1, 40)
        join(acme, people[20:21])
        acme.faults.arm(Fault(READS, "throttle", retry_after=9.0))
        outcomes = access_of(acme).add(grant_of(acme), people)
        assert [outcomes[one.id] for one in people[:20]] == [Present()] * 20
        for one in people[20:]:
            outcome = outcomes[one.id]
            assert isinstance(outcome, Failed)
            assert isinstance(outcome.error, DirectoryUnavailable)
            assert not outcome.may_have_landed


def test_throttled_before_anything_was_sent_nobody_may_have_landed() -> None:
    with graph_company() as acme:
        acme.faults.arm(Fault(BIND, "throttle", retry_after=30.0))
        outcomes = access_of(acme).add(grant_of(acme), acme.employees(1, 60))
        for outcome in outcomes.values():
            assert isinstance(outcome, Failed)
            assert isinstance(outcome.error, DirectoryUnavailable)
            assert (outcome.error.retry_after, outcome.may_have_landed) == (30.0, False)
        assert acme.log.count() == 1


def test_a_refusal_without_a_known_reason_is_isolated_to_whom_it_concerns() -> None:
    people = [ghost(number) for number in range(3)]
    odd = graph_error("Request_BadRequest", "Nobody has ever seen this.")
    items = [
        {"id": "2", "status": 204},
        {"id": "1", "status": 400, "body": odd},
        {
            "id": "0",
            "status": 400,
            "body": graph_error("Request_BadRequest", "object references already EXIST"),
        },
    ]
    with (
        scripted([Told(400, odd), Told(body={"responses": items})]) as (url, heard),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
    ):
        outcomes = EntraGroupAccess(client, lambda: frozenset({GroupId(GROUP)})).add(
            EntraGroup(GroupId(GROUP)), people
        )
        reference = {"@odata.id": f"{url}/directoryObjects/{people[0].id}"}
    assert [outcomes[people[0].id], outcomes[people[2].id]] == [Present(), Present()]
    assert errors(outcomes.values()) == {Unexpected}
    assert heard[1].body["requests"][0]["body"] == reference


def test_one_odd_person_does_not_keep_the_next_twenty_out_and_a_general_oddity_ends_the_call() -> None:
    people = [ghost(number) for number in range(41)]
    odd = Told(400, graph_error("Request_BadRequest", "Nobody has ever seen this."))
    one_odd: list[dict[str, Any]] = [
        {"id": str(number), "status": 204 if number else 400, "body": {}} for number in range(20)
    ]
    all_odd = [{"id": str(number), "status": 400, "body": {}} for number in range(20)]
    answers = [odd, Told(body={"responses": one_odd}), odd, Told(body={"responses": all_odd})]
    with (
        scripted(answers) as (url, heard),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
    ):
        access = EntraGroupAccess(client, lambda: frozenset({GroupId(GROUP)}))
        outcomes = access.add(EntraGroup(GroupId(GROUP)), people)
    assert sum(isinstance(one, Present) for one in outcomes.values()) == 19
    assert errors(outcomes.values()) == {Unexpected}
    assert len(heard) == 4


def test_five_hundred_joins_cost_less_than_a_seventh_of_a_request_each() -> None:
    with graph_company(people=2000) as acme:
        people = acme.employees(1, 500)
        mails = [one.user_principal_name for one in people]
        found = EntraDirectory(acme.client).find(mails)
        assert all(isinstance(one, tuple) and len(one) == 1 for one in found.values())
        access = access_of(acme)
        for start in range(0, 500, access.batch):
            some = people[start : start + access.batch]
            assert set(access.presence(grant_of(acme), some).values()) == {Absent()}
            assert set(access.add(grant_of(acme), some).values()) == {Present()}
            assert set(access.confirm(grant_of(acme), some).values()) == {Present()}
        assert acme.log.count() <= 0.1 * 500


# Removing.


@pytest.mark.parametrize("status", [404, 400])
@pytest.mark.parametrize("count", [1, 45])
def test_who_is_removed_is_absent_and_so_is_who_was_no_member(count: int, status: int) -> None:
    with graph_company(absent_member_status=status) as acme:
        people = acme.employees(1, count)
        join(acme, acme.employees(1, 50)[::2])
        outcomes = access_of(acme).remove(grant_of(acme), [*people, ghost()])
        assert set(outcomes.values()) == {Absent()}
        assert len(outcomes) == count + 1
        assert not {one.id for one in people} & set(acme.racers.members)
        assert set(acme.company.entra_users) >= {one.id for one in people}
        assert acme.log.count("\\$batch") == (count + 20) // 20
        assert access_of(acme).remove(grant_of(acme), people[:1]) == {people[0].id: Absent()}


def test_one_removal_in_trouble_leaves_the_others_removed() -> None:
    with graph_company() as acme:
        people = acme.employees(1, 25)
        join(acme, people)
        acme.faults.arm(Fault(DELETE, "drop"))
        outcomes = access_of(acme).remove(grant_of(acme), people)
        lost = [one for one in outcomes.values() if isinstance(one, Failed) and one.may_have_landed]
        assert len(lost) == 1
        assert sum(one == Absent() for one in outcomes.values()) == 19
        assert len(acme.racers.members) == 5


# Checking.


def test_a_plain_group_and_a_microsoft_365_group_will_do() -> None:
    with graph_company() as acme:
        access_of(acme).check(grant_of(acme))
        unified = acme.company.add_group("Team", group_types=["Unified"], mail_enabled=True)
        access_of(acme).check(grant_of(acme, unified.id))


@pytest.mark.parametrize("group_id", [GROUP, "no-guid"])
def test_a_group_that_does_not_exist_is_missed(group_id: str) -> None:
    with graph_company() as acme:
        access = EntraGroupAccess(acme.client, lambda: frozenset({GroupId(group_id)}))
        with pytest.raises(GroupMissing) as missing:
            access.check(EntraGroup(GroupId(group_id)))
        assert missing.value.facts == {"group": group_id}


def test_a_check_tells_what_it_could_not_learn() -> None:
    answers = [Told(503), Told(418, graph_error("Odd"))]
    with (
        scripted(answers) as (url, _),
        client_of(url, Company.found(people=1), IssuedTokens("t")) as (
            client,
            brakes,
            _,
        ),
    ):
        access = EntraGroupAccess(client, lambda: frozenset({GroupId(GROUP)}))
        with pytest.raises(DirectoryUnavailable):
            access.check(EntraGroup(GroupId(GROUP)))
        brakes.held.clear()
        with pytest.raises(Unexpected):
            access.check(EntraGroup(GroupId(GROUP)))


def test_a_membership_rule_alone_makes_a_group_dynamic() -> None:
    assert unmanageable({"groupTypes": [], "membershipRule": "user.city -eq 'x'"}) == "dynamic"
    assert unmanageable({"groupTypes": None, "mailEnabled": None}) is None


# The meaning of refusals.

NOT_PRESENT = "Resource '{}' does not exist or one of its queried reference-property objects are not present."
PEOPLE = [ghost(number).id for number in range(3)]


def refusal(status: int, code: str, message: str) -> GraphError:
    return GraphError(status, code, message)


@given(st.sampled_from(PEOPLE), st.booleans())
def test_a_missing_person_is_recognized_by_the_id_in_whatever_case(person: str, shout: bool) -> None:
    message = NOT_PRESENT.format(person.upper() if shout else person)
    error = refusal(404, "Request_ResourceNotFound", message)
    assert judge_add(error, GROUP, PEOPLE) == person
    assert was_absent(error, GROUP)


@given(st.one_of(st.just(GROUP), st.just(GROUP.upper()), st.uuids().map(str), st.just("")))
def test_anything_else_that_is_missing_is_the_group(named: str) -> None:
    error = refusal(404, "Request_ResourceNotFound", NOT_PRESENT.format(named))
    assert judge_add(error, GROUP, PEOPLE) is Verdict.REFUSED
    assert was_absent(error, GROUP) is (named.lower() != GROUP)


@given(st.integers(400, 499), st.text(max_size=20), st.text(max_size=60))
def test_no_refusal_is_taken_for_a_membership_unless_it_says_so(status: int, code: str, message: str) -> None:
    verdict = judge_add(refusal(status, code, message), GROUP, PEOPLE)
    assert verdict is not Verdict.MEMBER or "already exist" in message.lower()
    assert not isinstance(verdict, str)
    assert not was_absent(refusal(status, code, message), GROUP) or "not exist" in message.lower()


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_who_was_no_member_is_absent_whatever_the_status(status: int) -> None:
    said = (
        "One or more removed object references do not exist for the following modified properties: 'members'."
    )
    gone, group = (
        Told(status, graph_error("Request_BadRequest", text)) for text in (said, "Something else.")
    )
    for told, outcome in ((gone, Absent), (group, Failed)):
        with (
            scripted([told]) as (url, _),
            client_of(url, Company.found(people=1), IssuedTokens("t")) as (client, _, _),
        ):
            access = EntraGroupAccess(client, lambda: frozenset({GroupId(GROUP)}))
            (found,) = access.remove(EntraGroup(GroupId(GROUP)), [ghost()]).values()
        assert isinstance(found, outcome)


def test_an_error_of_ours_concerns_everybody() -> None:
    assert judge_add(AccessUnavailable(), GROUP, PEOPLE) is Verdict.REFUSED
    assert judge_add(Misconfigured(), GROUP, PEOPLE) is Verdict.REFUSED


@given(
    st.lists(st.sampled_from(["new", "member", "ghost"]), min_size=1, max_size=20),
    st.sets(st.integers(0, 19)),
)
def test_whatever_the_mix_everybody_gets_the_outcome_that_is_theirs(
    kinds: list[str], unseen: set[int]
) -> None:
    """The rules: unknown people are named one at a time, members are not named, reads may not show them."""
    people = [ghost(number) for number in range(len(kinds))]
    access = EntraGroupAccess(_RuledGraph(kinds, unseen), lambda: frozenset({GroupId(GROUP)}))  # type: ignore[arg-type]
    outcomes = access.add(EntraGroup(GroupId(GROUP)), people)
    for kind, person in zip(kinds, people, strict=True):
        outcome = outcomes[person.id]
        if kind == "ghost":
            assert errors([outcome]) == {NotInDirectory}
        else:
            assert outcome == Present()


class _RuledGraph:
    """A client whose answers follow from who is what; it keeps no connection."""

    base_url = "https://graph"

    def __init__(self, kinds: list[str], unseen: set[int]) -> None:
        self._kinds = {ghost(number).id: kind for number, kind in enumerate(kinds)}
        self._seen = [
            one
            for number, (one, kind) in enumerate(self._kinds.items())
            if kind == "member" and number not in unseen
        ]

    def send(self, ask: Any, *, priority: str) -> dict[str, Any]:
        asked = ask.body.get("members@odata.bind") or [ask.body["@odata.id"]]
        ids = [one.rpartition("/")[2] for one in asked]
        for one in ids:
            if self._kinds[one] == "ghost":
                raise refusal(404, "Request_ResourceNotFound", NOT_PRESENT.format(one))
        if any(self._kinds[one] == "member" for one in ids):
            raise refusal(
                400, "Request_BadRequest", "One or more added object references already exist for …"
            )
        self._kinds.update(dict.fromkeys(ids, "member"))
        return {}

    def pages(self, path: str, *, priority: str, advanced: bool = False) -> Iterable[dict[str, Any]]:
        yield {"value": [{"id": one} for one in self._seen if not advanced or one in path]}

    def batch(self, asks: list[Any], *, priority: str) -> list[dict[str, Any] | GraphError]:
        results: list[dict[str, Any] | GraphError] = []
        for ask in asks:
            try:
                results.append(self.send(ask, priority=priority))
            except GraphError as error:
                results.append(error)
        return results
