"""Watching: what is read of a site becomes boards, and what they mean is owed once, whoever dies when."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from bot.announcement_wording import of_board
from bot.words import words
from provisioning.board_news import News
from provisioning.boards import NEWS_EVERY, SETTLED_AFTER, Board, Watch
from provisioning.certifying import request_certificates, to_certify
from provisioning.errors import SiteUnavailable
from provisioning.events import DeepRacerOnAws
from provisioning.forgetting import Known, forget
from provisioning.joining import Asking
from provisioning.leaderboards import Leaderboard
from provisioning.ledger import Entry
from provisioning.outbox import Kind, Notice
from provisioning.platform import Allowance, Profile, Race, RacingPlatform, Standing
from provisioning.ports import Store
from provisioning.queue import Work
from provisioning.registrations import Hold, Progress, Step
from provisioning.requests import ReplyTo
from provisioning.usage import Usage
from provisioning.watching import LEASE, LIST_EVERY, PATIENCE, READ_EVERY, Watcher, ask_boards, news_of
from tests.contract.samples import (
    AUTUMN,
    MORNING,
    SPRING,
    SetClock,
    a_registration,
    after,
    an_event,
    chat,
    person,
    racer,
)
from tests.unit.provisioning.recorded_race import Row, readings

URL = "https://racing.example.com/races/7"
CHANNEL = "slack:C1"
DAY = timedelta(days=1)
# With one store: the hundredth reading tells nothing more of another, and each is asked over HTTP.
OVER_MANY_READINGS = pytest.mark.parametrize("opened", ["sqlite"], indirect=True)


class Site:
    """A racing site of one race, with the rankings that it gives one after another, the last for ever."""

    def __init__(self, *rankings: Sequence[Standing] | None, closes: datetime = MORNING + DAY) -> None:
        self.listed = [Race("7", "Lap", MORNING, closes, "best-lap", 2, URL)]
        self.rankings = list(rankings) or [()]
        self.asked: list[str] = []
        self.fails_for: str | None = None
        self.listings = 0  # of everybody
        self.aliases: dict[str, str] = {}  # by profile; empty: the site does not tell them

    def races(self, grant: DeepRacerOnAws) -> Sequence[Race]:
        self.asked.append("races")
        if self.fails_for == grant.site_url:
            raise SiteUnavailable(reason="down")
        return self.listed

    def profiles(self, grant: DeepRacerOnAws) -> Sequence[Profile]:
        self.listings += 1
        if not self.aliases:
            raise SiteUnavailable(reason="down")
        return [Profile(one, alias, Allowance(), 90, 0, 0, 0) for one, alias in self.aliases.items()]

    def standings(self, grant: DeepRacerOnAws, race_id: str) -> Sequence[Standing] | None:
        self.asked.append(race_id)
        if self.fails_for == grant.site_url:
            raise SiteUnavailable(reason="down")
        return self.rankings.pop(0) if len(self.rankings) > 1 else self.rankings[0]


def watcher(store: Store, site: Site, clock: SetClock) -> Watcher:
    return Watcher(store, lambda: cast("RacingPlatform", site), Usage(store, lambda: None, clock), clock)


def applied(store: Store, **changes: Any) -> None:
    event = an_event(**{"opens": MORNING - DAY, "ends": MORNING + 30 * DAY, **changes})
    store.run(lambda rows: rows.events.save(event)).result()


def only(store: Store) -> Board:
    (board,) = store.read(lambda rows: rows.boards.of_event(SPRING))
    return board


def watch(store: Store, *watches: Watch) -> None:
    store.run(lambda rows: rows.boards.save(replace(only(store), watches=watches))).result()


def owed(store: Store, now: datetime) -> list[Notice]:
    """Take what the outbox owes, in the order in which it was put there."""

    def take(rows: Any) -> list[Notice]:
        jobs = [
            job
            for work in (Work.SPEAK, Work.REFRESH)
            for job in rows.queue.lease(work, 100, "me", now, now + LEASE)
        ]
        for job in jobs:
            rows.queue.done(job)
        return [rows.outbox.get(job.key) for job in jobs]

    return store.run(take).result()


def standing(alias: str, time_ms: int) -> Standing:
    return Standing(1, alias, time_ms, MORNING, 1)


def test_the_races_of_an_event_are_those_of_its_time(store: Store, clock: SetClock) -> None:
    applied(store)
    site = Site()
    old = replace(site.listed[0], id="6", opens=MORNING - 9 * DAY, closes=MORNING - 8 * DAY)
    late = replace(site.listed[0], id="8", opens=MORNING + 31 * DAY, closes=MORNING + 32 * DAY)
    coming = replace(site.listed[0], id="9", opens=MORNING + DAY, closes=MORNING + 2 * DAY)
    site.listed += [old, late, coming]

    watcher(store, site, clock).round()

    assert [board.race_id for board in store.read(lambda rows: rows.boards.of_event(SPRING))] == ["7", "9"]
    assert site.asked == ["races", "7"]


@OVER_MANY_READINGS
def test_a_site_is_asked_no_more_often_than_needed(store: Store, clock: SetClock) -> None:
    applied(store)
    site = Site()
    watching = watcher(store, site, clock)
    for seconds in range(0, int(LIST_EVERY.total_seconds()), 5):
        clock.moment = after(seconds)
        watching.round()
        watching.round()

    assert site.asked.count("races") == 1
    assert site.asked.count("7") == LIST_EVERY // READ_EVERY


@OVER_MANY_READINGS
def test_a_long_ranking_is_read_less_often(store: Store, clock: SetClock) -> None:
    applied(store)
    site = Site([replace(standing(f"Racer {number}", 60_000 + number)) for number in range(1000)])
    watching = watcher(store, site, clock)
    for seconds in range(0, int(LIST_EVERY.total_seconds()), 5):
        clock.moment = after(seconds)
        watching.round()

    assert site.asked.count("7") in range(2, LIST_EVERY // timedelta(seconds=30) + 1)


def test_an_event_that_gives_no_account_on_a_site_asks_none(store: Store, clock: SetClock) -> None:
    applied(store, grants=an_event().grants[:1])
    site = Site()
    watcher(store, site, clock).round()

    assert site.asked == []


def test_a_race_that_moves_keeps_what_was_read_of_it(store: Store, clock: SetClock) -> None:
    applied(store)
    site = Site([standing("Ada", 62_345)])
    watching = watcher(store, site, clock)
    watching.round()
    watch(store, Watch(CHANNEL))
    site.listed = [replace(site.listed[0], name="Lap of honor", closes=MORNING + 2 * DAY)]
    clock.moment = after(300)
    watching.round()

    assert (only(store).name, only(store).closes) == ("Lap of honor", MORNING + 2 * DAY)
    assert [line.alias for line in only(store).ranking.lines] == ["Ada"]
    assert [notice.says for notice in owed(store, after(300))] == ["board"]


def test_a_racer_who_is_missing_is_looked_for_a_second_time(store: Store, clock: SetClock) -> None:
    applied(store)
    both = [standing("Ada", 62_345), standing("Grace", 62_500)]
    site = Site(both, both[:1], both, both[:1])
    watching = watcher(store, site, clock)
    for seconds in (0, 30):
        clock.moment = after(seconds)
        watching.round()
    assert len(only(store).ranking.lines) == 2

    clock.moment = after(60)
    watching.round()
    assert len(only(store).ranking.lines) == 1
    assert site.asked.count("7") == 5


def test_a_site_that_does_not_answer_holds_up_no_other_and_is_asked_again(
    store: Store, clock: SetClock
) -> None:
    elsewhere = DeepRacerOnAws("https://other.example.com")
    applied(store)
    applied(store, event_id=AUTUMN, grants=(elsewhere,))
    site = Site([standing("Ada", 62_345)])
    site.fails_for = elsewhere.site_url
    watching = watcher(store, site, clock)
    watching.round()
    assert store.read(lambda rows: rows.boards.of_event(AUTUMN)) == ()
    assert only(store).ranking.lines

    site.fails_for = None
    clock.moment = after(300)
    watching.round()
    assert len(store.read(lambda rows: rows.boards.of_event(AUTUMN))) == 1


def test_a_race_that_is_gone_from_the_site_keeps_its_board(store: Store, clock: SetClock) -> None:
    applied(store)
    site = Site([standing("Ada", 62_345)], None)
    watching = watcher(store, site, clock)
    for seconds in (0, 30):
        clock.moment = after(seconds)
        watching.round()

    assert [line.alias for line in only(store).ranking.lines] == ["Ada"]


def test_one_process_watches_and_another_takes_over_when_it_is_gone(
    store: Store, other: Store, clock: SetClock
) -> None:
    applied(store)
    first, second = Site(), Site()
    one, two = watcher(store, first, clock), watcher(other, second, clock)
    one.round()
    two.round()
    assert (first.asked, second.asked) == (["races", "7"], [])

    clock.moment = MORNING + LEASE
    two.round()
    assert second.asked == ["races", "7"]


@pytest.mark.parametrize("hears_news", [True, False])
def test_the_end_is_told_once_and_then_nothing_is_read_any_more(
    store: Store, clock: SetClock, hears_news: bool
) -> None:
    applied(store)
    site = Site([standing("Ada", 62_345)], closes=after(3600))
    watching = watcher(store, site, clock)
    watching.round()
    watch(store, Watch(CHANNEL, hears_news))
    site.rankings = [[standing("Ada", 62_345), standing("Grace", 60_000)]]
    for seconds in (3600.0, 3600 + SETTLED_AFTER.total_seconds(), 9000.0):
        clock.moment = after(seconds)
        watching.round()
    told = owed(store, after(9000))
    asked = len(site.asked)
    clock.moment = after(9060)
    watching.round()

    assert only(store).is_final
    assert [notice.says for notice in told] == (
        ["board", "board-news", "board-podium"] if hears_news else ["board"]
    )
    assert "7" not in site.asked[asked:]


@OVER_MANY_READINGS
def test_a_recorded_race_is_told_exactly_with_a_new_watcher_for_every_reading(
    store: Store, clock: SetClock
) -> None:
    race = readings()
    start = race[0].at
    applied(store, opens=start - DAY, ends=start + 30 * DAY)
    site = Site()
    site.listed = [replace(site.listed[0], opens=start, closes=start + DAY)]
    clock.moment = start
    watcher(store, site, clock).round()
    watch(store, Watch(CHANNEL), Watch("slack:C2", hears_news=False))

    for reading in race:
        site.rankings = [cast("list[Standing]", list(reading.rows))]
        clock.moment = max(reading.at, clock.moment + NEWS_EVERY)
        watcher(store, site, clock).round()
        told = [notice for notice in owed(store, clock.moment) if notice.says == "board-news"]

        assert only(store).ranking == Leaderboard.of(reading.rows)
        expected = reading.expected
        if expected is None:
            assert told == []
            continue
        (notice,) = told
        news = news_of(notice)
        assert notice.about == CHANNEL
        assert (news.kind, news.line.alias, news.line.time_ms, news.by_lap) == (
            expected.kind,
            expected.alias,
            expected.time_ms,
            expected.by_lap,
        )
        assert says_what_is_true(news, reading.rows)


def says_what_is_true(news: News, rows: Sequence[Row]) -> bool:
    shown = {(line.place, line.alias, line.time_ms) for line in Leaderboard.of(rows).lines}
    told = [line for line in (news.line, news.rival) if line is not None]
    return all((line.place, line.alias, line.time_ms) in shown for line in told)


# --- the end of a race --------------------------------------------------------------------------------------


def has_joined(store: Store, number: int, profile_id: str, **changes: Any) -> None:
    """Let somebody be in the event, with this profile at its site."""
    target = an_event().grants[2].target
    progress = {target: Progress(Step.CONFIRMED, MORNING, profile_id)}
    store.run(
        lambda rows: rows.registrations.save(a_registration(number, progress=progress, **changes))
    ).result()


def over(store: Store, site: Site, clock: SetClock, seconds: float = 0.0) -> list[Notice]:
    """Let the race be over for so long as it takes and these seconds, and return what is owed then."""
    clock.moment = after(3600 + SETTLED_AFTER.total_seconds() + seconds)
    watcher(store, site, clock).round()
    return owed(store, clock.moment + DAY)


@pytest.fixture
def site(store: Store, clock: SetClock) -> Site:
    """Three racers of the event and their race: two under aliases of their own, the third under another's."""
    applied(store, organizer_channel="slack:C9")
    site = Site([standing("bolt", 62_345), standing("dash", 62_500), standing("RacerAlias", 63_000)])
    site.listed = [replace(site.listed[0], closes=after(3600))]
    site.aliases = {"p1": "bolt", "p2": "dash", "p3": "RacerAlias", "p4": "RacerAlias"}
    for number in (1, 2, 3):
        has_joined(store, number, f"p{number}")
    watcher(store, site, clock).round()
    owed(store, clock.moment)
    return site


