"""Boxes and lines of text: a graph drawn with characters."""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from chainrule.drawing.canvas import Canvas
from chainrule.drawing.layout import Spacing, layout
from chainrule.drawing.numerals import columns_of
from chainrule.drawing.placement import spread_within
from chainrule.drawing.wiring import Net, assign_tracks

_SPACING: Final = Spacing(nodes=1, links=0, point=1)


class Wire(NamedTuple):
    """An arrow from one box to another, and what stands on it."""

    source: int
    target: int
    label: str


def draw_boxes(
    boxes: Sequence[Sequence[str]],
    wires: Sequence[Wire],
    width: int,
    late: Collection[int] = (),
) -> str | None:
    """Boxes with those lines in them, in at most `width` columns.

    Boxes are numbered after those that they stand on; `late` are drawn right before
    their readers. `None` if the drawing is wider than that, or if lines would have to
    cover each other.
    """
    sheet = _Sheet(boxes, wires)
    if max(sheet.widths, default=0) > width:
        return None
    sheet.arrange(late)
    gaps = sheet.nets()
    tracks = [assign_tracks(nets) for nets in gaps]
    columns = sheet.columns(
        [len(set((assigned or {}).values())) for assigned in tracks]
    )
    if columns and columns[-1][1] > width:
        return None
    for layer, (nets, assigned) in enumerate(zip(gaps, tracks, strict=True)):
        if assigned is None:
            return None
        for net in nets:
            sheet.draw_net(net, layer, assigned.get(net))
    sheet.draw_wires()
    sheet.draw_boxes()
    return str(sheet.canvas)


class _Sheet:
    """Where boxes and wires are, in rows and columns of characters."""

    def __init__(self, boxes: Sequence[Sequence[str]], wires: Sequence[Wire]) -> None:
        self.wires = wires
        self.into: defaultdict[int, list[int]] = defaultdict(list)
        for j, wire in enumerate(wires):
            self.into[wire.target].append(j)
        # A box has a line for each wire that arrives.
        self.boxes = [
            [*lines, *[""] * (len(self.into[i]) - len(lines))]
            for i, lines in enumerate(boxes)
        ]
        self.widths = [max(map(columns_of, lines)) + 4 for lines in self.boxes]
        self.canvas = Canvas()

    def arrange(self, late: Collection[int]) -> None:
        """Give every box its layer and its rows, and every wire the rows it passes."""
        heights = [len(lines) + 2 for lines in self.boxes]
        ends = [(wire.source, wire.target) for wire in self.wires]
        plan = layout(heights, ends, _SPACING, late)
        self.layer = plan.layer
        self.tops = [
            math.floor(middle - height / 2 + 0.5)
            for middle, height in zip(plan.middle, heights, strict=True)
        ]
        # The row in which the value of each box leaves it.
        self.exits = [
            top + height // 2 for top, height in zip(self.tops, heights, strict=True)
        ]
        through = [[math.floor(row) for row in rows] for rows in plan.through]
        # The rows of each wire: where it starts, passes a layer, and (later) ends.
        self.rows = [
            [self.exits[wire.source], *rows]
            for wire, rows in zip(self.wires, through, strict=True)
        ]
        for i, arriving in self.into.items():
            self._let_in(i, sorted(arriving, key=lambda j: (self.rows[j][-1], j)))

    def _let_in(self, i: int, arriving: Sequence[int]) -> None:
        """Choose the row in which each wire meets box `i`: straight on, if possible."""
        first = self.tops[i] + 1
        wanted = [self.rows[j][-1] for j in arriving]
        places = spread_within(wanted, 1, first, first + len(self.boxes[i]) - 1)
        for j, row in zip(arriving, places, strict=True):
            self.rows[j].append(math.floor(row + 0.5))

    def nets(self) -> list[list[Net]]:
        """The nets in the gap before each layer: where each starts, where it goes."""
        gaps: list[dict[tuple[int, int], set[int]]] = [
            {} for _ in range(max(self.layer, default=-1) + 1)
        ]
        for wire, rows in zip(self.wires, self.rows, strict=True):
            for gap, (start, end) in enumerate(
                pairwise(rows), self.layer[wire.source] + 1
            ):
                gaps[gap].setdefault((wire.source, start), set()).add(end)
        return [
            [Net(source, row, tuple(sorted(ends))) for (source, row), ends in g.items()]
            for g in gaps
        ]

    def columns(self, tracks: Sequence[int]) -> list[tuple[int, int]]:
        """Where each layer begins and ends, if so many wires turn in front of each."""
        widths = [0] * len(tracks)
        labels = [0] * len(tracks)
        for layer, width in zip(self.layer, self.widths, strict=True):
            widths[layer] = max(widths[layer], width)
        for wire in self.wires:
            layer = self.layer[wire.target]
            labels[layer] = max(labels[layer], columns_of(wire.label))
        edges: list[tuple[int, int]] = []
        right = 0
        for i, width in enumerate(widths):
            left = right + (2 * tracks[i] + labels[i] + 3 if i else 0)
            right = left + width
            edges.append((left, right))
        self.edges = edges
        return edges

    def draw_net(self, net: Net, layer: int, track: int | None) -> None:
        """Lead a net through the gap before a layer, turning in its track."""
        start, end = self.edges[layer - 1][1], self.edges[layer][0]
        if track is None:
            self.canvas.across(net.source, net.start, start - 1, end)
            return
        column = start + 1 + 2 * track
        self.canvas.across(net.source, net.start, start - 1, column)
        self.canvas.down(net.source, column, net.low, net.start)
        self.canvas.down(net.source, column, net.start, net.high)
        for row in net.ends:
            self.canvas.across(net.source, row, column, end)

    def draw_wires(self) -> None:
        """Lead the wires through the layers and up to their boxes."""
        for wire, rows in zip(self.wires, self.rows, strict=True):
            for layer, row in enumerate(rows[1:-1], self.layer[wire.source] + 1):
                self.canvas.across(wire.source, row, *self.edges[layer])
            begin = self.edges[self.layer[wire.target]][0]
            left = self._left(wire.target)
            self.canvas.across(wire.source, rows[-1], begin, left)
            label_start = begin - 2 - columns_of(wire.label)
            self.canvas.write(rows[-1], label_start, wire.label)
            self.canvas.write(rows[-1], left - 1, "▶")

    def draw_boxes(self) -> None:
        """Draw the boxes; those that are read open to the right."""
        read = {wire.source for wire in self.wires}
        for i, lines in enumerate(self.boxes):
            left, width = self._left(i), self.widths[i]
            self.canvas.box(self.tops[i], left, width, lines)
            if i in read:
                end = self.edges[self.layer[i]][1]
                self.canvas.write(self.exits[i], left + width - 1, "├")
                self.canvas.across(i, self.exits[i], left + width - 1, end)

    def _left(self, i: int) -> int:
        left, right = self.edges[self.layer[i]]
        return left + (right - left - self.widths[i]) // 2
