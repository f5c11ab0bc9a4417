"""The picture as SVG: for a notebook, a page, a slide."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from chainrule.drawing.cards import card_of, label_of
from chainrule.drawing.layout import Layout, Spacing, layout
from chainrule.drawing.picture import Derivative, Edge, Node, Picture
from chainrule.drawing.pieces import (
    Piece,
    add,
    element,
    move,
    title,
    words,
)
from chainrule.drawing.placement import spread_within
from chainrule.drawing.style import stylesheet

_ROOT: Final = "cr-graph"
_MARGIN: Final = 16.0
_PADDING: Final = 10.0
_SPACING: Final = Spacing(nodes=22.0, links=14.0)
_NARROWEST_GAP: Final = 48.0
_WIDEST_GAP: Final = 150.0
_ARROW: Final = 8.0
_PORTS_APART: Final = 22.0

# What stands between two entries of the legend.
_SEPARATOR: Final = (("·", "cr-muted"),)

# Where along its edge a label may stand: the first place that is free is taken.
_LABEL_PLACES: Final = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8)


class _Box(NamedTuple):
    """Where a node stands."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def middle(self) -> float:
        return self.top + self.height / 2


def to_svg(picture: Picture) -> str:
    """The picture as a self-contained SVG element, in light and in dark.

    Values are blue, gradients orange, and the local derivative stands in the middle of
    each edge. Details appear where the mouse rests. It needs no script and no font, and
    its style touches nothing else on the page.
    """
    arriving = Counter(edge.target for edge in picture.edges)
    cards = [
        card_of(node, picture, arriving[i]) for i, node in enumerate(picture.nodes)
    ]
    plan = layout(
        [card.height for card in cards],
        [(edge.source, edge.target) for edge in picture.edges],
        _SPACING,
        [i for i, node in enumerate(picture.nodes) if node.kind == "constant"],
    )
    drawing = _Drawing(picture, cards, plan)
    return ET.tostring(drawing.draw(), encoding="unicode", short_empty_elements=True)


def to_html(picture: Picture) -> str:
    """The SVG of the picture in a frame that scrolls where the page is too narrow."""
    return f'<div style="overflow-x:auto">{to_svg(picture)}</div>'