def test_every_finisher_is_owed_one_certificate_and_organizers_hear_who_is_not(
    store: Store, other: Store, clock: SetClock, site: Site
) -> None:
    told = over(store, site, clock)
    again = over(other, site, clock, 60)

    assert [notice.id for notice in told if notice.kind is Kind.REMINDER] == [
        f"reminder:certificate:{racer(number)}:7" for number in (1, 2)
    ]
    (post,) = [notice for notice in told if notice.says == "organizers-uncertified"]
    assert (post.facts["count"], post.facts["racers"]) == ("1", "RacerAlias")
    assert again == []


def test_one_list_of_everybody_tells_what_is_used_and_whose_lines_there_are(
    store: Store, clock: SetClock, site: Site
) -> None:
    grant = DeepRacerOnAws("https://racing.example.com")
    entry = Entry(grant.target, person(1), present_before=False, needed_by=frozenset({SPRING}))
    store.run(lambda rows: rows.ledger.save(entry)).result()
    before = site.listings
    clock.moment += LIST_EVERY
    again = watcher(store, site, clock)
    for _ in range(3):
        again.round()
        clock.moment += READ_EVERY

    assert site.listings == before + 1
    known = store.read(lambda rows: rows.ledger.get(grant.target, person(1)))
    assert known is not None
    assert known.on_site.used is not None
    assert known.on_site.used.minutes == 90
    claims = store.read(lambda rows: rows.boards.claims(SPRING, "7"))
    assert {claim.person_id for claim in claims} == {person(1), person(2)}


