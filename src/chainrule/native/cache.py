"""The object cache: compiled programs on disk, so that each is compiled only once.

An entry is written beside and renamed, and carries a checksum; whatever goes wrong with
the disk, the program is compiled as if there were no cache. The folder is what
`cr.config` or the environment variable `CHAINRULE_CACHE` says (`off` for none), or the
user's cache folder.
"""

import contextlib
import hashlib
import os
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from chainrule import settings
from chainrule.files import write_bytes
from chainrule.native.target import Target, host
from chainrule.version import __version__

LIMIT = 256 * 1024**2
"""How many bytes the entries may take by default; those unused for longest go first."""

_MAGIC = b"chainrule cache 1\n"
_HEADER = struct.Struct(f"<{len(_MAGIC)}sIQ")
_SUFFIX = ".program"
_ABANDONED = 3600.0  # seconds after which nobody is still writing a file


def fetch(
    key_text: str, build: Callable[[], bytes], target: Target | None = None
) -> bytes:
    """What `build` returned for this key before, or returns now.

    The key is `key_text`, the `target` (this processor) and the versions of chainrule
    and of LLVM: all that the outcome may depend on.
    """
    directory = folder()
    if directory is None:
        return build()
    path = directory / (_name(key_text, target or host()) + _SUFFIX)
    content = _read(path)
    if content is None:
        content = build()
        _write(path, content)
    return content


def folder() -> Path | None:
    """Where the entries are, or `None` if there is no cache."""
    chosen = settings.cache_folder()
    if chosen == "off":
        return None
    if chosen:
        return Path(chosen)
    with contextlib.suppress(RuntimeError):  # this user has no home
        return _user_folder() / "chainrule"
    return None


def limit() -> int:
    """How many bytes the entries may take together."""
    chosen = settings.cache_limit()
    return LIMIT if chosen is None else chosen


def size() -> int:
    """How many bytes the entries take on disk."""
    return sum(state.st_size for _, state in _entries())


def clear() -> None:
    """Remove all entries."""
    for path, _ in _entries():
        _remove(path)


def _user_folder() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    chosen = os.environ.get("XDG_CACHE_HOME")
    return Path(chosen) if chosen else Path.home() / ".cache"


def _name(key_text: str, target: Target) -> str:
    parts = (*_versions(), target.key, key_text)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def _versions() -> tuple[str, ...]:
    """What tells one state of the compiler from another.

    The compiler's files count by size and time, so that whoever changes it is not shown
    what it did before.
    """
    root = Path(__file__).parents[1]
    folders = (root / part for part in ("ir", "ops", "passes", "native"))
    files = sorted(
        (path.name, str(state.st_size), str(state.st_mtime_ns))
        for folder in folders
        for path, state in _files(folder)
        if path.suffix == ".py"
    )
    return __version__, _llvm_version(), *(text for file in files for text in file)


def _llvm_version() -> str:
    # The file that llvmlite takes its version from; importing it would take longer.
    found = find_spec("llvmlite")
    if found is None or found.origin is None:
        return ""
    with contextlib.suppress(OSError):
        return Path(found.origin).with_name("_version.py").read_text()
    return found.origin


def _read(path: Path) -> bytes | None:
    """The content of an entry, or `None` if there is none that can be trusted."""
    try:
        with path.open("rb") as file:
            if not _is_ours(os.fstat(file.fileno())):
                return None
            header, content = file.read(_HEADER.size), file.read()
        magic, checksum, length = _HEADER.unpack(header)
    except (OSError, struct.error):
        return None
    if magic != _MAGIC or length != len(content) or checksum != zlib.crc32(content):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used just now
    return content


def _is_ours(state: os.stat_result) -> bool:
    # What is in the cache gets executed: nobody else may have put it there.
    return os.name == "nt" or state.st_uid in {os.geteuid(), 0}


def _write(path: Path, content: bytes) -> None:
    header = _HEADER.pack(_MAGIC, zlib.crc32(content), len(content))
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_bytes(path, header + content)
        _make_room(spared=path)


def _make_room(spared: Path) -> None:
    entries = sorted(_entries(), key=lambda entry: entry[1].st_mtime)
    excess = sum(state.st_size for _, state in entries) - limit()
    for path, state in entries:
        if excess > 0 and path != spared:
            _remove(path)
            excess -= state.st_size


def _entries() -> Iterator[tuple[Path, os.stat_result]]:
    """The entries of the cache; what was left half-written long ago is removed."""
    directory = folder()
    for path, state in _files(directory) if directory else ():
        if path.suffix == _SUFFIX:
            yield path, state
        elif f"{_SUFFIX}." in path.name and state.st_mtime < time.time() - _ABANDONED:
            _remove(path)


def _files(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    with contextlib.suppress(OSError), os.scandir(directory) as found:
        for file in found:
            # Another process may remove it meanwhile.
            with contextlib.suppress(OSError):
                yield Path(file.path), file.stat()


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
