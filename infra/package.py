"""Make the package for Lambda: one zip with the bot, its libraries, and bytecode for the target's Python.

requirements/runtime.txt ─▶ pip, for the target's platform ─▶ trimmed ─┐
adapters, bot, provisioning ───────────────────────────────────────────┼─▶ compiled ─▶ build/….zip
                                                                       ┘
The same input makes the same bytes: sorted names, one time, fixed rights, and bytecode that is checked by
nothing but its name. Without bytecode every cold start would compile everything anew, which takes twice as
long as all the rest of it.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.trimming import OURS, ROOT, needed, trim

BUILD = ROOT / "build"
LOCK = ROOT / "requirements" / "runtime.txt"
LEFT_OUT: Final = ("__pycache__", "*.pyc", "py.typed")
# What the template runs on by default first. Not 3.11: its system on Lambda is too old for Pillow's wheels.
PYTHONS: Final = ("python3.13", "python3.14", "python3.12")
ARCHITECTURE: Final = "arm64"
MACHINE: Final = "aarch64"
GLIBC: Final = range(34, 16, -1)  # from what Amazon Linux 2023 has down to manylinux2014, as 2.x
TIME: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
MODE: Final = 0o100644 << 16
MEGABYTE: Final = 1024 * 1024
ZIPPED_MEGABYTES: Final = 50  # what Lambda takes
UNPACKED_MEGABYTES: Final = 250
FOUND_AT: Final = "/var/task"  # where Lambda unpacks it, as tracebacks show


class CannotPackage(Exception):
    """There is no package; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the package runs on. `python` is the interpreter that compiles for it, of the same version."""

    python: str
    version: str

    @property
    def name(self) -> str:
        """The file's name, from which `deploy` knows the runtime."""
        return f"deepracer-bot-{project_version()}-python{self.version}-{ARCHITECTURE}.zip"

    @property
    def platforms(self) -> list[str]:
        """The wheel platforms that run there, the newest first."""
        return [*(f"manylinux_2_{number}_{MACHINE}" for number in GLIBC), f"manylinux2014_{MACHINE}"]


@dataclass(frozen=True, slots=True)
class Package:
    """A package that was made."""

    path: Path
    digest: str
    zipped: int  # bytes
    unpacked: int  # bytes


def project_version() -> str:
    """Return the project's version."""
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return found


def target(python: str | None) -> Target:
    """Return the target whose bytecode this interpreter makes, by default the first of PYTHONS that runs.

    Raises CannotPackage when there is none.
    """
    found = python or next(filter(_runs, PYTHONS), None)
    if found is None or shutil.which(found) is None:
        what = f"{found} is not here." if found else f"None of {', '.join(PYTHONS)} is here."
        raise CannotPackage(
            f"{what} Bytecode is for one version: install one, or name it with --python PATH."
        )
    said = "import sys; print('%d.%d' % sys.version_info[:2])"
    version = _run([found, "-c", said]).strip()
    if f"python{version}" not in PYTHONS:
        raise CannotPackage(f"{found} is Python {version}; Lambda runs this bot on {', '.join(PYTHONS)}")
    return Target(found, version)


def fetch_libraries(target: Target, folder: Path) -> None:
    """Put the locked libraries into this folder, as wheels of the target's platform. Raises CannotPackage."""
    platforms = [part for platform in target.platforms for part in ("--platform", platform)]
    # pip judges the lock's markers by the Python it runs on, so it runs on one of the same version.
    with tempfile.TemporaryDirectory() as aside:
        lock = Path(aside) / LOCK.name
        lock.write_text(needed(LOCK.read_text(encoding="utf-8")), encoding="utf-8")
        _run(
            [
                *pip_of(target.python),
                *("install", "--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps"),
                *("--require-hashes", "--requirement", str(lock)),
                *("--only-binary", ":all:", *platforms),
                *("--python-version", target.version, "--implementation", "cp"),
                *("--target", str(folder)),
            ]
        )
    shutil.rmtree(folder / "bin", ignore_errors=True)  # commands, with the path of this machine in them
    for receipt in (*folder.glob("*.dist-info/RECORD"), *folder.glob("*.dist-info/INSTALLER")):
        receipt.unlink()


def pip_of(python: str) -> list[str]:
    """Return how pip is called under this Python: its own, or ours where it has none."""
    if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return [python, "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", python]


def copy_ours(folder: Path) -> None:
    """Put our own code and catalogs into this folder."""
    for room in OURS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns(*LEFT_OUT))


def compile_all(python: str, folder: Path) -> None:
    """Put the bytecode of every module beside it: found by name, and never compared with the source.

    What a library ships that does not compile (a template, code of another Python) stays as it is.
    """
    command = [python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    where = ["-s", str(folder), "-p", FOUND_AT, str(folder)]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}  # sets are stored in the order of their hashes
    subprocess.run([*command, *where], env=environment, capture_output=True, check=False)


def files_of(folder: Path) -> Iterator[Path]:
    """Yield every file below, in one order."""
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def zipped(folder: Path, path: Path) -> Package:
    """Write the zip of this folder: the same bytes for the same files. Raises CannotPackage if too large."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unpacked = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        for file in files_of(folder):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), TIME)
            entry.external_attr = MODE
            entry.create_system = 3  # Unix, also where this runs elsewhere
            entry.compress_type = zipfile.ZIP_DEFLATED
            content = file.read_bytes()
            unpacked += len(content)
            package.writestr(entry, content)
    content = path.read_bytes()
    if too_large := _too_large(len(content), unpacked):
        path.unlink()
        raise CannotPackage(too_large)
    return Package(path, hashlib.sha256(content).hexdigest(), len(content), unpacked)


def make(target: Target, build: Path = BUILD) -> Package:
    """Make the package. Raises CannotPackage."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fetch_libraries(target, folder)
        trim(folder)
        copy_ours(folder)
        compile_all(target.python, folder)
        return zipped(folder, build / target.name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the package and say where it is, how large, and its digest."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.package", description="Make the package for Lambda."
    )
    parser.add_argument("--python", help="the Python whose version the functions run on (python3.13, …)")
    chosen = parser.parse_args(arguments)
    try:
        aim = target(chosen.python)
        print(f"Packaging for Python {aim.version} on {ARCHITECTURE}: about two minutes…")
        package = make(aim)
    except CannotPackage as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{os.path.relpath(package.path)}")
    print(f"  zipped    {package.zipped / MEGABYTE:6.1f} MB of {ZIPPED_MEGABYTES}")
    print(f"  unpacked  {package.unpacked / MEGABYTE:6.1f} MB of {UNPACKED_MEGABYTES}")
    print(f"  sha256    {package.digest}")
    print("Next: make deploy")
    return 0


def _runs(python: str) -> bool:
    """Whether this interpreter is here; a stand-in for one that is not (as of pyenv) does not count."""
    found = shutil.which(python)
    return (
        found is not None
        and not subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode
    )


def _too_large(zipped_bytes: int, unpacked_bytes: int) -> str | None:
    for what, size, most in (
        ("zipped", zipped_bytes, ZIPPED_MEGABYTES),
        ("unpacked", unpacked_bytes, UNPACKED_MEGABYTES),
    ):
        if size > most * MEGABYTE:
            return f"The package is too large for Lambda: {size / MEGABYTE:.1f} MB {what}, of {most}"
    return None


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).splitlines()
        said = "\n".join([line for line in lines if line.startswith("ERROR")] or lines)  # pip warns a lot
        raise CannotPackage(f"{Path(command[0]).name} {command[2]} failed:\n{said}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
