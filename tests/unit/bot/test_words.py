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
from babel import Locale
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


FOLDER = resources.files("bot") / "catalogs"
LANGUAGES = sorted(file.name.removesuffix(".toml") for file in FOLDER.iterdir() if file.name.count(".") == 1)
PLATFORMS = ("slack", "teams")
QUOTES = {"en": "“”", "de": "„“"}  # what opens and closes what somebody said
FORMS = ("zero", "one", "two", "few", "many", "other")


def sentences(language: str = "en", platform: str = "") -> dict[str, str]:
    """Return the sentences of one file of a language, empty when it has none for this platform."""
    file = FOLDER / (f"{language}.{platform}.toml" if platform else f"{language}.toml")
    return dict(_flat(tomllib.loads(file.read_text(encoding="utf-8")))) if file.is_file() else {}


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


EVERY = [
    pytest.param(sentence, language, id=f"{language}{f'.{platform}' if platform else ''}:{key}")
    for language in LANGUAGES
    for platform in ("", *PLATFORMS)
    for key, sentence in sorted(sentences(language, platform).items())
]


# --- the sentences ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sentence", "language"), EVERY)
def test_a_sentence_is_well_formed(sentence: str, language: str) -> None:
    assert sentence.strip() == sentence != ""
    assert "\n" not in sentence
    assert sentence.count("`") % 2 == 0
    assert sentence.count("**") % 2 == 0
    outside_names = re.sub(r"\{[a-z_]+\}", "", sentence)
    assert not re.search(r"[{}]", outside_names)
    assert not re.search(r"`[^`]*\*\*|\*\*[^*]*`", outside_names), "marks inside marks are not spans"
    quoted = re.sub('[^„“”"]', "", sentence)
    assert quoted == QUOTES[language] * (len(quoted) // 2), "quotes are the language's own, and in pairs"


def test_every_platform_file_is_of_a_platform_and_a_language_that_exist() -> None:
    extra = [file.name.split(".") for file in FOLDER.iterdir() if file.name.count(".") == 2]
    assert extra
    assert all(language in LANGUAGES and platform in PLATFORMS for language, platform, _ in extra)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalog_has_exactly_the_sentences_of_its_file(language: str) -> None:
    catalog = words(language)
    assert catalog.language == language
    assert catalog.keys() == set(sentences(language))
    assert all(key in catalog for key in sentences(language))
    assert "no.such.key" not in catalog


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_counts_has_a_sentence_for_any_number(language: str) -> None:
    catalog = words(language)
    counted = {_counted(key) for key in sentences(language)} - {None}
    assert counted
    all_forms = sentences(language).items()
    for key in sorted(filter(None, counted)):
        forms = " ".join(text for one, text in all_forms if one.rpartition(".")[0] == key)
        values = dict.fromkeys(re.findall(r"\{([a-z_]+)\}", forms), "x")
        for count in (0, 1, 2, 7, 1000):
            assert catalog.text(key, **(values | {"count": count}))


# --- one language beside another ----------------------------------------------------------------------------


def _counted(key: str) -> str | None:
    """Return what a key counts, without the form; None for a sentence that does not depend on a number."""
    stem, _, form = key.rpartition(".")
    return stem if form in FORMS else None


def _wanted(english: Mapping[str, str], language: str) -> dict[str, str]:
    """Return which keys a language needs, each with the key of the English sentence that it says.

    Where English counts, a language has the forms that it needs itself. English leaves out the one of what
    is always several; so may others.
    """
    own_forms = Locale.parse(language).plural_form.tags | {"other"}
    wanted = {key: key for key in english if _counted(key) is None}
    for stem in filter(None, map(_counted, english)):
        forms = own_forms if f"{stem}.one" in english else own_forms - {"one"}
        forms |= {"zero"} if f"{stem}.zero" in english else set()
        for form in forms:
            same = f"{stem}.{form}"
            wanted[same] = same if same in english else f"{stem}.other"
    return wanted


def faults(english: Mapping[str, str], other: Mapping[str, str], language: str) -> list[str]:
    """Return what keeps `other` from saying, in this language, exactly what English says."""
    wanted = _wanted(english, language)
    found = [f"{key} is missing" for key in sorted(wanted.keys() - other.keys())]
    found += [f"{key} is none of English's" for key in sorted(other.keys() - wanted.keys())]
    for key in sorted(wanted.keys() & other.keys()):
        there, here = english[wanted[key]], other[key]
        for what, pattern in (
            ("names", r"\{[a-z_]+\}"),
            ("words to type", r"`[^`]+`"),
            ("weights", r"\*\*[^*]+\*\*"),
        ):
            those, these = re.findall(pattern, there), re.findall(pattern, here)
            if what == "weights":
                those, these = ["**"] * len(those), ["**"] * len(these)
            if sorted(those) != sorted(these):
                found.append(f"{key} has the {what} {these}, and English {those}")
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("platform", ["", *PLATFORMS])
def test_a_language_says_what_english_says(language: str, platform: str) -> None:
    assert faults(sentences("en", platform), sentences(language, platform), language) == []


SAID = {
    "a": "Type `/deepracer join {id}` for **{event}**.",
    "b.one": "{who} is in.",
    "b.other": "{count} are in.",
}
SAGT = {
    "a": "Mit `/deepracer join {id}` zu **{event}**.",
    "b.one": "{who} ist da.",
    "b.other": "{count} sind da.",
}


@pytest.mark.parametrize(
    ("mistake", "found"),
    [
        ({"a": None}, "a is missing"),
        ({"b.one": None}, "b.one is missing"),
        ({"b.other": None}, "b.other is missing"),
        ({"b.few": "{count} sind da."}, "b.few is none of English's"),
        ({"c": "Zu viel."}, "c is none of English's"),
        ({"b.one": "Jemand ist da."}, "b.one has the names"),
        ({"b.one": "{wer} ist da."}, "b.one has the names"),
        ({"a": "Mit `/deepracer mitmachen {id}` zu **{event}**."}, "a has the words to type"),
        ({"a": "Mit /deepracer join {id} zu **{event}**."}, "a has the words to type"),
        ({"a": "Mit `/deepracer join {id}` zu {event}."}, "a has the weights"),
    ],
)
def test_a_mistake_in_a_translation_is_found(mistake: dict[str, str | None], found: str) -> None:
    assert faults(SAID, SAGT, "de") == []
    wrong = {key: text for key, text in (SAGT | mistake).items() if text is not None}
    assert [fault.startswith(found) for fault in faults(SAID, wrong, "de")] == [True]


def test_a_language_with_more_forms_than_english_needs_them_all() -> None:
    assert faults(SAID, SAGT, "pl") == ["b.few is missing", "b.many is missing"]


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


@pytest.mark.parametrize("language", ["de", "de-DE", "de_AT", "DE-CH"])
def test_a_language_that_is_there_is_spoken_whatever_the_country(language: str) -> None:
    assert words(language).language == "de"
    assert words(language).plain("confirm-leave.yes") == "Verlassen"


@pytest.mark.parametrize("language", LANGUAGES)
def test_teams_has_words_of_its_own_for_what_speaks_of_slack(language: str) -> None:
    teams, all_of_slack = words(language, "teams"), sentences(language)

    assert teams.keys() == words(language).keys()
    for key, sentence in all_of_slack.items():
        values = dict.fromkeys(re.findall(r"\{([a-z_]+)\}", sentence), "x")
        assert not re.search("Slack|direct message|Direktnachricht", teams.plain(key, **values)), key
    assert teams.text("nothing.none") == words(language).text("nothing.none")


@given(st.text())
def test_no_language_tag_leads_out_of_the_catalogs(language: str) -> None:
    assert words(language).language in LANGUAGES
