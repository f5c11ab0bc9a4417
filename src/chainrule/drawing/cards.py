"""What stands in the boxes and on the edges of an SVG drawing."""

from typing import Final

from chainrule.drawing.numerals import numeral, shape_text
from chainrule.drawing.picture import Derivative, Node, Picture
from chainrule.drawing.pieces import (
    Piece,
    add,
    element,
    heat_map,
    matrix,
    move,
    stack,
    words,
)
from chainrule.drawing.summary import Summary

_PADDING: Final = 10.0

# Edges that arrive at one box are at least this far apart.
_EDGES_APART: Final = 12.0

# The largest side of a heat map on an edge.
_EDGE_MAP: Final = 40.0

# More numbers than this on an edge become a heat map.
_MOST_ON_EDGE: Final = 4


def card_of(node: Node, picture: Picture, arriving: int) -> Piece:
    """What stands in the box of a node, with room around it.

    It is tall enough for so many `arriving` edges.
    """
    shape = [(shape_text(node.shape), "cr-small cr-muted")] if node.shape else []
    rows = [words((node.sign, "cr-sign"), *shape)] if node.sign else []
    if node.is_number:
        rows.append(words((node.label, "cr-title")))
    else:
        rows += _entry(node.subject, "cr-title", node.value, "cr-value")
        if shape and not node.sign:
            rows.insert(1, words(*shape))
    if node.size > 1:
        rows.append(words((f"{node.size:,} values in one box", "cr-small cr-muted")))
    if node.gradient is not None:
        name = picture.gradient_label(node)
        rows += _entry(name, "cr-gradient", node.gradient, "cr-gradient")
    content = stack(rows, 3)
    height = max(content.height + 1.4 * _PADDING, (arriving + 1) * _EDGES_APART)
    top = (height - content.height) / 2
    card = add(element("g"), move(content, _PADDING, top))
    return Piece(card, content.width + 2 * _PADDING, height)


def _entry(
    subject: str, subject_class: str, summary: Summary | None, class_: str
) -> list[Piece]:
    """`x = 3`, or `x` above an array."""
    name = [(subject, subject_class)] if subject else []
    if summary is None:
        return [words(*name)] if name else []
    if summary.is_single:
        colour = "cr-alarm" if summary.alarm else class_
        number = (numeral(summary.numbers[0][0]), f"cr-number {colour} cr-strong")
        return [words(*name, ("=", "cr-muted"), number)]
    return [*([words(*name)] if name else []), _block(summary, class_)]


def _block(summary: Summary, class_: str) -> Piece:
    """An array: its numbers, or a heat map above its statistics."""
    alarm = [words((f"! {summary.alarm}", "cr-alarm cr-strong"))] * bool(summary.alarm)
    if summary.numbers:
        return stack([matrix(summary.rows, f"cr-number {class_} cr-strong"), *alarm])
    line = words((summary.span, f"cr-small {class_}"))
    flat = summary.uniform is not None or not summary.cells
    return stack([line, *alarm] if flat else [heat_map(summary.cells), line, *alarm], 3)


def label_of(derivative: Derivative | None) -> Piece | None:
    """What stands on an edge."""
    if derivative is None or 0 in derivative.shape:
        return None
    summary = derivative.summary
    alarm = " cr-alarm cr-strong" if summary is not None and summary.alarm else ""
    if summary is None or summary.uniform is not None or summary.is_single:
        return words((str(derivative), f"cr-number{alarm}"))
    if summary.numbers and sum(map(len, summary.numbers)) <= _MOST_ON_EDGE:
        return matrix(summary.rows, f"cr-small cr-number{alarm}")
    cells = heat_map(summary.cells, _EDGE_MAP)
    if derivative.form == "each":
        return cells
    name = words((derivative.size, "cr-small cr-muted"))
    return stack([cells, name], 1)
