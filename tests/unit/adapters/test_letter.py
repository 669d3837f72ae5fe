from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from adapters.chat.letter import letter
from adapters.chat.message import (
    Bold,
    Button,
    Buttons,
    Column,
    Fact,
    Facts,
    Link,
    LinkButton,
    Message,
    Note,
    Paragraph,
    Plain,
    Table,
)

HOSTILE = '<script>alert(1)</script> & "quoted" <b>bold</b>\u202e'


class Tags(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_letter_says_the_same_in_both_bodies_and_opens_the_link() -> None:
    made = letter(
        Message(
            (Plain("You're in: "), Bold("Spring Cup")),
            (
                Paragraph((Plain("Open it and sign in."),)),
                Buttons((LinkButton("Open", "https://racing.example.com/"), Button("Leave", "leave"))),
                Facts((Fact("Quota", (Plain("10 hours"),)),)),
                Note((Plain("Ends soon."),)),
            ),
        ),
        "de",
    )

    assert made.html.startswith('<!doctype html><html lang="de">')
    assert made.subject == "You're in: Spring Cup"
    page = Tags(made.html)
    for said in ("Open it and sign in.", "10 hours", "Ends soon."):
        assert said in made.text
        assert said in page.text
    assert page.links == ["https://racing.example.com/"]
    assert "Open: https://racing.example.com/" in made.text
    assert "Leave" not in made.text + made.html, "words to the bot are said in the chat"


def test_a_table_is_one_in_html_and_lines_in_text() -> None:
    made = letter(Message((Plain("Races"),), (Table((Plain("All"),), (Column("Race"),), (("Lap",),)),)), "en")

    assert {"table", "th", "td"} <= Tags(made.html).tags
    assert "Lap" in made.text


@given(st.text(max_size=60) | st.just(HOSTILE))
def test_nothing_that_was_typed_is_markup(typed: str) -> None:
    made = letter(
        Message(
            (Plain(typed), Bold(typed)),
            (Paragraph((Link(typed, "https://racing.example.com/"), Link(typed, "javascript:alert(1)"))),),
        ),
        "en",
    )

    page = Tags(made.html)
    assert page.tags <= {"html", "body", "h1", "b", "p", "a", "br"}
    assert page.links == ["https://racing.example.com/"]
    assert "\n" not in made.subject
