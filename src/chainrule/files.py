"""Files that are either as they were or whole: written beside, then renamed."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# What a file that was tampered with can make of whatever is built from it.
BAD_CONTENT = (
    AttributeError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, which is replaced only once all of it is on disk."""
    write_together({path: content})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write several files, none of which is replaced before all of them are on disk.

    They are replaced in the order given, one by one: whoever reads may find the first
    of them new and the last one old.
    """
    beside: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            beside[path] = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside[path].chmod(0o666 & ~_umask())
        for path, written in beside.items():
            written.replace(path)
    except BaseException:
        for written in beside.values():
            with contextlib.suppress(OSError):
                written.unlink()
        raise


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path`, of a file that takes its place in the end.

    For files that are too large to be in memory at once. If anything fails, `path` is
    as it was.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.chmod(0o666 & ~_umask())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, like `write_bytes`."""
    write_bytes(path, text.encode())


def _umask() -> int:
    # It can only be read by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
