"""What people type, and what the bot takes it for."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.access import Asker, allowed
from bot.admin.table import ADMIN_VERBS
from bot.grammar import (
    EXAMPLES,
    VERBS,
    WORD_SHOWN,
    YES,
    Admin,
    Command,
    Help,
    Join,
    Leaderboard,
    Leave,
    Status,
    Unknown,
    Verb,
    find,
    parse,
    usage_hint,
)

NAMES = [name for verb in VERBS for name in (verb.name, *verb.aliases)]
EVENT_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 .-]{0,20}[A-Za-z0-9]", fullmatch=True)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("join", Join()),
        ("JOIN", Join()),
        ("  join  ", Join()),
        ("join spring-cup-2027", Join("spring-cup-2027")),
        ("join   Spring   Cup", Join("Spring Cup")),
        ("Join “Spring Cup”", Join("Spring Cup")),
        ("join 'Spring Cup'", Join("Spring Cup")),
        ('join ""', Join()),
        ("status", Status()),
        ("state", Status()),
        ("status please", Status()),
        ("leave", Leave()),
        ("quit", Leave()),
        ("leave spring-cup", Leave("spring-cup")),
        ("leave --yes", Leave(None, confirmed=True)),
        ("leave spring-cup --yes", Leave("spring-cup", confirmed=True)),
        ("leave --yes spring-cup", Leave("spring-cup", confirmed=True)),
        ("leave Spring --yes Cup --yes", Leave("Spring Cup", confirmed=True)),
        ("leave spring-cup --yess", Leave("spring-cup --yess")),
        ("leave spring-cup yes", Leave("spring-cup yes")),
        ("join --yes", Join("--yes")),
        ("admin", Admin("")),
        ("Admin  Event show", Admin("Event show")),
        ("administrate", Unknown("administrate", None)),
        ("/join", Join()),
        ("/admin event show", Admin("event show")),
        ("Status.", Status()),
        ("status?", Status()),
        ("“join Spring Cup”", Join("Spring Cup")),
        ("**leave** spring-cup", Leave("spring-cup")),
        ("Hallo!", Help()),
        ("", Help()),
        ("   ", Help()),
        ("\u200b", Help()),
        ("help", Help()),
        ("?", Help()),
        ("Hello there", Help()),
    ],
)
def test_what_is_meant(said: str, meant: Command) -> None:
    assert parse(said) == meant


@pytest.mark.parametrize(
    "said",
    [
        "jo\x00in",
        "join\x00",
        "\u202ejoin\u202c",
        "\ufeffjoin",
        "join\u200b",
        "\u2066join\u2069",
        "join\u00a0",
        "\u3000join",
        "join\r\n",
        "\tjoin",
    ],
)
def test_characters_that_nobody_sees_never_become_part_of_a_word(said: str) -> None:
    command = parse(said)
    assert command == Join() or isinstance(command, Unknown)
    if isinstance(command, Unknown):
        assert command.word.isprintable()


def test_a_direction_character_cannot_hide_what_an_event_is_called() -> None:
    assert parse("join spring\u202e-cup") == Join("spring -cup")


@pytest.mark.parametrize(
    ("said", "nearest"),
    [
        ("jion", "join"),
        ("joinn", "join"),
        ("JOIM", "join"),
        ("stauts", "status"),
        ("leav", "leave"),
        ("hlep", "help"),
        ("qiut", "leave"),
        ("xyzzy", None),
        ("42", None),
        ("🏎", None),
    ],
)
def test_a_typo_finds_the_nearest_verb(said: str, nearest: str | None) -> None:
    assert parse(said) == Unknown(said, nearest)


def test_what_nobody_knows_is_repeated_back_only_in_part() -> None:
    unknown = parse("x" * 4000 + " y")
    assert unknown == Unknown("x" * WORD_SHOWN, None)


@given(st.text() | st.text(alphabet=st.characters(categories=["C", "Z"])) | st.binary().map(bytes.hex))
@example("\ud800")
@example("join \ud800")
@example("İ")
@example("ﬁ")
@example("-" * 1000)
def test_every_text_is_some_command(text: str) -> None:
    command = parse(text)
    assert isinstance(command, Command)
    said = [
        part for part in (getattr(command, "event", None), getattr(command, "word", None)) if part is not None
    ]
    for part in said:
        assert part == " ".join(part.split())
        assert not any(unicodedata.category(char).startswith("C") for char in part)
        assert part


@given(st.text(), st.sampled_from(NAMES), st.sampled_from([" ", "  ", "\n", "\t", "\u00a0"]))
def test_case_and_blanks_before_a_verb_do_not_matter(rest: str, name: str, blank: str) -> None:
    plain = parse(f"{name} {rest}")
    assert parse(f"{blank}{name.upper()}{blank}{rest}{blank}") == plain
    assert not isinstance(plain, Unknown)


@given(EVENT_NAMES)
def test_the_name_of_an_event_comes_through_whole(name: str) -> None:
    whole = " ".join(name.split())
    assert parse(f"join {name}") == Join(whole)
    assert parse(f"leave {name}") == Leave(whole)
    assert parse(f"leave {name} {YES}") == Leave(whole, confirmed=True)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_a_verb_is_used_as_its_usage_says(verb: Verb[str, Command]) -> None:
    for name in (verb.name, *verb.aliases):
        assert find(name) is verb
    written = verb.usage.replace("[event]", "spring-cup").replace("<event>", "spring-cup")
    command = parse(written)
    assert type(command).__name__.lower() == verb.name
    assert getattr(command, "event", None) == ("spring-cup" if "event" in verb.usage else None)
    assert type(parse(verb.usage.split(" [")[0])) is type(command)


def test_no_two_verbs_share_a_name() -> None:
    assert len(NAMES) == len(set(NAMES))
    assert all(name == name.casefold() for name in NAMES)


def test_examples_are_commands() -> None:
    assert len(EXAMPLES) == 3
    assert not any(isinstance(parse(example), Unknown | Help) for example in EXAMPLES)


def test_slack_shows_every_verb_for_everyone_and_none_for_organizers() -> None:
    assert usage_hint().split(" | ") == [verb.name for verb in VERBS if verb.audience == "everyone"]


def test_help_shows_each_asker_what_they_may_do() -> None:
    assert allowed(Asker(is_organizer=True)) == (*VERBS, *ADMIN_VERBS)
    assert allowed(Asker()) == tuple(verb for verb in VERBS if verb.audience == "everyone")


def test_a_quoted_name_is_a_name_also_before_a_confirmation() -> None:
    assert parse("leave “Spring Cup” --yes") == Leave("Spring Cup", confirmed=True)


def test_a_confirmation_counts_also_when_the_keyboard_made_its_hyphens_a_dash() -> None:
    assert parse("leave spring-cup —yes") == Leave("spring-cup", confirmed=True)


@pytest.mark.parametrize(
    ("said", "race", "alias"),
    [
        ("leaderboard", "", ""),
        ("Leaderboard  “Lap of honor”", "Lap of honor", ""),
        ("leaderboard as Ada", "", "Ada"),
        ("standings Fast as Lightning AS ada-1", "Fast as Lightning", "ada-1"),
        ("leaderboard Fast as a Fox", "Fast as a Fox", ""),
        ("leaderboard as", "as", ""),
    ],
)
def test_a_leaderboard_is_asked_for_by_race_and_alias(said: str, race: str, alias: str) -> None:
    assert parse(said) == Leaderboard(race, alias)


@pytest.mark.parametrize(
    ("said", "race", "as_picture"),
    [
        ("leaderboard picture", "", True),
        ("leaderboard Lap of honor PICTURE", "Lap of honor", True),
        ("leaderboard “Big picture” picture", "Big picture", True),
        ("leaderboard “Big picture”", "Big picture", False),
    ],
)
def test_a_leaderboard_is_drawn_for_whoever_says_so_at_the_end(
    said: str, race: str, as_picture: bool
) -> None:
    assert parse(said) == Leaderboard(race, as_picture=as_picture)
