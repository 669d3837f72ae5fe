"""The command line as people run it: processes of their own, against the company in a box."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.company import Company
from sandbox.wire import Fault
from sandbox.world import World

ROOT = Path(__file__).parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(Company.found(people=3)) as opened:
        yield opened


@pytest.fixture
def environment(world: World, tmp_path: Path) -> dict[str, str]:
    return {
        **world.environment(),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "200",
        "BOT_STORE": f"sqlite:///{tmp_path}/bot.db",
        "BOT_HOST": "127.0.0.1",
        "PORT": "0",
    }


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    def bot(*words: str, stdin: int = subprocess.DEVNULL, **changed: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "bot", *words],
            env={**environment, **changed},
            cwd=tmp_path,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done

    return bot


@contextmanager
def served(
    environment: dict[str, str], *words: str, **changed: str
) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """Run a server during the block; gives the process and the lines it logged until it listened."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "serve", *words],
        env={**environment, **changed},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        lines: list[dict[str, Any]] = []
        for text in process.stderr:
            lines.append(json.loads(text))
            if lines[-1]["action"] == "listening":
                break
        yield process, lines
    finally:
        process.kill()
        process.communicate()


def test_every_command_explains_itself(run: Run) -> None:
    for words in (
        [],
        ["serve"],
        ["work"],
        ["event"],
        ["event", "apply"],
        ["event", "show"],
        ["migrate"],
        ["doctor"],
        ["try"],
    ):
        for asked in ("--help", "-h"):
            done = run(*words, asked)
            assert done.returncode == 0
            assert "Usage" in done.stdout


def test_it_says_which_version_it_is(run: Run) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"{declared}\n")


