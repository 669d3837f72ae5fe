"""Messages that every renderer is tested with: the goldens' own, and whatever people may have typed."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from adapters.chat.message import (
    Ask,
    Bold,
    Button,
    Buttons,
    Channel,
    Code,
    Column,
    Confirm,
    Fact,
    Facts,
    FormButton,
    Link,
    LinkButton,
    Mention,
    Message,
    Note,
    Paragraph,
    Part,
    Plain,
    Span,
    StepLine,
    Steps,
    Table,
    Text,
    Typed,
    When,
)
from provisioning.ids import ChatIdentity

CLOSES = datetime(2027, 4, 1, 18, 0, tzinfo=timezone(timedelta(hours=2)))
MARKDOWN = (
    "<at>Everyone</at> [our portal](https://evil.example) **bold** _it_ ~~no~~ `code` \\* &lt;b&gt; "
    "{{DATE(2027-01-01T00:00:00Z, SHORT)}}\n# head\n- item\n1. first\n> quote\n    code\n[a]: https://evil.example"
)
ADA, GRACE, LEWIS = (
    ChatIdentity("teams", "11111111-aaaa-4bbb-8ccc-000000000001", "22222222-aaaa-4bbb-8ccc-000000000001"),
    ChatIdentity("teams", "11111111-aaaa-4bbb-8ccc-000000000001", "22222222-aaaa-4bbb-8ccc-000000000002"),
    ChatIdentity("slack", "T0ACME", "U0LEWIS1"),
)
HOSTILE = "<!channel> <@U0123> <https://evil.example|our portal> *bold* _it_ ~no~ `code` & > quote"


def text(*spans: Span | str) -> Text:
    return tuple(Plain(span) if isinstance(span, str) else span for span in spans)


MESSAGES = {
    "queued": Message(
        text("You are in the queue for ", Bold("Spring Cup 2027"), "."),
        (
            Paragraph(text("The link comes in a direct message, usually within 3 minutes.")),
            Steps(
                (
                    StepLine(text("You asked to join"), "done", "done"),
                    StepLine(text("Your access is being set up"), "now", "now"),
                    StepLine(text("Your link works"), "next", "next"),
                )
            ),
            Note(text("Ask any time: ", Typed("status"))),
        ),
    ),
    "ready": Message(
        text("You can race."),
        (
            Facts(
                (
                    Fact("Training hours", text("10 left of 10")),
                    Fact("Models", text("5")),
                    Fact("Join until", text(When(CLOSES))),
                )
            ),
            Buttons(
                (
                    LinkButton(
                        "Open the console",
                        "https://d-1.awsapps.com/start/#/console?account_id=1&role_name=DeepRacer",
                        "primary",
                    ),
                    Button("My quota", "quota"),
                    Button(
                        "Leave",
                        "leave spring-cup-2027 --yes",
                        "danger",
                        Confirm(
                            "Leave Spring Cup 2027?", "Your models stay; your access ends.", "Leave", "Stay"
                        ),
                    ),
                )
            ),
        ),
    ),
    "refused": Message(
        text("You can't join: your account in Slack is a guest."),
        (
            Paragraph(text("Ask the person who invited you.")),
            Note(text("Quote ", Code("DR-204"), " for help.")),
        ),
    ),
    "failed-step": Message(
        text("This takes longer than it should."),
        (
            Steps(
                (
                    StepLine(text("Group ", Bold("racers_2027")), "done", "done"),
                    StepLine(text("AWS account, tried ", When(CLOSES, "time")), "failed", "failed"),
                )
            ),
        ),
    ),
    "questions": Message(
        text("A few questions about you, if you like."),
        (
            Paragraph(text("Your join goes on whatever you do here.")),
            Ask(
                text("How much *experience* with <AWS>?"),
                "answer spring-cup-2027 aws {answer}",
                "Choose one",
                "Send",
                (("None", "1"), ("A lot & *more*", "2")),
            ),
            Ask(text("Which team?"), "answer spring-cup-2027 team {answer}", "Type a few words", "Send"),
        ),
    ),
    "announcement": Message(
        text("A race is open: ", HOSTILE),
        (
            Paragraph(text("Everybody who is in Spring Cup 2027 can take part.")),
            Facts((Fact("Track", text("re:Invent 2018")), Fact("Closes", text(When(CLOSES))))),
            Buttons(
                (
                    LinkButton("Open the race", "https://racing.example.com/races/7?a=1&b=2", "primary"),
                    Button("Join Spring Cup 2027", "join spring-cup-2027"),
                )
            ),
        ),
    ),
    "race": Message(
        text("A new race is open: ", Bold("*Lap of R&D*")),
        (
            Paragraph(
                text(
                    Link("Watch it", "https://d111111abcdef8.cloudfront.net/races/7?a=1&b=2"),
                    ", open until ",
                    When(CLOSES, "date"),
                    ".",
                )
            ),
            Buttons((Button("Join", "join spring-cup-2027", "primary"),)),
        ),
    ),
    "board": Message(
        text("Lap of R&D: the leaderboard"),
        (
            Table(
                text("After ", Bold("1,004"), " laps, ", When(CLOSES)),
                (Column("#", is_number=True), Column("Racer"), Column("Time", is_number=True)),
                (
                    ("1", "Ada_L", "59.999"),
                    ("2", "RacerAlias", "1:02.345"),
                    ("2", "李雷", "1:02.345"),
                    ("", "Nigel", ""),
                ),
            ),
            Note(text("And 1,000 more.")),
        ),
    ),
    "people": Message(
        text(Mention(ADA, "Ada Lovelace"), " has joined."),
        (
            Paragraph(
                text(
                    "Asked for by ",
                    Mention(LEWIS, "Lewis"),
                    ", who is not ",
                    Mention(LEWIS, unnamed="somebody in Slack"),
                    ".",
                )
            ),
            Facts(
                (
                    Fact("Her namesake", text(Mention(GRACE, "Ada Lovelace"), ", since ", When(CLOSES))),
                    Fact(
                        "Nobody knows",
                        text(Mention(ChatIdentity("teams", "t", "29:1x"), unnamed="somebody in Teams")),
                    ),
                )
            ),
        ),
    ),
    "channels": Message(
        text("Told in ", Channel("slack:C0RACING01")),
        (
            Facts(
                (
                    Fact(
                        "Channels",
                        text(Channel("slack:C0RACING01"), ", ", Channel("teams:19:ab@thread.tacv2")),
                    ),
                )
            ),
            Note(text(Channel("slack:C1>"), " is none.")),
        ),
    ),
    "markdown": Message(
        text("Race ", Bold(MARKDOWN)),
        (
            Paragraph(text(MARKDOWN)),
            Paragraph(text("- ", Link(MARKDOWN, "https://x.example/_a_*b*(c)[d]<e>"), "\n" + MARKDOWN)),
            Facts((Fact("[x](", text("{", MARKDOWN, Mention(ADA, MARKDOWN))),)),
            Table(text(MARKDOWN), (Column(MARKDOWN),), ((MARKDOWN,), ("1. first",))),
            Buttons((Button(MARKDOWN, "help", confirm=Confirm(MARKDOWN, MARKDOWN, MARKDOWN, MARKDOWN)),)),
            Note(text(Typed(MARKDOWN))),
        ),
    ),
    "whom": Message(
        text("Whom shall I add to ", Bold("Spring Cup 2027"), "?"),
        (
            Paragraph(text("Name people behind ", Typed("admin add"), ", or give me a list.")),
            Buttons((FormButton("Give a list", "admin add event=spring-cup-2027"),)),
        ),
    ),
    "hostile": Message(
        text("Race ", Bold(HOSTILE), " ", HOSTILE),
        (
            Paragraph(text(HOSTILE)),
            Paragraph(text("by ", Bold("Eve"), " " + HOSTILE + "\n> second line")),
            Facts((Fact(HOSTILE, text(HOSTILE)),)),
            Table(text(HOSTILE), (Column(HOSTILE),), ((HOSTILE,), ("x\ny",))),
            Buttons((Button(HOSTILE, HOSTILE), LinkButton("Run", "javascript:alert(1)"))),
            Note(text("\u202eevil\u2066\u0000 ", Code(HOSTILE))),
        ),
    ),
}


NASTY = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            HOSTILE,
            MARKDOWN,
            "<!channel>",
            "<at>Ada Lovelace</at>",
            "{",
            "<!date^1^{time}|x>",
            "&lt;!here&gt;",
            "\u200f\u202e\u2067abc",
            "\ud800",
            "\x00\x1b[31m",
            "*",
            "_" * 50,
            "```",
            "\n> quote\n> more",
            " ",
            "",
        ]
    ),
    st.builds(
        lambda piece, times: (piece or "x") * times, st.text(max_size=8), st.sampled_from([1, 300, 3000])
    ),
    st.sampled_from(["&" * 10_000, "<" * 10_000, "😀" * 10_000, "wörd " * 2_000, "\n" * 10_000]),
)
URLS = st.one_of(
    NASTY,
    NASTY.map(lambda rest: "https://x.example/" + rest),
    st.just("https://x.example/" + "&" * 2_900),
)
MOMENTS = st.builds(
    When,
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
TEXTS = st.lists(
    st.one_of(
        st.builds(Plain, NASTY),
        st.builds(Bold, NASTY),
        st.builds(Code, NASTY),
        st.builds(Typed, NASTY),
        st.builds(Mention, st.sampled_from([ADA, GRACE, LEWIS]), NASTY),
        st.builds(Channel, NASTY | st.just("slack:C0123456")),
        st.builds(Link, NASTY, URLS),
        MOMENTS,
    ),
    max_size=4,
).map(tuple)
CONFIRMS = st.one_of(st.none(), st.builds(Confirm, NASTY, NASTY, NASTY, NASTY))
BUTTONS = st.one_of(
    st.builds(Button, NASTY, NASTY, st.sampled_from(["plain", "primary", "danger"]), CONFIRMS),
    st.builds(LinkButton, NASTY, URLS),
    st.builds(FormButton, NASTY, NASTY),
)
TABLES = st.integers(0, 4).flatmap(
    lambda width: st.builds(
        Table,
        TEXTS,
        st.lists(st.builds(Column, NASTY, st.booleans()), min_size=width, max_size=width).map(tuple),
        st.lists(st.lists(NASTY, min_size=width, max_size=width).map(tuple), max_size=3).flatmap(
            lambda rows: st.sampled_from([1, 1, 70]).map(lambda times: tuple(rows * times))
        ),
    )
)
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(Paragraph, TEXTS),
    st.builds(
        Steps,
        st.lists(
            st.builds(StepLine, TEXTS, st.sampled_from(["done", "now", "next", "failed"])), max_size=4
        ).map(tuple),
    ),
    TABLES,
    st.builds(Facts, st.lists(st.builds(Fact, NASTY, TEXTS), max_size=13).map(tuple)),
    st.builds(Buttons, st.lists(BUTTONS, max_size=30).map(tuple)),
    st.builds(Note, TEXTS),
    st.builds(
        Ask,
        TEXTS,
        NASTY.map(lambda rest: "answer x y {answer}" + rest[:20]),
        NASTY,
        NASTY,
        st.lists(st.tuples(NASTY, st.sampled_from(["1", "2"])), max_size=3).map(tuple),
    ),
)
