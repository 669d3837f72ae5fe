"""What the package for Lambda leaves out: what no function of the template can reach. A third of it.

    the lock ─▶ without the libraries of the command line ─▶ fetched ─▶ without the parts that nobody asks for

tests/infra/test_package_runs.py runs every function from what is left. License texts always stay.
"""

import ast
import shutil
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
OURS: Final = ("adapters", "bot", "provisioning")
CATALOGS: Final = ROOT / "bot" / "catalogs"

# Libraries of the lock, and who alone uses them.
ELSEWHERE: Final = {
    "annotated-doc": "typer",
    "colorama": "typer on Windows",
    "markdown-it-py": "rich",
    "mdurl": "rich",
    "prometheus-client": "the server's /metrics; functions write lines",
    "pygments": "rich",
    "pyyaml": "the manifest of the Slack app",
    "rich": "tables on a terminal",
    "shellingham": "typer",
    "typer": "the command line",
}

# Parts of the other libraries, and why nobody asks for them. Each pattern finds something, as a test says.
PARTS: Final = {
    "**/*.pyi": "for type checkers",
    "**/*.pyx": "the source of an extension",
    "**/*.pxd": "the source of an extension",
    "**/*.h": "for building against a library",
    "**/tests": "tests of the libraries",
    "PIL/_avif.*": "pictures are written as PNG",
    "PIL/_imagingcms.*": "no color profiles are converted",
    "PIL/_imagingtk.*": "there is no window",
    "PIL/_webp.*": "pictures are written as PNG",
    "pillow.libs/libavif-*": "of PIL._avif",
    "pillow.libs/liblcms2-*": "of PIL._imagingcms",
    "pillow.libs/libsharpyuv-*": "of PIL._webp",
    "pillow.libs/libwebp*": "of PIL._webp",
    "babel/messages": "catalogs are TOML here",
    "boto3/data": "resources of boto3; only its clients are used",
    "boto3/examples": "documentation",
}


def needed(lock: str) -> str:
    """Return the lock without the libraries that are needed elsewhere alone."""
    kept: list[str] = []
    is_kept = True
    for line in lock.splitlines(keepends=True):
        if line[:1].isalnum():
            is_kept = line.partition("==")[0] not in ELSEWHERE
        if is_kept:
            kept.append(line)
    return "".join(kept)


def trim(folder: Path) -> None:
    """Take out of this folder of libraries what nobody asks for."""
    for path in {found for pattern in PARTS for found in folder.glob(pattern)}:
        _remove(path)
    for path in (*_unspoken(folder / "babel" / "locale-data"), *_uncalled(folder / "botocore" / "data")):
        _remove(path)


def languages() -> frozenset[str]:
    """Return the languages that there are catalogs of, without their regions."""
    return frozenset(path.name.partition(".")[0].partition("_")[0] for path in CATALOGS.glob("*.toml"))


def services_called(services: Collection[str]) -> frozenset[str]:
    """Return those of these services that our code gives to a call first, as one does to make a client.

    Words that are services by chance come along; `sts` is there for credentials.
    """
    return frozenset(services) & (_said() | {"sts"})


def _unspoken(locales: Path) -> Iterator[Path]:
    """Yield Babel's data of the languages that the bot does not speak; `root` is the parent of all."""
    kept = languages() | {"root"}
    yield from (path for path in locales.glob("*.dat") if path.stem.partition("_")[0] not in kept)


def _uncalled(services: Path) -> Iterator[Path]:
    """Yield what botocore knows of services that our code does not call."""
    known = {path.name: path for path in services.iterdir() if path.is_dir()}
    yield from (known[name] for name in known.keys() - services_called(known))


@cache
def _said() -> frozenset[str]:
    """Return every text in our code that a call is given first."""
    files = [path for room in OURS for path in (ROOT / room).rglob("*.py")]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    first = [node.args[0] for node in nodes if isinstance(node, ast.Call) and node.args]
    return frozenset(
        one.value for one in first if isinstance(one, ast.Constant) and isinstance(one.value, str)
    )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)  # it went with a folder
