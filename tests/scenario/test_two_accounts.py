"""One person with two accounts, and one account that suddenly stands for somebody else."""

from sandbox.company import Company
from tests.scenario.conftest import MakeStage
from tests.scenario.stage import Stage
from tests.scenario.test_organizers import answered, mention
from tests.scenario.waiting import eventually


def company_with_a_double() -> Company:
    """Return a company in which employee-001 has a second Slack account, under an alias."""
    company = Company.found(people=3)
    user = company.people["employee-001"].entra
    assert user is not None
    user.proxy_addresses.append("smtp:second.account@acme.example")
    company.hire("second-account", mail="second.account@acme.example", in_directory=False)
    company.people["second-account"].entra = user
    return company


def test_of_two_accounts_that_join_at_once_one_gets_in_and_the_other_is_refused(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(company=company_with_a_double())
    stage.opens_event()
    stage.starts_bot(worker=False)
    accounts = [stage.person("employee-001"), stage.person("second-account")]
    stage.all_say(accounts, "join")

    stage.starts_bot(door=False)

    eventually(
        lambda: sorted(one.told for one in accounts) == [["DR-232"], ["ready"]],
        "one is in and the other refused",
        otherwise=lambda: f"{accounts}",
    )
    for where, ids in stage.members().items():
        assert len(ids) == 1, where
    eventually(lambda: stage.organizers_hear == ["organizers-incident"], "organizers hear of it")
    assert "DR-232" in stage.organizers[0].text
    refused = next(one for one in accounts if one.told == ["DR-232"])
    refused.says("leave --yes")
    eventually(lambda: len(refused.told) == 2, "that is answered", otherwise=lambda: repr(refused))
    assert stage.members()["entra"], "the second account cannot take the first one out"
    refused.person.entra = None  # for the check at the end: what the other account got is not theirs


def test_a_second_account_is_refused_also_after_the_first_has_left(make_stage: MakeStage) -> None:
    stage = make_stage(company=company_with_a_double())
    stage.opens_event()
    stage.starts_bot()
    first, second = stage.person("employee-001"), stage.person("second-account")
    first.says("join")
    first.is_told("ready")
    first.says("leave --yes")
    first.is_told("ready", "gone")

    second.says("join")

    second.is_told("DR-232")


def test_an_account_whose_address_now_finds_somebody_else_is_an_incident(stage: Stage) -> None:
    racer, other = stage.person("employee-001"), stage.person("employee-002")
    racer.says("join")
    racer.is_told("ready")
    racer.says("leave --yes")
    racer.is_told("ready", "gone")

    def swap() -> None:
        racer.person.slack.email = other.person.slack.email

    stage.world.do(swap)
    racer.says("join")

    racer.is_told("ready", "gone", "DR-231")
    assert other.in_groups == set()
    eventually(lambda: stage.organizers_hear == ["organizers-incident"], "organizers hear of it")


def test_a_changed_name_and_address_of_the_same_person_is_no_incident(stage: Stage) -> None:
    racer = stage.person("employee-001")
    racer.says("join")
    racer.is_told("ready")
    racer.says("leave --yes")
    racer.is_told("ready", "gone")
    user = racer.person.entra
    assert user is not None

    def marry() -> None:
        user.mail = user.user_principal_name = racer.person.slack.email = "new.name@acme.example"
        user.display_name = racer.person.slack.name = "New Name"

    stage.world.do(marry)
    racer.says("join")

    racer.is_told("ready", "gone", "ready")
    assert stage.organizers_hear == []


def test_after_an_organizer_lets_the_first_account_go_the_second_takes_its_place(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(company=company_with_a_double())
    stage.opens_event()
    stage.starts_bot()
    organizer = stage.person("organizer")
    first, second = stage.person("employee-001"), stage.person("second-account")
    first.says("join")
    first.is_told("ready")
    second.says("join")
    second.is_told("DR-232")

    assert first.person.entra is not None
    answered(organizer, f"rebind {first.person.entra.mail}", "rebind-asks")
    assert second.says("status").kind == "nothing"
    organizer.presses("Yes, do it")
    said = organizer.sees("rebind-done").text

    assert "can't be taken back" in said
    assert first.is_member
    second.says("join")
    second.is_told("DR-232", "ready")
    assert first.says("status").kind == "nothing"
    assert first.messages[-1].earlier == ()
    (line,) = [line for line in stage.audit_lines() if line.action == "changed"]
    assert line.facts == {"account": f"slack:T0ACME001:{first.person.slack.id} → -", "kind": "rebind"}


def test_an_account_that_is_somebody_elses_now_is_bound_to_them_after_it_was_let_go(stage: Stage) -> None:
    organizer = stage.person("organizer")
    racer, other = stage.person("employee-001"), stage.person("employee-002")
    racer.says("join")
    racer.is_told("ready")

    def swap() -> None:
        racer.person.slack.email = other.person.slack.email

    stage.world.do(swap)
    racer.says("leave --yes")
    racer.is_told("ready", "gone")
    racer.says("join")
    racer.is_told("ready", "gone", "DR-231")
    answered(organizer, f"rebind {mention(racer)}", "rebind-asks")
    organizer.presses("Yes, do it")
    organizer.sees("rebind-done")

    assert other.person.entra is not None
    racer.person.entra = other.person.entra  # for the check at the end: whose account it is now
    racer.says("join")

    racer.comes_to("ready")
    assert stage.members()["entra"] == [other.person.entra.id]
