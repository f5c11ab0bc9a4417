"""How far apart in memory the elements of a value lie that is a view of another one."""

from collections.abc import Sequence
from typing import TypeAlias

from chainrule.ir import Value
from chainrule.passes.fuse import Fused
from chainrule.passes.generalise import Samples, Size, Sizes, times
from chainrule.passes.kinds import kind_of
from chainrule.passes.places import Place, is_one, regroup, sources

# By the name of an axis, how far apart its elements lie; `None` if in no such way.
Strides: TypeAlias = dict[str, Size] | None


class _Linear:
    """The algebra of coordinates that are sums of letters times strides."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def zero(self) -> Strides:
        return {}

    def split(self, x: Strides, sizes: Sizes) -> list[Strides]:
        return [x if x == {} else None for _ in sizes]

    def join(self, xs: Sequence[Strides], sizes: Sizes) -> Strides:
        total: dict[str, Size] = {}
        inner = self.samples.one
        for x, size in zip(reversed(xs), reversed(sizes), strict=True):
            if x is None:
                return None
            for name, stride in x.items():
                if name in total:
                    return None
                total[name] = times(stride, inner)
            inner = times(inner, size)
        return total

    def stride(self, x: Strides, start: Size, step: int) -> Strides:
        del start
        if x is None or step < 0:
            return None
        return {name: tuple(n * step for n in size) for name, size in x.items()}

    def unstride(self, y: Strides, start: Size, step: int, extent: Size) -> Strides:
        del y, start, step, extent
        return None

    def read(self, index: Value, place: Place[Strides], extent: Size) -> Strides:
        del index, place, extent
        return None


def strides_of(
    fused: Fused, product: Value, *, is_right: bool
) -> tuple[Size, Size] | None:
    """How far apart neighbours along an operand's last two axes are in memory.

    Formulas of one array are looked through. `None` if there are no strides.
    """
    samples, algebra = fused.samples, _Linear(fused.samples)
    x = product.inputs[is_right]
    names, place = _named(samples, x)
    while x.operation is not None and x not in fused.home:
        kind = kind_of(samples, x)
        if kind == "map":
            x = max(x.inputs, key=lambda y: y.type.rank)
            continue
        if kind != "move":
            return None
        found = sources(samples, x, place, algebra)
        x, place = found[0].value, found[0].place
    at = regroup(place, samples.shape(x), algebra)
    whole = algebra.join(at.coordinates, at.sizes) if at.sizes else {}
    if whole is None:
        return None
    nothing = samples.constant(0)
    return whole.get(names[-2], nothing), whole.get(names[-1], nothing)


def _named(samples: Samples, x: Value) -> tuple[list[str], Place[Strides]]:
    """A name for each axis of a value, and the place that they stand for."""
    shape = samples.shape(x)
    names = [f"x{axis}" for axis in range(len(shape))]
    coordinates: tuple[Strides, ...] = tuple({name: samples.one} for name in names)
    return names, Place(shape, coordinates)


def addressable(fused: Fused, product: Value, *, is_right: bool) -> bool:
    """Whether a product can read an operand where it lies, by strides.

    The right operand is read in vectors along its last axis.
    """
    samples, algebra = fused.samples, _Linear(fused.samples)
    x = product.inputs[is_right]
    names, place = _named(samples, x)
    while x.operation is not None and x not in fused.home:
        if kind_of(samples, x) != "move":
            return False
        found = sources(samples, x, place, algebra)
        if len(found) != 1 or found[0].conditions:
            return False
        x, place = found[0].value, found[0].place
    at = regroup(place, samples.shape(x), algebra)
    if x in samples.converted or any(c is None for c in at.coordinates):
        return False
    last = names[-1]
    if not is_right:
        return True
    *before, end = [*at.coordinates, {}] if not at.coordinates else at.coordinates
    alone = all(last not in (c or {}) for c in before)
    last_extent = samples.shape(product.inputs[is_right])[-1]
    return is_one(last_extent) or (alone and (end or {}).get(last) == samples.one)
