"""Read the notation of `access`, which `chainrule.ops.axes` explains."""

import re
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Letter:
    """`i`: the coordinate `i`."""

    name: str


@dataclass(frozen=True)
class Strided:
    """`{a+bi}`: the coordinate `start + step i`."""

    start: int
    step: int
    name: str


@dataclass(frozen=True)
class Either:
    """`{p|q}`: any of several strided coordinates."""

    places: tuple[Strided, ...]


@dataclass(frozen=True)
class Range:
    """`{<=i}` or `{>=i}`: every coordinate up to `i`, or from it."""

    up_to: bool
    name: str


@dataclass(frozen=True)
class Indexed:
    """`[k]`: the coordinate that an integer input has at `k`."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Whole:
    """`:`, all coordinates, in a way that only the operation knows."""


@dataclass(frozen=True)
class RowMajor:
    """`(ij)`: all axes at once, their elements in row-major order."""

    names: tuple[str, ...]


Term: TypeAlias = Letter | Strided | Either | Range | Indexed | Whole | RowMajor


@dataclass(frozen=True)
class Access:
    """What stands for each axis of each input, and of the output."""

    inputs: tuple[tuple[Term, ...], ...]
    output: tuple[Term, ...]


_NAME = r"[^\W\d_]"  # a letter, of any alphabet
_TERM = re.compile(
    rf"(?P<letter>{_NAME})|(?P<whole>:)|\[(?P<indexed>{_NAME}*)\]|\((?P<flat>{_NAME}*)\)"
    rf"|\{{(?P<relation>[<>]=)(?P<bound>{_NAME})\}}|\{{(?P<places>[^{{}}<>]+)\}}"
)
_PLACE = re.compile(rf"(-?\d+)([+-]\d+)({_NAME})")


def parse_access(text: str) -> Access:
    """The parts of an access; raises `ValueError` for what is none.

    >>> parse_access("{1+2i}j->ij").inputs
    ((Strided(start=1, step=2, name='i'), Letter(name='j')),)
    """
    read, arrow, written = text.partition("->")
    if not arrow:
        raise ValueError(f"an access has an arrow, as ij->i has: {text!r}")
    if read.startswith("#"):  # no input, only a coordinate of the output
        return Access((), _terms(written))
    inputs = tuple(_terms(part) for part in read.split(","))
    return Access(inputs, _terms(written))


def _terms(text: str) -> tuple[Term, ...]:
    matches = list(_TERM.finditer(text))
    if sum(len(match[0]) for match in matches) != len(text):
        raise ValueError(f"{text!r} is no list of axes")
    return tuple(_term(match) for match in matches)


def _term(match: re.Match[str]) -> Term:
    if match["letter"]:
        return Letter(match["letter"])
    if match["whole"]:
        return Whole()
    if match["bound"]:
        return Range(match["relation"] == "<=", match["bound"])
    if match["places"]:
        places = tuple(_place(place) for place in match["places"].split("|"))
        return places[0] if len(places) == 1 else Either(places)
    if match["indexed"] is not None:
        return Indexed(tuple(match["indexed"]))
    return RowMajor(tuple(match["flat"]))


def _place(text: str) -> Strided:
    match = _PLACE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no coordinate such as 1+2i")
    return Strided(int(match[1]), int(match[2]), match[3])
