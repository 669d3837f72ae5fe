import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.deepracer.first_sign_in import OneTimePasswords
from adapters.deepracer.pool import Pool
from adapters.deepracer.session import ServiceUser, Session
from bot import logs
from provisioning.correlation import about, only
from sandbox.racing import SERVICE_PASSWORD, SERVICE_USER, USER_POOL_ID
from tests.unit.adapters.racing_world import racing_world

ROOT = Path(__file__).parents[3]
SOURCES = [path for room in ("bot", "adapters", "provisioning") for path in (ROOT / room).rglob("*.py")]


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    written = io.StringIO()
    logs.configure("INFO", written)
    yield written
    root.handlers[:], root.level = before, level
    logging.captureWarnings(capture=False)


def last(written: io.StringIO) -> dict[str, object]:
    found: dict[str, object] = json.loads(written.getvalue().splitlines()[-1])
    return found


def test_a_line_is_json_with_one_action_word(lines: io.StringIO) -> None:
    logging.getLogger("bot.serve").info("listening", extra={"action": "listening", "port": 8080})
    line = last(lines)
    assert (line["action"], line["port"], line["level"]) == ("listening", 8080, "info")


def test_what_is_debugged_says_neither_passwords_nor_keys(lines: io.StringIO) -> None:
    logs.configure("DEBUG", lines)
    with racing_world(people=1) as world:
        person = world.person()
        world.access.add(world.grant, [person])
        clients, shared = world.clients, {"brakes": world.brakes, "clock": world.clock}
        pool = Pool(clients["cognito-idp"], USER_POOL_ID, **shared, rate_scale=1000.0)  # type: ignore[arg-type]
        given = OneTimePasswords(lambda _: pool).renew(world.grant, person)
        user = ServiceUser(SERVICE_USER, SERVICE_PASSWORD)
        site = world.sites.of(world.site_url)
        keys = Session(site, user, clients["cognito-idp"], clients["cognito-identity"], **shared).keys()  # type: ignore[arg-type]
    written = lines.getvalue()
    assert "AWS was asked" in written
    for secret in (given.password, SERVICE_PASSWORD, keys.secret_key, keys.token):
        assert secret not in written


def test_a_library_gets_the_word_library_and_its_name(lines: io.StringIO) -> None:
    logging.getLogger("some.library").warning("odd: %s", 3)
    line = last(lines)
    assert (line["action"], line["text"], line["logger"]) == ("library", "odd: 3", "some.library")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("token xoxb-12-34-abcDEF refused", "abcDEF"),
        ("xapp-1-A0-99-abcdef", "abcdef"),
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("got eyJhbGciOi.eyJzdWIi.c2ln", "eyJzdWIi"),
        ("client_secret=s3cret&scope=x", "s3cret"),
        ("POST https://hooks.slack.com/commands/T0/1/abc", "T0/1/abc"),
        ("mail eq 'ada.o''neil@acme.example'", "neil"),
        ("users?$filter=mail eq 'ada%40acme.example'", "acme.example"),
        ("ada%40acme.example%20or%20grace%40acme.example", "ada"),
        ("ada%40acme.example%20or%20grace%40acme.example", "grace"),
        ("jürgen+bot@acme.example joined", "jürgen"),
    ],
)
def test_tokens_and_addresses_never_reach_a_log(lines: io.StringIO, text: str, secret: str) -> None:
    log = logging.getLogger("some.library")
    log.error(text, extra={"deep": {"er": [text]}})
    log.error("failed", exc_info=ValueError(text))
    assert len(lines.getvalue().splitlines()) == 2
    assert secret not in lines.getvalue()


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("ada@acme.example%2Cgrace@acme.example", "[e-mail][e-mail]"),
        ("'o'neil@acme.example' 'o''neil@acme.example'", "'[e-mail]' '[e-mail]'"),
        ("say 'ada@acme.example'", "say '[e-mail]'"),
        ("<mailto:ada@acme.example|ada@acme.example>", "<mailto:[e-mail]|[e-mail]>"),
        ("@acme.example a@b @ada", "@acme.example a@b @ada"),
    ],
)
def test_of_an_address_no_letter_stays_and_what_stands_beside_it_does(text: str, cleaned: str) -> None:
    assert logs.clean(text) == cleaned


@pytest.mark.parametrize("part", ["a", "x.", "a'", "&", "%40", "a@", "-eyJ", "“"])
def test_a_line_of_any_length_is_written(lines: io.StringIO, part: str) -> None:
    logging.getLogger("aiohttp.server").error("bad request: %s", part * 100_000)
    assert str(last(lines)["text"]).endswith(part * 1000)


def test_channel_and_object_ids_stay_readable() -> None:
    kept = "slack:C0123 spring-cup-2027/0c1a1111-2222-4333-8444-555566667777 at 12:00, https://graph.example/v1.0"
    assert logs.clean(kept) == kept
    for kept in (
        "teams:19:0c1a@thread.tacv2 is there.",
        "19:meeting_x@thread.v2;messageid=17",
        "19%3a0c@thread.v2.",
    ):
        assert logs.clean(kept) == kept
    assert "ada" not in logs.clean("ada@thread.tacv2.example.com ada@thread.v2-racing.example")


def test_every_line_says_for_which_chat_requests_something_was_done(lines: io.StringIO) -> None:
    log = logging.getLogger("some.library")
    with logs.invoked("3f1c"), about({"ada": "a1", "grace": "b2", "joan": "a1", "the clock": ""}):
        log.info("for all")
        assert (last(lines)["correlation"], last(lines)["invocation"]) == ("a1 b2", "3f1c")
        with only(["grace"]):
            log.info("for one")
            assert last(lines)["correlation"] == "b2"
        with only(["somebody else"]):
            log.info("for nobody who is known")
            assert last(lines)["correlation"] == "a1 b2"
    log.info("for nobody")
    assert not {"correlation", "invocation"} & last(lines).keys()


def test_a_line_about_a_crowd_names_some_and_says_how_many_there_are(lines: io.StringIO) -> None:
    with about({str(number): f"r{number}" for number in range(250)}):
        logging.getLogger("some.library").info("for a crowd")

    assert len(str(last(lines)["correlation"]).split()) == logs.MOST_NAMED
    assert last(lines)["correlations"] == 250


def test_every_action_word_is_explained() -> None:
    used = {
        word
        for path in SOURCES
        for word in re.findall(r'"action": "([\w-]+)"', path.read_text(encoding="utf-8"))
    }
    assert used - set(logs.ACTIONS) == set()
