"""A company's own certificate authority, for every client that speaks TLS.

Where traffic passes an inspecting proxy, the proxy's authority is named in `SSL_CERT_FILE`,
`REQUESTS_CA_BUNDLE` or (for AWS alone) `AWS_CA_BUNDLE`. They are read when a client is made, never at import.
"""

import atexit
import os
import ssl
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

_FOR_ALL = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_FOR_AWS = ("AWS_CA_BUNDLE", *_FOR_ALL)

_Stamped = tuple[tuple[Path, int], ...]  # paths and their times of change


def ssl_context(environ: Mapping[str, str] | None = None) -> ssl.SSLContext:
    """Return a client context (httpx, aiohttp) that trusts the system's authorities and the company's own.

    Reads `SSL_CERT_FILE` and `REQUESTS_CA_BUNDLE` from the process environment unless told otherwise. Where
    the system has no store of its own (slim images), the one that comes with httpx stands in. The authorities
    are read once for the same files: all clients share one context. Raises FileNotFoundError, naming the
    variable, for a path that is not there, and ssl.SSLError for a file that holds no certificate.
    """
    return _trusting(_stamped(_paths(_FOR_ALL, environ)), os.environ.get("SSL_CERT_FILE"))


def ca_bundle(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the path to give boto3 as `verify`, or None to leave it boto3's own authorities.

    Of `AWS_CA_BUNDLE`, `SSL_CERT_FILE` and `REQUESTS_CA_BUNDLE` those that are set count. When they name
    different files, these are merged into one temporary file that lives as long as the process.
    Raises FileNotFoundError, naming the variable, for a path that is not there.
    """
    paths = _paths(_FOR_AWS, environ)
    if not paths:
        return None
    if len(paths) == 1 and paths[0].is_file():
        return str(paths[0])
    return _merged(_stamped(paths))


def _paths(names: tuple[str, ...], environ: Mapping[str, str] | None) -> list[Path]:
    """Return the different paths that these variables name, in order."""
    found: dict[Path, Path] = {}
    for name in names:
        text = (os.environ if environ is None else environ).get(name, "").strip()
        if not text:
            continue
        path = Path(text)
        if not path.exists():
            raise FileNotFoundError(f"{name} names {text}, which does not exist")
        found.setdefault(path.resolve(), path)
    return list(found.values())


def _stamped(paths: list[Path]) -> _Stamped:
    return tuple((path, path.stat().st_mtime_ns) for path in paths)


@lru_cache(maxsize=8)
def _trusting(stamped: _Stamped, instead: str | None) -> ssl.SSLContext:
    """Return a context for the system's authorities and these; `instead` is a file OpenSSL takes for them."""
    context = ssl.create_default_context()
    system = Path(ssl.get_default_verify_paths().openssl_cafile)
    if system.is_file():
        if instead is not None:  # a proxy's authority is meant in addition
            context.load_verify_locations(cafile=system)
    elif not any(Path(ssl.get_default_verify_paths().openssl_capath).glob("*.0")):
        import certifi

        context.load_verify_locations(cafile=certifi.where())
    for path, _ in stamped:
        if path.is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    return context


@lru_cache(maxsize=8)
def _merged(stamped: _Stamped) -> str:
    """Write the certificates of these files (with their times of change) into one, once for the same."""
    files: list[Path] = []
    for path, _ in stamped:
        files += sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
    # mkstemp: nobody else can foresee the name, so nobody can put an authority of theirs in its place.
    handle, name = tempfile.mkstemp(prefix="certificate-authorities-", suffix=".pem")
    with os.fdopen(handle, "wb") as merged:
        for file in files:
            merged.write(file.read_bytes().rstrip() + b"\n")
    atexit.register(Path(name).unlink, missing_ok=True)
    return name
