"""The bot in Microsoft's Agents Playground, in a real browser, its checks on: `make playground-test`.

Not among the tests that `make test` runs: it installs Microsoft's playground and needs Chromium. Pictures of
what was on the screen lie in build/playground/pictures afterwards.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import CREATED, FORBIDDEN, UNAUTHORIZED
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.company import FOREIGN_TENANT_ID
from tests.playground.playground import CHANNEL, GROUP, PERSONAL, Person, browsing, playing
from tests.playground.proxy import SigningProxy
from tests.scenario.running import Process
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually

READY = "You're in: Spring Cup 2027 is open to you."
ADAPTIVE = "application/vnd.microsoft.card.adaptive"
GOLDENS = Path(__file__).parents[1] / "golden" / "teams"
GOLDEN = sorted(GOLDENS.glob("*.json"))


@dataclass(frozen=True, slots=True)
class Scene:
    """Somebody in front of the playground, and what is behind it."""

    person: Person
    proxy: SigningProxy
    stage: Stage
    bot: Process

    def asks(self, words: str) -> int:
        """Say this, and return the status of the bot's answer to the request."""
        before = len(self._asked())
        self.person.says(words)
        return eventually(lambda: self._asked()[before:], f"the bot answers {words!r}")[0]

    def _asked(self) -> list[int]:
        return [one.status for one in self.proxy.passed if one.path == "/api/messages"]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Stage(tmp_path, platforms=("teams",)) as stage:
        proxy = SigningProxy(stage.company)
        stage.world.serve("proxy", proxy.app())
        url = stage.world.urls["proxy"]
        stage.settings = {
            "BOT_OPENID_METADATA_URL": f"{url}/v1/.well-known/openidconfiguration",
            "TEAMS_SERVICE_URL_HOSTS": url.removeprefix("http://"),
        }
        stage.opens_event()
        bot = stage.starts_process("serve", "--host", "127.0.0.1", "--port", "0")
        proxy.bot = bot.url
        with playing(stage.company, tmp_path, url) as playground:
            proxy.playground = playground
            with browsing(playground) as person:
                yield Scene(person, proxy, stage, bot)
            stage.stop_bots()  # before there is nobody left to talk to


def test_somebody_is_welcomed_joins_with_a_button_gets_the_link_and_leaves(scene: Scene) -> None:
    person, stage = scene.person, scene.stage
    person.opens(PERSONAL)
    person.sees("Hello! I get you into AWS DeepRacer events.")
    person.looks("welcome")

    person.presses("Join Spring Cup 2027")
    eventually(lambda: person.count(READY) == 2, "the card and a message of its own say ready")
    person.looks("ready")
    assert all(stage.members().values())

    person.says("leave")
    person.sees("Leave Spring Cup 2027?")
    person.looks("leave")
    person.presses("Leave")
    eventually(lambda: person.count("You've left Spring Cup 2027.") == 2, "the card and a message say gone")
    person.looks("gone")
    assert not any(stage.members().values())


def test_in_a_channel_the_bot_hears_its_mention_alone_and_answers_in_private(scene: Scene) -> None:
    person = scene.person
    person.opens(CHANNEL)
    person.says("Who is racing?")
    person.sees("Who is racing?")

    person.says("join", to_the_bot=True)
    person.sees("I've answered you in our personal chat.")
    person.looks("channel")
    assert "awsapps.com" not in person.page.content()
    assert not [one for one in scene.proxy.passed if "racing?" in str(one.sent)]

    person.opens(PERSONAL)
    eventually(lambda: person.count(READY) == 2, "the private answer and the result say ready")
    person.looks("channel-in-private")


def test_in_a_group_chat_the_bot_answers_the_mention_in_private(scene: Scene) -> None:
    person = scene.person
    person.opens(GROUP)
    person.says("status", to_the_bot=True)
    person.sees("I've answered you in our personal chat.")
    person.looks("group")

    person.opens(PERSONAL)
    person.sees("You're not in any event.")


def test_a_guest_is_refused_with_a_code_and_gets_into_no_group(scene: Scene) -> None:
    scene.proxy.role = "guest"
    scene.person.opens(PERSONAL)
    scene.person.says("join")
    scene.person.sees("I can't let you in: you're a guest in this Teams organization.")
    scene.person.sees("Code DR-")
    scene.person.looks("guest")

    assert not any(scene.stage.members().values())


