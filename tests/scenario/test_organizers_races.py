"""Races in chat: posted once to the event's channels, edited in place, withdrawn, and found by everybody."""

from datetime import timedelta
from typing import Any

import pytest

from sandbox import connector_conversations, slack_channels
from sandbox.connector_cards import actions
from tests.scenario.conftest import ON_BOTH, MakeStage
from tests.scenario.people import Racer, SlackLine
from tests.scenario.stage import Stage
from tests.scenario.test_organizers import answered
from tests.scenario.waiting import eventually

pytestmark = ON_BOTH

LINK = "https://racing.acme.example/races/7?a=1&b=2"


@pytest.fixture
def organizer(stage: Stage) -> Racer:
    return stage.person("organizer")


class Post:
    """One message of the bot in a channel: what it says now, its buttons, and how often it was edited."""

    def __init__(self, text: str, buttons: dict[str, Any], edits: int) -> None:
        self.text = text
        self.first = text.split("\n", 1)[0]
        self.buttons = buttons
        self.edits = edits


def posts(stage: Stage, platform: str) -> list[Post]:
    """Return what the bot said in the channel of the races, oldest first."""
    if platform == "slack":
        channel = slack_channels.RACING
        entries = stage.world.do(
            lambda: [one.as_json() for one in stage.world.slack.transcript.in_channel(channel)]
        )
        return [
            Post(
                one["text"],
                {
                    button["text"]["text"]: button.get("url") or button.get("value")
                    for block in one["blocks"]
                    for button in block.get("elements", ())
                    if button.get("type") == "button"
                },
                len(one["versions"]),
            )
            for one in entries
            if one["reader"] is None
        ]
    conversation = connector_conversations.RACING
    found = stage.world.do(
        lambda: [
            (one.says(), one.card, len(one.versions))
            for one in stage.world.teams.transcript.in_conversation(conversation)
            if one.author.startswith("28:")
        ]
    )
    return [
        Post(
            text,
            {one["title"]: one.get("url") or one.get("data", {}).get("say") for one in actions(card or {})},
            edits,
        )
        for text, card, edits in found
    ]


def shows(stage: Stage, platform: str, *firsts: str) -> list[Post]:
    """Wait until the channel shows exactly these messages, by their first lines."""
    eventually(
        lambda: [post.first for post in posts(stage, platform)] == list(firsts),
        f"the channel shows {firsts}",
        otherwise=lambda: repr([(post.first, post.edits) for post in posts(stage, platform)]),
    )
    return posts(stage, platform)


def channel_of(racer: Racer) -> str:
    """Return how an organizer names the channel of the races."""
    if isinstance(racer.line, SlackLine):
        return f"<#{slack_channels.RACING}|racing>"
    return f"teams:{connector_conversations.RACING}"


@pytest.fixture
def racing(stage: Stage, organizer: Racer) -> Racer:
    """An organizer whose channels the bot knows: in Teams it must have heard something there."""
    organizer.says("admin event show")
    organizer.sees("open")
    return organizer


def test_a_race_is_posted_once_and_edited_when_it_changes_and_is_withdrawn(
    stage: Stage, racing: Racer, platform: str
) -> None:
    said = answered(racing, f"race post {LINK} Lap of honor track=re:Invent 2018", "race-post-done")
    assert "Lap of honor" in said
    (post,) = shows(stage, platform, "A race is open: Lap of honor")
    assert post.buttons == {"Open the race": LINK, "Join Spring Cup 2027": "join spring-cup-2027"}
    assert "re:Invent 2018" in post.text

    answered(racing, "race update 1 title=Lap of joy", "race-update-done")
    (post,) = shows(stage, platform, "A race is open: Lap of joy")
    assert post.edits == 1

    answered(racing, "race remove lap of joy", "race-remove-done")
    (post,) = shows(stage, platform, "Withdrawn: Lap of joy")
    assert post.buttons == {}

    racing.presses("Undo")
    racing.sees("any-undone")
    shows(stage, platform, "A race is open: Lap of joy")
    assert "Lap of joy" in answered(racing, "race list", "races-listed")


