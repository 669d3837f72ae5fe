"""Leaderboards in channels: one message edited in place, news of the weightiest, and nothing twice."""

import base64
from typing import Any

import pytest

from provisioning.boards import Board
from provisioning.ids import EventId
from provisioning.leaderboards import Leaderboard, lap_time
from sandbox import slack_channels
from sandbox.racing import Race, Ranking
from tests.scenario.conftest import ON_BOTH, MakeStage
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.test_organizers import answered
from tests.scenario.test_organizers_races import Post, posts, shows
from tests.scenario.waiting import eventually
from tests.unit.provisioning.recorded_race import EVERY, Expected, Reading, Row, readings

WITH_FILES = frozenset({"commands", "chat:write", "users:read", "users:read.email", "files:write"})
VOID = 86_000_000  # what the site ranks a racer with who has no valid time
SPRING = EventId("spring-cup-2027")


@pytest.fixture
def make_track(make_stage: MakeStage) -> Any:
    """Open a stage with a race on the racing site, and a bot."""

    def make(*names: str, seconds: float = 86_400, works: bool = True, **switches: Any) -> Stage:
        stage = make_stage(**switches)
        now = stage.company.clock.now()
        for name in names or ("Lap of honor",):
            stage.world.do(
                lambda name=name: stage.company.racing.add_race(name, opens_at=now, closes_at=now + seconds)  # type: ignore[misc]
            )
        stage.opens_event(grants=[stage.world.racing_grant()], access_url=None)
        stage.starts_bot(worker=works)
        return stage

    return make


def race_of(stage: Stage, name: str = "Lap of honor") -> Race:
    (race,) = [race for race in stage.company.racing.races.values() if race.name == name]
    return race


def rank(stage: Stage, rows: tuple[Row, ...], name: str = "Lap of honor") -> None:
    """Let the site have this ranking for whoever begins to read it from now on."""
    once = dict.fromkeys((row.alias, row.time_ms, row.submitted_at, row.submissions) for row in rows)

    def put() -> None:
        race_of(stage, name).next_rankings = {
            str(number): Ranking(
                str(number), alias, VOID if time_ms is None else time_ms, at.timestamp(), submissions
            )
            for number, (alias, time_ms, at, submissions) in enumerate(once)
        }

    stage.world.do(put)


def laps(stage: Stage, **times: int) -> tuple[Row, ...]:
    now = stage.clock.now()
    return tuple(Row(0, alias, time_ms, now, 1) for alias, time_ms in times.items())


def boards(stage: Stage) -> dict[str, Board]:
    return {board.name: board for board in stage.boards(SPRING)}


def is_read(stage: Stage, rows: tuple[Row, ...], name: str = "Lap of honor") -> None:
    """Wait until the bot has read this ranking, half a minute later at most."""
    stage.clock.turn(seconds=31)
    version = Leaderboard.of(rows).version
    eventually(
        lambda: name in boards(stage) and boards(stage)[name].ranking.version == version,
        "the ranking is read",
        otherwise=lambda: repr([board.ranking.lines[:5] for board in boards(stage).values()]),
    )


def organizer_of(stage: Stage) -> Racer:
    organizer = stage.person("organizer")
    organizer.says("admin event show")
    organizer.sees("open")
    eventually(
        lambda: boards(stage) and all(board.updated_at is not None for board in boards(stage).values()),
        "the site's rankings were read",
    )
    return organizer


# --- on both platforms --------------------------------------------------------------------------------------


@ON_BOTH
def test_a_watched_board_is_one_message_and_its_news_are_others(make_track: Any, platform: str) -> None:
    stage = make_track()
    organizer = organizer_of(stage)
    answered(organizer, "leaderboard watch", "leaderboard-watch-done")
    shows(stage, platform, "Lap of honor: the leaderboard")

    told = [
        (laps(stage, Ada=62_345), "Ada takes the lead in Lap of honor with 1:02.345."),
        (
            laps(stage, Ada=62_345, Grace=62_345),
            "Grace draws level with Ada at the top of Lap of honor: 1:02.345.",
        ),
    ]
    for number, (rows, _) in enumerate(told, 1):
        rank(stage, rows)
        stage.clock.turn(minutes=2)
        is_read(stage, rows)
        shows(stage, platform, "Lap of honor: the leaderboard", *(news for _, news in told[:number]))
    eventually(lambda: "Grace" in board_post(stage, platform).text, "the board shows both")