class _Drawing:
    """Everything in its place."""

    def __init__(self, picture: Picture, cards: Sequence[Piece], plan: Layout) -> None:
        self.picture = picture
        self.cards = cards
        self.plan = plan
        self.labels = [label_of(edge.derivative) for edge in picture.edges]
        self.into: list[list[Edge]] = [[] for _ in cards]
        for edge in picture.edges:
            self.into[edge.target].append(edge)
        self.columns = self._columns()
        self.boxes = [self._box(i) for i in range(len(cards))]
        self.ports = self._ports()

    def draw(self) -> ET.Element:
        """The whole drawing."""
        legend = _legend(self.picture, max(self._right(), 380.0))
        wires = (row for through in self.plan.through for row in through)
        bottoms = (box.top + box.height for box in self.boxes)
        graph_height = max((*bottoms, *wires), default=0.0)
        width = max(self._right(), legend.width) + 2 * _MARGIN
        height = graph_height + legend.height + 3 * _MARGIN
        root = element(
            "svg",
            xmlns="http://www.w3.org/2000/svg",
            class_=_ROOT,
            role="img",
            aria_label=f"Computational graph of {len(self.cards)} nodes",
            width=width,
            height=height,
            viewBox=f"0 0 {width:.0f} {height:.0f}",
        )
        style = element("style")
        style.text = stylesheet(_ROOT)
        paper = element("rect", class_="cr-paper", width="100%", height="100%", rx=8)
        graph = element("g")
        labels = self._draw_wires(graph)
        for i, node in enumerate(self.picture.nodes):
            add(graph, self._draw_node(i, node))
        add(graph, *labels)
        add(root, style, paper, move(Piece(graph, 0, 0), _MARGIN, _MARGIN))
        return add(root, move(legend, _MARGIN, graph_height + 2 * _MARGIN))

    def _right(self) -> float:
        return self.columns[-1][1] if self.columns else 0.0

    def _columns(self) -> list[tuple[float, float]]:
        """Left and right of each layer: gaps have room for labels and for slopes."""
        layers = max(self.plan.layer, default=-1) + 1
        widths, gaps = [0.0] * layers, [_NARROWEST_GAP] * layers
        for card, layer in zip(self.cards, self.plan.layer, strict=True):
            widths[layer] = max(widths[layer], card.width)
        for edge, label, through in zip(
            self.picture.edges, self.labels, self.plan.through, strict=True
        ):
            last = self.plan.layer[edge.target]
            if label is not None:
                twins = self._twins(edge)
                # Tall labels of twins stand next to each other.
                beside = len(twins) if label.height > _PORTS_APART else 1
                room = (label.width + 10) * beside + 2 * 12 + _ARROW
                gaps[last] = max(gaps[last], room)
            start = self.plan.layer[edge.source] + 1
            heights = (
                self.plan.middle[edge.source],
                *through,
                self.plan.middle[edge.target],
            )
            for i, (a, b) in enumerate(pairwise(heights)):
                steep = min(abs(a - b) * 0.25, _WIDEST_GAP)
                gaps[start + i] = max(gaps[start + i], steep)
        columns: list[tuple[float, float]] = []
        right = 0.0
        for i, (width, gap) in enumerate(zip(widths, gaps, strict=True)):
            left = right + (gap if i else 0.0)
            right = left + width
            columns.append((left, right))
        return columns

    def _box(self, i: int) -> _Box:
        card = self.cards[i]
        left, right = self.columns[self.plan.layer[i]]
        top = self.plan.middle[i] - card.height / 2
        return _Box((left + right - card.width) / 2, top, card.width, card.height)

    def _ports(self) -> list[float]:
        """How far down each edge meets its target."""
        ports = [0.0] * len(self.picture.edges)
        into: list[list[int]] = [[] for _ in self.boxes]
        for j, edge in enumerate(self.picture.edges):
            into[edge.target].append(j)
        for box, edges in zip(self.boxes, into, strict=True):
            arrivals = sorted((self._arrival(j), j) for j in edges)
            wanted = [
                arrival if len(edges) == 1 else (arrival + 2 * box.middle) / 3
                for arrival, _ in arrivals
            ]
            low, high = box.top + _PADDING, box.top + box.height - _PADDING
            places = spread_within(wanted, _PORTS_APART, low, high)
            for (_, j), place in zip(arrivals, places, strict=True):
                ports[j] = place
        return ports

    def _arrival(self, j: int) -> float:
        """How far down edge `j` is before it comes to its target."""
        through = self.plan.through[j]
        return through[-1] if through else self._departure(j)

    def _departure(self, j: int) -> float:
        """How far down edge `j` leaves: twice the same input makes two wires."""
        edge = self.picture.edges[j]
        box = self.boxes[edge.source]
        twins = self._twins(edge)
        if self.plan.through[j] or len(twins) == 1:
            return box.middle
        order = twins.index(edge.position)
        return box.middle + (order - (len(twins) - 1) / 2) * _PORTS_APART

    def _twins(self, edge: Edge) -> list[int]:
        """The inputs of the target that come from the same source."""
        siblings = self.into[edge.target]
        return [other.position for other in siblings if other.source == edge.source]

    def _draw_node(self, i: int, node: Node) -> ET.Element:
        box = self.boxes[i]
        card = self.cards[i]
        group = element("g", class_=f"cr-{node.kind}")
        frame = element(
            "rect",
            class_="cr-box",
            x=box.left,
            y=box.top,
            width=box.width,
            height=box.height,
            rx=7,
        )
        return add(group, title(_details(node)), frame, move(card, box.left, box.top))

    def _draw_wires(self, parent: ET.Element) -> list[ET.Element]:
        """The edges go below the nodes, their labels above: those are returned."""
        labels: list[ET.Element] = []
        taken: list[_Box] = []
        for j, edge in enumerate(self.picture.edges):
            group = element("g")
            path = element("path", class_="cr-wire", d=self._path(j))
            if not edge.flows:
                path.set("class", "cr-wire cr-still")
            x, y = self.boxes[edge.target].left, self.ports[j]
            arrow = element(
                "path",
                class_="cr-arrow",
                d=f"M{x:.1f} {y:.1f}l{-_ARROW} -4v8z",
            )
            hover = title(self._edge_details(edge))
            add(parent, add(group, hover, path, arrow))
            label = self.labels[j]
            if label is not None:
                box = self._label_box(j, label, taken)
                taken.append(box)
                labels.append(_draw_label(label, box, self._edge_details(edge)))
        return labels

    def _path(self, j: int) -> str:
        edge = self.picture.edges[j]
        source, target = self.boxes[edge.source], self.boxes[edge.target]
        layer = self.plan.layer[edge.source]
        x, y = self.columns[layer][1], self._departure(j)
        d = f"M{source.right:.1f} {y:.1f}H{x:.1f}"
        for i, height in enumerate(self.plan.through[j], layer + 1):
            left, right = self.columns[i]
            d += f"{_curve(x, y, left, height)}H{right:.1f}"
            x, y = right, height
        left, _ = self.columns[self.plan.layer[edge.target]]
        return d + _curve(x, y, left, self.ports[j]) + f"H{target.left - _ARROW:.1f}"

    def _label_box(self, j: int, label: Piece, taken: Sequence[_Box]) -> _Box:
        """In the middle of the edge's last stretch, or near it if that is taken."""
        edge = self.picture.edges[j]
        layer = self.plan.layer[edge.target]
        x0, x1 = self.columns[layer - 1][1], self.columns[layer][0]
        y0, y1 = self._arrival(j), self.ports[j]
        places = list(_LABEL_PLACES)
        twins = self._twins(edge)
        if label.height > _PORTS_APART:
            places.insert(0, (twins.index(edge.position) + 0.5) / len(twins))
        boxes = []
        for place in places:
            room = label.width / 2 + 7
            x = min(max(x0 + (x1 - x0) * place, x0 + room), x1 - room - _ARROW)
            y = y0 + (y1 - y0) * _drop((x - x0) / (x1 - x0))
            left, top = x - label.width / 2, y - label.height / 2
            boxes.append(_Box(left, top, label.width, label.height))
        free = (b for b in boxes if not any(_overlap(b, other) for other in taken))
        return next(free, boxes[0])

    def _edge_details(self, edge: Edge) -> str:
        source, target = (
            self.picture.nodes[edge.source],
            self.picture.nodes[edge.target],
        )
        head = f"{source.title} → {target.title}"
        if edge.derivative is not None:
            ratio = f"∂({target.title})/∂({source.title})"
            return f"{head}\n{ratio}: {edge.derivative.describe()}"
        return head if edge.flows else f"{head}\nno gradient flows back here"