def test_what_is_undone_goes_back_in_the_channel_too(stage: Stage, racing: Racer, platform: str) -> None:
    answered(racing, f"race post {LINK} One", "race-post-done")
    shows(stage, platform, "A race is open: One")
    answered(racing, "race update 1 title=Two track=A to Z", "race-update-done")
    shows(stage, platform, "A race is open: Two")

    racing.presses("Undo")
    racing.sees("any-undone")
    (post,) = shows(stage, platform, "A race is open: One")
    assert "A to Z" not in post.text

    answered(racing, f"race post {LINK} Three", "race-post-done")
    shows(stage, platform, "A race is open: One", "A race is open: Three")
    racing.presses("Undo")
    racing.sees("any-undone")
    shows(stage, platform, "A race is open: One", "Withdrawn: Three")


def test_a_race_opens_is_reminded_of_and_closes_by_the_clock(
    stage: Stage, racing: Racer, platform: str
) -> None:
    now = stage.clock.now().replace(microsecond=0)
    opens, closes = now + timedelta(hours=1), now + timedelta(hours=5)
    times = f"opens={opens.isoformat()} closes={closes.isoformat()}"
    answered(racing, f"race post {LINK} Sprint {times}", "race-post-done")
    shows(stage, platform, "A race is coming up: Sprint")

    stage.clock.turn(hours=1)
    shows(stage, platform, "A race is open: Sprint")

    stage.clock.turn(hours=3, minutes=1)
    shows(stage, platform, "A race is open: Sprint", "This race closes soon: Sprint")

    stage.clock.turn(hours=1)
    for post in shows(stage, platform, "Closed: Sprint", "Closed: Sprint"):
        assert post.buttons == {"Open the race": LINK}


def test_nothing_is_posted_twice_by_another_process(stage: Stage, racing: Racer, platform: str) -> None:
    answered(racing, f"race post {LINK} Sprint", "race-post-done")
    shows(stage, platform, "A race is open: Sprint")

    stage.stop_bots()
    stage.racers.clear()
    stage.starts_bot()
    stage.starts_bot(door=False)
    stage.clock.turn(minutes=1)
    again = stage.person("organizer")
    answered(again, "race update 1 title=Dash", "race-update-done")

    shows(stage, platform, "A race is open: Dash")


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/races/7",
        "https://racing.acme.example.evil.example/7",
        "https://evil.example/racing.acme.example",
        "https://racing.acme.example:8443/7",
        "https://sub.racing.acme.example/7",
    ],
)
def test_a_link_to_another_host_is_refused_and_audited(
    stage: Stage, racing: Racer, platform: str, link: str
) -> None:
    answered(racing, f"race post {link} Lap", "DR-292")
    answered(racing, f"race post {LINK} Lap", "race-post-done")
    answered(racing, f"race update 1 link={link}", "DR-292")

    (post,) = shows(stage, platform, "A race is open: Lap")
    assert post.buttons["Open the race"] == LINK
    refused = [line for line in stage.audit_lines() if line.action == "refused"]
    assert [line.facts for line in refused] == [
        {"code": "DR-292", "verb": "admin race post", "field": "link"},
        {"code": "DR-292", "verb": "admin race update", "field": "link"},
    ]


@pytest.mark.parametrize("link", ["http://racing.acme.example/7", "javascript:alert(1)", "Lap"])
def test_what_is_no_https_address_is_no_link(stage: Stage, organizer: Racer, link: str) -> None:
    answered(organizer, f"race post {link} Lap", "DR-265")

    assert "no races" not in answered(organizer, "race list", "races-listed")


def test_only_channels_of_the_event_are_posted_to(stage: Stage, racing: Racer, platform: str) -> None:
    other = {
        "slack": f"<#{slack_channels.SHARED}|with-partners>",
        "teams": f"teams:{connector_conversations.SHARED}",
    }
    answered(racing, f"race post {LINK} Lap {other[platform]}", "DR-293")
    answered(racing, f"race post {LINK} Lap #racing", "DR-265")

    answered(racing, f"race post {LINK} Lap closes=2099-01-01T00:00Z {channel_of(racing)}", "race-post-done")

    shows(stage, platform, "A race is open: Lap")