def test_who_races_for_another_event_on_the_same_site_is_not_left_out_of_this_one(
    store: Store, clock: SetClock, site: Site
) -> None:
    site.rankings = [[*(site.rankings[0] or ()), standing("nova", 63_500), standing("stranger", 64_000)]]
    site.aliases |= {"p5": "nova", "p6": "stranger"}
    dates = {"opens": MORNING - DAY, "ends": MORNING + 30 * DAY}
    store.run(lambda rows: rows.events.save(an_event(AUTUMN, organizer_channel="slack:C8", **dates))).result()
    progress = {an_event().grants[2].target: Progress(Step.CONFIRMED, MORNING, "p5")}
    store.run(lambda rows: rows.registrations.save(a_registration(5, AUTUMN, progress=progress))).result()

    told = over(store, site, clock)

    certificates = [notice.about for notice in told if notice.kind is Kind.REMINDER]
    assert sorted(certificates) == sorted(
        f"certificate:{key}" for key in (racer(1), racer(2), racer(5, AUTUMN))
    )
    posts = {notice.about: notice for notice in told if notice.says == "organizers-uncertified"}
    assert {about: post.facts["racers"] for about, post in posts.items()} == {
        "slack:C9": "RacerAlias, stranger",
        "slack:C8": "RacerAlias, stranger",
    }


