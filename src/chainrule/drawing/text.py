"""The picture as text: for a terminal, a log, an answer in a forum."""

import math
import shutil
from collections.abc import Sequence
from typing import Final

import numpy as np

from chainrule.drawing.listing import to_listing
from chainrule.drawing.numerals import numeral, shape_text
from chainrule.drawing.picture import Edge, Node, Picture
from chainrule.drawing.sheet import Wire, draw_boxes
from chainrule.drawing.summary import Cells, Summary, downsample

# A heat map has no more rows than this; its shades go from the smallest to the largest.
_MOST_ROWS: Final = 4
_SHADES: Final = "·░▒▓█"

# A longer derivative is abbreviated on its edge.
_LONGEST_LABEL: Final = 12


def to_text(picture: Picture, width: int | None = None) -> str:
    """The picture in `width` columns of text; by default, those of the terminal.

    Boxes with edges between them if they fit, otherwise a table with a line for each
    node.
    """
    columns = shutil.get_terminal_size().columns if width is None else width
    wires = [Wire(edge.source, edge.target, _label(edge)) for edge in picture.edges]
    late = [i for i, node in enumerate(picture.nodes) if node.kind == "constant"]
    for compact in (False, True):
        boxes = [_lines(node, picture, compact=compact) for node in picture.nodes]
        drawn = draw_boxes(boxes, wires, columns, late)
        if drawn is not None:
            legend = _legend(picture, wires, columns, compact=compact)
            return "\n".join([drawn, "", *legend]).rstrip()
    return to_listing(picture, columns)


def _label(edge: Edge) -> str:
    if edge.derivative is None or 0 in edge.derivative.shape:
        return ""
    return f" {edge.derivative.short(_LONGEST_LABEL)} "


def _lines(node: Node, picture: Picture, *, compact: bool) -> list[str]:
    """What stands in the box of a node."""
    shape = shape_text(node.shape)
    lines = [f"{node.sign} {shape}".strip()] if node.sign else []
    if node.is_number:
        lines.append(node.label)
    else:
        lines += _entry(node.subject, node.value)
        if shape and not node.sign:
            lines.insert(1, shape)
    if node.size > 1:
        lines.append(f"{node.size:,} values")
    if node.gradient is not None:
        subject = "grad" if compact else picture.gradient_label(node)
        lines += _entry(subject, node.gradient)
    return lines


def _entry(subject: str, summary: Summary | None) -> list[str]:
    if summary is None:
        return [subject] if subject else []
    if summary.is_single:
        return [f"{subject} = {numeral(summary.numbers[0][0])}".strip()]
    alarm = [f"! {summary.alarm}"] * bool(summary.alarm)
    return [*([subject] if subject else []), *_block(summary), *alarm]


def _block(summary: Summary) -> list[str]:
    if summary.numbers:
        widths = [max(map(len, column)) for column in zip(*summary.rows, strict=True)]
        return [
            "  ".join(
                cell.rjust(width) for cell, width in zip(row, widths, strict=True)
            )
            for row in summary.rows
        ]
    if summary.uniform is not None or not summary.cells:
        return [summary.span]
    return [*_shades(summary.cells), summary.span]


def _shades(cells: Cells) -> list[str]:
    """A heat map: the darker, the larger; `!` where something is not finite."""
    grid = np.array(downsample(np.array(cells), _MOST_ROWS, len(cells[0])))
    finite = grid[np.isfinite(grid)]
    low = finite.min() if finite.size else 0.0
    span = (finite.max() - low if finite.size else 0.0) or 1.0
    return [
        "".join(
            _SHADES[min(int((x - low) / span * len(_SHADES)), len(_SHADES) - 1)]
            if math.isfinite(x)
            else "!"
            for x in row
        )
        for row in grid.tolist()
    ]


def _legend(
    picture: Picture, wires: Sequence[Wire], width: int, *, compact: bool
) -> list[str]:
    items = []
    if any(edge.derivative for edge in picture.edges):
        items.append("On an edge: the local derivative, d(output)/d(input).")
    if compact and picture.has_gradients:
        items.append(f"grad: d{picture.loss}/d(node).")
    if any(wire.label.startswith(" J ") for wire in wires):
        items.append("J: Jacobian, outputs × inputs.")
    if picture.left_out:
        items.append(f"{picture.left_out:,} values share boxes.")
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(item) < width:
            lines[-1] += f" {item}"
        else:
            lines.append(item)
    return lines
