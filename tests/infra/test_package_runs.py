"""Every function runs from the package: from its own code and the trimmed libraries, and nothing else.

The libraries are those that are installed here, because those of the package are for another processor.
"""

import ast
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from infra import package, trimming
from sandbox import chatting, teams_chatting
from tests.contract.moto_server import serving
from tests.infra import template_rules as rules
from tests.scenario.account import Account, Functions
from tests.scenario.on_aws import DOORS, AwsStage
from tests.scenario.waiting import DEADLINE_SECONDS

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
ALONE = (sys.executable, "-I", "-S")  # no module is found but those of Python itself


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as Lambda unpacks it."""
    folder = tmp_path_factory.mktemp("task")
    for name in re.findall(r"^([\w.-]+)==", trimming.needed(LOCK), re.MULTILINE):
        with suppress(importlib.metadata.PackageNotFoundError):  # of another system or version of Python
            link_library(name, folder)
    trimming.trim(folder)
    package.copy_ours(folder)
    return folder


def link_library(name: str, folder: Path) -> None:
    """Put an installed library into the folder."""
    library = importlib.metadata.distribution(name)
    for file in library.files or ():
        if ".." not in file.parts:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            there = str(library.locate_file(file))
            try:
                os.link(there, folder / file)
            except OSError:  # on another disk
                shutil.copy2(there, folder / file)


def run(folder: Path, script: str) -> str:
    """Run this in a process that finds its modules in the folder, and return what it prints."""
    start = f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    done = subprocess.run([*ALONE, "-c", start + script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- what is reached ----------------------------------------------------------------------------------------


def handlers() -> list[str]:
    template = rules.read((ROOT / "infra" / "template.yaml").read_text(encoding="utf-8"))
    return [one["Handler"] for one in rules.of_type(template, "AWS::Lambda::Function").values()]


def modules_of_ours() -> Mapping[str, Path]:
    paths = [path for room in trimming.OURS for path in (ROOT / room).rglob("*.py")]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in paths
    }


def imported_in(path: Path) -> Iterator[str]:
    """Yield what a module imports, also inside its functions, but not for type checkers alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checked_only = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        match node:
            case _ if id(node) in checked_only:
                pass
            case ast.Import(names=names):
                yield from (one.name for one in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{one.name}" for one in names)
            case _:
                pass


def reached() -> tuple[set[str], set[str]]:
    """Return every module of ours that a function can come to, and every one of others that those import."""
    ours = modules_of_ours()
    known, others = set[str](), set[str]()
    ahead = [handler.rpartition(".")[0] for handler in handlers()]
    while ahead:
        module = ahead.pop()
        if module in known:
            continue
        known.add(module)
        for name in imported_in(ours[module]):
            if name in ours:
                ahead.append(name)
            elif name.partition(".")[0] not in {*trimming.OURS, *sys.stdlib_module_names}:
                others.add(name)
    return known, others


def test_whatever_a_function_can_come_to_is_there(unpacked: Path) -> None:
    ours, others = reached()
    found = run(
        unpacked,
        f"""
import importlib, json
def is_there(name):
    module, _, last = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return bool(module) and hasattr(importlib.import_module(module), last)
    return True
print(json.dumps([name for name in {sorted(ours | others)!r} if not is_there(name)]))
""",
    )

    assert json.loads(found) == []
    assert len(ours) > 200
    assert {"boto3", "PIL.Image", "babel.Locale", "msal"} <= others
    assert not {"bot.__main__", "bot.serve", "bot.metrics"} & ours


def test_pictures_are_drawn_and_every_service_can_be_spoken_to(unpacked: Path) -> None:
    services = sorted(trimming.services_called([path.name for path in botocore_data(unpacked)]))
    said = run(
        unpacked,
        f"""
import json
from adapters.aws.clients import client
from adapters.pictures import leaderboard, shown
board = shown.BoardPicture("Spring Cup", "Best lap", (shown.Row("1", "José", "1:02.345", ""),), "", "-")
print(json.dumps({{
    "picture": leaderboard.draw(board)[:4].hex(),
    "services": [client(one, region="eu-central-1").meta.service_model.service_name for one in {services!r}],
}}))
""",
    )
    found = json.loads(said)

    assert bytes.fromhex(found["picture"]) == b"\x89PNG"
    assert found["services"] == services


def botocore_data(unpacked: Path) -> list[Path]:
    return [path for path in (unpacked / "botocore" / "data").iterdir() if path.is_dir()]


@pytest.mark.parametrize("pattern", trimming.PARTS)
def test_no_part_is_left_that_should_not_be_and_each_was_there(unpacked: Path, pattern: str) -> None:
    libraries = Path(str(importlib.metadata.distribution("boto3").locate_file("")))

    assert not [*unpacked.glob(pattern)]
    assert next(libraries.glob(pattern), None) is not None


# --- a join -------------------------------------------------------------------------------------------------


class Packaged:
    """A function of the package, made by its first event. What it logs goes to a file."""

    def __init__(self, folder: Path, handler: str, environment: Mapping[str, str], log: Path) -> None:
        runs = Path(__file__).with_name("function.py")
        self._log = log
        with log.open("w") as said:
            self._process = subprocess.Popen(
                [*ALONE, str(runs), str(folder), handler],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env=dict(environment),
            )

    def __call__(self, event: Mapping[str, Any], context: Any, /) -> Any:
        assert self._process.stdin is not None
        print(json.dumps(event), file=self._process.stdin, flush=True)
        return json.loads(self.said())

    def said(self) -> str:
        """Return the next line of it; the first one comes when it is imported."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            pytest.fail(f"the function ended: {self._log.read_text()}")
        return line

    def close(self) -> None:
        with self._process:
            self._process.terminate()


class PackagedStage(AwsStage):
    """A stage on which the functions run from the package."""

    def __init__(self, folder: Path, account: Account, package: Path, **switches: Any) -> None:
        super().__init__(folder, account, **switches)
        self._package = package

    def starts_everything(self) -> None:
        """Start a function of each kind."""
        doors = {DOORS[side.name][0]: [self._made(side.name)] for side in self.sides}
        working, clocks = [self._made("worker")], [self._made("clock")]
        for function in (*working, *clocks, *(one for door in doors.values() for one in door)):
            assert function.said() == "imported\n"
        self._started(Functions(self.account, doors=doors, workers=working, clocks=clocks))

    def _made(self, name: str) -> Packaged:
        keys = {key: text for key, text in os.environ.items() if key.startswith("AWS_")}
        log = self.folder / f"{name}.log"
        return Packaged(self._package, f"bot.entry.{name}.handler", {**keys, **self.environment}, log)


def test_people_join_from_both_platforms_through_the_package(
    unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    for module in (chatting, teams_chatting):  # the first event makes the function; how fast is not told here
        monkeypatch.setattr(module, "ANSWER_SECONDS", DEADLINE_SECONDS)
    with (
        serving() as address,
        PackagedStage(tmp_path, Account(address), unpacked, platforms=("slack", "teams")) as stage,
    ):
        stage.opens_event()
        stage.starts_everything()
        racers = [stage.person("employee-001", "slack"), stage.person("employee-002", "teams")]

        for racer in racers:
            racer.says("join")

        for racer in racers:
            racer.is_told("ready")
