"""Which element of its inputs an element of a value is made of.

A *place* says where in a value one is: digits, each a size and a coordinate, which
together count the elements in row-major order, as hours, minutes and seconds count a
day. The axes of a value are such digits. So a value and its reshape have the same
places, and two adjacent axes may stand in a place as one digit.

What a coordinate is, an `Algebra` says: the compiler computes with registers, and the
passes that decide what is computed where follow only whether a coordinate has changed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

from chainrule.ir import Value
from chainrule.ops.access import (
    Either,
    Indexed,
    Letter,
    RowMajor,
    Strided,
    Term,
)
from chainrule.passes.generalise import Samples, Size, Sizes, times

C = TypeVar("C")


class Algebra(Protocol[C]):
    """What can be done with coordinates of type `C`."""

    def zero(self) -> C:
        """The coordinate 0, all that an axis of one element has."""

    def split(self, x: C, sizes: Sizes) -> list[C]:
        """One digit as several of the given sizes."""

    def join(self, xs: Sequence[C], sizes: Sizes) -> C:
        """Several digits of the given sizes as one."""

    def stride(self, x: C, start: Size, step: int) -> C:
        """`start + step x`."""

    def unstride(self, y: C, start: Size, step: int, extent: Size) -> C:
        """The `x` below `extent` of which `start + step x` is `y`; if none, any."""

    def read(self, index: Value, place: "Place[C]", extent: Size) -> C:
        """The coordinate that an integer value has at a place, below `extent`."""


@dataclass(frozen=True)
class Place(Generic[C]):
    """Digits of a row-major count: their sizes and their coordinates."""

    sizes: Sizes
    coordinates: tuple[C, ...]


@dataclass(frozen=True)
class Condition(Generic[C]):
    """`y` is `start + step x` for an `x` from 0 to `extent - 1`."""

    y: C
    start: Size
    step: int
    extent: Size


@dataclass(frozen=True)
class Source(Generic[C]):
    """An input element, read where all conditions hold."""

    value: Value
    place: Place[C]
    conditions: tuple[Condition[C], ...] = ()


@lru_cache(maxsize=4096)
def blocks(first: Sizes, second: Sizes) -> tuple[tuple[slice, slice], ...]:
    """Pairs of runs of two lists of sizes that have equal products, as short as can be.

    The sizes have no ones; that the products of all are equal is the caller's promise.
    """
    found = []
    i = j = 0
    while i < len(first) or j < len(second):
        start = i, j
        a = b = (1,) * len((*first, *second)[0])
        while a != b or (i, j) == start:
            if i < len(first) and (a <= b or j == len(second)):
                a, i = times(a, first[i]), i + 1
            elif j < len(second):
                b, j = times(b, second[j]), j + 1
            else:
                break
        found.append((slice(start[0], i), slice(start[1], j)))
    return tuple(found)


def regroup(place: Place[C], sizes: Sizes, algebra: Algebra[C]) -> Place[C]:
    """The same place in digits of other sizes, whose product is the same."""
    if place.sizes == sizes:
        return place
    if any(0 in size for size in (*place.sizes, *sizes)):
        return Place(sizes, tuple(algebra.zero() for _ in sizes))  # nobody is there
    old = [
        (size, x)
        for size, x in zip(place.sizes, place.coordinates, strict=True)
        if not is_one(size)
    ]
    new = tuple(size for size in sizes if not is_one(size))
    found: list[C] = []
    for mine, other in blocks(tuple(size for size, _ in old), new):
        digits, wanted = old[mine], new[other]
        if len(digits) == 1 and len(wanted) == 1:
            found.append(digits[0][1])
            continue
        whole = (
            digits[0][1]
            if len(digits) == 1
            else algebra.join([x for _, x in digits], tuple(n for n, _ in digits))
        )
        found += [whole] if len(wanted) == 1 else algebra.split(whole, wanted)
    each = iter(found)
    return Place(
        sizes, tuple(algebra.zero() if is_one(n) else next(each) for n in sizes)
    )


def is_one(size: Size) -> bool:
    """Whether there is one element along it, always."""
    return all(n == 1 for n in size)


@lru_cache(maxsize=4096)
def fits(sizes: Sizes, digits: Sizes) -> bool:
    """Whether axes of `sizes` are the digits, each whole or in several axes."""
    mine = tuple(size for size in sizes if not is_one(size))
    other = tuple(size for size in digits if not is_one(size))
    if not mine or not other:
        return mine == other
    if times(*mine) != times(*other):
        return False
    return all(b.stop - b.start == 1 for _, b in blocks(mine, other))


def sources(
    samples: Samples, value: Value, place: Place[C], algebra: Algebra[C]
) -> list[Source[C]]:
    """Where an element of a value whose operation moves elements comes from.

    It is the one source whose conditions hold; there is none if no source has any.
    """
    access = samples.access(value)
    if any(isinstance(term, RowMajor) for term in (*access.inputs[0], *access.output)):
        return [Source(value.inputs[0], place)]
    shape = samples.shape(value)
    at = regroup(place, shape, algebra).coordinates
    known: dict[str, C] = {}
    bounds: dict[str, tuple[Condition[C], ...]] = {}
    for term, y, size in zip(access.output, at, shape, strict=True):
        if isinstance(term, Letter):
            known[term.name] = y
            continue
        for strided in term.places if isinstance(term, Either) else (term,):
            if not isinstance(strided, Strided):
                raise TypeError(f"{value!r} does not move elements: {term}")
            start: Size = strided.start  # type: ignore[assignment]
            extent = _extent(samples, value, access.inputs, strided.name)
            if extent == size:
                known[strided.name] = y
                continue
            known[strided.name] = algebra.unstride(y, start, strided.step, extent)
            bounds[strided.name] = (Condition(y, start, strided.step, extent),)
    indexed = any(isinstance(term, Indexed) for term in access.inputs[0])
    moved = value.inputs[:1] if indexed else value.inputs
    indices = iter(value.inputs[1:])
    found: list[Source[C]] = []
    for x, terms in zip(moved, access.inputs, strict=False):
        extents = samples.shape(x)
        coordinates = tuple(
            _coordinate(samples, term, known, size, indices, algebra)
            for term, size in zip(terms, extents, strict=True)
        )
        letters = [term.name for term in terms if isinstance(term, Letter)]
        conditions = tuple(c for name in letters for c in bounds.get(name, ()))
        found.append(Source(x, Place(extents, coordinates), conditions))
    return found


def _extent(
    samples: Samples, value: Value, inputs: Sequence[Sequence[Term]], name: str
) -> Size:
    for x, terms in zip(value.inputs, inputs, strict=True):
        for term, size in zip(terms, samples.shape(x), strict=True):
            if term == Letter(name):
                return size
    raise ValueError(f"no input of {value!r} has the axis {name}")


def _coordinate(
    samples: Samples,
    term: Term,
    known: dict[str, C],
    extent: Size,
    indices: Iterator[Value],
    algebra: Algebra[C],
) -> C:
    if isinstance(term, Letter):
        return known[term.name]
    if isinstance(term, Strided):
        start: Size = term.start  # type: ignore[assignment]
        return algebra.stride(known[term.name], start, term.step)
    if isinstance(term, Indexed):
        index = next(indices)
        place = Place(samples.shape(index), tuple(known[n] for n in term.names))
        return algebra.read(index, place, extent)
    raise TypeError(f"no element moves along {term}")
