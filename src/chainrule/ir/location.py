"""Where in the user's program, and in which layer, a value was made."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

# Not by pathlib, whose import takes a good part of this package's.
_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep  # noqa: PTH120


@dataclass(frozen=True, slots=True)
class Location:
    """A line of the user's program and the path of the layer that was running.

    `layer` reads like the attribute path of the layer, outermost first, and is
    empty outside of any layer: `"hidden.0"`.
    """

    file: str
    line: int
    layer: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}"
        return f"{place}, layer {self.layer!r}" if self.layer else place


_given: ContextVar[Location | None] = ContextVar("given", default=None)
_layers: ContextVar[tuple[str, ...]] = ContextVar("layers", default=())


def current_location() -> Location | None:
    """The location that `at` gives, else the nearest caller outside chainrule."""
    given = _given.get()
    if given is not None:
        return given
    frame = sys._getframe(1)  # noqa: SLF001 - the cheap way to look at callers
    while frame.f_code.co_filename.startswith(_PACKAGE):
        if frame.f_back is None:
            return None
        frame = frame.f_back
    layer = ".".join(_layers.get())
    return Location(frame.f_code.co_filename, frame.f_lineno, layer)


@contextmanager
def at(location: Location | None) -> Iterator[None]:
    """Every value made inside is said to come from `location`."""
    token = _given.set(location)
    try:
        yield
    finally:
        _given.reset(token)


@contextmanager
def scope(layer: str) -> Iterator[None]:
    """Every value made inside is said to belong to `layer` of the layers around."""
    token = _layers.set((*_layers.get(), layer))
    try:
        yield
    finally:
        _layers.reset(token)
