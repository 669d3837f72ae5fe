"""Provisioning on demand: whose app it is, who is pushed, and within which budget."""

import json
from typing import Any

import pytest

from adapters.graph.scim_push import ScimPush, user_rule, verdict
from provisioning.brake import Brake
from provisioning.events import IdentityCenterGroup
from provisioning.ids import GroupId, PersonId
from provisioning.registrations import Person
from sandbox.company import (
    ACCOUNT_ID,
    IDENTITY_STORE_ID,
    INSTANCE_ARN,
    PERMISSION_SET_ARN,
    RACERS_GROUP,
    Company,
)
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

ON_DEMAND = "POST provisionOnDemand"
ROLES = ("Synchronization.ReadWrite.All", "Directory.Read.All")


def grant_of(company: Company, scim_app_id: str | None = None) -> IdentityCenterGroup:
    group = company.store_group(RACERS_GROUP)
    return IdentityCenterGroup(
        IDENTITY_STORE_ID, GroupId(group.group_id), INSTANCE_ARN, ACCOUNT_ID, PERMISSION_SET_ARN, scim_app_id
    )


def push_of(acme: GraphCompany) -> ScimPush:
    return ScimPush(acme.client, lambda _: GroupId(acme.racers.id), acme.allowed)


def newcomers(acme: GraphCompany, count: int) -> list[Person]:
    """Return members of the racers' Entra group whom the identity store does not know yet."""
    people = []
    for number in range(count):
        acme.company.hire(f"new-{number}", in_store=False)
        people.append(acme.person(f"new-{number}"))
        acme.racers.members[people[-1].id] = acme.company.clock.now()
    return people


def arrived(acme: GraphCompany, person: Person) -> bool:
    return any(user.external_id == person.id for user in acme.company.store_users.values())


def test_a_newcomer_is_brought_into_the_identity_store() -> None:
    with graph_company(roles=ROLES) as acme:
        (person,) = newcomers(acme, 1)
        assert push_of(acme).push(grant_of(acme.company), [person]) == {person.id: True}
        assert arrived(acme, person)


def test_an_app_named_by_the_grant_needs_no_feeding_group_and_no_more_permission() -> None:
    with graph_company() as acme:
        (person,) = newcomers(acme, 1)
        push = ScimPush(acme.client, lambda _: None, frozenset)
        assert push.push(grant_of(acme.company), [person]) == {}
        assert push.push(grant_of(acme.company, acme.company.scim_app_id), [person]) == {person.id: True}
        assert acme.log.count("GET /groups") == 0


def test_who_is_there_already_is_in_step_and_who_is_not_assigned_is_not_brought() -> None:
    with graph_company(roles=ROLES) as acme:
        (known,) = acme.employees(1, 1)
        acme.racers.members[known.id] = acme.company.clock.now()
        outsider = acme.person("newcomer")
        assert push_of(acme).push(grant_of(acme.company), [known, outsider]) == {
            known.id: True,
            outsider.id: False,
        }
        assert not arrived(acme, outsider)


def test_an_app_takes_five_people_in_ten_seconds_from_all_processes_together() -> None:
    with graph_company(roles=ROLES) as acme:
        people = newcomers(acme, 12)
        push, grant = push_of(acme), grant_of(acme.company)
        assert list(push.push(grant, people)) == [one.id for one in people[:5]]
        assert push.push(grant, people[5:]) == {}
        assert push_of(acme).push(grant, people[5:]) == {}  # another process, by the shared brake
        acme.company.clock.turn(10.1)
        assert list(push.push(grant, people[5:])) == [one.id for one in people[5:10]]
        assert acme.log.count(ON_DEMAND, status=429) == 0
        assert all(arrived(acme, one) for one in people[:10])


def test_an_app_that_throttles_is_left_alone_and_graph_is_not() -> None:
    with graph_company(roles=ROLES) as acme:
        people = newcomers(acme, 3)
        acme.faults.arm(Fault(ON_DEMAND, "throttle", retry_after=6.0))
        push = push_of(acme)
        assert push.push(grant_of(acme.company), people) == {people[0].id: False}
        assert push.push(grant_of(acme.company), people) == {}
        assert acme.brakes.wait(acme.client.api) == 0
        assert acme.brakes.wait(f"provision-on-demand:{acme.company.scim_app_id}") > 5


def test_the_job_is_looked_for_once_an_hour() -> None:
    with graph_company(roles=ROLES) as acme:
        people = newcomers(acme, 3)
        push = push_of(acme)
        for person in people[:2]:
            push.push(grant_of(acme.company), [person])
        assert acme.log.count("GET /servicePrincipals/{id}/synchronization/jobs$") == 1
        acme.company.clock.turn(3601)
        push.push(grant_of(acme.company), people[2:])
        assert acme.log.count("GET /servicePrincipals/{id}/synchronization/jobs$") == 2


