"""Seats: which cores of this machine are spoken for, by all processes of the user.

Each seat is one byte of a file in the folder for temporary files, and taken as long as
a process holds a lock on it. The system drops the locks of a process that ends, however
it ends. There are as many seats as cores; who finds none free stands, on one of a few
places more, and those who come later sit closer to let them sit.
"""

import contextlib
import os
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows, processes do not know of one another
    fcntl = None  # type: ignore[assignment]

_STANDING = 8


class Seats:
    """The seats of a machine with so many `cores`."""

    def __init__(self, cores: int, path: Path | None = None) -> None:
        self._seats = range(cores)
        self._standing = range(cores, cores + _STANDING)
        self._held = set[int]()
        self._file = _opened(path or _path())

    def take(self, wanted: int) -> list[int]:
        """Take up to `wanted` seats or else a place to stand; may find neither."""
        taken = self._first(self._seats, wanted)
        if not taken:
            return self._first(self._standing, 1)
        if len(taken) > 1:
            kept = max(1, len(taken) - self._crowd())
            self.leave(taken[kept:])
            return taken[:kept]
        return taken

    def leave(self, places: list[int]) -> None:
        """Give back what `take` gave."""
        for place in places:
            self._held.discard(place)
            self._unlock(place)

    def close(self) -> None:
        """Close the file, which gives back all places."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _first(self, places: range, wanted: int) -> list[int]:
        found: list[int] = []
        for place in places:
            if len(found) == wanted:
                break
            if place not in self._held and self._lock(place):
                self._held.add(place)
                found.append(place)
        return found

    def _crowd(self) -> int:
        """How many places to stand other processes hold: most often none."""
        own = self._held.intersection(self._standing)
        if not own and self._try(self._standing[0], len(self._standing)):
            return 0
        return sum(
            place not in own and not self._try(place) for place in self._standing
        )

    def _try(self, place: int, count: int = 1) -> bool:
        """Whether no other process holds any of these places."""
        is_free = self._lock(place, count)
        if is_free:
            self._unlock(place, count)
        return is_free

    def _lock(self, place: int, count: int = 1) -> bool:
        if self._file is None:
            return True
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, count, place)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:  # a file system without locks
            return True
        return True

    def _unlock(self, place: int, count: int = 1) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_UN, count, place)


def _path() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else ""
    return Path(tempfile.gettempdir()) / f"chainrule-{user}-threads"


def _opened(path: Path) -> int | None:
    if fcntl is None:
        return None
    with contextlib.suppress(OSError):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    return None
