"""What the signature does not prove: requests that are old, altered, or sent again."""

import hashlib
import hmac
from urllib.parse import parse_qs, urlencode

import pytest

from sandbox.chatting import Answer, Sent, sign
from tests.scenario.conftest import MakeStage
from tests.scenario.people import Racer, SlackLine
from tests.scenario.stage import Stage
from tests.scenario.waiting import eventually

# The worked example of docs.slack.dev, "Verifying requests from Slack".
PUBLISHED_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
PUBLISHED_AT = 1531420618
PUBLISHED_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
    b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
PUBLISHED_SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def line_of(racer: Racer) -> SlackLine:
    """Return the racer's way to the bot, as Slack's."""
    assert isinstance(racer.line, SlackLine)
    return racer.line


def sends(town: Stage, racer: Racer, body: bytes, headers: dict[str, str]) -> Answer:
    """Send these bytes to the bot."""
    return town.plays(line_of(racer).moves.send(body, headers))


def typed(racer: Racer, words: str) -> Sent:
    """Let the racer type this; return the request as it went to the bot."""
    answer = line_of(racer).say(words)
    assert answer.status == 200
    return answer.sent


def test_the_published_example_has_the_published_signature() -> None:
    assert sign(PUBLISHED_SECRET, PUBLISHED_BODY, PUBLISHED_AT)["X-Slack-Signature"] == PUBLISHED_SIGNATURE


def test_the_published_example_is_let_in_at_its_time_and_refused_later(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.settings |= {"SLACK_SIGNING_SECRET": PUBLISHED_SECRET, "SLACK_TEAM_IDS": "T1DC2JH3J"}
    stage.opens_event()
    stage.starts_bot()
    racer = stage.someone()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": str(PUBLISHED_AT),
        "X-Slack-Signature": PUBLISHED_SIGNATURE,
    }

    assert sends(stage, racer, PUBLISHED_BODY, headers).status == 401  # it is years old

    now = int(stage.company.clock.now())
    fresh = headers | sign(PUBLISHED_SECRET, PUBLISHED_BODY, now)
    assert sends(stage, racer, PUBLISHED_BODY, fresh).status == 200


@pytest.mark.parametrize(
    "spoiled",
    [
        {"X-Slack-Signature": "v0=" + "0" * 64},
        {"X-Slack-Signature": ""},
        {"X-Slack-Signature": "v1=abc"},
        {"X-Slack-Request-Timestamp": "abc"},
        {"X-Slack-Request-Timestamp": "-1"},
        {"X-Slack-Request-Timestamp": "99999999999999999999"},
    ],
    ids=str,
)
def test_a_request_that_is_not_signed_right_changes_nothing(town: Stage, spoiled: dict[str, str]) -> None:
    racer = town.someone()
    good = typed(racer, "help")
    before = town.audit()

    body = good.body.replace(b"text=help", b"text=join")
    headers = {name: value for name, value in (good.headers | spoiled).items() if value}
    assert sends(town, racer, body, headers).status == 401

    assert town.audit() == before


def test_a_request_whose_words_were_altered_is_refused(town: Stage) -> None:
    racer, other = town.someone(), town.someone()
    good = typed(racer, "join")
    racer.is_told("ready")
    mine, theirs = racer.person.slack.id, other.person.slack.id

    altered = good.body.replace(mine.encode(), theirs.encode())

    assert altered != good.body
    assert sends(town, racer, altered, good.headers).status == 401
    assert other.in_groups == set()


@pytest.mark.parametrize("seconds", [-301, 303])
def test_a_request_from_another_time_is_refused_however_well_signed(town: Stage, seconds: int) -> None:
    racer = town.someone()
    line = line_of(racer)
    before = town.audit()

    answer = town.plays(line.moves.command("join", at=line.now() + seconds))

    assert answer.status == 401
    assert town.audit() == before


