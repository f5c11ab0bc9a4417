"""Which output elements each input element may reach, by an operation's `access`."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from chainrule.ir import Array, Operation, TensorType
from chainrule.ops.access import (
    Either,
    Indexed,
    Letter,
    Range,
    RowMajor,
    Strided,
    Term,
    Whole,
    parse_access,
)
from chainrule.testing.errors import CheckError

# For each letter, its coordinate in each combination of all coordinates.
Coordinates = Mapping[str, Array]


def reach(
    operation: Operation, inputs: Sequence[Array], output: TensorType
) -> list[Array]:
    """For each input, whether element `x` may change output element `y`, at `[y, x]`.

    Both are counted in row-major order. Raises `CheckError` if the operation's access
    does not fit its inputs and output.
    """
    if operation.elementwise:
        return [np.eye(output.size, dtype=bool) for _ in inputs]
    text = operation.access(*[TensorType.of(x) for x in inputs])
    access = parse_access(text)
    if len(access.inputs) != len(inputs):
        raise CheckError(f"{operation} has {len(inputs)} inputs, its access is {text}")
    if any(isinstance(term, RowMajor) for term in access.output):
        return [np.eye(output.size, dtype=bool)]
    read = [_Place(*pair) for pair in zip(access.inputs, _shapes(inputs), strict=True)]
    written = _Place(access.output, output.shape)
    extents = _extents([*read, written])
    return [_reach(place, written, extents, inputs[1:]) for place in read]


def _shapes(inputs: Sequence[Array]) -> list[tuple[int, ...]]:
    return [x.shape for x in inputs]


class _Place(NamedTuple):
    """The axes of a tensor, as an access writes them, and their extents."""

    terms: tuple[Term, ...]
    shape: tuple[int, ...]


def _extents(places: Sequence[_Place]) -> dict[str, int]:
    """The extent of each letter, from where it stands alone for an axis."""
    extents: dict[str, int] = {}
    for terms, shape in places:
        if len(terms) != len(shape):
            raise CheckError(f"{terms} are not the axes of a tensor of shape {shape}")
        for term, extent in zip(terms, shape, strict=True):
            if not isinstance(term, Letter):
                continue
            if extents.setdefault(term.name, extent) != extent:
                raise CheckError(f"{term.name!r} is {extents[term.name]} and {extent}")
    return extents


def _reach(
    read: _Place,
    written: _Place,
    extents: Mapping[str, int],
    indices: Sequence[Array],
) -> Array:
    own = set().union(*map(_names, read.terms))
    # Of several places, an input writes to those that its own letters name.
    targets = tuple(_narrowed(term, own) for term in written.terms)
    names = sorted(own.union(*map(_names, targets)))
    ranges = [extents[name] for name in names]
    count = math.prod(ranges)
    grid = np.indices(ranges).reshape(len(names), count)
    at = dict(zip(names, grid, strict=True))
    x = _elements(read, at, indices, count)
    y = _elements(_Place(targets, written.shape), at, indices, count)
    reached: Array = np.einsum("ny,nx->yx", y, x) > 0
    return reached


def _narrowed(term: Term, own: set[str]) -> Term:
    if not isinstance(term, Either):
        return term
    return Either(tuple(p for p in term.places if p.name in own) or term.places)


def _elements(
    place: _Place, at: Coordinates, indices: Sequence[Array], count: int
) -> Array:
    """For each combination of coordinates, which elements of a tensor are meant."""
    meant = np.ones((count, 1))
    brackets = iter(indices)
    for term, extent in zip(place.terms, place.shape, strict=True):
        index = next(brackets) if isinstance(term, Indexed) else None
        axis = _along(term, extent, at, index, count)
        meant = (meant[:, :, None] * axis[:, None, :]).reshape(
            count, meant.shape[1] * extent
        )
    return meant


def _along(
    term: Term, extent: int, at: Coordinates, index: Array | None, count: int
) -> Array:
    """The same along one axis: 1 where a coordinate is meant, else 0."""
    along = np.arange(extent)
    meant = np.zeros((count, extent))
    for place in _places(term, at, index):
        meant += along == np.reshape(place, (-1, 1))
    if isinstance(term, Range):
        here = at[term.name][:, None]
        meant += along <= here if term.up_to else along >= here
    if isinstance(term, Whole):
        meant += 1
    return meant


def _places(term: Term, at: Coordinates, index: Array | None) -> list[Array]:
    match term:
        case Letter(name):
            return [at[name]]
        case Strided(start, step, name):
            return [start + step * at[name]]
        case Either(places):
            return [
                start + step * at[name] for start, step, name in map(_parts, places)
            ]
        case Indexed(names) if index is not None:
            return [index[tuple(at[name] for name in names)]]
    return []


def _parts(place: Strided) -> tuple[int, int, str]:
    return place.start, place.step, place.name


def _names(term: Term) -> set[str]:
    match term:
        case Letter(name) | Strided(_, _, name) | Range(_, name):
            return {name}
        case Either(places):
            return {place.name for place in places}
        case Indexed(names):
            return set(names)
    return set()
