"""The container has what the bot needs, and nothing that opens a door."""

import json
import re
from pathlib import Path

from bot import settings

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "infra" / "Dockerfile").read_text(encoding="utf-8")
LINES = [line for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def said(word: str) -> list[str]:
    """Return what stands behind this instruction, each time it is given."""
    return [line.removeprefix(f"{word} ") for line in LINES if line.startswith(f"{word} ")]


def test_it_does_not_run_as_root() -> None:
    assert int(said("USER")[-1]) > 0


def test_the_libraries_are_the_locked_ones() -> None:
    [install] = [run for run in said("RUN") if "pip install" in run]

    assert "--require-hashes --requirement runtime.txt" in install
    assert "--no-deps" in install


def test_what_is_copied_is_there_and_let_through_to_the_builder() -> None:
    let_through = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    copied = {one.split()[0] for one in said("COPY") if not one.startswith("--from")}

    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


def test_no_setting_and_no_secret_is_in_the_image() -> None:
    written = {name for line in said("ENV") + said("ARG") for name in re.findall(r"(\w+)=", line)}

    assert written.isdisjoint(settings.names())


def test_it_comes_from_no_host_by_name() -> None:
    assert {image.split()[0] for image in said("FROM")} == {"python:3.13-slim"}


def test_it_serves_when_nothing_else_is_said_and_stops_by_signal() -> None:
    # As lists: a shell in between would keep SIGTERM to itself.
    assert json.loads(said("ENTRYPOINT")[0]) == ["python", "-m", "bot"]
    assert json.loads(said("CMD")[0]) == ["serve"]
    [check] = said("HEALTHCHECK")
    program = json.loads(check[check.index("CMD ") + 4 :])
    compile(program[2], "healthcheck", "exec")
    assert "/readyz" in program[2]


def test_the_permission_set_allows_named_actions_on_named_things() -> None:
    policy = json.loads((ROOT / "infra" / "permission-set.json").read_text(encoding="utf-8"))
    for statement in policy["Statement"]:
        resources = statement["Resource"]
        for resource in [resources] if isinstance(resources, str) else resources:
            assert re.fullmatch(r"arn:aws:[a-z0-9-]+:[^*]+(/\*)?", resource)
        assert not [action for action in statement["Action"] if "*" in action]
        assert {action.partition(":")[0] for action in statement["Action"]} <= {"s3", "sagemaker"}
