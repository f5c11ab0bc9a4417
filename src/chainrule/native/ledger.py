"""What compiling cost: an account for whoever asks for one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Ledger:
    """How many programs were compiled, or came from the cache, and how long it took.

    Seconds are of both together, LLVM's import included where it took place.
    """

    compiled: int = 0
    cached: int = 0
    seconds: float = 0.0


_current: ContextVar[Ledger | None] = ContextVar("ledger", default=None)


@contextmanager
def keeping(ledger: Ledger) -> Iterator[None]:
    """What is compiled inside is written to `ledger`."""
    token = _current.set(ledger)
    try:
        yield
    finally:
        _current.reset(token)


def note(*, compiled: bool, seconds: float) -> None:
    """A program is there, after so many seconds."""
    ledger = _current.get()
    if ledger is not None:
        ledger.compiled += compiled
        ledger.cached += not compiled
        spend(seconds)


def spend(seconds: float) -> None:
    """Something that programs need is there, after so many seconds."""
    ledger = _current.get()
    if ledger is not None:
        ledger.seconds += seconds