def test_a_system_that_does_not_answer_once_says_nothing_of_the_event(
    run: Run, world: World, tmp_path: Path
) -> None:
    world.do(lambda: world.graph.faults.arm(Fault("GET /groups", "status", status=503)))
    done = run("event", "apply", str(world.event_file(tmp_path)), "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert not world.do(world.graph.faults.armed)


def test_a_move_that_leads_nowhere_is_refused_and_makes_no_file(run: Run, tmp_path: Path) -> None:
    back = run("migrate", "--from", "dynamodb://bot", "--to", "sqlite:///bot.db")
    assert (back.returncode, "from a file into a table" in back.stderr) == (1, True)
    absent = run("migrate", "--from", "sqlite:///absent.db", "--to", "dynamodb://bot?region=eu-central-1")
    assert (absent.returncode, "there is no file" in absent.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_missing_settings_are_named_at_once_with_exit_code_2(run: Run) -> None:
    done = run("serve", SLACK_BOT_TOKEN="", ENTRA_CLIENT_ID="", SLACK_TEAM_IDS="acme")
    assert done.returncode == 2
    for name in ("SLACK_BOT_TOKEN", "ENTRA_CLIENT_ID", "SLACK_TEAM_IDS"):
        assert name in done.stderr
    assert "no file .env in this folder" in done.stderr, "where they could have been"


def test_a_misspelt_setting_is_told_to_a_program_too(run: Run) -> None:
    done = run("doctor", "--json", SLACK_TEAMIDS="T0ACME001")
    assert done.returncode == 2
    assert [row["name"] for row in json.loads(done.stdout)] == ["SLACK_TEAMIDS"]


def test_an_env_file_in_the_working_folder_is_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SLACK_BOT_TOKEN=xoxp-wrong\nAWS_REGION=us-east-1\n")
    done = run("event", "show", SLACK_BOT_TOKEN="")
    assert done.returncode == 2
    assert "user token" in done.stderr


def test_an_event_file_is_shown_checked_and_applied(run: Run, world: World, tmp_path: Path) -> None:
    file = str(world.event_file(tmp_path))
    shown = run("event", "apply", file)
    assert shown.returncode == 1
    assert "would be made" in shown.stdout
    assert "Add --yes" in shown.stderr
    assert json.loads(run("event", "show", "--json").stdout) == []

    done = run("event", "apply", file, "--yes")
    assert (done.returncode, "version 1" in done.stdout) == (0, True)
    stored = json.loads(run("event", "show", "spring-cup-2027", "--json").stdout)
    assert (stored["version"], stored["phase"], stored["capacity"]) == (1, "open", 2000)
    assert [grant["kind"] for grant in stored["grants"]] == ["entra-group", "identity-center"]
    assert "already as the file says" in run("event", "apply", file, "--yes").stdout


def test_a_change_is_shown_with_before_and_after(run: Run, world: World, tmp_path: Path) -> None:
    run("event", "apply", str(world.event_file(tmp_path)), "--yes", "--no-check")
    done = run("event", "apply", str(world.event_file(tmp_path, capacity=7)), "--yes", "--no-check")
    assert done.returncode == 0
    (row,) = [line.split() for line in done.stdout.splitlines() if "capacity" in line]
    assert row == ["capacity", "2000", "7"]
    assert "7" in run("event", "show").stdout


def test_a_person_at_a_terminal_is_asked_and_may_say_no(run: Run, world: World, tmp_path: Path) -> None:
    file = str(world.event_file(tmp_path))
    for answer, code in ((b"n\n", 1), (b"y\n", 0)):
        controller, terminal = pty.openpty()
        os.write(controller, answer)
        done = run("event", "apply", file, "--no-check", stdin=terminal)
        os.close(terminal)
        os.close(controller)
        assert done.returncode == code
        assert "Make spring-cup-2027?" in done.stdout
    assert json.loads(run("event", "show", "--json").stdout)[0]["version"] == 1


def test_a_group_that_nobody_can_fill_is_refused(run: Run, world: World, tmp_path: Path) -> None:
    group = world.do(lambda: world.company.add_group("Everybody", group_types=["DynamicMembership"]))
    grants = [{"kind": "entra-group", "group_id": group.id}]
    file = world.event_file(tmp_path, grants=grants, access_url="https://racing.acme.example")
    done = run("event", "apply", str(file), "--yes")
    assert done.returncode == 1
    assert "DR-402" in done.stderr
    assert json.loads(run("event", "show", "--json").stdout) == []


def test_a_wrong_event_file_is_told_whole_with_exit_code_2(run: Run, world: World, tmp_path: Path) -> None:
    file = world.event_file(tmp_path, capacity=0, opens="tomorrow")
    done = run("event", "apply", str(file), "--yes")
    assert done.returncode == 2
    assert "event.capacity" in done.stderr
    assert "event.opens" in done.stderr
    assert run("event", "apply", str(tmp_path / "none.toml")).returncode == 2


def test_an_unknown_event_is_refused_with_the_known_ones(run: Run) -> None:
    done = run("event", "show", "winter-cup")
    assert (done.returncode, "none yet" in done.stderr) == (1, True)


def test_a_server_is_ready_answers_and_ends_gracefully(
    run: Run, world: World, environment: dict[str, str], tmp_path: Path
) -> None:
    file = world.event_file(tmp_path)
    world.save_address(tmp_path / ".sandbox" / "world.json")
    with served(environment, BOT_EVENT_FILE=str(file)) as (process, lines):
        assert [line["action"] for line in lines] == ["event-made", "listening"]
        url = f"http://127.0.0.1:{lines[-1]['port']}"
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
            assert http.get("/healthz").status_code == 200
            ready = http.get("/readyz")
            assert (ready.status_code, set(ready.json().values())) == (200, {True})
            assert http.post("/slack/events", content=b"unsigned").status_code == 401

            done = run("try", "status", "--as", "employee", "--url", url)
            assert done.returncode == 0
            assert "employee types: /deepracer status" in done.stdout
            metrics = http.get("/metrics").text
        assert 'deepracer_bot_queue_depth{work="settle"}' in metrics
        assert "deepracer_bot_answers_total{outcome=" in metrics
        nobody = run("try", "join", "--as", "employe", "--url", url)
        assert (nobody.returncode, "Did you mean employee" in nobody.stderr) == (1, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
        assert [json.loads(line)["action"] for line in process.stderr][-1] == "stopped"


def test_a_person_who_joins_is_followed_to_the_end(
    run: Run, world: World, environment: dict[str, str], tmp_path: Path
) -> None:
    world.save_address(tmp_path / ".sandbox" / "world.json")
    with served(environment, BOT_EVENT_FILE=str(world.event_file(tmp_path))) as (_, lines):
        url = f"http://127.0.0.1:{lines[-1]['port']}"
        done = run("try", "join", "--as", "employee-002", "--url", url, "--follow")
        there = run("try", "join", "--as", "employee-003", "--in", "teams", "--url", url, "--follow")
        organizing = [
            run("try", "admin event show", "--as", "organizer", "--in", where, "--url", url, "--follow")
            for where in ("slack", "teams")
        ]
        nobody = run("try", "join", "--as", "employe", "--in", "teams", "--url", url)
    for one in organizing:  # the answer takes the place of "working on it", and no message of its own comes
        assert (one.returncode, one.stderr) == (0, "")
        assert "Spring Cup 2027 is open for joining." in one.stdout
    assert done.returncode == 0
    assert "[message, new]" in done.stdout
    assert (there.returncode, there.stderr) == (0, "")
    assert "employee-003 types: @DeepRacer join" in there.stdout
    assert re.search(
        "^You're (in the queue|being added to) ", there.stdout, re.MULTILINE
    )  # a worker is quick
    assert "[message, new]\nYou're in: " in there.stdout
    assert "{{" not in there.stdout
    assert "Get started <https://" in there.stdout
    assert (nobody.returncode, "Did you mean employee" in nobody.stderr) == (1, True)
    assert "https://d-9067a1b2c3.awsapps.com/start/#/console" in done.stdout


def test_a_restart_never_reverts_the_event(
    run: Run, world: World, environment: dict[str, str], tmp_path: Path
) -> None:
    run("event", "apply", str(world.event_file(tmp_path)), "--yes", "--no-check")
    differs = world.event_file(tmp_path, capacity=7)
    with served(environment, "--no-worker", BOT_EVENT_FILE=str(differs)) as (_, lines):
        found = {line["action"]: line for line in lines}
    assert "capacity" in found["event-differs"]["fields"]
    assert json.loads(run("event", "show", "--json").stdout)[0]["capacity"] == 2000


def test_an_event_is_applied_while_the_bot_runs(
    run: Run, world: World, environment: dict[str, str], tmp_path: Path
) -> None:
    with served(environment, BOT_EVENT_FILE=str(world.event_file(tmp_path))):
        done = run("event", "apply", str(world.event_file(tmp_path, capacity=7)), "--yes")
    assert (done.returncode, "version 2" in done.stdout) == (0, True)


def test_a_port_that_is_taken_is_said_in_a_sentence(run: Run, environment: dict[str, str]) -> None:
    with served(environment, "--no-worker") as (_, lines):
        done = run("serve", "--no-worker", PORT=str(lines[-1]["port"]))
    assert done.returncode == 1
    assert "address already in use" in done.stderr


def test_a_store_that_cannot_be_kept_there_is_said_with_its_mend(run: Run) -> None:
    done = run("event", "show", BOT_STORE="sqlite:////nowhere/at/all/bot.db")
    assert done.returncode == 2
    assert "BOT_STORE" in done.stderr


def test_without_a_running_company_nothing_is_tried(run: Run) -> None:
    done = run("try", "join", "--as", "employee")
    assert (done.returncode, "make run" in done.stderr) == (1, True)


def test_the_numbers_and_the_racers_of_an_event_are_written_for_a_program(
    run: Run, world: World, tmp_path: Path
) -> None:
    file = world.event_file(tmp_path)
    assert run("event", "apply", str(file), "--yes", "--no-check").returncode == 0

    assert run("report", "spring-cup-2027").stdout.splitlines()[0] == "section,name,number"
    assert json.loads(run("report", "spring-cup-2027", "--format", "json").stdout)["joined"] == 0
    racers = run("racers", "spring-cup-2027").stdout
    assert racers.startswith("person_id,name,user_principal_name,")
    assert run("racers", "spring-cup-2027", "--format", "jsonl").stdout == ""
    tried = run("event", "teardown", "spring-cup-2027", "--dry-run")
    assert tried.stdout.splitlines() == ["name,user_principal_name,person_id,chat,happens"]
    assert run("event", "teardown", "spring-cup-2027").returncode == 1
    unknown = run("racers", "winter-cup")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "Known: spring-cup-2027" in unknown.stderr
