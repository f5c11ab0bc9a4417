"""In which order the nodes of a column stand: so that few edges cross."""

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise

Layers = list[list[int]]
Neighbours = Sequence[Sequence[int]]

# How many times the columns are gone through without finding fewer crossings.
_PATIENCE = 4


def reduce_crossings(layers: Layers, before: Neighbours, after: Neighbours) -> Layers:
    """The layers, each in an order that makes few links cross.

    `before[v]` and `after[v]` are the neighbours of `v` one layer to the left and to
    the right. The order starts as the operands are read, so that `a - b` has `a`
    above; then each layer is sorted by the mean position of its neighbours, from
    left to right and back, and the best order that was met is taken (the barycentre
    method of Sugiyama, Tagawa and Toda 1981). Last, pairs are exchanged where it helps.
    """
    best = _as_read(layers, before)
    fewest = count_crossings(best, after)
    current, failures = [list(layer) for layer in best], 0
    while fewest and failures < _PATIENCE:
        _sweep(current, before)
        _sweep(current[::-1], after)
        _exchange(current, before, after)
        crossings = count_crossings(current, after)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in current], crossings
            failures = 0
        else:
            failures += 1
    return best


def count_crossings(layers: Layers, after: Neighbours) -> int:
    """How many pairs of links cross."""
    crossings = 0
    for left, right in pairwise(layers):
        place = {node: i for i, node in enumerate(right)}
        passed: list[int] = []
        for node in left:
            ends = sorted(place[reader] for reader in after[node])
            crossings += sum(len(passed) - bisect_right(passed, end) for end in ends)
            for end in ends:
                insort(passed, end)
    return crossings


def _as_read(layers: Layers, before: Neighbours) -> Layers:
    """Depth first from the outputs, inputs in their order."""
    layer_of = {node: i for i, layer in enumerate(layers) for node in layer}
    has_reader = {x for layer in layers for node in layer for x in before[node]}
    ordered: Layers = [[] for _ in layers]
    seen: set[int] = set()
    waiting = [n for layer in layers for n in reversed(layer) if n not in has_reader]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            ordered[layer_of[node]].append(node)
            waiting.extend(reversed(before[node]))
    return ordered


def _sweep(layers: Layers, neighbours: Neighbours) -> None:
    """Sort each layer but the first by where its neighbours in the last one are."""
    for previous, layer in pairwise(layers):
        place = {node: i for i, node in enumerate(previous)}
        own = {node: i for i, node in enumerate(layer)}
        # A node without neighbours keeps the place it has, in proportion.
        stretch = max(len(previous), 1) / max(len(layer), 1)
        mean = {
            node: sum(places) / len(places)
            if (places := [place[x] for x in neighbours[node]])
            else own[node] * stretch
            for node in layer
        }
        layer.sort(key=mean.__getitem__)


def _exchange(layers: Layers, before: Neighbours, after: Neighbours) -> None:
    """Exchange two that stand next to each other where that saves crossings."""
    for i, layer in enumerate(layers):
        sides = []
        if i > 0:
            sides.append((_places(layers[i - 1]), before))
        if i + 1 < len(layers):
            sides.append((_places(layers[i + 1]), after))
        for j in range(len(layer) - 1):
            a, b = layer[j], layer[j + 1]
            gain = sum(
                _inversions([place[x] for x in near[a]], [place[x] for x in near[b]])
                for place, near in sides
            )
            if gain > 0:
                layer[j], layer[j + 1] = b, a


def _places(layer: Sequence[int]) -> dict[int, int]:
    return {node: i for i, node in enumerate(layer)}


def _inversions(above: list[int], below: list[int]) -> int:
    """How many more pairs cross in this order than in the other."""
    return sum((a > b) - (a < b) for a in above for b in below)
