"""`make demo`: an event of fifty people, played against the real bot, and read back at the end.

start company, server, worker ─▶ the story, watched ─▶ read everything back ─▶ prove each claim ─▶ report
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import httpx
from rich.console import Console

from sandbox.demo_board import Board
from sandbox.demo_cast import cast
from sandbox.demo_proof import directories, prove
from sandbox.demo_readback import Evidence, read_back
from sandbox.demo_report import complain, report
from sandbox.demo_show import Show, show
from sandbox.demo_story import Course, Story
from sandbox.demo_theater import TakesTooLong, Theater
from sandbox.processes import ProcessEnded, Processes, ask_to_stop_by_signals

FAILED, INTERRUPTED = 1, 130
WATCH_SECONDS = 0.25
READ_AGAIN_SECONDS = 1.0  # Graph shows a write to readers within two seconds
READINGS = 6
LOG_WIDTH = 100  # columns, where the output goes to no terminal


def run() -> int:
    """Play, prove and report; returns the exit code, 0 only when every claim was read back and is true."""
    ask_to_stop_by_signals()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal without UTF-8 shows question marks
    console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    folder = Path(tempfile.mkdtemp(prefix="deepracer-demo-"))
    board = Board(frozenset(cast().crowd))
    try:
        with show(board, console) as shown:
            evidence, course = asyncio.run(_perform(folder, board, shown))
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        print("Stopped. Every process of the demo has ended.")
        return INTERRUPTED
    except (TakesTooLong, ProcessEnded, httpx.HTTPError) as error:
        complain(console, str(error) or type(error).__name__, folder)
        return FAILED
    claims = prove(evidence, course, cast())
    report(console, board, evidence, course, claims, folder)
    if any(claim.differs for claim in claims):
        return FAILED
    shutil.rmtree(folder, ignore_errors=True)
    return 0


async def _perform(folder: Path, board: Board, shown: Show) -> tuple[Evidence, Course]:
    """Play the story while somebody watches, and read back what became of it."""
    async with httpx.AsyncClient(trust_env=False, timeout=20.0) as http:
        with Processes(folder) as processes:
            theater = Theater(processes, http)
            story = Story(theater, board, cast())
            watching = asyncio.create_task(_watch(theater, board, shown))
            playing = asyncio.create_task(_play(story, theater, board))
            try:
                await asyncio.wait({watching, playing}, return_when=asyncio.FIRST_COMPLETED)
                if watching.done():
                    watching.result()
                return await playing, story.course
            finally:
                for task in (watching, playing):
                    task.cancel()
                await asyncio.gather(watching, playing, return_exceptions=True)


async def _play(story: Story, theater: Theater, board: Board) -> Evidence:
    await story.tell()
    return await _read_back(story, theater, board)


async def _watch(theater: Theater, board: Board, shown: Show) -> None:
    """Keep the board up to date and shown, until cancelled."""
    since = 0
    while True:
        if theater.is_open:
            seen = await theater.look(since)
            since = seen["next"]
            board.look(seen)
            if board.counts_from is not None:
                board.count(await theater.calls("graph", board.counts_from))
        shown.refresh()
        await asyncio.sleep(WATCH_SECONDS)


async def _read_back(story: Story, theater: Theater, board: Board) -> Evidence:
    """Read everything back, again while a write may not have reached Graph's readers."""
    chapter = board.begin("Everything is read back from the directories and from Slack")
    for _ in range(READINGS):
        evidence = await asyncio.to_thread(read_back, theater.address, story.company)
        if not any(claim.differs for claim in directories(evidence, cast())):
            break
        await asyncio.sleep(READ_AGAIN_SECONDS)
    board.end(chapter, "Graph's list of members, boto3's list of memberships, each person's messages")
    return evidence