def test_a_group_that_feeds_no_app_is_looked_at_again_after_a_while() -> None:
    with graph_company(roles=ROLES) as acme:
        people = newcomers(acme, 1)
        links = dict(acme.company.scim_links)
        acme.company.scim_links.clear()
        push = push_of(acme)
        assert push.push(grant_of(acme.company), people) == {}
        acme.company.scim_links.update(links)
        assert push.push(grant_of(acme.company), people) == {}
        assert acme.log.count() == 1
        acme.company.clock.turn(301)
        assert push.push(grant_of(acme.company), people) == {people[0].id: True}


@pytest.mark.parametrize("operation", ["GET /groups", "GET /servicePrincipals", ON_DEMAND])
@pytest.mark.parametrize("status", [400, 403, 503])
def test_a_push_that_cannot_be_made_is_no_push(operation: str, status: int) -> None:
    with graph_company(roles=ROLES) as acme:
        people = newcomers(acme, 1)
        acme.faults.arm(Fault(operation, "status", status=status, times=None))
        pushed = push_of(acme).push(grant_of(acme.company), people)
        assert not any(pushed.values())
        assert push_of(acme).push(grant_of(acme.company), []) == {}


def test_without_the_permission_to_look_for_the_app_nobody_is_pushed_and_it_is_not_asked_for_at_once() -> (
    None
):
    with graph_company() as acme:
        people, push = newcomers(acme, 1), push_of(acme)
        assert push.push(grant_of(acme.company), people) == {}
        assert push.push(grant_of(acme.company), people) == {}
        assert [call.status for call in acme.log.calls] == [403]


def test_no_group_outside_our_events_is_looked_at() -> None:
    with graph_company(roles=ROLES) as acme:
        push = ScimPush(acme.client, lambda _: GroupId(acme.racers.id), frozenset)
        assert push.push(grant_of(acme.company), newcomers(acme, 1)) == {}
        assert acme.log.count() == 0


def test_nobody_is_pushed_into_another_app_that_the_group_feeds() -> None:
    company = Company.found(people=1)
    assigned = {"value": [{"resourceId": "chat"}, {"resourceId": "hidden"}, {"resourceId": "aws"}]}
    rules = {"synchronizationRules": [{"id": "r1", "objectMappings": [{"sourceObjectName": "User"}]}]}
    pushed = {"key": json.dumps({"result": "Success"}), "value": "{}"}
    answers = [
        Told(body=assigned),
        Told(body={"value": [{"id": "j1", "templateId": "chat"}]}),
        Told(body=rules),
        Told(403, graph_error("Authorization_RequestDenied")),
        Told(body={"value": [{"id": "j2", "templateId": "aWSSingleSignOn"}]}),
        Told(body=rules),
        Told(body=pushed),
    ]
    person = Person(PersonId("p1"), "p1@x.example")
    with scripted(answers) as (url, heard), client_of(url, company, IssuedTokens("t")) as (client, _, _):
        push = ScimPush(client, lambda _: GroupId("g1"), lambda: frozenset({GroupId("g1")}))
        assert push.push(grant_of(company), [person]) == {person.id: True}
    assert heard[-1].path.endswith("/servicePrincipals/aws/synchronization/jobs/j2/provisionOnDemand")
    assert heard[-1].body == {
        "parameters": [{"ruleId": "r1", "subjects": [{"objectId": "p1", "objectTypeName": "User"}]}]
    }


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"key": '{"result":"Success"}', "value": "{}"}, ("Success", "")),
        (
            {"key": '{"result":"Skipped","details":{"errorCode":"RedundantExport"}}'},
            ("Skipped", "RedundantExport"),
        ),
        ({"key": '{"result":"Failure","details":null}'}, ("Failure", "")),
        ({"key": "{"}, ("", "")),
        ({"key": "[]"}, ("", "")),
        ({"key": 5}, ("", "")),
        ({}, ("", "")),
    ],
)
def test_the_result_is_read_from_the_json_within_the_string(
    answer: dict[str, Any], told: tuple[str, str]
) -> None:
    assert verdict(answer) == told


def test_the_rule_for_users_is_told_from_the_rule_for_groups() -> None:
    users = {"id": "u", "objectMappings": [{"sourceObjectName": "user", "enabled": True}]}
    groups = {"id": "g", "objectMappings": [{"sourceObjectName": "Group"}]}
    off = {"id": "o", "objectMappings": [{"sourceObjectName": "User", "enabled": False}]}
    assert user_rule({"synchronizationRules": [off, groups, users]}) == "u"
    assert user_rule({"synchronizationRules": [off, groups]}) is None
    assert user_rule({}) is None


def test_a_brake_raised_by_another_process_is_heeded() -> None:
    with graph_company(roles=ROLES) as acme:
        people = newcomers(acme, 1)
        until = acme.client.clock.now().replace(year=2100)
        acme.brakes.hold(Brake(f"provision-on-demand:{acme.company.scim_app_id}", until))
        assert push_of(acme).push(grant_of(acme.company), people) == {}
        assert acme.log.count(ON_DEMAND) == 0
