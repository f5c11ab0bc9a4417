"""Where everything stands: our own layered layout, after Sugiyama and others (1981).

Nodes stand in layers from left to right. A link that passes through layers between its
ends stands there too, as a point; links from one node share these points as far as
they can, for what they carry is one value. Then each layer is ordered so that few
links cross, and moved up and down until links are as straight as there is room for.
The same graph is always laid out the same way.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from chainrule.drawing.crossings import Layers, reduce_crossings
from chainrule.drawing.layering import Link, assign_layers
from chainrule.drawing.placement import spread

# A bend between two points of a link is worse than one where it meets a node.
_POINT_TO_POINT = 16.0
_POINT_TO_NODE = 2.0
_NODE_TO_NODE = 1.0

# A leaf with one reader goes where its reader is, and the reader not to the leaf.
_LONE_LEAF = 0.02

# What stays where it is does not make way for the rest.
_HELD = 100.0

# The longest way through the graph is its backbone: that should be straight.
_BACKBONE = 4.0

# Of more operands than this, none starts the backbone.
_FEW_OPERANDS = 3

_SWEEPS = 16


@dataclass(frozen=True, slots=True)
class Layout:
    """`layer[i]` and `middle[i]` of each node: its column, and how far down it is.

    `through[j]` has, for link `j`, how far down it passes each layer between its ends.
    Nothing reaches above 0.
    """

    layer: tuple[int, ...]
    middle: tuple[float, ...]
    through: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Spacing:
    """How much room there is between nodes, and around a link that passes by.

    `point` is the height of a link itself.
    """

    nodes: float
    links: float
    point: float = 0.0


def layout(
    heights: Sequence[float],
    links: Sequence[Link],
    spacing: Spacing,
    late: Collection[int] = (),
) -> Layout:
    """Lay out nodes of those heights, numbered after the nodes that they stand on.

    Every link is a pair of a source and a later target. The nodes `late`, which have
    no sources, stand right before their first reader.
    """
    if any(source >= target for source, target in links):
        raise ValueError("a link has to lead from a node to one with a higher number")
    layer = assign_layers(len(heights), links, late)
    skeleton = _Skeleton(layer, links, late)
    ordered = reduce_crossings(skeleton.layers(), skeleton.before, skeleton.after)
    sizes = [*heights, *[spacing.point] * (len(skeleton.layer) - len(heights))]
    middle = _place(ordered, skeleton, sizes, spacing)
    return Layout(
        layer=tuple(layer),
        middle=tuple(middle[: len(heights)]),
        through=tuple(tuple(middle[p] for p in points) for points in skeleton.routes),
    )


class _Skeleton:
    """The nodes, and the points at which long links pass, in neighbouring layers."""

    def __init__(
        self, layer: Sequence[int], links: Sequence[Link], late: Collection[int]
    ) -> None:
        self.count = len(layer)
        self.layer = list(layer)
        self.before: list[list[int]] = [[] for _ in layer]
        self.after: list[list[int]] = [[] for _ in layer]
        self.routes: list[list[int]] = []
        # The points at which the links of a source pass, layer by layer.
        self.points: dict[int, list[int]] = {}
        for source, target in links:
            points = self.points.setdefault(source, [])
            passed = layer[target] - layer[source] - 1
            while len(points) < passed:
                last = points[-1] if points else source
                points.append(self._new_point(self.layer[last] + 1))
                self._join(last, points[-1])
            self.routes.append(points[:passed])
            self._join(points[passed - 1] if passed else source, target)
        self.backbone = dict.fromkeys(_backbone(len(layer), links, late))

    def _new_point(self, layer: int) -> int:
        self.layer.append(layer)
        self.before.append([])
        self.after.append([])
        return len(self.layer) - 1

    def _join(self, left: int, right: int) -> None:
        self.after[left].append(right)
        self.before[right].append(left)

    def chains(self) -> list[list[int]]:
        """What should be level: the backbone, and the points of each node's links."""
        longest_first = sorted(self.points.values(), key=len, reverse=True)
        return [chain for chain in (list(self.backbone), *longest_first) if chain]

    def layers(self) -> Layers:
        """The nodes and points of each layer."""
        layers: Layers = [[] for _ in range(max(self.layer, default=-1) + 1)]
        for node, layer in enumerate(self.layer):
            layers[layer].append(node)
        return layers

    def pull(self, a: int, b: int) -> float:
        """How much `a` is pulled to the level of `b`."""
        if b < self.count and not self.before[b] and len(self.after[b]) == 1:
            return _LONE_LEAF
        points = (a >= self.count) + (b >= self.count)
        if a in self.backbone and b in self.backbone:
            return _BACKBONE
        return (_NODE_TO_NODE, _POINT_TO_NODE, _POINT_TO_POINT)[points]