def test_a_request_signed_with_the_wrong_secret_is_refused(town: Stage) -> None:
    racer = town.someone()
    good = typed(racer, "help")
    at = int(good.headers["X-Slack-Request-Timestamp"])
    forged = hmac.new(b"", b"v0:%d:%s" % (at, good.body), hashlib.sha256).hexdigest()

    assert sends(town, racer, good.body, good.headers | {"X-Slack-Signature": f"v0={forged}"}).status == 401


def test_the_same_join_sent_again_is_answered_again_and_done_once(town: Stage) -> None:
    racer = town.someone()
    before = town.audit().count("asked to join")
    sent = typed(racer, "join")

    for _ in range(3):
        assert sends(town, racer, sent.body, sent.headers).status == 200
    racer.is_told("ready")
    assert sends(town, racer, sent.body, sent.headers).status == 200

    assert town.audit().count("asked to join") == before + 1
    racer.is_told("ready")


def test_an_old_join_sent_again_after_leaving_does_nothing(town: Stage) -> None:
    racer = town.someone()
    sent = typed(racer, "join")
    racer.is_told("ready")
    racer.says("leave --yes")
    racer.is_told("ready", "gone")
    before = town.audit()

    answer = sends(town, racer, sent.body, sent.headers)

    assert answer.status == 200
    assert town.audit() == before
    assert racer.says("status").kind in {"gone", "nothing"}
    assert racer.in_groups == set()


def test_an_old_click_on_leave_sent_again_after_joining_again_does_nothing(town: Stage) -> None:
    racer = town.someone()
    racer.says("join")
    racer.is_told("ready")
    racer.says("leave")
    click = line_of(racer).press("Leave").sent
    racer.is_told("ready", "gone")
    racer.says("join")
    racer.is_told("ready", "gone", "ready")
    before = town.audit()

    assert sends(town, racer, click.body, click.headers).status == 200

    assert town.audit() == before
    assert racer.is_member
    assert racer.says("status").kind == "ready"


def test_a_join_sent_again_while_leaving_is_under_way_does_not_stop_it(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot()
    racer = stage.someone()
    sent = typed(racer, "join")
    racer.is_told("ready")
    stage.befalls("aws", "(Delete|Get|List)GroupMembership", "throttle", times=3, retry_after=1)

    racer.says("leave --yes")
    assert sends(stage, racer, sent.body, sent.headers).status == 200

    racer.is_told("ready", "gone")


def test_a_command_of_another_workspace_is_refused_however_well_signed(town: Stage) -> None:
    racer = town.someone()
    line = line_of(racer)
    before = town.audit()

    answer = town.plays(line.moves.command("join", at=line.now(), team_id="T0OTHER99"))

    assert answer.status == 200
    assert racer.card.kind == "DR-201"
    assert town.audit() == before


def test_the_word_payload_in_a_command_does_not_confuse_the_door(town: Stage) -> None:
    racer = town.someone()

    assert racer.says("payload").kind == "unknown"
    assert racer.says("join payload=1").kind == "DR-101"


def test_the_certificate_probe_is_answered_and_no_more(town: Stage) -> None:
    racer = town.someone()
    before = town.audit()
    form = urlencode({"ssl_check": "1", "command": "/deepracer", "text": "join"}).encode()
    assert parse_qs(form.decode())["ssl_check"] == ["1"]

    answer = sends(town, racer, form, {"Content-Type": "application/x-www-form-urlencoded"})

    assert (answer.status, answer.body) == (200, None)
    assert town.audit() == before


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1, 2]", b"\xff\xfe", b"payload=%7B", b"payload=[]", b"payload=1&command=x"]
)
def test_bytes_that_are_no_request_are_refused_without_a_defect(
    town: Stage, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    racer = town.someone()
    now = line_of(racer).now()
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        for signature in ({}, sign(town.world.slack.signing_secret, body, now)):
            answer = sends(town, racer, body, {"Content-Type": kind, **signature})
            assert answer.status in {200, 400, 401}, (kind, signature)

    assert [record for record in caplog.records if record.exc_info] == []
    eventually(lambda: racer.says("help").kind == "help", "the bot still answers")