def board_post(stage: Stage, platform: str) -> Post:
    (post,) = [post for post in posts(stage, platform) if post.first == "Lap of honor: the leaderboard"]
    return post


@ON_BOTH
def test_a_muted_channel_has_the_board_and_no_news_until_it_is_watched_again(
    make_track: Any, platform: str
) -> None:
    stage = make_track()
    organizer = organizer_of(stage)
    answered(organizer, "leaderboard watch lap of", "leaderboard-watch-done")
    answered(organizer, "leaderboard mute", "leaderboard-mute-done")
    rank(stage, laps(stage, Ada=62_345))
    is_read(stage, laps(stage, Ada=62_345))
    rank(stage, laps(stage, Ada=62_000))
    stage.clock.turn(minutes=2)
    is_read(stage, laps(stage, Ada=62_000))
    eventually(lambda: "1:02.000" in board_post(stage, platform).text, "the board is kept up to date")
    assert len(posts(stage, platform)) == 1

    organizer.presses("Undo")
    organizer.sees("any-undone")
    rank(stage, laps(stage, Ada=61_000))
    stage.clock.turn(minutes=2)
    is_read(stage, laps(stage, Ada=61_000))
    shows(
        stage,
        platform,
        "Lap of honor: the leaderboard",
        "Ada leads Lap of honor and was faster still: 1:01.000.",
    )


@ON_BOTH
def test_a_board_whose_watching_is_taken_back_says_so_and_comes_back_in_its_place(
    make_track: Any, platform: str
) -> None:
    stage = make_track()
    organizer = organizer_of(stage)
    answered(organizer, "leaderboard watch", "leaderboard-watch-done")
    shows(stage, platform, "Lap of honor: the leaderboard")
    organizer.presses("Undo")
    organizer.sees("any-undone")
    shows(stage, platform, "The leaderboard of Lap of honor isn't shown here any more.")

    rank(stage, laps(stage, Ada=62_345))
    is_read(stage, laps(stage, Ada=62_345))
    answered(organizer, "leaderboard watch", "leaderboard-watch-done")
    (post,) = shows(stage, platform, "Lap of honor: the leaderboard")
    assert "1:02.345" in post.text


@ON_BOTH
def test_a_worker_that_dies_after_posting_a_board_posts_it_at_most_once_more(
    make_track: Any, platform: str
) -> None:
    stage = make_track(works=False)
    worker = stage.starts_process("work")
    organizer = organizer_of(stage)
    post = {"slack": "chat.postMessage", "teams": "POST conversations"}[platform]
    stage.befalls(platform, post, "unheard", seconds=60.0)
    organizer.says("admin leaderboard watch")
    eventually(lambda: posts(stage, platform), "it was posted, and nobody knows")
    worker.kill()
    stage.clock.turn(seconds=61)  # until the leases of the dead are over
    stage.starts_bot(door=False)
    rank(stage, laps(stage, Ada=62_345))
    is_read(stage, laps(stage, Ada=62_345))

    def shown() -> list[Post]:
        return [post for post in posts(stage, platform) if post.first == "Lap of honor: the leaderboard"]

    eventually(lambda: "1:02.345" in shown()[-1].text, "the newest post is kept up to date")
    assert [post.edits for post in shown()][:1] == [0]
    assert len(shown()) == 2


# --- questions ----------------------------------------------------------------------------------------------


def test_everybody_sees_the_board_and_their_place_by_alias(make_track: Any) -> None:
    stage = make_track()
    organizer_of(stage)
    rows = laps(stage, Ada=62_345, Grace=62_500)
    rank(stage, rows)
    is_read(stage, rows)
    racer = stage.person("employee-001")

    said = racer.says("leaderboard as grace").text

    assert said.startswith("Lap of honor: the leaderboard")
    assert "Grace is in place 2 with 1:02.500." in said
    assert "2 · Grace · 1:02.500 · +0.155" in said
    assert "Nobody goes by Eve" in racer.says("leaderboard lap as Eve").text
    assert "There's no leaderboard of that race." in racer.says("leaderboard Sprint").text


