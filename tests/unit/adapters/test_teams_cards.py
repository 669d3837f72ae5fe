"""How a message looks in Teams.

The goldens in tests/golden/teams are the cards that Teams is sent. After a wanted change write them anew and
review:

    UPDATE_GOLDENS=1 .venv/bin/pytest tests/unit/adapters/test_teams_cards.py
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.chat.message import (
    Bold,
    Button,
    Buttons,
    Channel,
    Code,
    Column,
    Confirm,
    Fact,
    Facts,
    Link,
    LinkButton,
    Mention,
    Message,
    Note,
    Paragraph,
    Part,
    Span,
    Table,
    Text,
    Typed,
    When,
)
from adapters.teams.cards import fallback, render
from provisioning.ids import ChatIdentity
from tests.unit.adapters.said import (
    ADA,
    CLOSES,
    GRACE,
    HOSTILE,
    LEWIS,
    MARKDOWN,
    MESSAGES,
    PARTS,
    TEXTS,
    text,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "teams"
LARGEST = 80_000  # bytes of UTF-16; Teams refuses a whole message of 100 KB

# Adaptive Cards 1.5, as far as we use it: what each element must have, and what it may have.
MUST: dict[str, dict[str, type]] = {
    "AdaptiveCard": {"body": list},
    "TextBlock": {"text": str, "wrap": bool},
    "RichTextBlock": {"inlines": list},
    "TextRun": {"text": str},
    "FactSet": {"facts": list},
    "Table": {"columns": list, "rows": list, "fallback": dict},
    "TableRow": {"cells": list},
    "TableCell": {"items": list},
    "Input.Text": {"id": str, "label": str, "placeholder": str, "maxLength": int},
    "Input.ChoiceSet": {"id": str, "label": str, "placeholder": str, "style": str, "choices": list},
    "ActionSet": {"actions": list},
    "Action.Execute": {"title": str, "verb": str, "data": dict, "fallback": dict},
    "Action.Submit": {"title": str, "data": dict},
    "Action.OpenUrl": {"title": str, "url": str},
    "Action.ShowCard": {"title": str, "card": dict},
}
TEXT_LOOK: dict[str, tuple[Any, ...]] = {
    "size": ("Small", "Medium"),
    "weight": ("Bolder",),
    "isSubtle": (True,),
}
ACTION_LOOK: dict[str, tuple[Any, ...]] = {"style": ("positive", "destructive")}
MAY: dict[str, dict[str, tuple[Any, ...]]] = {
    "TextBlock": TEXT_LOOK | {"style": ("heading",)},
    "TextRun": TEXT_LOOK | {"fontType": ("Monospace",)},
    "Action.Execute": ACTION_LOOK | {"id": tuple(f"send-answer{number}" for number in range(1, 1000))},
    "Action.OpenUrl": ACTION_LOOK,
    "Action.ShowCard": ACTION_LOOK,
}
INPUTS = {"Input.Text", "Input.ChoiceSet"}
ELEMENTS = {"TextBlock", "RichTextBlock", "FactSet", "Table", "ActionSet", *INPUTS}
ACTIONS = {"Action.Execute", "Action.OpenUrl", "Action.ShowCard"}


def check(card: dict[str, Any]) -> None:
    """Assert that this is an Adaptive Card 1.5 that Teams shows as it is meant."""
    assert card.pop("$schema") == "http://adaptivecards.io/schemas/adaptive-card.json"
    assert card.pop("version") == "1.5"
    entities = card.pop("msteams", {"entities": []})["entities"]
    assert card["body"]
    check_item(card, {"AdaptiveCard"})
    said = "".join(texts(card))
    assert set(re.findall("<at>.*?</at>", said)) == {entity["text"] for entity in entities}
    for entity in entities:
        name = entity["mentioned"]["name"]
        assert entity == {
            "type": "mention",
            "text": f"<at>{name}</at>",
            "mentioned": {"id": entity["mentioned"]["id"], "name": name},
        }
    assert len({entity["text"] for entity in entities}) == len(entities)


def check_item(item: Any, kinds: set[str]) -> None:
    kind = item["type"]
    assert kind in kinds
    must = MUST[kind] | ({"actions": list} if "actions" in item and kind == "AdaptiveCard" else {})
    check_properties(item, must, MAY.get(kind, {}))
    for child in item.get("body", []):
        check_item(child, ELEMENTS)
    for name, within in (("rows", "TableRow"), ("cells", "TableCell"), ("items", "RichTextBlock")):
        for child in item.get(name, []):
            check_item(child, {within})
    if kind == "Table":
        check_item(item["fallback"], {"RichTextBlock"})
        assert {len(row["cells"]) for row in item["rows"]} == {len(item["columns"])}
    for child in item.get("inlines", []):
        check_item(child, {"TextRun"})
    for pair in (*item.get("facts", []), *item.get("choices", [])):
        check_properties({"type": "Pair", **pair}, {"title": str, "value": str}, {})
    if "actions" in item:
        assert 0 < len(item["actions"]) <= 6
    for action in item.get("actions", []):
        check_item(action, ACTIONS)
    if kind == "Action.Execute":
        assert (item["verb"], item["data"].keys()) == ("say", {"say"})
        assert item["fallback"] == {"type": "Action.Submit", "title": item["title"], "data": item["data"]}
    if kind == "Action.OpenUrl":
        assert item["url"].startswith("https://")
    if kind == "Action.ShowCard":
        check_item(item["card"], {"AdaptiveCard"})


def check_properties(item: Any, must: dict[str, type], may: dict[str, tuple[Any, ...]]) -> None:
    assert must.keys() <= item.keys() <= {"type", *must, *may}
    for name, value in item.items():
        if name in must:
            assert isinstance(value, must[name])
            assert value or name == "body"
        elif name in may:
            assert value in may[name]


def items(found: Any) -> Iterator[dict[str, Any]]:
    """Every object within, in reading order, without what a button carries."""
    if isinstance(found, list):
        for item in found:
            yield from items(item)
    elif isinstance(found, dict):
        yield found
        for name, value in found.items():
            if name not in ("data", "fallback", "msteams"):
                yield from items(value)


def texts(card: Any) -> list[str]:
    """Everything a reader sees."""
    seen = ("text", "title", "value")
    return [item[name] for item in items(card) for name in seen if isinstance(item.get(name), str)]


def markdown(card: Any) -> list[str]:
    """Everything that clients read as markdown."""
    return [item["text"] for item in items(card) if item.get("type") == "TextBlock"] + [
        text for item in items(card) for fact in item.get("facts", ()) for text in fact.values()
    ]


def said_by(card: Any) -> list[str]:
    """What the buttons say."""
    return [item["data"]["say"] for item in items(card) if item.get("type") == "Action.Execute"]


def shown(*spans: Span | str) -> Any:
    """How one paragraph of these spans is sent."""
    return render(Message(text("x"), (Paragraph(text(*spans)),)))[1]["body"][1]


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_message_is_sent_as_its_golden_says(name: str) -> None:
    said, card = render(MESSAGES[name])
    found = json.dumps({"text": said, "card": card}, ensure_ascii=False, indent=2) + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDENS"):
        path.write_text(found, encoding="utf-8")

    assert found == path.read_text(encoding="utf-8")
    check(card)


def test_no_golden_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == MESSAGES.keys()


@pytest.mark.parametrize("name", ["hostile", "markdown"])
def test_what_people_typed_mentions_nobody_and_links_nowhere(name: str) -> None:
    said, card = render(MESSAGES[name])

    assert "evil" in said
    for seen in [said, *texts(card)]:
        assert not re.search(r"<(?!/?at>)", seen)
        assert "{{" not in seen
    for seen in [said, *markdown(card)]:
        assert not re.search(r"\]\((?!https://x\.example)", seen)


def test_text_without_anything_of_a_text_block_is_shown_letter_by_letter() -> None:
    assert shown("_R&D_ *all* # 1. [x](https://x.example)\n- `y` \\*") == {
        "type": "RichTextBlock",
        "inlines": [{"type": "TextRun", "text": "_R&D_ *all* # 1. [x](https://x.example)\n- `y` \\*"}],
    }


def test_weight_codes_and_words_to_type_need_no_markup() -> None:
    block = shown("Say ", Typed("leave *it*"), ", ", Bold("_now_"), ", quote ", Code("DR-204"))

    assert block["inlines"] == [
        {"type": "TextRun", "text": "Say "},
        {"type": "TextRun", "text": "leave *it*", "weight": "Bolder"},
        {"type": "TextRun", "text": ", "},
        {"type": "TextRun", "text": "_now_", "weight": "Bolder"},
        {"type": "TextRun", "text": ", quote "},
        {"type": "TextRun", "text": "DR-204", "fontType": "Monospace"},
    ]


def test_beside_a_moment_weight_is_markdown_and_values_are_not() -> None:
    block = shown(Bold("2*3"), " by ", "_Eve_ *x* a_b", " at ", When(CLOSES), " ", Typed("status"))

    assert block["text"] == (
        "**2\u22173** by \u02cdEve\u02cd \u2217x\u2217 a_b at "
        "{{DATE(2027-04-01T16:00:00Z, SHORT)}} {{TIME(2027-04-01T16:00:00Z)}} **status**"
    )


def test_two_weighty_spans_in_a_row_stay_one_run_of_weight() -> None:
    assert shown(Bold("a"), Bold("b"), When(CLOSES, "time"))["text"].startswith("**ab**{{TIME(")


@pytest.mark.parametrize(
    "line", ["- item", "+ item", "# head", "> quote", "1. first", "12) first", "    code", "\tcode", "---"]
)
def test_no_line_of_a_value_starts_a_list_a_heading_a_quotation_or_code(line: str) -> None:
    read = shown(f"{line}\n{line}", " ", When(CLOSES))["text"]

    assert not re.search(r"(?m)^([-+#> \t]|\d+[.)])", read)
    assert re.sub(r"\W", "", read.partition("\n\n")[0]) == re.sub(r"\W", "", line)


def test_a_value_split_over_two_spans_forges_no_function_and_no_list() -> None:
    assert "{{DATE(2000" not in shown("{", "{DATE(2000-01-01T00:00:00Z)}}", When(CLOSES))["text"]
    assert shown("1", ". first ", When(CLOSES))["text"].startswith("\u20601. first")


def test_a_value_before_a_link_makes_no_picture_of_it() -> None:
    assert shown("look!", Link("Go", "https://x.example"))["text"] == "look!\u2060[Go](https://x.example)"


def test_what_the_eye_reads_is_what_was_typed() -> None:
    typed = "[a](b) {{c}} #1 R&D &lt; x-y 1.2 (3)"
    seen = shown(typed, " ", When(CLOSES))["text"].replace("\u2060", "")

    assert seen.startswith(f"{typed} {{{{DATE")


def test_line_ends_of_a_value_end_lines_in_markdown_too() -> None:
    assert shown("one\ntwo\r\n\n\n three ", When(CLOSES, "date"))["text"].startswith(
        "one\n\ntwo\n\nthree {{DATE"
    )


def test_a_moment_is_shown_in_the_readers_zone_and_in_plain_words_in_utc() -> None:
    said, card = render(MESSAGES["ready"])

    fact = card["body"][1]["facts"][2]
    assert fact["value"] == "{{DATE(2027-04-01T16:00:00Z, SHORT)}} {{TIME(2027-04-01T16:00:00Z)}}"
    assert "Join until: 1 Apr 2027, 16:00 UTC" in said


def test_the_plain_words_tell_the_whole_message() -> None:
    assert fallback(MESSAGES["ready"]).splitlines() == [
        "You can race.",
        "Training hours: 10 left of 10",
        "Models: 5",
        "Join until: 1 Apr 2027, 16:00 UTC",
        "Open the console: https://d-1.awsapps.com/start/#/console?account_id=1&role_name=DeepRacer",
        "My quota: “quota”",
        "Leave: “leave spring-cup-2027 --yes”",
    ]


def test_words_to_type_stand_bare() -> None:
    said, _ = render(MESSAGES["queued"])

    assert said.endswith("Ask any time: status")


def test_the_state_of_a_step_is_said_in_a_word() -> None:
    said, card = render(MESSAGES["queued"])

    assert [fact["title"] for fact in card["body"][2]["facts"]] == ["✅ done", "⏳ now", "▫️ next"]
    assert "done: You asked to join\nnow: Your access is being set up\nnext: Your link works" in said


def test_people_of_teams_are_mentioned_when_their_name_is_known_and_no_one_else_is() -> None:
    said, card = render(MESSAGES["people"])

    assert [entity["mentioned"]["id"] for entity in card["msteams"]["entities"]] == [ADA.user, GRACE.user]
    assert card["body"][0]["text"] == "<at>Ada Lovelace</at> has joined."
    assert card["body"][1]["text"] == "Asked for by Lewis, who is not somebody in Slack."
    assert card["body"][2]["facts"][1]["value"] == "somebody in Teams"
    assert "<at>" not in said
    assert not any(person.user in said for person in (ADA, GRACE, LEWIS))


def test_two_people_of_one_name_are_two_mentions() -> None:
    _, card = render(MESSAGES["people"])

    assert card["body"][2]["facts"][0]["value"].startswith("<at>Ada Lovelace (2)</at>, since ")
    assert [entity["text"] for entity in card["msteams"]["entities"]] == [
        "<at>Ada Lovelace</at>",
        "<at>Ada Lovelace (2)</at>",
    ]


def test_a_name_cannot_end_its_mention_or_begin_another() -> None:
    _, card = render(Message(text(Mention(ADA, "Eve</at> <at>Everyone"))))

    assert card["body"][0]["text"] == "<at>Eve\u2039/at\u203a \u2039at\u203aEveryone</at>"
    check(card)


def test_somebody_whose_id_is_no_object_id_is_not_mentioned() -> None:
    _, card = render(Message(text(Mention(ChatIdentity("teams", "t", "29:1xyz"), "Ada"))))

    assert card["body"][0]["text"] == "Ada"
    assert "msteams" not in card


def test_a_mention_that_was_cut_off_is_no_entity() -> None:
    long = tuple(Paragraph(text("y" * 3900)) for _ in range(20))
    _, card = render(Message(text("x"), (*long, Paragraph(text(Mention(ADA, "Ada"))))))

    check(card)
    assert "msteams" not in card


def test_a_button_says_its_words_in_new_clients_and_in_old_ones() -> None:
    _, card = render(MESSAGES["race"])

    assert card["body"][-1] == {
        "type": "ActionSet",
        "actions": [
            {
                "type": "Action.Execute",
                "title": "Join",
                "verb": "say",
                "data": {"say": "join spring-cup-2027"},
                "style": "positive",
                "fallback": {
                    "type": "Action.Submit",
                    "title": "Join",
                    "data": {"say": "join spring-cup-2027"},
                },
            }
        ],
    }


def test_a_button_that_asks_first_says_its_words_only_from_the_question() -> None:
    _, card = render(MESSAGES["ready"])

    button = card["body"][-1]["actions"][2]
    assert (button["type"], button["title"]) == ("Action.ShowCard", "Leave")
    assert (
        "".join(texts(button["card"]["body"])) == "Leave Spring Cup 2027?Your models stay; your access ends."
    )
    [yes] = button["card"]["actions"]
    assert (yes["title"], yes["data"]) == ("Leave", {"say": "leave spring-cup-2027 --yes"})


def test_a_table_shows_every_cell_letter_by_letter_and_its_heads_with_weight() -> None:
    _, card = render(MESSAGES["board"])
    (table,) = [item for item in items(card) if item.get("type") == "Table"]
    runs = [[cell["items"][0]["inlines"][0] for cell in row["cells"]] for row in table["rows"]]

    assert [column["horizontalCellContentAlignment"] for column in table["columns"]] == [
        "right",
        "left",
        "right",
    ]
    assert [run["weight"] for run in runs[0]] == ["Bolder"] * 3
    assert [run["text"] for run in runs[1]] == ["1", "Ada_L", "59.999"]
    assert [run["text"] for run in runs[4]] == ["–", "Nigel", "–"]


def test_who_shows_no_tables_shows_its_lines() -> None:
    _, card = render(MESSAGES["board"])
    (table,) = [item for item in items(card) if item.get("type") == "Table"]
    (run,) = table["fallback"]["inlines"]

    assert run["fontType"] == "Monospace"
    assert run["text"].splitlines()[:2] == ["#  Racer           Time", "1  Ada_L         59.999"]


def test_of_a_table_too_large_the_top_is_shown_and_that_it_goes_on() -> None:
    table = Table(text("All"), (Column("n"), Column("m")), (("y" * 60, "z" * 60),) * 400)
    _, card = render(Message(text("x"), (table, Buttons((Button("Stop", "stop"),)))))

    check(dict(card))
    assert any("[…]" in seen for seen in texts(card))
    assert said_by(card) == ["stop"]
    assert sum(item.get("type") == "TableRow" for item in items(card)) > 20


def test_more_buttons_than_teams_shows_in_one_row_go_into_further_rows() -> None:
    buttons = tuple(Button(f"b{number}", f"w{number}") for number in range(14))
    _, card = render(Message(text("x"), (Buttons(buttons),)))

    assert [len(row["actions"]) for row in card["body"][1:]] == [6, 6, 2]
    assert said_by(card) == [button.words for button in buttons]


def test_a_button_whose_words_do_not_fit_is_left_out_rather_than_made_to_say_others() -> None:
    message = Message(text("x"), (Buttons((Button("Too much", "w" * 1001), Button("Fine", "w" * 1000))),))

    assert said_by(render(message)[1]) == ["w" * 1000]


def test_a_link_goes_to_the_web_over_https_or_nowhere() -> None:
    for url in ("javascript:alert(1)", "http://x.example", "https://x.example/\n[a](https://y.example)"):
        message = Message(text("x"), (Paragraph(text(Link("Go", url))), Buttons((LinkButton("Go", url),))))
        _, card = render(message)
        assert "](" not in "".join(texts(card))
        assert [element["type"] for element in card["body"]] == ["TextBlock", "TextBlock"]


def test_a_link_cannot_be_ended_early_by_its_address_or_its_label() -> None:
    block = shown(Link("A](https://e.example)[B", "https://x.example/a)b](c <d>?role_name=x&y=_z_"))

    assert block["text"] == (
        "[A)(https://e.example)(B](https://x.example/a%29b%5D%28c%20%3Cd%3E?role_name=x&y=%5Fz%5F)"
    )


def test_a_long_paragraph_is_split_between_words_and_loses_none() -> None:
    words = [f"word{number}" for number in range(1200)]
    _, card = render(Message(text("x"), (Paragraph(text(Bold("Long"), " ", " ".join(words))),)))

    assert len(card["body"]) > 2
    assert " ".join(texts(card["body"][1:])).split() == ["Long", *words]


def test_a_fact_too_long_for_its_column_is_told_as_text() -> None:
    _, card = render(Message(text("x"), (Facts((Fact("a", text("b")), Fact("c", text("d" * 600)))),)))

    assert [element["type"] for element in card["body"][1:]] == ["FactSet", "RichTextBlock"]
    assert "".join(texts(card["body"][2])) == "c\n" + "d" * 600


def test_a_message_far_too_long_keeps_its_beginning_and_its_buttons_and_says_so() -> None:
    message = Message(
        text("x"), (*(Paragraph(text("y" * 2000)) for _ in range(60)), Buttons((Button("Stop", "stop"),)))
    )
    _, card = render(message)

    assert card["body"][0]["text"] == "x"
    assert said_by(card) == ["stop"]
    assert "[…]" in card["body"][-1]["inlines"][0]["text"]
    assert 60_000 < len(json.dumps(card).encode("utf-16-le")) < LARGEST


def test_small_print_is_small() -> None:
    _, card = render(Message(text("x"), (Note(text("a", Code("b"))), Note(text(When(CLOSES))))))

    for element in (*card["body"][1]["inlines"], card["body"][2]):
        assert (element["size"], element["isSubtle"]) == ("Small", True)


def test_an_empty_message_is_still_one_that_teams_takes() -> None:
    said, card = render(Message(()))

    assert said
    check(card)


@pytest.mark.parametrize("value", [HOSTILE, MARKDOWN, "\u202etxt.exe\u2066", "x" * 10_000, "👩🏽‍🚀" * 3000])
def test_no_value_breaks_the_card_wherever_it_stands(value: str) -> None:
    spans = (Bold(value), Code(value), Typed(value), Mention(ADA, value), Link(value, value), Channel(value))
    everywhere = text(value, *spans)
    _, card = render(
        Message(
            everywhere,
            (
                Facts((Fact(value, everywhere),)),
                Buttons((Button(value, "help", "danger", Confirm(value, value, value, value)),)),
            ),
        )
    )

    check(card)
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", "".join(texts(card)))


@pytest.mark.parametrize(
    ("one", "other"), [("{", "{DATE(2027-04-01T16:00:00Z)}}"), ("&", "lt;"), ("&#", "60;")]
)
def test_what_stands_in_two_pieces_is_as_dead_as_in_one(one: str, other: str) -> None:
    said, card = render(Message(text(one, other), (Paragraph(text(one, other, When(CLOSES))),)))

    for seen in [said, *texts(card)]:
        assert one + other not in seen
    check(card)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(TEXTS, st.lists(PARTS, max_size=5), st.sampled_from([1, 1, 30]))
def test_teams_takes_whatever_people_typed(summary: Text, parts: list[Part], times: int) -> None:
    said, card = render(Message(summary, tuple(parts * times)))

    assert 0 < len(said) <= 3000
    assert len(json.dumps(card, ensure_ascii=False).encode("utf-16-le")) < LARGEST
    assert json.loads(json.dumps(card).encode()) == card
    for seen in [said, *texts(card)]:
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\ud800-\udfff]", seen)
        # tags only around mentions of ours, functions only of ours
        assert not re.search(r"<(?!/?at>)", seen)
        assert not re.search(
            r"\{\{(?!(?:DATE|TIME)\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ(?:, SHORT)?\)\}\})", seen
        )
    for seen in markdown(card):
        ours = re.sub(r"\*\*|\]\(https://[^\s()\[\]]*\)", "", seen)
        assert not re.search(r"[*`~\\]|\](?!\u2060)|!\[|&#?\w+;", ours)
    check(card)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="*_~`>#-+1.)[(]\\{<&; \nabé", max_size=40))
def test_no_value_formats_wherever_it_stands(value: str) -> None:
    read = shown(Bold("Name"), " is ", value, " or ", value, "\n", value, When(CLOSES, "date"))["text"]

    rest = read.removeprefix("**Name** is").removesuffix("{{DATE(2027-04-01T16:00:00Z, SHORT)}}")
    assert not re.search(r"[*`~\\<]|[\]{](?!\u2060)", rest)
    assert not re.search(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", rest)
    assert not re.search(r"(?m)^(?:[-+#>]|\d+[.)]|[ \t])", read)
    assert not re.search(r"[^\n]\n[^\n]", rest)
