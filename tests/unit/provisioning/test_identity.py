"""Which mail admits, and which user of the directory it is."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from provisioning.directory import DirectoryUser
from provisioning.errors import (
    AccountDisabled,
    DirectoryGuest,
    EmailOutsideCompany,
    EmailUnusable,
    NotInDirectory,
    Refusal,
    SeveralMatches,
)
from provisioning.identity import admitted_mail, is_employee, the_employee, the_employee_within
from provisioning.ids import PersonId

OURS = ("example.com", "Racing.Example.org")
LOCAL = st.from_regex(r"[A-Za-z0-9._+'-]{1,30}", fullmatch=True)


def user(enabled: bool = True, user_type: str | None = "Member", person_id: str = "7d5e") -> DirectoryUser:
    return DirectoryUser(PersonId(person_id), "ada@example.com", "Ada Lovelace", enabled, user_type)


@given(LOCAL, st.sampled_from(["example.com", "EXAMPLE.com", "racing.example.org", "RACING.example.ORG"]))
def test_an_address_in_one_of_our_domains_admits_whatever_its_case(local: str, domain: str) -> None:
    mail = f"{local}@{domain}"
    assert admitted_mail(mail, OURS) == mail.lower()
    assert admitted_mail(mail.upper(), OURS) == admitted_mail(mail.lower(), OURS)
    assert admitted_mail(admitted_mail(mail, OURS), OURS) == mail.lower()


@pytest.mark.parametrize(
    ("mail", "refusal"),
    [
        pytest.param("ada@mail.example.com", EmailOutsideCompany, id="a subdomain"),
        pytest.param("ada@notexample.com", EmailOutsideCompany, id="a longer name that ends alike"),
        pytest.param("ada@example.com.evil.net", EmailOutsideCompany, id="a longer name that begins alike"),
        pytest.param("ada@example.com.", EmailOutsideCompany, id="a name with the root's dot"),
        pytest.param("ada@example.co", EmailOutsideCompany, id="a shorter name"),
        pytest.param("ada@racing", EmailOutsideCompany, id="a part of a name"),
        pytest.param("ada@evil.net@example.com", EmailUnusable, id="two @, ours last"),
        pytest.param("ada@example.com@evil.net", EmailUnusable, id="two @, ours first"),
        pytest.param("ada", EmailUnusable, id="no @"),
        pytest.param("", EmailUnusable, id="nothing"),
        pytest.param("@example.com", EmailUnusable, id="nobody at ours"),
        pytest.param("ada@", EmailUnusable, id="somebody at nothing"),
        pytest.param("ada@еxample.com", EmailUnusable, id="a Cyrillic е in the domain"),  # noqa: RUF001
        pytest.param("аda@example.com", EmailUnusable, id="a Cyrillic а in the name"),  # noqa: RUF001
        pytest.param("ada@example\uff0ecom", EmailUnusable, id="a full-width dot"),
        pytest.param("ada\uff20example.com", EmailUnusable, id="a full-width @"),
        pytest.param("ada@EXAMPLE.COM\u200b", EmailUnusable, id="a blank without width"),
        pytest.param("ada@example.com\n", EmailUnusable, id="a line end behind"),
        pytest.param("ada@example.com\x00", EmailUnusable, id="a NUL behind"),
        pytest.param(" ada@example.com", EmailUnusable, id="a blank before"),
        pytest.param("ada lovelace@example.com", EmailUnusable, id="a blank inside"),
        pytest.param("ada\t@example.com", EmailUnusable, id="a tab inside"),
        pytest.param("ada@\u212aexample.com", EmailUnusable, id="a Kelvin sign that lower-cases to ASCII"),
    ],
)
def test_anything_else_refuses(mail: str, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        admitted_mail(mail, OURS)


@given(st.text())
def test_whatever_admits_is_one_plain_address_in_one_of_our_domains(mail: str) -> None:
    try:
        admitted = admitted_mail(mail, OURS)
    except (EmailUnusable, EmailOutsideCompany):
        return
    local, _, domain = admitted.partition("@")
    assert local
    assert domain in {"example.com", "racing.example.org"}


@given(LOCAL, st.text(min_size=1))
def test_nothing_beside_our_domain_admits(local: str, more: str) -> None:
    for mail in (f"{local}@{more}example.com", f"{local}@example.com{more}"):
        with pytest.raises((EmailUnusable, EmailOutsideCompany)):
            admitted_mail(mail, ("example.com",))


@given(LOCAL, st.characters(min_codepoint=128))
def test_a_letter_that_is_no_ascii_refuses_wherever_it_stands(local: str, letter: str) -> None:
    """Also one that some normalization or lower-casing would turn into ASCII."""
    for mail in (
        f"{local}{letter}@example.com",
        f"{local}@ex{letter}mple.com",
        f"{local}@example.com{letter}",
    ):
        with pytest.raises(EmailUnusable):
            admitted_mail(mail, OURS)


@given(LOCAL, st.from_regex(r"[a-z]{1,12}(\.[a-z]{1,12}){1,3}", fullmatch=True))
def test_another_domain_is_named_in_the_refusal_and_the_person_is_not(local: str, domain: str) -> None:
    assume(domain not in {"example.com", "racing.example.org"})
    with pytest.raises(EmailOutsideCompany) as refused:
        admitted_mail(f"{local}@{domain}", OURS)
    assert refused.value.facts == {"domain": domain}


def test_an_event_without_domains_admits_nobody() -> None:
    with pytest.raises(EmailOutsideCompany):
        admitted_mail("ada@example.com", ())


@pytest.mark.parametrize(
    ("found", "refusal"),
    [
        pytest.param([], NotInDirectory, id="nobody"),
        pytest.param([user(), user(person_id="other")], SeveralMatches, id="two people"),
        pytest.param(
            [user(enabled=False), user(person_id="other")], SeveralMatches, id="two, one of them disabled"
        ),
        pytest.param([user(enabled=False)], AccountDisabled, id="a disabled account"),
        pytest.param([user(enabled=False, user_type="Guest")], AccountDisabled, id="a disabled guest"),
        pytest.param([user(user_type="Guest")], DirectoryGuest, id="a guest"),
        pytest.param([user(user_type=None)], DirectoryGuest, id="an account without a type"),
        pytest.param([user(user_type="")], DirectoryGuest, id="an account with an empty type"),
        pytest.param([user(user_type="member")], DirectoryGuest, id="a type the directory never writes"),
    ],
)
def test_any_doubt_about_the_person_refuses(found: list[DirectoryUser], refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        the_employee(found)


def test_one_enabled_member_is_the_employee_by_however_many_addresses_they_were_found() -> None:
    assert the_employee([user()]) == user()
    assert the_employee([user(), user()]) == user()


@pytest.mark.parametrize("domains", [{"example.com"}, {"sub.example.net", "racing.example.org"}])
def test_who_is_found_by_object_id_has_an_address_in_one_of_our_domains(domains: set[str]) -> None:
    found = replace(user(), domains=frozenset(domains))
    assert the_employee_within([found], OURS) == found


@pytest.mark.parametrize("domains", [set(), {"notexample.com"}, {"mail.example.com"}, {"example.com."}])
def test_an_object_id_alone_does_not_admit_to_an_event_of_other_domains(domains: set[str]) -> None:
    with pytest.raises(EmailOutsideCompany) as refused:
        the_employee_within([replace(user(), domains=frozenset(domains))], OURS)
    assert refused.value.facts == {"domain": "example.com"}


def test_what_refuses_by_mail_refuses_by_object_id() -> None:
    with pytest.raises(AccountDisabled):
        the_employee_within([replace(user(enabled=False), domains=frozenset(OURS))], OURS)


@given(st.lists(st.builds(user, st.booleans(), st.sampled_from(["Member", "Guest", None])), max_size=3))
def test_the_daily_check_and_the_gate_agree(found: list[DirectoryUser]) -> None:
    try:
        admitted = the_employee(found)
    except Refusal:
        assert not found or not is_employee(found[0])
    else:
        assert is_employee(admitted)


@pytest.mark.parametrize("gone", [None, user(enabled=False), user(user_type="Guest"), user(user_type=None)])
def test_who_is_no_enabled_member_is_no_employee_any_more(gone: DirectoryUser | None) -> None:
    assert not is_employee(gone)
    assert is_employee(user())
