"""Whether the rows of a model are independent of one another, and where they lie.

A program that computes one row after the other needs memory for one row only. It is
right if each value has one axis along which the rows lie, and element `i` of it there
stands on elements `i` of what it is computed from. That can be read off `access`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.export.errors import ExportError
from chainrule.export.extents import ONE, Extent
from chainrule.export.model import Model
from chainrule.export.words import described
from chainrule.ir import Value
from chainrule.ops import Constant
from chainrule.ops.access import Access, Letter, RowMajor, Strided, Term


@dataclass(frozen=True)
class Rows:
    """A row lies along `axis`, in a block of so many coordinates."""

    axis: int
    block: int = 1


def check_rows(model: Model) -> None:
    """Refuse a model whose rows depend on one another.

    Raises `ExportError`, which names the layer and the operation where they meet.
    """
    places: dict[Value, Rows | None] = {}
    for x in model.inputs:
        shape = model.shape(x.value)
        places[x.value] = None
        if not all(n.is_fixed for n in shape):
            if shape[0] != Extent(0, 1) or not all(n.is_fixed for n in shape[1:]):
                what = f"the rows of {x.title!r} are not its first axis"
                raise _together(x.value, what)
            places[x.value] = Rows(0)
    for value in model.order:
        places[value] = _place(model, value, places)
    for y in model.outputs:
        place = places.get(y.value)
        before = model.shape(y.value)[: place.axis] if place is not None else ()
        if len(model.rows) > 1 and (place is None or any(n != ONE for n in before)):
            raise _together(y.value, f"the rows are not the first axis of {y.name!r}")


def _place(model: Model, value: Value, places: dict[Value, Rows | None]) -> Rows | None:
    operation = value.operation
    if operation is None or isinstance(operation, Constant):
        raise _together(value, "a number depends on how many rows there are")
    if operation.elementwise:
        return _agreed(value, [places.get(x) for x in value.inputs])
    access = model.samples.access(value)
    if any(isinstance(term, RowMajor) for term in access.output):
        return _reshaped(model, value, places.get(value.inputs[0]))
    found: list[Rows | None] = []
    for x, terms in zip(value.inputs, access.inputs, strict=True):
        place = places.get(x)
        if place is not None:
            whole = model.shape(x)[place.axis]
            name = _letter(terms[place.axis])
            found.append(_written(model, value, access.output, name, place, whole))
    place = _agreed(value, found)
    varying = [i for i, n in enumerate(model.shape(value)) if not n.is_fixed]
    if place is None and varying and _is_repeated(value, varying[0], access):
        place = Rows(varying[0], model.shape(value)[varying[0]].linear)
    if varying != ([] if place is None else [place.axis]):
        raise _together(value, "rows meet one another")
    return place


def _is_repeated(value: Value, axis: int, access: Access) -> bool:
    """Whether what has no rows itself is the same at all coordinates of an axis."""
    operation: Any = value.operation
    if operation.replicates:
        return True
    # A coordinate along another axis: `#j->ij`.
    counts = hasattr(operation, "element") and not value.inputs
    return counts and access.output[axis] != Letter(operation.access()[1])


def _agreed(value: Value, places: Sequence[Rows | None]) -> Rows | None:
    """Where the rows lie in what is computed from values with rows there."""
    found = {place for place in places if place is not None}
    if len(found) > 1:
        raise _together(value, "rows meet one another")
    return found.pop() if found else None


def _letter(term: Term) -> str | None:
    """The letter whose coordinate it is, if it is that and nothing else."""
    match term:
        case Letter(name):
            return name
        case Strided(start, 1, name) if not any(_size(start)):
            return name
    return None


def _size(start: Any) -> tuple[int, ...]:
    """Where it starts for each number of rows: what `Samples` put there."""
    return tuple(start)


def _written(
    model: Model,
    value: Value,
    output: Sequence[Term],
    name: str | None,
    place: Rows,
    whole: Extent,
) -> Rows:
    """The axis of the output that the rows of an input go to."""
    for axis, term in enumerate(output):
        same = name is not None and _letter(term) == name
        if same and model.shape(value)[axis] == whole:
            return Rows(axis, place.block)
    raise _together(value, "it combines rows, or picks some of them")


def _reshaped(model: Model, value: Value, place: Rows | None) -> Rows | None:
    if place is None:
        return None
    before, after = model.shape(value.inputs[0]), model.shape(value)
    if any(n != ONE for n in before[: place.axis]):
        raise _together(value, "it mixes rows")
    axis = next(i for i, n in enumerate(after) if not n.is_fixed)
    long = after[axis]
    whole = all(n == ONE for n in after[:axis]) and long == Extent(0, long.linear)
    if not whole or not all(n.is_fixed for n in after[axis + 1 :]):
        raise _together(value, "it mixes rows")
    return Rows(axis, long.linear)


def _together(value: Value, why: str) -> ExportError:
    return ExportError(
        f"{described(value)}: {why}, and C code is written for one row after the "
        "other; export as ONNX or NumPy, or leave this to the program that calls it"
    )