def test_only_bot_connector_speaks_for_the_people_of_the_tenant(scene: Scene) -> None:
    person, proxy = scene.person, scene.proxy
    person.opens(PERSONAL)
    person.sees("Hello!")
    for token in ("expired", "wrong-audience", "unsigned", "no-header"):
        proxy.token = token
        assert scene.asks("join") == UNAUTHORIZED
    proxy.token = "valid"
    proxy.spoils = elsewhere
    assert scene.asks("join") == FORBIDDEN

    proxy.spoils = lambda activity: activity
    proxy.keys.rotate()
    eventually(lambda: scene.asks("status") == CREATED, "the bot has looked at the keys again")
    person.sees("You're not in any event.")


def test_what_was_promised_before_a_crash_comes_after_it(scene: Scene) -> None:
    person, stage = scene.person, scene.stage
    stage.befalls("graph", ".*", "status", times=None)
    person.opens(PERSONAL)
    person.says("join")
    person.sees("You're in the queue for Spring Cup 2027.")
    scene.bot.kill()
    stage.calms("graph")
    scene.bot.start_again()
    scene.proxy.bot = scene.bot.url

    eventually(lambda: person.count(READY) == 2, "the card and a message of its own say ready")


def test_what_somebody_typed_is_repeated_letter_by_letter(scene: Scene) -> None:
    typed = "**x**[y](https://evil.example)"
    scene.person.opens(PERSONAL)
    scene.person.says(typed)
    scene.person.sees("I don't know")
    scene.person.looks("typed")

    card = scene.person.cards().last
    assert typed.replace("*", "\u2217") in card.inner_text().replace("\u2060", "")
    assert card.locator("a, strong, em").count() == 0


def test_every_kind_of_card_is_drawn_and_nothing_in_it_is_forged(scene: Scene) -> None:
    person = scene.person
    person.opens(PERSONAL)
    person.sees("Hello!")
    for number, path in enumerate(GOLDEN, start=2):
        card = json.loads(path.read_text(encoding="utf-8"))["card"]
        activity = {"type": "message", "attachments": [{"contentType": ADAPTIVE, "content": card}]}
        url = f"{scene.proxy.playground}/_connector/v3/conversations/a:personal/activities"
        assert httpx.post(url, json=activity, trust_env=False).is_success
        eventually(lambda number=number: person.cards().count() == number, f"{path.stem} is shown")  # type: ignore[misc]
        person.looks(f"card-{path.stem}")
        drawn = person.cards().last
        assert drawn.locator("li, h1, blockquote, code, em, del, hr").count() == 0
        for link in drawn.locator("a[href]").all():
            assert "evil" not in str(link.get_attribute("href"))
    assert "{{" not in "".join(person.cards().all_inner_texts())


def test_a_button_that_asks_first_unfolds_its_question_and_then_says_its_words(scene: Scene) -> None:
    person = scene.person
    person.opens(PERSONAL)
    person.sees("Hello!")
    card = json.loads((GOLDENS / "ready.json").read_text(encoding="utf-8"))["card"]
    activity = {"type": "message", "attachments": [{"contentType": ADAPTIVE, "content": card}]}
    url = f"{scene.proxy.playground}/_connector/v3/conversations/a:personal/activities"
    assert httpx.post(url, json=activity, trust_env=False).is_success

    person.presses("Leave")
    person.sees("Your models stay; your access ends.")
    person.looks("question")
    assert not said_with_buttons(scene.proxy)
    person.presses("Leave")
    eventually(
        lambda: said_with_buttons(scene.proxy) == ["leave spring-cup-2027 --yes"], "the button says its words"
    )


def said_with_buttons(proxy: SigningProxy) -> list[str]:
    invoked = [
        one.sent["value"]["action"] for one in proxy.passed if one.sent and one.sent["type"] == "invoke"
    ]
    return [action["data"]["say"] for action in invoked]


def elsewhere(activity: dict[str, Any]) -> dict[str, Any]:
    """The same activity, of another tenant."""
    conversation = activity["conversation"] | {"tenantId": FOREIGN_TENANT_ID}
    data = activity["channelData"] | {"tenant": {"id": FOREIGN_TENANT_ID}}
    return activity | {"conversation": conversation, "channelData": data}
