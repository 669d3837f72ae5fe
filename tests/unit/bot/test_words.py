"""The catalog: every sentence that is asked for is there, and a value never becomes markup."""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bot
import provisioning
from adapters.chat.message import Bold, Code, Link, Plain, Typed, When
from bot.words import Words, words

NOON = datetime(2027, 3, 15, 12, 0, tzinfo=UTC)
CATALOG = words()
HOSTILE = [
    "`rm -rf`",
    "**stars**",
    "{event}",
    "{nobody}",
    "{0.__class__}",
    "%s %(name)s",
    "<!channel> <@U0456> &lt;",
    "[here](https://evil.example)",
    "*bold* _it_ ~no~",
    "two\nlines",
    "\u202eback",
    "",
]


def sentences() -> dict[str, str]:
    file = resources.files("bot") / "catalogs" / "en.toml"
    return dict(_flat(tomllib.loads(file.read_text(encoding="utf-8"))))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


# --- the sentences ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", sorted(sentences()))
def test_a_sentence_is_well_formed(key: str) -> None:
    sentence = sentences()[key]
    assert sentence.strip() == sentence != ""
    assert "\n" not in sentence
    assert sentence.count("`") % 2 == 0
    assert sentence.count("**") % 2 == 0
    outside_names = re.sub(r"\{[a-z_]+\}", "", sentence)
    assert not re.search(r"[{}]", outside_names)
    assert not re.search(r"`[^`]*\*\*|\*\*[^*]*`", outside_names), "marks inside marks are not spans"


def test_the_catalog_has_exactly_the_sentences_of_its_file() -> None:
    assert CATALOG.keys() == set(sentences())
    assert all(key in CATALOG for key in sentences())
    assert "no.such.key" not in CATALOG


def test_whoever_counts_has_a_sentence_for_any_number() -> None:
    counted = {
        key.rpartition(".")[0] for key in sorted(CATALOG.keys()) if re.search(r"\.(zero|one|few|many)$", key)
    }
    assert counted
    all_forms = sentences().items()
    for key in counted:
        forms = " ".join(text for one, text in all_forms if one.rpartition(".")[0] == key)
        values = dict.fromkeys(re.findall(r"\{([a-z_]+)\}", forms), "x")
        for count in (0, 1, 2, 7, 1000):
            assert CATALOG.text(key, **(values | {"count": count}))


# --- what the code asks for ---------------------------------------------------------------------------------

ASKED_IN = [Path(bot.__file__).parent, Path(provisioning.__file__).parent]


def _patterns(node: ast.expr) -> Iterator[str]:
    """Yield what the key may be, as expressions: exact where it is literal, anything where it is computed."""
    match node:
        case ast.Constant(value=str(text)):
            yield re.escape(text)
        case ast.IfExp(body=body, orelse=orelse):
            yield from _patterns(body)
            yield from _patterns(orelse)
        case ast.JoinedStr(values=parts):
            yield "".join(
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[a-z.-]*"
                for part in parts
            )


def asked() -> list[tuple[str, str]]:
    """Return every key the code asks the catalog for, as far as it is literal, with where it does."""
    found = []
    for folder in ASKED_IN:
        for file in sorted(folder.rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in {"text", "plain"}
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id in {"words", "spoken", "self"}
                    and node.args
                ):
                    found += [(pattern, f"{file.name}:{node.lineno}") for pattern in _patterns(node.args[0])]
    return found


def test_every_key_that_the_code_asks_for_exists() -> None:
    patterns = asked()
    assert len(patterns) > 40
    known = {re.sub(r"\.(zero|one|other)$", "", key) for key in sorted(CATALOG.keys())} | CATALOG.keys()
    missing = [
        (pattern, where)
        for pattern, where in patterns
        if not any(re.fullmatch(pattern, key) for key in known)
    ]
    assert missing == []


