"""Large graphs made small enough to look at: whole layers, or a gap, as one box."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from chainrule.drawing.folding import Folded
from chainrule.ir import Value

# At most so many boxes are left at either end of a graph that is still too large.
_FIRST = 10
_LAST = 20

_Readers: TypeAlias = dict[Value, list[Value]]


class Cluster(NamedTuple):
    """Values drawn as one box; `title` is the path of their layer, if they have one."""

    values: tuple[Value, ...]
    title: str = ""


def cluster(folded: Folded, most: int) -> list[Cluster]:
    """The boxes to draw, at most `most`, each after its inputs.

    A small graph has one box for each value. In a larger one, the values of a layer
    become one box: of the innermost layers if that is enough, else of outer ones. What
    is too large even then keeps its first and last boxes, with one for all between.
    """
    boxes = [Cluster((value,)) for value in folded.values]
    if len(boxes) <= most:
        return boxes
    deepest = max(len(_path(value)) for value in folded.values)
    readers = _readers(folded) if deepest else {}
    for depth in range(deepest, 0, -1):
        boxes = _by_layer(folded, readers, depth)
        if len(boxes) <= most:
            return boxes
    return _without_middle(boxes, most)


def _path(value: Value) -> list[str]:
    layer = value.location.layer if value.location else ""
    return layer.split(".") if layer else []


def _readers(folded: Folded) -> _Readers:
    readers: _Readers = {value: [] for value in folded.values}
    for value in folded.values:
        for x in folded.inputs(value):
            readers[x].append(value)
    return readers


def _by_layer(folded: Folded, readers: _Readers, depth: int) -> list[Cluster]:
    """One box for what a layer computes in one go, weights included.

    Merging all values of a layer could make a cycle: a layer may be used twice. So
    each value also gets a rank, which falls whenever an edge, followed back, leaves a
    layer; values of one layer and one rank cannot have another layer between them.
    """
    title = _titles(folded, readers, depth)
    key: dict[Value, object] = {value: title[value] or value for value in title}
    rank: dict[Value, int] = {}
    for value in reversed(folded.values):
        rank[value] = min(
            (rank[y] - (key[y] != key[value]) for y in readers[value]), default=0
        )
    members: dict[tuple[int, object], list[Value]] = defaultdict(list)
    for value in folded.values:
        members[rank[value], key[value]].append(value)
    ranked = sorted(members.items(), key=lambda item: item[0][0])
    return [Cluster(tuple(values), title[values[0]]) for _, values in ranked]


def _titles(folded: Folded, readers: _Readers, depth: int) -> dict[Value, str]:
    """The layer that each value belongs to; empty for none.

    A constant belongs to the layer that reads it. So does a leaf if the layer has other
    things to compute with: weights do, and what goes into the first layer does not.
    """
    title = {
        value: ".".join(_path(value)[:depth]) if value.inputs else ""
        for value in folded.values
    }
    fed = {
        title[value]
        for value in folded.values
        for x in folded.inputs(value)
        if x.inputs and title[x] != title[value]
    }
    for value in folded.values:
        layers = {title[reader] for reader in readers[value]}
        belongs = value.operation is not None or layers <= fed
        if not value.inputs and len(layers) == 1 and belongs:
            title[value] = layers.pop()
    return title


def _without_middle(boxes: Sequence[Cluster], most: int) -> list[Cluster]:
    first = min(_FIRST, most // 3)
    last = len(boxes) - min(_LAST, most - first - 1)
    middle = tuple(value for box in boxes[first:last] for value in box.values)
    return [*boxes[:first], Cluster(middle), *boxes[last:]]