def test_of_several_open_races_one_is_chosen(make_track: Any) -> None:
    stage = make_track("One", "Two")
    organizer = organizer_of(stage)
    eventually(lambda: len(boards(stage)) == 2, "both races are known")
    racer = stage.person("employee-001")

    assert "Which leaderboard" in racer.says("leaderboard").text
    racer.presses("Two")
    assert racer.sees("board").text.startswith("Two: the leaderboard")
    assert answered(organizer, "leaderboard watch", "DR-288")
    assert answered(organizer, "leaderboard watch three", "DR-288")


def test_a_board_that_is_posted_once_stays_as_it_was(make_track: Any) -> None:
    stage = make_track()
    organizer = organizer_of(stage)
    answered(organizer, "leaderboard post", "leaderboard-post-done")
    shows(stage, "slack", "Lap of honor: the leaderboard")
    rank(stage, laps(stage, Ada=62_345))
    is_read(stage, laps(stage, Ada=62_345))

    assert "Nobody has a valid time yet." in board_post(stage, "slack").text
    assert board_post(stage, "slack").edits == 0
    assert answered(organizer, "leaderboard watch <#C0STRANGE|x>", "DR-293")


# --- pictures -----------------------------------------------------------------------------------------------


class Drawn:
    """A picture that somebody was sent: its bytes, what a screen reader says, and where it was put."""

    def __init__(self, content: bytes, alt: str, place: str) -> None:
        self.content = content
        self.alt = alt
        self.place = place


def pictures(stage: Stage, platform: str) -> list[Drawn]:
    """Return every picture that anybody was sent, oldest first."""
    if platform == "slack":
        files = stage.world.do(stage.world.slack.files.shared)
        return [Drawn(file.content or b"", file.alt, str(file.channel)) for file in files]
    entries = stage.world.do(
        lambda: [one for one in stage.world.teams.transcript.entries if one.author.startswith("28:")]
    )
    return [
        Drawn(base64.b64decode(part["url"].partition(",")[2]), part["altText"], one.kind)
        for one in entries
        for part in (one.card or {}).get("body", ())
        if part["type"] == "Image"
    ]


@ON_BOTH
def test_a_leaderboard_is_drawn_for_whoever_asks_and_for_a_channel(make_track: Any, platform: str) -> None:
    stage = make_track(slack={"scopes": WITH_FILES})
    organizer = organizer_of(stage)
    rows = laps(stage, Ada=62_345, Grace=62_500)
    rank(stage, rows)
    is_read(stage, rows)
    racer = stage.person("employee-001")

    assert racer.says("leaderboard picture").text.startswith(
        "The leaderboard of Lap of honor is being drawn."
    )
    (private,) = eventually(lambda: pictures(stage, platform), "the picture is sent")
    assert private.content.startswith(b"\x89PNG")
    assert private.alt == "Leaderboard of Lap of honor. 1. Ada 1:02.345; 2. Grace 1:02.500"
    assert not posts(stage, platform)

    answered(organizer, "leaderboard post picture", "leaderboard-post-done")
    eventually(lambda: len(pictures(stage, platform)) == 2, "the channel has it, too")
    assert pictures(stage, platform)[1].place in {slack_channels.RACING, "channel"}
    shows(stage, platform, "Lap of honor: the leaderboard")


def test_without_the_scope_for_files_the_table_is_shown_and_why(make_track: Any) -> None:
    stage = make_track()
    organizer_of(stage)
    rows = laps(stage, Ada=62_345)
    rank(stage, rows)
    is_read(stage, rows)
    racer = stage.person("employee-001")

    racer.says("leaderboard lap picture")
    said = racer.sees("board").text
    assert "1 · Ada · 1:02.345" in said
    assert "There's no picture of it: in Slack I need the permission files:write" in said


# --- certificates -------------------------------------------------------------------------------------------


def has_raced(stage: Stage, racer: Racer, alias: str, time_ms: int) -> None:
    """Let a racer have a valid time, under an alias that they chose on the site."""

    def drive() -> None:
        racing, now = stage.company.racing, stage.company.clock.now()
        mail = racer.person.entra.mail if racer.person.entra is not None else None
        (profile,) = [one for one in racing.profiles.values() if one.email == mail]
        profile.alias = alias
        racing.rank(race_of(stage), profile.profile_id, time_ms, now)

    stage.world.do(drive)


