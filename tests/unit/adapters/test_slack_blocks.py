"""How a message looks in Slack.

The goldens in tests/golden/slack are what Slack is sent. After a wanted change write them anew and review:

    UPDATE_GOLDENS=1 .venv/bin/pytest tests/unit/adapters/test_slack_blocks.py
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.chat.message import (
    Bold,
    Button,
    Buttons,
    Column,
    Link,
    LinkButton,
    Message,
    Paragraph,
    Part,
    Table,
    Text,
)
from adapters.slack.blocks import fallback, render
from sandbox.slack_blocks import buttons, refusal, texts
from tests.unit.adapters.said import CLOSES, HOSTILE, MESSAGES, PARTS, TEXTS, text

GOLDEN = Path(__file__).parents[2] / "golden" / "slack"


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_message_is_sent_as_its_golden_says(name: str) -> None:
    said, blocks = render(MESSAGES[name])
    found = json.dumps({"text": said, "blocks": blocks}, ensure_ascii=False, indent=2) + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDENS"):
        path.write_text(found, encoding="utf-8")

    assert found == path.read_text(encoding="utf-8")


def test_no_golden_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == MESSAGES.keys()


def mrkdwn(blocks: list[dict[str, Any]]) -> list[str]:
    """Every text that Slack reads as mrkdwn."""

    def walk(found: Any) -> list[str]:
        if isinstance(found, list):
            return [text for item in found for text in walk(item)]
        if isinstance(found, dict):
            own = [found["text"]] if found.get("type") == "mrkdwn" else []
            return own + [text for item in found.values() for text in walk(item)]
        return []

    return walk(blocks)


def test_what_people_typed_mentions_nobody_and_links_nowhere() -> None:
    said, blocks = render(MESSAGES["hostile"])

    for shown in [said, *mrkdwn(blocks)]:
        assert "<" not in shown
        assert "@U0123&gt;" in shown or "U0123" not in shown


def test_what_people_typed_never_becomes_formatting() -> None:
    _, blocks = render(Message(text("x"), (Paragraph(text(Bold("Title"), f" by {HOSTILE}")),)))

    shown = blocks[1]["text"]["text"]
    assert shown.startswith("*Title* by ")
    assert not re.search(r"[*_~`]", shown.removeprefix("*Title*"))


def test_characters_inside_words_stay_what_they_are() -> None:
    _, blocks = render(Message(text("x"), (Paragraph(text(Bold("who"), ": ada_b.lovelace*2@x.example")),)))

    assert blocks[1]["text"]["text"] == "*who*: ada_b.lovelace*2@x.example"


def test_text_without_formatting_is_sent_as_plain_text() -> None:
    _, blocks = render(Message(text("x"), (Paragraph(text("_R&D_ *all*")),)))

    assert blocks[1]["text"] == {"type": "plain_text", "text": "_R&D_ *all*", "emoji": False}


def test_the_state_of_a_step_is_said_in_a_word() -> None:
    said, blocks = render(MESSAGES["queued"])

    for word in ("done", "now", "next"):
        assert f"*{word}*" in blocks[2]["text"]["text"]
        assert f"{word}: " in said


def test_a_moment_is_shown_in_the_readers_zone_and_else_in_utc_by_name() -> None:
    said, blocks = render(MESSAGES["ready"])

    field = blocks[1]["fields"][2]["text"]
    assert f"<!date^{int(CLOSES.timestamp())}^{{date_short_pretty}} {{time}}|1 Apr 2027, 16:00 UTC>" in field
    assert "Join until: 1 Apr 2027, 16:00 UTC" in said


def test_the_fallback_tells_the_whole_message_in_plain_words() -> None:
    said = fallback(MESSAGES["ready"])

    assert said.splitlines() == [
        "You can race.",
        "Training hours: 10 left of 10",
        "Models: 5",
        "Join until: 1 Apr 2027, 16:00 UTC",
        "Open the console: https://d-1.awsapps.com/start/#/console?account_id=1&amp;role_name=DeepRacer",
        "My quota: /deepracer quota",
        "Leave: /deepracer leave spring-cup-2027 --yes",
    ]


def test_action_ids_are_unique_in_a_message_and_only_speaking_buttons_say_something() -> None:
    message = Message(
        text("x"),
        tuple(Buttons((Button("a", "help"), LinkButton("b", "https://x.example"))) for _ in range(3)),
    )
    found = buttons(render(message)[1])

    assert len({button["action_id"] for button in found}) == 6
    assert all(button["action_id"].startswith("say:") == ("url" not in button) for button in found)


def table_of(rows: int, *, cell: str = "x", columns: int = 2) -> Table:
    return Table(text("All"), (Column("n", is_number=True),) * columns, ((cell,) * columns,) * rows)


def test_a_table_is_a_table_with_its_heads_first_and_numbers_at_the_right() -> None:
    _, blocks = render(MESSAGES["board"])
    table = blocks[2]

    assert [column["align"] for column in table["column_settings"]] == ["right", "left", "right"]
    assert [[cell["text"] for cell in row] for row in table["rows"]] == [
        ["#", "Racer", "Time"],
        ["1", "Ada_L", "59.999"],
        ["2", "RacerAlias", "1:02.345"],
        ["2", "李雷", "1:02.345"],
        ["–", "Nigel", "–"],
    ]


def test_the_fallback_tells_a_table_row_by_row() -> None:
    assert fallback(MESSAGES["board"]).splitlines()[1:5] == [
        "After 1,004 laps, 1 Apr 2027, 16:00 UTC",
        "# · Racer · Time",
        "1 · Ada_L · 59.999",
        "2 · RacerAlias · 1:02.345",
    ]


def test_where_slack_takes_no_table_its_columns_are_lines_of_code() -> None:
    _, blocks = render(MESSAGES["board"], with_tables=False)

    assert blocks[2]["text"]["text"].splitlines() == [
        "```",
        "#  Racer           Time",
        "1  Ada_L         59.999",
        "2  RacerAlias  1:02.345",
        "2  李雷        1:02.345",
        "–  Nigel              –",
        "```",
    ]


def test_what_people_typed_ends_no_lines_of_code() -> None:
    message = Message(text("x"), (table_of(1, cell="```<!channel>&"),))
    (shown,) = mrkdwn(render(message, with_tables=False)[1])[1:]

    assert shown.count("```") == 2
    assert "&lt;!channel&gt;&amp;" in shown


def test_a_message_has_one_table_and_any_other_is_lines_of_code() -> None:
    _, blocks = render(Message(text("x"), (table_of(1), table_of(2))))

    assert [block["type"] for block in blocks] == ["section", "section", "table", "section", "section"]
    assert blocks[4]["text"]["text"].startswith("```")


@pytest.mark.parametrize(
    ("table", "with_tables"),
    [
        (table_of(100), True),
        (table_of(99, cell="y" * 60), True),
        (table_of(99, cell="y" * 60), False),
        (table_of(100, columns=21), True),
    ],
)
def test_of_a_table_too_large_the_top_is_shown_and_that_it_goes_on(
    table: Table, *, with_tables: bool
) -> None:
    _, blocks = render(Message(text("x"), (table,)), with_tables=with_tables)

    assert refusal(blocks) is None
    assert "[…]" in blocks[-1]["elements"][0]["text"]
    assert [block["type"] for block in blocks[:2]] == ["section", "section"]


def test_a_table_that_slack_takes_is_shown_to_its_end() -> None:
    _, blocks = render(Message(text("x"), (table_of(99),)))

    assert refusal(blocks) is None
    assert len(blocks[-1]["rows"]) == 100


def test_a_row_with_other_cells_than_there_are_columns_is_no_row() -> None:
    with pytest.raises(ValueError, match="one cell a column"):
        Table(text("x"), (Column("a"), Column("b")), (("1",),))


def test_a_button_whose_words_do_not_fit_is_left_out_rather_than_made_to_say_others() -> None:
    message = Message(text("x"), (Buttons((Button("Too much", "w" * 2001), Button("Fine", "w" * 2000))),))

    assert [button["text"]["text"] for button in buttons(render(message)[1])] == ["Fine"]


def test_a_link_goes_to_the_web_or_nowhere() -> None:
    for url in ("javascript:alert(1)", "mailto:a@x.example", "https://x.example/\n<!channel>"):
        message = Message(text("x"), (Paragraph(text(Link("Go", url))), Buttons((LinkButton("Go", url),))))
        said, blocks = render(message)
        assert "<" not in "".join([said, *mrkdwn(blocks)])
        assert not buttons(blocks)


def test_a_link_cannot_be_ended_early_by_its_own_address() -> None:
    _, blocks = render(Message(text("x"), (Paragraph(text(Link("A|B", "https://x.example/a|b>c d"))),)))

    assert blocks[1]["text"]["text"] == "<https://x.example/a%7Cb%3Ec%20d|A|B>"


def test_a_long_paragraph_is_split_between_words_and_loses_none() -> None:
    words = [f"word{number}" for number in range(900)]
    _, blocks = render(Message(text("x"), (Paragraph(text(Bold("Long"), " ", " ".join(words))),)))

    shown = [block["text"]["text"] for block in blocks[1:]]
    assert len(shown) > 1
    assert " ".join(shown).split() == ["*Long*", *words]


def test_a_message_far_too_long_keeps_its_beginning_and_its_buttons_and_says_so() -> None:
    message = Message(
        text("x"), (*(Paragraph(text("y" * 2000)) for _ in range(60)), Buttons((Button("Stop", "stop"),)))
    )
    _, blocks = render(message)

    assert refusal(blocks) is None
    assert blocks[0]["text"]["text"] == "*x*"
    assert [button["value"] for button in buttons(blocks)] == ["stop"]
    assert "[…]" in blocks[-1]["elements"][0]["text"]


def test_an_empty_message_is_still_one_that_slack_takes() -> None:
    said, blocks = render(Message(()))

    assert said
    assert refusal(blocks) is None


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(TEXTS, st.lists(PARTS, max_size=5), st.sampled_from([1, 1, 30]))
def test_slack_takes_whatever_people_typed(summary: Text, parts: list[Part], times: int) -> None:
    said, blocks = render(Message(summary, tuple(parts * times)))

    assert refusal(blocks) is None
    assert 0 < len(said) <= 3000
    assert len(said.encode()) <= 4000
    assert json.loads(json.dumps(blocks).encode()) == blocks
    for shown in texts(blocks):
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\ud800-\udfff]", shown)
    for shown in [said, *mrkdwn(blocks)]:
        # "<" only where a link, moment, mention or channel of ours begins, "&" only in the three entities
        assert not re.search(r"<(?!https?://|!date\^\d+\^|@U0LEWIS1>|#C[A-Z0-9]+>)", shown)
        assert not re.search(r"&(?!amp;|lt;|gt;)", shown)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="*_~`> \nab<&é", max_size=40))
def test_no_value_starts_or_ends_formatting_wherever_it_stands(value: str) -> None:
    _, blocks = render(Message(text("x"), (Paragraph(text(Bold("Name"), " is ", value, " or ", value)),)))

    shown = blocks[1]["text"]["text"].removeprefix("*Name* is ")
    for found in re.finditer(r"[*_~`]", shown):
        before, after = shown[found.start() - 1 : found.start()], shown[found.end() : found.end() + 1]
        assert found[0] != "`"
        assert re.fullmatch(r"[a-zA-Z0-9]", before)
        assert re.fullmatch(r"[a-zA-Z0-9]", after)
    assert not re.search(r"(?m)^[ \t]*&gt;", shown)
