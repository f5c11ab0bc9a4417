"""What somebody chose for this process: threads, and the cache of compiled programs.

A choice made `with` a block holds in that block and in its Python thread; one made by
assignment holds in the whole process; then come the environment variables
`CHAINRULE_THREADS` and `CHAINRULE_CACHE`. `None` stands for no choice.
"""

import operator
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

THREADS = "CHAINRULE_THREADS"
CACHE = "CHAINRULE_CACHE"

_chosen: dict[str, Any] = {}
_chosen_here: ContextVar[dict[str, Any] | None] = ContextVar("chosen", default=None)


def threads() -> int | None:
    """How many threads a program may use, if somebody said so.

    Raises `ValueError` if `CHAINRULE_THREADS` is not a whole number above 0.
    """
    chosen: int | None = _choice("threads")
    text = os.environ.get(THREADS)
    if chosen is not None or not text:
        return chosen
    count = text.strip()
    if not (count.isdecimal() and int(count) > 0):
        raise ValueError(f"{THREADS}={text} is not a number of threads: 1, 2, ...")
    return int(count)


def cache_folder() -> str | None:
    """The folder of the cache, `"off"` for no cache, if somebody said so."""
    chosen: str | None = _choice("cache_folder")
    return chosen or os.environ.get(CACHE) or None


def cache_limit() -> int | None:
    """How many bytes the cache may take, if somebody said so."""
    chosen: int | None = _choice("cache_limit")
    return chosen


def choose(**choices: Any) -> None:
    """Choose for the process, or until the end of the block that one is in.

    Raises `TypeError` or `ValueError` for what is no setting or makes no sense, and
    then changes nothing.
    """
    here = _chosen_here.get()
    checked = _checked(choices)
    for name, choice in checked.items():
        inside = here is not None and name in here
        (here if here is not None and inside else _chosen)[name] = choice


@contextmanager
def choosing(**choices: Any) -> Iterator[None]:
    """Choose for a block, in this thread."""
    token = _chosen_here.set({**(_chosen_here.get() or {}), **_checked(choices)})
    try:
        yield
    finally:
        _chosen_here.reset(token)


def _choice(name: str) -> Any:
    here = _chosen_here.get()
    if here is not None and name in here:
        return here[name]
    return _chosen.get(name)


def _checked(choices: Mapping[str, Any]) -> dict[str, Any]:
    for name in choices:
        if name not in _CHECKS:
            known = ", ".join(_CHECKS)
            raise TypeError(f"there is no setting {name!r}; there are {known}")
    return {
        name: None if choice is None else _CHECKS[name](choice)
        for name, choice in choices.items()
    }


def _count(threads: Any) -> int:
    count = _whole("threads", threads)
    if count < 1:
        raise ValueError(
            f"threads={threads} has to be at least 1, or None to choose automatically"
        )
    return count


def _bytes(limit: Any) -> int:
    count = _whole("cache_limit", limit)
    if count < 0:
        raise ValueError(f"cache_limit={limit} has to be a number of bytes, 0 or more")
    return count


def _whole(name: str, number: Any) -> int:
    # What counts as an index is a whole number, NumPy's too; True is meant otherwise.
    if isinstance(number, bool) or not hasattr(number, "__index__"):
        raise TypeError(f"{name}={number!r} has to be a whole number")
    return operator.index(number)


def _folder(folder: Any) -> str:
    try:
        path = os.fspath(folder)
    except TypeError:
        path = b""
    if not isinstance(path, str) or not path:
        raise TypeError(
            f"cache_folder={folder!r} has to be a path, 'off', or None for the folder "
            "of the user"
        )
    return path


_CHECKS = {"threads": _count, "cache_folder": _folder, "cache_limit": _bytes}
