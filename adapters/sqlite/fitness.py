"""Whether a store can be kept where the settings say, looked at before anything is written there.

Each check raises with what is wrong and what mends it, because a store that only mostly works loses promises.
"""

import os
import sqlite3
from pathlib import Path

from adapters.unfit import StoreUnfit

OLDEST_SQLITE = (3, 35, 0)  # RETURNING
# Their locks and shared memory do not hold between hosts, which write-ahead logging stands on.
NETWORK_FILE_SYSTEMS = frozenset(
    {
        *("9p", "afs", "ceph", "cifs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2"),
        *("smb2", "smb3", "smbfs", "fuse.cephfs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs"),
    }
)
MOUNTS = Path("/proc/mounts")


def path_of(url: str) -> Path:
    """Return the file that `sqlite:///relative.db` or `sqlite:////absolute.db` names. Raises StoreUnfit."""
    scheme, found, path = url.partition(":///")
    plain = not any(mark in path for mark in "?#")
    if scheme != "sqlite" or not found or not path or path.endswith("/") or path.startswith(":") or not plain:
        raise StoreUnfit(
            "the store's address names no file",
            "write sqlite:///relative.db or sqlite:////absolute/path.db",
        )
    return Path(path)


def check_library() -> None:
    """Raise StoreUnfit when Python was built with an SQLite that is too old."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreUnfit(
            f"Python was built with SQLite {sqlite3.sqlite_version}",
            "use a Python built with SQLite 3.35 or newer, such as the one in the container image",
        )


def check_folder(path: Path) -> None:
    """Raise StoreUnfit when the file's folder cannot be written or lies on a network mount."""
    folder = path.resolve().parent
    if not folder.is_dir():
        raise StoreUnfit(f"the folder {folder} does not exist", "make it, or name another in BOT_STORE")
    if not os.access(folder, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.R_OK | os.W_OK)):
        raise StoreUnfit(f"{path} cannot be written", "let the bot's user own the folder and the file")
    mounts = MOUNTS.read_text(errors="replace") if MOUNTS.exists() else ""
    if kind := network_mount(folder, mounts):
        raise StoreUnfit(
            f"the folder {folder} is on a network mount ({kind})",
            "name a folder on a local disk or an attached volume in BOT_STORE",
        )


def network_mount(folder: Path, mounts: str) -> str | None:
    """Return the kind of network file system that this folder is on, or None.

    `mounts` is the text of /proc/mounts. The deepest mount that holds the folder counts, and of several on
    one point the last.
    """
    depth, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        point = Path(_unescape(fields[1]))
        if (folder == point or point in folder.parents) and len(point.parts) >= depth:
            depth, kind = len(point.parts), fields[2]
    return kind if kind in NETWORK_FILE_SYSTEMS else None


def _unescape(field: str) -> str:
    for code in ("040", "011", "012", "134"):  # space, tab, newline, backslash
        field = field.replace(f"\\{code}", chr(int(code, 8)))
    return field
