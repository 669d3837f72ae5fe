"""The play on the terminal: a picture that moves, or a plain log where nobody watches."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from sandbox.demo_board import STAGES, Board

WIDTH = 98
_BESIDE = 62  # columns beside the bars
_ABOVE = 13  # lines of the picture above the chapters, and one below
_LOG_SECONDS = 5.0  # between two lines of progress in a log


class Show(Protocol):
    """Shows the board; `refresh` is called a few times a second."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def refresh(self) -> None:
        """Show what is new."""
        ...


def show(board: Board, console: Console) -> Show:
    """Return the show that fits where the output goes."""
    return Picture(board, console) if console.is_terminal and not console.is_dumb_terminal else Log(board)


class Picture:
    """A picture of fixed form, redrawn in place."""

    def __init__(self, board: Board, console: Console) -> None:
        self._board = board
        self._console = console
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        self.refresh()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refresh()
        self._live.stop()

    def refresh(self) -> None:
        """Draw the board as it is now."""
        size = self._console.size
        self._live.update(picture(self._board, min(WIDTH, size.width - 2), size.height), refresh=True)


class Log:
    """Short lines without control characters: each chapter, and the counts every few seconds."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._begun = 0
        self._ended = 0
        self._next = _LOG_SECONDS
        self._last = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Print what has begun and ended since, and the counts when it is time and they changed."""
        chapters, now = self._board.chapters, self._board.seconds()
        while self._ended < len(chapters) and (self._begun <= self._ended or chapters[self._ended].note):
            chapter = chapters[self._ended]
            if self._begun <= self._ended:
                print(f"{clock(chapter.at)}  {self._begun + 1}. {chapter.title}", flush=True)
                self._begun += 1
            if not chapter.note:
                break
            print(f"{clock(chapter.ended)}     {chapter.note}", flush=True)
            self._ended += 1
        counts = ", ".join(f"{name} {len(self._board.reached[name])}" for name, _ in STAGES)
        if now >= self._next and counts != self._last:
            print(f"{clock(now)}     {counts}", flush=True)
            self._next, self._last = now + _LOG_SECONDS, counts


def picture(board: Board, width: int, height: int) -> RenderableType:
    """Draw the board for a terminal of this height; of the chapters as many of the newest as fit."""
    head = Table.grid(expand=True)
    head.add_column()
    head.add_column(justify="right")
    head.add_row(
        Text("Spring Cup 2027, in a company in a box", style="bold"),
        Text(clock(board.seconds()), style="bold"),
    )
    whole = Group(
        head,
        Rule(style="dim"),
        Text(),
        _stages(board, width),
        Text(),
        _counts(board),
        Text(),
        _chapters(board, height),
    )
    frame = Table.grid(padding=(0, 1))
    frame.add_column(width=width)
    frame.add_row(whole)
    return frame


def clock(seconds: float) -> str:
    """Return seconds as minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _stages(board: Board, width: int) -> Table:
    total = len(board.crowd)
    length = max(10, width - _BESIDE)
    rows = Table.grid(padding=(0, 2, 0, 0), expand=True)
    rows.add_column(width=14, style="bold", no_wrap=True)
    rows.add_column(width=length, no_wrap=True)
    rows.add_column(width=8, justify="right", no_wrap=True)
    rows.add_column(style="dim", no_wrap=True, ratio=1)
    for name, meaning in STAGES:
        count = len(board.reached[name])
        rows.add_row(f"  {name}", _bar(count, total, length), f"{count} of {total}", meaning)
    return rows


def _bar(count: int, total: int, length: int) -> Text:
    """Draw a share; what is filled and what is not differ in form, not in color alone."""
    filled = length * count // total
    return Text.assemble(
        ("━" * filled, "green" if count == total else "cyan"), ("·" * (length - filled), "dim")
    )


def _counts(board: Board) -> Text:
    outsiders = len([key for key in board.refused if key not in board.crowd])
    parts = (
        f"refused {outsiders}",
        f"left {len(board.left)}",
        f"messages {board.messages}",
        f"Graph requests {board.graph_requests}",
        f"throttled {board.throttled}",
    )
    return Text("  " + "   ".join(parts))


def _chapters(board: Board, height: int) -> Table:
    rows = Table.grid(padding=(0, 1, 0, 0), expand=True)
    rows.add_column(width=6, justify="right", style="dim")
    rows.add_column(width=1)
    rows.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    fitting = max(1, (height - _ABOVE) // 2)
    for chapter in board.chapters[-fitting:]:
        mark = Text("✓", style="green") if chapter.note else Text("▸", style="cyan")
        rows.add_row(clock(chapter.at), mark, Text(chapter.title, style="" if chapter.note else "bold"))
        rows.add_row("", "", Text(chapter.note or "…", style="dim"))
    return rows
