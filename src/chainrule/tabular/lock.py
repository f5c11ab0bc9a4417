"""One process at a time on a run folder.

The lock is the operating system's: it ends with the process that holds it, however
that ends, and the file that it stands on says who that is.
"""

import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from chainrule.tabular.errors import RunError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["LOCK_FILE", "check_unlocked", "locked"]

LOCK_FILE = ".lock"

_FAR = 1 << 30  # the byte that is locked on Windows: others can read the rest


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, as its file says."""

    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        """`process 123 on ada since 10:31:05`."""
        return f"process {self.pid} on {self.host} since {self.since}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only one that trains in `folder`, which is there.

    Raises `RunError` at once, with who it is, where somebody else does already.
    """
    path = folder / LOCK_FILE
    handle = _acquire(folder, path)
    try:
        here = Holder(os.getpid(), platform.node() or "this machine", _now())
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps(here.__dict__).encode())
        yield
    finally:
        # Before it is closed: else it could be somebody else's already.
        with suppress(OSError):
            path.unlink()
        os.close(handle)


def check_unlocked(folder: Path) -> None:
    """Refuse a folder in which somebody is training: `RunError`."""
    path = folder / LOCK_FILE
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return  # there is none, or it is not ours to try
    try:
        if not _lock(handle):
            raise _held(folder, path)
    finally:
        os.close(handle)


def _acquire(folder: Path, path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _lock(handle):
            os.close(handle)
            raise _held(folder, path)
        if _is_still(handle, path):
            return handle
        os.close(handle)  # it was the file of one who has just finished


def _lock(handle: int) -> bool:
    """Take the lock, if nobody has it."""
    try:
        if sys.platform == "win32":
            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _is_still(handle: int, path: Path) -> bool:
    """Whether the file that is open is the one that goes by the name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _held(folder: Path, path: Path) -> RunError:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        who = str(Holder(**found))
    except (OSError, ValueError, TypeError):
        who = "another process"
    return RunError(
        f"{folder} is in use: {who} trains in it; wait for it, or choose another folder"
    )


def _now() -> str:
    return f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"
