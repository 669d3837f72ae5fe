"""The ways of saying no: each has a code to quote, a sentence, words in the catalog, a place in the tree."""

import re

import pytest

from bot.words import words
from provisioning import errors
from provisioning.errors import Misconfigured, ProvisioningError, Refusal, Unavailable, by_code

FACTS = dict.fromkeys(
    [
        *("name", "event", "domain", "opens", "closes", "ends", "until"),
        *("word", "field", "value", "target", "who", "least", "most"),
    ],
    "x",
)
INTERNAL = {errors.StaleWrite}  # is repeated at once and reaches nobody


def family(cls: type[ProvisioningError]) -> set[type[ProvisioningError]]:
    return {cls}.union(*(family(child) for child in cls.__subclasses__()))


EVERY = sorted(
    (cls for cls in family(ProvisioningError) if cls.__module__ == errors.__name__),
    key=lambda cls: cls.__name__,
)
LEAVES = [cls for cls in EVERY if not cls.__subclasses__()]


def ids(cls: type[ProvisioningError]) -> str:
    return cls.__name__


@pytest.mark.parametrize("leaf", LEAVES, ids=ids)
def test_every_error_has_a_code_of_its_own_and_a_sentence(leaf: type[ProvisioningError]) -> None:
    assert "code" in vars(leaf)
    assert re.fullmatch(r"DR-[1-5]\d\d", leaf.code)
    assert [other for other in LEAVES if other.code == leaf.code] == [leaf]
    assert leaf.__doc__
    assert re.fullmatch(r"[A-Z].*\.", leaf.__doc__)
    assert str(leaf()) == leaf.__doc__


@pytest.mark.parametrize("leaf", [leaf for leaf in LEAVES if leaf not in INTERNAL], ids=ids)
def test_every_error_has_words_that_say_what_is_wrong_and_what_to_do(leaf: type[ProvisioningError]) -> None:
    for part in ("summary", "next"):
        key = f"error.{leaf.key()}.{part}"
        assert key in words()
        assert words().plain(key, **FACTS).strip()


@pytest.mark.parametrize("leaf", LEAVES, ids=ids)
def test_an_error_is_found_by_its_code(leaf: type[ProvisioningError]) -> None:
    assert by_code()[leaf.code] is leaf


def test_nothing_but_what_stands_for_itself_is_found_by_code() -> None:
    assert set(by_code().values()) == set(LEAVES)


@pytest.mark.parametrize(
    ("series", "parents"),
    [("1", Refusal), ("2", Refusal), ("3", (Unavailable, errors.StaleWrite)), ("4", Misconfigured)],
)
def test_the_first_digit_tells_who_can_act(
    series: str, parents: type[ProvisioningError] | tuple[type[ProvisioningError], ...]
) -> None:
    found = [leaf for leaf in LEAVES if leaf.code.startswith(f"DR-{series}")]
    assert found
    assert all(issubclass(leaf, parents) for leaf in found)


def test_keys_are_the_names_in_lower_case_with_dashes_and_unique() -> None:
    assert errors.EmailOutsideCompany.key() == "email-outside-company"
    assert errors.NotInDirectory.key() == "not-in-directory"
    assert len({cls.key() for cls in EVERY}) == len(EVERY)


def tree() -> list[str]:
    """Return the lines of the tree at the top of the module, without the remarks behind names."""
    drawn = (errors.__doc__ or "").split("\n\n")[1].splitlines()
    return [re.split(r"   +(?=[a-z])", line.rstrip())[0] for line in drawn]


def names(line: str) -> list[str]:
    return re.findall(r"[A-Z][A-Za-z]+", line)


def test_the_tree_at_the_top_of_the_module_names_every_class_once() -> None:
    named = [name for line in tree() for name in names(line)]
    assert sorted(named) == [cls.__name__ for cls in EVERY]


def test_the_tree_puts_every_class_under_its_parent() -> None:
    parent = ""
    for line in tree()[1:]:
        if line.startswith(("    ├─ ", "    └─ ")):
            parent = names(line)[0]
        else:
            assert {getattr(errors, name).__base__.__name__ for name in names(line)} == {parent}
    assert parent == "Misconfigured"


def test_an_error_carries_its_facts_and_an_unavailable_system_its_own_advice() -> None:
    assert errors.EventUnknown(name="winter-cup").facts == {"name": "winter-cup"}
    busy = errors.DirectoryUnavailable(7.0, operation="members")
    assert (busy.retry_after, busy.facts) == (7.0, {"operation": "members"})
    assert errors.StoreUnavailable().retry_after is None