@ON_BOTH
def test_every_finisher_gets_their_certificate_once_and_again_in_any_name(
    make_track: Any, platform: str
) -> None:
    stage = make_track(seconds=1800, slack={"scopes": WITH_FILES})
    racers = stage.people(2)
    for racer, alias, time_ms in zip(racers, ("bolt", "RacerAlias"), (62_345, 62_500), strict=True):
        racer.says("join")
        racer.becomes_ready()
        has_raced(stage, racer, alias, time_ms)
    first, second = racers
    stage.clock.turn(minutes=6)
    eventually(
        lambda: stage.rows(lambda rows: rows.boards.claims(SPRING, race_of(stage).race_id)),
        "it is known whose line is whose",
    )
    assert "You're in place 1 with 1:02.345." in first.says("leaderboard").text
    assert "You're in place" not in second.says("leaderboard").text
    assert first.says("certificate").text.startswith("I have no certificate for you.")

    stage.clock.turn(minutes=40)  # a token of Teams lives for an hour
    (certificate,) = eventually(lambda: pictures(stage, platform), "the certificate is sent")
    assert certificate.content.startswith(b"\x89PNG")
    assert certificate.alt == "Certificate of bolt for Lap of honor: place 1 of 2, 1:02.345."
    assert any("not every finisher got a certificate" in one.text for one in stage.organizers)

    stage.stop_bots()
    stage.racers.clear()
    stage.starts_bot()
    first = stage.person(first.key)
    first.says("certificate Łucja “Bolt” Đorđević \U0001f680")
    eventually(lambda: len(pictures(stage, platform)) == 2, "another is drawn")
    assert pictures(stage, platform)[1].alt.startswith(
        "Certificate of Łucja “Bolt” Đorđević for Lap of honor"
    )


# --- the recorded race --------------------------------------------------------------------------------------


def test_a_recorded_race_is_told_exactly_over_three_restarts(make_track: Any) -> None:
    stage = make_track()
    race = readings()
    answered(organizer_of(stage), "leaderboard watch", "leaderboard-watch-done")
    shows(stage, "slack", "Lap of honor: the leaderboard")

    with stage.time_flies(8):  # the site is asked five times a second of the company's clock
        for number, reading in enumerate(race):
            if number in {10, 20, 30}:
                stage.stop_bots()
                stage.racers.clear()
            rank(stage, reading.rows)
            stage.clock.turn(seconds=EVERY.total_seconds())
            if number in {10, 20, 30}:
                stage.starts_bot()
            is_read(stage, reading.rows)
        expected = [reading.expected for reading in race if reading.expected is not None]
        tells(stage, expected)
        shows_the_ranking(stage, race[-1])

        stage.clock.turn(hours=24)
        eventually(lambda: len(posts(stage, "slack")) == len(expected) + 2, "the podium is told")
        assert posts(stage, "slack")[-1].first == "Lap of honor is over, and the winner is Lewis H."
        eventually(lambda: "this is the result" in board_post(stage, "slack").text, "the board is final")
        shows_the_ranking(stage, race[-1])
    tells(stage, expected)


def tells(stage: Stage, expected: list[Expected]) -> None:
    """Wait until exactly this was told in the channel, in this order, beside the board."""

    def told() -> list[str]:
        firsts = [post.first for post in posts(stage, "slack")]
        return [one for one in firsts if not one.endswith((": the leaderboard", "Lewis H."))]

    eventually(lambda: len(told()) >= len(expected), "all news is told", otherwise=lambda: "\n".join(told()))
    for first, news in zip(told(), expected, strict=True):
        assert news.alias in first
        assert lap_time(news.time_ms) in first
        assert (" now." in first) == (not news.by_lap)


def shows_the_ranking(stage: Stage, reading: Reading) -> None:
    """Wait until the board in the channel has the first twenty of this reading."""
    ordered = sorted(
        {(row.time_ms or VOID, row.submitted_at, row.alias) for row in reading.rows},
    )[:20]
    wanted = [[alias, lap_time(time_ms)] for time_ms, _, alias in ordered]

    def shown() -> list[list[str]]:
        entries = stage.world.do(
            lambda: [one.as_json() for one in stage.world.slack.transcript.in_channel(slack_channels.RACING)]
        )
        (rows,) = [block["rows"] for one in entries for block in one["blocks"] if block["type"] == "table"][
            :1
        ]
        return [[cell["text"] for cell in row[1:3]] for row in rows[1:]]

    eventually(lambda: shown() == wanted, "the board shows the last ranking", otherwise=lambda: repr(shown()))