def test_a_certificate_is_for_the_line_that_was_theirs_whatever_they_are_called_at_the_end(
    store: Store, clock: SetClock, site: Site
) -> None:
    site.aliases |= {"p1": "renamed", "p2": "bolt"}
    certificates = [notice for notice in over(store, site, clock) if notice.kind is Kind.REMINDER]

    def lines(rows: Any) -> list[tuple[str, str]]:
        found = [to_certify(rows, notice) for notice in certificates]
        return [(one[3].person.id, one[2].alias) for one in found if one is not None]

    assert store.read(lines) == [(person(1), "bolt"), (person(2), "dash")]


def test_whoever_is_held_gets_none_and_whoever_was_forgotten_is_not_known(
    store: Store, clock: SetClock, site: Site
) -> None:
    def change(rows: Any) -> None:
        held = rows.registrations.get(racer(1))
        rows.registrations.save(replace(held, hold=Hold("suspended", "organizer", MORNING)))
        rows.registrations.delete(racer(2))
        rows.boards.forget_claims(racer(2))

    store.run(change).result()
    told = over(store, site, clock)

    assert not [notice for notice in told if notice.kind is Kind.REMINDER]
    (post,) = [notice for notice in told if notice.says == "organizers-uncertified"]
    assert post.facts["racers"] == "dash, RacerAlias"


