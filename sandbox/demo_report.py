"""What the demo prints at the end: a racer's view, the flow, the numbers, and every claim with its proof."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median, quantiles

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from sandbox import demo_words as words
from sandbox.demo_board import NIGHT, Board, Json, answered, throttled
from sandbox.demo_cast import Cast, cast
from sandbox.demo_proof import ANSWER_SECONDS, Claim, duplicates
from sandbox.demo_race import RACE
from sandbox.demo_readback import Evidence
from sandbox.demo_show import WIDTH, clock
from sandbox.demo_story import Course
from sandbox.slack_blocks import texts

_FLOW = """\
  a person             the bot's server         the worker                    outside

  join ──────────────▶ signed? who? what?
       ◀────────────── one durable write ─────▶ gate: one employee? ◀───────▶ Slack, Teams, Entra
        "in the queue"                          a seat; add many at once ───▶ Entra group
                                                and, without waiting, ──────▶ IAM Identity Center
                                                confirm by reading back ◀─── both
       ◀─────────────────────────────────────── "You're in", with the link
"""
_NAMES = 31  # columns for the names of the numbers
_UNBROKEN = "\N{NO-BREAK SPACE}"
_SEGMENTS = 5  # of a path that is shown in full
_IDENTITY_STORE = {
    "ListUsers",
    "GetUserId",
    "DescribeUser",
    "CreateGroupMembership",
    "DeleteGroupMembership",
    "DescribeGroupMembership",
    "GetGroupMembershipId",
    "ListGroupMemberships",
    "ListGroupMembershipsForMember",
    "IsMemberInGroups",
}


def report(
    console: Console, board: Board, evidence: Evidence, course: Course, claims: Sequence[Claim], folder: Path
) -> None:
    """Print everything; whatever differs comes last."""
    played = cast()
    reader = next(iter(sorted(course.in_hand & played.twice)), played.first[0])
    _head(console, "How it goes")
    console.print(Text(_FLOW, no_wrap=True), end="")
    _head(console, f"What {reader} saw: joined twice, and was in hand when the worker was killed")
    for line in transcript(evidence, reader, course.typed_at[reader], _width(console)):
        console.print(Text(line), soft_wrap=True)
    _head(console, f"What the channel saw of {NIGHT}")
    for line in channel(evidence, _width(console)):
        console.print(Text(line), soft_wrap=True)
    _head(console, "Who was refused, and what they read")
    console.print(_refusals(evidence, played), width=_width(console))
    _head(console, "In numbers")
    console.print(_numbers(board, evidence, course, played, _width(console)), width=_width(console))
    _head(console, "Read back from Entra (Graph), IAM Identity Center (boto3), Slack and Teams")
    _claims(console, claims)
    console.print()
    wrong = [claim for claim in claims if claim.differs]
    if wrong:
        console.print(Text(f"{len(wrong)} of {len(claims)} claims are not true.", style="bold red"))
        console.print(Text(f"The logs of all processes: {folder}"), soft_wrap=True)
    else:
        whole = f"All {len(claims)} claims were read back and are true. It took {clock(board.seconds())}."
        console.print(Text(whole, style="bold green"))
        console.print(Text("Try it yourself: make run"))


def complain(console: Console, sentence: str, folder: Path) -> None:
    """Print why the demo could not be played to its end, and where the logs are."""
    console.print()
    console.print(Text(f"The demo could not go on: {sentence}", style="bold red"))
    for log in sorted(folder.glob("*.log")):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        telling = [line for line in lines if '"level": "error"' in line] or lines
        console.print(Text(f"{log.name}:"))
        for line in telling[-2:]:
            console.print(Text(f"  {shorten(line, 400)}"), soft_wrap=True)
    console.print(Text(f"The logs of all processes: {folder}"), soft_wrap=True)


def transcript(evidence: Evidence, key: str, since: float, width: int) -> list[str]:
    """Return what one person saw, in order, with the seconds since then: replies change in place.

    Of a reply the first line and the steps are shown, of a direct message everything.
    """
    lines = []
    for message in evidence.messages[key]:
        is_direct = message["surface"] == "dm"
        at = f"{message['at'] - since:7.1f} s  {'message' if is_direct else 'reply':<8} "
        for number, wording in enumerate([*message["versions"], message]):
            text = words.plain(wording["text"]).splitlines()
            margin = f"{'changed':>17}   " if number else f"{at:<20}"
            lines.append(margin + text[0])
            more = words.says(message["says"])[1:] if is_direct else _steps(text)
            lines += [f"{'':20}{shorten(line, width - 20)}" for line in more]
    return lines


def channel(evidence: Evidence, width: int) -> list[str]:
    """Return what stands in the racing channel about the race, as it looks at the end."""
    lines = []
    for post in evidence.channel:
        if RACE not in post["text"]:
            continue
        said = [line for block in post["blocks"] for line in _block(block) if line.strip()]
        edits = f"   (edited {len(post['versions'])} times in place)" if post["versions"] else ""
        lines += [shorten(f"  {said[0]}{edits}", width)]
        lines += [shorten(f"      {line}", width) for line in said[1:]]
    return [*lines, "  News come two minutes apart at least; the next tells who leads now."]


def _block(block: Json) -> list[str]:
    """Return what a block says: a row of a table on one line, its cells below each other's."""
    if block["type"] not in {"table", "data_table"}:
        return [line for text in texts(block) for line in words.says(text)]
    rows = [["".join(texts(cell)) for cell in row] for row in block["rows"]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _steps(text: Sequence[str]) -> list[str]:
    """Return the steps of a reply that shows them, on one line."""
    steps = [line for line in text if line.startswith(("done: ", "now: ", "next: "))]
    done = sum(line.startswith("done: ") for line in steps)
    current = next((line for line in steps if not line.startswith("done: ")), "")
    return [f"{done} of {len(steps)} steps done; {current.replace(': ', ': “', 1)}”"] if current else []


def shorten(text: str, width: int) -> str:
    """Return the text, cut where it is too long."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _width(console: Console) -> int:
    return min(WIDTH, console.width)


def _head(console: Console, title: str) -> None:
    console.print()
    console.print(Rule(Text(title, style="bold"), align="left", style="dim"), width=_width(console))


def _refusals(evidence: Evidence, played: Cast) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=38)
    table.add_column(width=6, style="bold")
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for key, (who, code) in played.outsiders.items():
        direct = evidence.direct(key)
        said = words.plain(direct[-1]["text"]).splitlines()[0] if direct else "no message"
        shown = words.code(direct[-1]["text"]) if direct else None
        table.add_row(f"  {who}", shown or f"not {code}", said.partition(": ")[2] or said)
    return table


def _numbers(board: Board, evidence: Evidence, course: Course, played: Cast, width: int) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=_NAMES)
    table.add_column(ratio=1)
    joins = len(board.ready_at)
    refused = [key for key in played.outsiders if key in board.refused]
    left = (
        f"{len(board.left)}: {played.leaves_pending} before being ready, {played.leaves_ready} after;"
        f" {played.member_before}, who was a member before, stays one"
    )
    for name, value in (
        ("ready", f"{len(played.racers & board.reached['ready'])} racers"),
        ("refused", f"{len(refused)} outsiders"),
        ("left", left),
        ("time to ready, first wave", f"{_times(board, course, played.first)} (storm and crash)"),
        ("time to ready, second wave", f"{_times(board, course, played.second)} (crash)"),
        ("time to ready, latecomers", f"{_times(board, course, played.late)} (all calm)"),
        ("Graph requests per join", _per_join(course.graph_calls, joins, width - _NAMES - 2)),
        ("Identity Store calls per join", _per_join(_of_store(course.aws_calls), joins, width - _NAMES - 2)),
        ("messages per racer", _messages(evidence, played)),
        ("messages that came twice", str(sum(duplicates(evidence).values()))),
        (
            "slowest answer to a request",
            f"{max(course.answer_seconds):.2f} s; Slack waits {ANSWER_SECONDS:.0f} s",
        ),
    ):
        table.add_row(f"  {name}", value)
    return table


def _times(board: Board, course: Course, keys: Iterable[str]) -> str:
    """Return median, 95th percentile and maximum of the seconds from typing join to the link."""
    taken = [board.ready_at[key] - course.typed_at[key] for key in keys if key in board.ready_at]
    if len(taken) < 2:  # noqa: PLR2004 - a percentile needs two
        return "nobody got there"
    p95 = quantiles(taken, n=20, method="inclusive")[-1]
    return f"median {median(taken):.1f} s, p95 {p95:.1f} s, max {max(taken):.1f} s"


def _per_join(calls: Sequence[Json], joins: int, width: int) -> str:
    """Return the calls for each person who got in; those for refusing and leaving are among them."""
    good, refused = answered(calls), throttled(calls)
    kinds = Counter(call["operation"] for call in good).most_common()
    shown = ", ".join(f"{count} {_short(operation)}".replace(" ", _UNBROKEN) for operation, count in kinds)
    lines = textwrap.wrap(shown, width, break_on_hyphens=False)
    per_join = f"{len(good) / joins:.2f}" if joins else "none"
    return f"{per_join}: {len(good)} for {joins} joins, {len(refused)} throttled beside them\n" + "\n".join(
        lines
    ).replace(_UNBROKEN, " ")


def _short(operation: str) -> str:
    """Return an operation, a long path by its end alone."""
    verb, _, path = operation.partition(" ")
    segments = path.split("/")
    return f"{verb} …/{'/'.join(segments[-2:])}" if len(segments) > _SEGMENTS else operation


def _of_store(calls: Sequence[Json]) -> list[Json]:
    return [call for call in calls if call["operation"] in _IDENTITY_STORE]


def _messages(evidence: Evidence, played: Cast) -> str:
    racers = sorted(played.racers)
    replies = [
        len([one for one in evidence.messages[key] if one["surface"] == "ephemeral"]) for key in racers
    ]
    direct = [len(evidence.direct(key)) for key in racers]
    return (
        f"{sum(direct) / len(racers):.2f} direct messages, and {sum(replies) / len(racers):.2f} replies"
        " that change in place"
    )


def _claims(console: Console, claims: Sequence[Claim]) -> None:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=7)
    table.add_column()
    for claim in claims:
        mark = Text("  no ✗", style="bold red") if claim.differs else Text("  yes ✓", style="green")
        table.add_row(mark, claim.sentence)
        for line in claim.differs:
            table.add_row("", Text(f"  {line}", style="red"))
    console.print(table, width=_width(console))