def _backbone(count: int, links: Sequence[Link], late: Collection[int]) -> list[int]:
    """The nodes on the longest way through the graph, from its end."""
    # A way that starts at a node of `late` counts as the shorter one.
    behind = [-(node in late) for node in range(count)]
    last: dict[int, int] = {}
    for source, target in sorted(links, key=lambda link: link[1]):
        if behind[source] >= behind[target]:
            behind[target] = behind[source] + 1
            last[target] = source
    path = [max(range(count), key=behind.__getitem__)] if count else []
    while path and path[-1] in last:
        path.append(last[path[-1]])
    # One of many operands is no better than the others.
    if len(path) > 1 and sum(target == path[-2] for _, target in links) > _FEW_OPERANDS:
        path.pop()
    return path


def _place(
    ordered: Layers, skeleton: _Skeleton, sizes: Sequence[float], spacing: Spacing
) -> list[float]:
    middle = [0.0] * len(sizes)
    apart = [(nodes, _distances(nodes, skeleton, sizes, spacing)) for nodes in ordered]
    for nodes, distances in apart:
        places = spread([0.0] * len(nodes), [1.0] * len(nodes), distances)
        for node, place in zip(nodes, places, strict=True):
            middle[node] = place
    both = [[*skeleton.before[v], *skeleton.after[v]] for v in range(len(sizes))]
    for sweep in range(_SWEEPS):
        for forward in (True, False):
            near = skeleton.before if forward else skeleton.after
            if sweep >= _SWEEPS // 2:
                near = both
            for nodes, distances in apart if forward else reversed(apart):
                _level(nodes, distances, near, skeleton, middle)
    held = frozenset(node for chain in skeleton.chains() for node in chain)
    for _ in range(_SWEEPS):
        _even_out(skeleton, middle)
        for nodes, distances in apart:
            _level(nodes, distances, both, skeleton, middle, held)
    _straighten(skeleton, apart, middle)
    top = min((m - size / 2 for m, size in zip(middle, sizes, strict=True)), default=0)
    return [m - top for m in middle]


def _even_out(skeleton: _Skeleton, middle: list[float]) -> None:
    """Bring the points of each chain to one height, if others have to make room."""
    for points in skeleton.chains():
        mean = sum(middle[p] for p in points) / len(points)
        for p in points:
            middle[p] = mean


def _straighten(
    skeleton: _Skeleton,
    apart: Sequence[tuple[Sequence[int], Sequence[float]]],
    middle: list[float],
) -> None:
    """Give all points of a link one height, where there is room for that."""
    above: dict[int, tuple[int, float]] = {}
    below: dict[int, tuple[int, float]] = {}
    for nodes, distances in apart:
        for a, b, distance in zip(nodes, nodes[1:], distances, strict=False):
            above[b], below[a] = (a, distance), (b, distance)
    for points in skeleton.chains():
        low = max(
            (middle[x] + d for p in points if p in above for x, d in [above[p]]),
            default=-inf,
        )
        high = min(
            (middle[x] - d for p in points if p in below for x, d in [below[p]]),
            default=inf,
        )
        if low <= high:
            mean = sum(middle[p] for p in points) / len(points)
            for p in points:
                middle[p] = min(max(mean, low), high)


def _distances(
    nodes: Sequence[int], skeleton: _Skeleton, sizes: Sequence[float], spacing: Spacing
) -> list[float]:
    """How far apart the middles of neighbours in a layer have to be."""
    distances = []
    for a, b in pairwise(nodes):
        both_nodes = a < skeleton.count and b < skeleton.count
        room = spacing.nodes if both_nodes else spacing.links
        distances.append((sizes[a] + sizes[b]) / 2 + room)
    return distances


def _level(
    nodes: Sequence[int],
    distances: Sequence[float],
    near: Sequence[Sequence[int]],
    skeleton: _Skeleton,
    middle: list[float],
    held: Collection[int] = (),
) -> None:
    """Move each node of a layer towards the mean of its neighbours.

    Those that are `held` stay, as far as they leave room for each other.
    """
    wanted, weights = [], []
    for node in nodes:
        pulls = {x: skeleton.pull(node, x) for x in near[node]}
        total = sum(pulls.values())
        mean = sum(pull * middle[x] for x, pull in pulls.items())
        stays = node in held or not total
        wanted.append(middle[node] if stays else mean / total)
        weights.append(_HELD if node in held else total or _LONE_LEAF)
    places = spread(wanted, weights, distances)
    for node, place in zip(nodes, places, strict=True):
        middle[node] = place