def test_the_result_waits_an_hour_for_the_names_of_its_racers_and_no_longer(
    store: Store, clock: SetClock, site: Site
) -> None:
    site.aliases = {}
    assert over(store, site, clock) == []
    assert not only(store).is_final

    told = over(store, site, clock, PATIENCE.total_seconds())
    assert only(store).is_final
    assert len([notice for notice in told if notice.kind is Kind.REMINDER]) == 2, "what was known stays known"


def test_a_racer_sees_their_own_place_and_asks_for_certificates_in_any_name(
    store: Store, clock: SetClock, site: Site
) -> None:
    store.run(lambda rows: rows.bindings.claim(chat(1), person(1), MORNING)).result()
    asking = Asking(chat(1), "T1", MORNING, ReplyTo(chat(1)))

    def asks(rows: Any) -> tuple[Any, Any]:
        return ask_boards(rows, "", clock.moment, chat=chat(1)).own, request_certificates(rows, asking, "Ada")

    line, none = store.run(asks).result()
    assert (line.place, line.alias) == (1, "bolt")
    assert none.races == ()
    over(store, site, clock)

    for _ in range(2):
        assert store.run(lambda rows: request_certificates(rows, asking, "Ada")).result().races == ("Lap",)
    stranger = replace(asking, chat=chat(2))
    assert store.run(lambda rows: request_certificates(rows, stranger, "Ada")).result().races == ()
    (notice,) = owed(store, clock.moment)
    assert (notice.kind, notice.facts["name"]) == (Kind.ANSWER, "Ada")
    assert notice.about == f"certificate:{racer(1)}"


def test_forgetting_a_racer_forgets_their_lines_and_certificates(
    store: Store, clock: SetClock, site: Site
) -> None:
    told = over(store, site, clock)
    known = Known((chat(1),), person(1), ((an_event(), a_registration(1)),), ())
    store.run(lambda rows: forget(rows, known, clock.moment)).result()

    assert store.read(lambda rows: [claim.alias for claim in rows.boards.claims(SPRING, "7")]) == ["dash"]
    mine = next(notice for notice in told if str(racer(1)) in notice.about)
    assert store.read(lambda rows: rows.outbox.get(mine.id)) is None


def test_racers_appear_by_name_only_where_the_event_says_so_and_it_is_known_who_they_are(
    store: Store, clock: SetClock, site: Site
) -> None:
    def shown(alias: str = "") -> tuple[list[str], str]:
        asked = store.read(lambda rows: ask_boards(rows, "", clock.moment, alias=alias))
        return [line.alias for line in asked.boards[0].ranking.lines], asked.alias

    def switch_on(rows: Any) -> None:
        rows.events.save(replace(rows.events.get(SPRING), names=True))

    assert shown("Bolt") == (["bolt", "dash", "RacerAlias"], "Bolt")
    store.run(switch_on).result()
    assert shown("Bolt") == (["Racer 1", "Racer 2", "RacerAlias"], "Racer 1")


def test_a_board_with_names_is_edited_when_it_becomes_known_who_somebody_is(
    store: Store, clock: SetClock, site: Site
) -> None:
    def switch_on(rows: Any) -> None:
        rows.events.save(replace(rows.events.get(SPRING), names=True))

    store.run(switch_on).result()
    watch(store, Watch(CHANNEL))
    site.aliases["p4"] = "other"
    clock.moment = after(LIST_EVERY.total_seconds())
    watcher(store, site, clock).round()

    (notice,) = owed(store, clock.moment)
    message = store.read(lambda rows: of_board(words(), rows, notice))
    assert "Racer 3" in str(message)


def test_news_is_told_by_name_too(store: Store, clock: SetClock, site: Site) -> None:
    def switch_on(rows: Any) -> None:
        rows.events.save(replace(rows.events.get(SPRING), names=True))

    store.run(switch_on).result()
    watch(store, Watch(CHANNEL))
    site.rankings = [[standing("bolt", 62_345), replace(standing("dash", 60_000), submitted_at=after(60))]]
    clock.moment = after(NEWS_EVERY.total_seconds())
    watcher(store, site, clock).round()

    (news,) = [notice for notice in owed(store, clock.moment) if notice.says == "board-news"]
    message = store.read(lambda rows: of_board(words(), rows, news))
    assert "Racer 2" in str(message.summary)
    assert "Racer 1" in str(message.parts)
