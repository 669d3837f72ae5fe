"""What somebody asked in chat is found again in the line of every call to a directory that came of it."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import logs
from tests.contract.moto_server import serving
from tests.scenario.account import Account
from tests.scenario.conftest import MakeStage
from tests.scenario.on_aws import AwsStage
from tests.scenario.people import Racer
from tests.scenario.stage import Stage
from tests.scenario.test_organizers import answered, mention
from tests.scenario.waiting import eventually


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the bots of this process log, in the form in which they log it."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    written = io.StringIO()
    logs.configure("INFO", written)
    yield written
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def lines(log: io.StringIO, action: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in found if line["action"] == action]


def request_of(stage: Stage, action: str) -> str:
    """Return the id of the newest thing that was asked, as the audit has it."""
    return next(line.correlation for line in reversed(stage.audit_lines()) if line.action == action)


def made_for(log: io.StringIO, action: str, *operations: str) -> set[str]:
    """Return for which requests calls of these operations were made."""
    found = [line for line in lines(log, action) if line["operation"].startswith(operations)]
    assert found
    return {line["correlation"] for line in found}


def follows_a_join_and_a_leave(stage: Stage, racer: Racer, log: io.StringIO) -> None:
    racer.says("join")
    racer.is_told("ready")
    joined = request_of(stage, "asked to join")

    assert made_for(log, "graph", "GET /users", "POST /groups", "PATCH /groups") == {joined}
    assert made_for(log, "aws", "identitystore:CreateGroupMembership", "sso:") == {joined}
    effects = [line for line in stage.audit_lines() if line.action in {"bound", "joined", "granted", "ready"}]
    assert {line.correlation for line in effects} == {joined}

    racer.says("leave --yes")
    racer.is_told("ready", "gone")
    left = request_of(stage, "asked to leave")

    assert left != joined
    assert made_for(log, "graph", "DELETE") == {left}
    assert made_for(log, "aws", "identitystore:DeleteGroupMembership") == {left}
    assert all(line["outcome"] for line in lines(log, "aws"))
    assert str(racer.person.slack.email) not in log.getvalue()


def test_on_one_machine(make_stage: MakeStage, log: io.StringIO) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot()

    follows_a_join_and_a_leave(stage, stage.person("employee-001"), log)


def test_on_aws_also_through_the_messages_that_wake_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    with serving() as address, AwsStage(tmp_path, Account(address)) as stage:
        stage.opens_event()
        stage.opens_doors()
        stage.starts_working(workers=1)
        racer = stage.person("employee-001")

        follows_a_join_and_a_leave(stage, racer, log)

        asked = {request_of(stage, f"asked to {what}") for what in ("join", "leave")}
        eventually(
            lambda: asked <= {one for line in lines(log, "called") for one in line["by"]},
            "both requests have woken a worker",
        )


def test_what_an_organizer_does_is_followed_by_the_id_of_what_they_said(
    make_stage: MakeStage, log: io.StringIO
) -> None:
    stage = make_stage()
    stage.opens_event()
    stage.starts_bot()
    organizer, racer = stage.person("organizer"), stage.person("employee-001")
    racer.says("join")
    racer.is_told("ready")

    answered(organizer, f"suspend {mention(racer)}", "suspend-asks")
    organizer.presses("Yes, do it")
    racer.is_told("ready", "suspended")

    said = request_of(stage, "changed")
    assert made_for(log, "graph", "DELETE") == {said}
    assert made_for(log, "aws", "identitystore:DeleteGroupMembership") == {said}
