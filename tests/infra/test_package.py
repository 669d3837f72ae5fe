"""The package holds what runs, compiled for where it runs, and the same input makes the same bytes."""

import importlib.util
import os
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from infra import package
from infra.package import CannotPackage, Target

ROOT = Path(__file__).resolve().parents[2]


def module(folder: Path) -> Path:
    """A module, written now, whose bytecode depends on the order of a set."""
    folder.mkdir(parents=True)
    path = folder / "asked.py"
    path.write_text('def asked(word: str) -> bool:\n    return word in {"join", "leave", "status", "help"}\n')
    return path


def test_the_same_code_makes_the_same_zip_wherever_and_whenever_it_is_made(tmp_path: Path) -> None:
    made = []
    for number, moment in enumerate((0, 1_700_000_000)):
        path = module(tmp_path / str(number) / "bot")
        os.utime(path, (moment, moment))
        path.chmod(0o600 if moment else 0o755)
        package.compile_all(sys.executable, tmp_path / str(number))
        made.append(package.zipped(tmp_path / str(number), tmp_path / f"{number}.zip"))

    assert made[0].digest == made[1].digest
    assert made[0].path.read_bytes() == made[1].path.read_bytes()


def test_bytecode_is_for_where_lambda_unpacks_and_is_compared_with_nothing(tmp_path: Path) -> None:
    module(tmp_path / "bot")
    package.compile_all(sys.executable, tmp_path)
    [bytecode] = (tmp_path / "bot" / "__pycache__").iterdir()
    content = bytecode.read_bytes()

    assert content[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(content[4:8], "little") == 0b01  # by hash, unchecked: PEP 552
    assert b"/var/task/bot/asked.py" in content
    assert str(tmp_path).encode() not in content


def test_what_does_not_compile_is_packed_as_it_is(tmp_path: Path) -> None:
    module(tmp_path / "bot")
    (tmp_path / "bot" / "template.py").write_text("{{ not python }}")
    package.compile_all(sys.executable, tmp_path)
    made = package.zipped(tmp_path, tmp_path / "made.zip")

    assert {"bot/asked.py", "bot/template.py"} <= set(zipfile.ZipFile(made.path).namelist())


def test_entries_are_sorted_readable_and_without_a_time(tmp_path: Path) -> None:
    for name in ("z.py", "a/b.toml", "a.py"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text("")
    made = package.zipped(tmp_path / "in", tmp_path / "made.zip")
    entries = zipfile.ZipFile(made.path).infolist()

    assert [entry.filename for entry in entries] == ["a/b.toml", "a.py", "z.py"]
    assert {entry.date_time for entry in entries} == {package.TIME}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


def test_our_code_is_packed_with_its_catalogs_and_without_what_only_tests_need(tmp_path: Path) -> None:
    package.copy_ours(tmp_path)
    packed = {path.relative_to(tmp_path).as_posix() for path in package.files_of(tmp_path)}

    assert {"bot/grammar.py", "bot/catalogs/en.toml", "adapters/dynamodb/store.py"} <= packed
    assert not [name for name in packed if name.startswith(("sandbox", "tests")) or name.endswith(".pyc")]


def test_what_is_too_large_for_lambda_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module(tmp_path / "in")
    monkeypatch.setattr(package, "UNPACKED_MEGABYTES", 0.00001)

    with pytest.raises(CannotPackage, match="unpacked"):
        package.zipped(tmp_path / "in", tmp_path / "made.zip")
    assert not (tmp_path / "made.zip").exists()


def interpreter(folder: Path, version: str) -> str:
    """A Python that says it is of this version."""
    path = folder / f"python{version}"
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return str(path)


def test_the_name_says_for_what_it_was_made(tmp_path: Path) -> None:
    target = package.target(interpreter(tmp_path, "3.12"))

    assert target.version == "3.12"
    assert target.name == f"deepracer-bot-{package.project_version()}-python3.12-arm64.zip"


def test_without_a_name_it_is_the_first_that_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("3.12", "3.14"):
        interpreter(tmp_path, version)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(package, "PYTHONS", ("python3.99", "python3.14", "python3.12"))

    assert package.target(None).version == "3.14"


def test_a_stand_in_for_a_python_that_is_not_here_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "python3.14").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python3.14").chmod(0o755)
    interpreter(tmp_path, "3.12")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(package, "PYTHONS", ("python3.14", "python3.12"))

    assert package.target(None).version == "3.12"


def test_a_python_that_lambda_does_not_run_the_bot_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotPackage, match=r"is Python 3\.11"):
        package.target(interpreter(tmp_path, "3.11"))


def test_wheels_are_no_newer_than_the_system_that_the_functions_run_on() -> None:
    platforms = Target("python", "3.13").platforms

    assert platforms[0] == "manylinux_2_34_aarch64"
    assert platforms[-2:] == ["manylinux_2_17_aarch64", "manylinux2014_aarch64"]


def test_a_python_that_is_not_here_is_named() -> None:
    with pytest.raises(CannotPackage, match="python9"):
        package.target("python9")


def test_the_template_runs_on_what_packages_are_made_for() -> None:
    text = (ROOT / "infra" / "template.yaml").read_text(encoding="utf-8")
    runtime = next(token for token in text.split("\n\n") if "  Runtime:" in token)
    said = yaml.safe_load(runtime[runtime.index("  Runtime:") :])["Runtime"]

    assert sorted(said["AllowedValues"]) == sorted(package.PYTHONS)
    assert said["Default"] == package.PYTHONS[0]
    assert f"Architectures: [{package.ARCHITECTURE}]" in text