def test_every_message_to_the_organizers_that_provisioning_names_exists() -> None:
    named = {
        text
        for file in ASKED_IN[1].rglob("*.py")
        for text in re.findall(r'"(organizers-[a-z-]+)"', file.read_text(encoding="utf-8"))
    }
    told = {key.split(".")[0] for key in sorted(CATALOG.keys()) if key.startswith("organizers-")}
    assert named == told
    assert all(f"{name}.{part}" in CATALOG for name in named for part in ("summary", "next"))


# --- filling sentences --------------------------------------------------------------------------------------

MADE = Words(
    "en",
    {
        "plain": "Hello {name}, and again {name}.",
        "marked": "Type `/deepracer join {name}` for **{name}** or `help`.",
        "count.zero": "nothing",
        "count.one": "one thing",
        "count.other": "{count} things",
        "few.other": "{count} things",
        "when": "It opens {opens}.",
        "length": "About {length}.",
        "link": "See {link}.",
    },
)


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_is_shown_as_it_is(value: str) -> None:
    assert MADE.text("plain", name=value) == (
        Plain("Hello "),
        Plain(value),
        Plain(", and again "),
        Plain(value),
        Plain("."),
    )
    assert MADE.plain("plain", name=value) == f"Hello {value}, and again {value}."


@given(st.text())
def test_a_value_inside_a_mark_stays_inside_it(value: str) -> None:
    assert MADE.text("marked", name=value) == (
        Plain("Type "),
        Typed(f"join {value}"),
        Plain(" for "),
        Bold(value),
        Plain(" or "),
        Code("help"),
        Plain("."),
    )


@pytest.mark.parametrize(
    ("key", "count", "said"),
    [
        ("count", 0, "nothing"),
        ("count", 1, "one thing"),
        ("count", 2, "2 things"),
        ("few", 0, "0 things"),
        ("few", 1, "1 things"),
    ],
)
def test_the_number_chooses_the_form(key: str, count: int, said: str) -> None:
    assert MADE.plain(key, count=count) == said


def test_a_moment_stays_a_moment_and_a_link_a_link() -> None:
    assert MADE.text("when", opens=NOON) == (Plain("It opens "), When(NOON), Plain("."))
    link = Link("the **rules**", "https://example.com/`x`")
    assert MADE.text("link", link=link) == (Plain("See "), link, Plain("."))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "1 second"),
        (60, "60 seconds"),
        (89, "89 seconds"),
        (90, "2 minutes"),
        (120, "2 minutes"),
        (2400, "40 minutes"),
        (5400, "2 hours"),
    ],
)
def test_a_length_of_time_is_said_as_people_say_it(seconds: int, said: str) -> None:
    assert MADE.plain("length", length=timedelta(seconds=seconds)) == f"About {said}."


@pytest.mark.parametrize("key", ["no-such-key", "plain", "count"])
def test_what_is_missing_is_an_error_and_not_a_gap(key: str) -> None:
    with pytest.raises(KeyError):
        MADE.text(key)
    with pytest.raises(KeyError):
        MADE.plain(key)


def test_a_sentence_may_be_filled_many_times() -> None:
    one, other = MADE.text("marked", name="one"), MADE.text("marked", name="other")
    assert one != other
    assert MADE.text("marked", name="one") == one


# --- languages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "language",
    [None, "", "en", "en-US", "en_GB", "EN", "xx", "tlh-Latn", "../../pyproject", "a/b", "..", "\x00", "*"],
)
def test_a_language_that_is_not_there_is_answered_in_english(language: str | None) -> None:
    assert words(language).keys() == CATALOG.keys()


def test_teams_has_words_of_its_own_for_what_speaks_of_slack() -> None:
    teams, all_of_slack = words(None, "teams"), sentences()

    assert teams.keys() == CATALOG.keys()
    for key, sentence in all_of_slack.items():
        values = dict.fromkeys(re.findall(r"\{([a-z_]+)\}", sentence), "x")
        assert not re.search("Slack|direct message", teams.plain(key, **values)), key
    assert teams.text("nothing.none") == CATALOG.text("nothing.none")


@given(st.text())
def test_no_language_tag_leads_out_of_the_catalogs(language: str) -> None:
    assert words(language).keys() == CATALOG.keys()