def test_a_dry_run_posts_nothing(stage: Stage, racing: Racer, platform: str) -> None:
    said = answered(racing, f"race post {LINK} Lap --dry-run", "race-post-would")

    assert "Lap" in said
    assert stage.event().channels
    assert posts(stage, platform) == []


def test_times_of_a_race_must_be_in_order(stage: Stage, organizer: Racer) -> None:
    answered(organizer, f"race post {LINK} Lap closes=2020-01-01T00:00Z", "DR-294")
    answered(organizer, f"race post {LINK} Lap closes=tomorrow", "DR-265")
    answered(organizer, "race update 7 title=x", "DR-291")


def test_everybody_finds_the_open_races_and_new_racers_are_told_of_them(stage: Stage, racing: Racer) -> None:
    ada = stage.person("employee-001")
    assert "No race is open" in ada.says("races").text
    answered(racing, f"race post {LINK} Sprint closes=2099-01-01T00:00Z", "race-post-done")
    answered(racing, f"race post {LINK} Later opens=2098-01-01T00:00Z", "race-post-done")

    said = ada.says("races").text

    assert "One race is open." in said
    assert "Sprint" in said
    assert LINK in said
    assert "Coming up:" in said
    ada.says("join")
    ada.becomes_ready()
    assert "Open races:" in ada.messages[-1].text
    assert "Sprint" in ada.messages[-1].text
    assert "Later" not in ada.messages[-1].text


@pytest.mark.parametrize(
    "hostile", ["<!channel> *b* `c` & [x](https://evil.example)", "\u202eevil\u2066 lap", "x" * 10_000]
)
def test_hostile_titles_are_only_shown(stage: Stage, racing: Racer, platform: str, hostile: str) -> None:
    if len(hostile) > 150:
        answered(racing, f"race post {LINK} {hostile}", "DR-265")
        return
    answered(racing, f"race post {LINK} {hostile}", "race-post-done")

    eventually(lambda: posts(stage, platform), "it is posted")
    (post,) = posts(stage, platform)
    forged = {"slack": "<!channel>", "teams": "](https"}  # what would be more than text there
    assert forged[platform] not in post.text
    assert "\u202e" not in post.text
    assert post.buttons["Open the race"] == LINK


def test_a_channel_that_takes_no_post_is_told_to_organizers_once_and_posted_to_when_it_does(
    make_stage: MakeStage, platform: str
) -> None:
    stage = make_stage()
    place = {"slack": slack_channels.GENERAL, "teams": connector_conversations.RACING}[platform]
    stage.opens_event(channels=[f"{platform}:{place}"])
    stage.starts_bot()
    organizer = stage.person("organizer")
    answered(organizer, "event show", "open")
    shut(stage, platform, is_shut=True)

    answered(organizer, f"race post {LINK} Lap", "race-post-done")
    answered(organizer, "race update 1 title=Dash", "race-update-done")

    eventually(lambda: "organizers-unannounced" in stage.organizers_hear, "organizers hear of it")
    assert "DR-408" in stage.organizers[-1].text
    shut(stage, platform, is_shut=False)
    stage.clock.turn(minutes=6)
    eventually(lambda: _first(stage, platform, place) == ["A race is open: Dash"], "it is posted at last")
    assert stage.organizers_hear == ["organizers-unannounced"]


def shut(stage: Stage, platform: str, *, is_shut: bool) -> None:
    """Take the bot out of the channel, or let it in again."""

    def unit() -> None:
        if platform == "slack":
            stage.world.slack.channels.channels[slack_channels.GENERAL].bot_in = not is_shut
        else:
            found = stage.world.teams.conversations.find(connector_conversations.RACING)
            assert found is not None
            found.dead = "BotNotInConversationRoster" if is_shut else None

    stage.world.do(unit)


def _first(stage: Stage, platform: str, place: str) -> list[str]:
    if platform == "teams":
        return [post.first for post in posts(stage, platform)]
    entries = stage.world.do(lambda: [one.text for one in stage.world.slack.transcript.in_channel(place)])
    return [text.split("\n", 1)[0] for text in entries]


def test_an_event_knows_its_races(stage: Stage, organizer: Racer) -> None:
    answered(organizer, f"race post {LINK}", "race-post-done")

    (race,) = stage.races()

    assert (race.number, race.title, race.link) == (1, "Race 1", LINK)