def _curve(x0: float, y0: float, x1: float, y1: float) -> str:
    if abs(y0 - y1) < 0.5:
        return f"L{x1:.1f} {y1:.1f}"
    middle = (x0 + x1) / 2
    return f"C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"


def _drop(part: float) -> float:
    """How much of its way down `_curve` has gone after that part of its width."""
    low, high = 0.0, 1.0
    for _ in range(20):
        t = (low + high) / 2
        if 1.5 * t * (1 - t) + t**3 < part:
            low = t
        else:
            high = t
    return low * low * (3 - 2 * low)


def _overlap(a: _Box, b: _Box) -> bool:
    apart = a.right < b.left or b.right < a.left
    return not apart and abs(a.middle - b.middle) < (a.height + b.height) / 2


def _draw_label(label: Piece, box: _Box, hover: str) -> ET.Element:
    pill = element(
        "rect",
        class_="cr-pill",
        x=box.left - 4,
        y=box.top - 1,
        width=box.width + 8,
        height=box.height + 2,
        rx=5,
    )
    return add(element("g"), title(hover), pill, move(label, box.left, box.top))


def _details(node: Node) -> str:
    """What is said of a node while the mouse rests on it."""
    called = node.name or node.title
    lines = [
        f"{called}: {node.code}" if node.code else called,
        f"type: {node.type}" if node.type else "",
        f"value: {node.value.describe()}" if node.value else "",
        f"gradient: {node.gradient.describe()}" if node.gradient else "",
        f"made at {node.location}" if node.location else "",
    ]
    return "\n".join(line for line in lines if line)


def _legend(picture: Picture, width: float) -> Piece:
    """What the colours and the numbers on edges mean."""
    lines: list[list[tuple[str, str]]] = [[]]
    for item in _legend_items(picture):
        longer = [*lines[-1], *_SEPARATOR, *item] if lines[-1] else item
        if lines[-1] and words(*longer).width > width:
            lines.append(item)
        else:
            lines[-1] = longer
    rows = [words(*line, anchor="start") for line in lines]
    group = element("g")
    for i, row in enumerate(rows):
        add(group, move(row, 0, i * 18))
    return Piece(group, max(row.width for row in rows), 18.0 * len(rows))


def _is_matrix(derivative: Derivative | None) -> bool:
    if derivative is None or derivative.form == "each":
        return False
    return derivative.summary is None or derivative.summary.uniform is None


def _legend_items(picture: Picture) -> Iterator[list[tuple[str, str]]]:
    yield [("value", "cr-value cr-strong")]
    if picture.has_gradients:
        yield [(f"gradient d{picture.loss}/d(node)", "cr-gradient cr-strong")]
    if any(edge.derivative for edge in picture.edges):
        yield [("on an edge: local derivative d(output)/d(input)", "cr-muted")]
    if not all(edge.flows for edge in picture.edges):
        yield [("dashed: no gradient", "cr-muted")]
    if any(_is_matrix(edge.derivative) for edge in picture.edges):
        yield [("J: Jacobian, a row for each output", "cr-muted")]
    summaries = (s for node in picture.nodes for s in (node.value, node.gradient))
    if any(s and not s.numbers and s.uniform is None for s in summaries):
        yield [
            ("■", "cr-negative"),
            ("negative", "cr-muted"),
            ("■", "cr-positive"),
            ("positive; min … mean … max", "cr-muted"),
        ]
    if picture.left_out:
        yield [(f"{picture.left_out:,} values share boxes", "cr-muted")]
