"""Parts of an SVG drawing that know their size: words, numbers, heat maps."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from chainrule.drawing.numerals import columns_of
from chainrule.drawing.summary import Cells

# Characters that no XML document may hold, even escaped.
_FORBIDDEN: Final = dict.fromkeys(
    [*(set(range(32)) - {9, 10, 13}), *range(0x7F, 0xA0), *range(0xD800, 0xE000)],
    "\N{REPLACEMENT CHARACTER}",
) | dict.fromkeys((0xFFFE, 0xFFFF), "\N{REPLACEMENT CHARACTER}")

# The size of each class of text, in pixels; of others, the last.
_SIZES: Final = {"cr-title": 15.0, "cr-sign": 17.0, "cr-small": 11.0, "": 13.0}

# A character's width as a part of its size. The reader's font is not known, so these
# are those of wide fonts; text stands in the middle of the room made for it.
_MONO: Final = 0.61
_NARROW: Final = 0.36
_USUAL: Final = 0.6
_WIDE: Final = 0.82
_FULL: Final = 1.05

# The largest side of a heat map and of one of its cells.
_LARGEST_MAP: Final = 96.0
_LARGEST_CELL: Final = 12.0

# How many strengths of a colour there are.
_SHADES: Final = 12


class Piece(NamedTuple):
    """An SVG element and the room it takes; its origin is `anchor` to the right."""

    element: ET.Element
    width: float
    height: float
    anchor: float = 0.0


def element(name: str, **attributes: str | float) -> ET.Element:
    """An SVG element; `class_` and `stroke_width` are written as SVG has them."""
    written = {
        key.rstrip("_").replace("_", "-"): _write(value)
        for key, value in attributes.items()
    }
    return ET.Element(name, written)


def add(parent: ET.Element, *children: ET.Element) -> ET.Element:
    """`parent`, with the children in it."""
    parent.extend(children)
    return parent


def title(words: str) -> ET.Element:
    """What is shown while the mouse rests on the parent."""
    hover = element("title")
    hover.text = clean(words)
    return hover


def clean(words: str) -> str:
    """`words` without the characters that XML does not allow."""
    return words.translate(_FORBIDDEN)


def words(*parts: tuple[str, str], anchor: str = "middle") -> Piece:
    """A line of text: parts, each with its class, a space apart.

    A part's size is that of the first word of its class that sets one. How wide the
    text will be is a guess; its middle, or its start, is where it should be.
    """
    text = element("text", text_anchor=anchor)
    width = height = 0.0
    for i, (content, class_) in enumerate(parts, 1):
        span = ET.SubElement(text, "tspan", {"class": class_} if class_ else {})
        span.text = clean(content) + " " * (i < len(parts))
        width += _width(span.text, class_)
        height = max(height, _size(class_) * 1.32)
    text.set("y", _write(height * 0.76))
    return Piece(text, width, height, width / 2 if anchor == "middle" else 0.0)


def _size(class_: str) -> float:
    return next((_SIZES[c] for c in class_.split() if c in _SIZES), _SIZES[""])


def _width(content: str, class_: str) -> float:
    ems = _MONO * columns_of(content)
    if "cr-number" not in class_:
        ems = sum(map(_character_width, content))
    return ems * _size(class_)


def _character_width(character: str) -> float:
    if columns_of(character) != 1:
        return _FULL * columns_of(character) / 2
    if character in "mwMW@%…" or character.isupper():
        return _WIDE
    return _NARROW if character in " .,:;'|!·()[]/fijlrtI" else _USUAL


def matrix(rows: Sequence[Sequence[str]], class_: str) -> Piece:
    """Numbers in columns, lined up at their right ends."""
    widths = [max(map(columns_of, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return stack([words((line, class_)) for line in lines], 0)


def heat_map(cells: Cells, largest: float = _LARGEST_MAP) -> Piece:
    """A square for each cell: purple below 0, green above, the stronger the further.

    The strongest colour is the largest magnitude; what is not finite stands out in red.
    """
    side = min(_LARGEST_CELL, largest / max(len(cells), len(cells[0])))
    width, height = side * len(cells[0]), side * len(cells)
    finite = [abs(x) for row in cells for x in row if math.isfinite(x)]
    scale = max(finite, default=0.0) or 1.0
    # Cells of one colour are one path: a drawing may have thousands of cells.
    paths: defaultdict[tuple[str, int], str] = defaultdict(str)
    for i, row in enumerate(cells):
        for j, x in enumerate(row):
            square = f"M{_write(j * side)} {_write(i * side)}h{{0}}v{{0}}h-{{0}}z"
            paths[_colour(x / scale)] += square.format(_write(side))
    group = element("g")
    add(group, element("rect", class_="cr-frame", width=width, height=height))
    for (class_, shade), d in sorted(paths.items()):
        if shade:
            opacity = shade / _SHADES
            add(group, element("path", class_=class_, fill_opacity=opacity, d=d))
    return Piece(group, width, height)


def _colour(x: float) -> tuple[str, int]:
    """The class of a cell, and how strong its colour is."""
    if not math.isfinite(x):
        return "cr-alarm", _SHADES
    return "cr-positive" if x > 0 else "cr-negative", round(abs(x) * _SHADES)


def stack(pieces: Sequence[Piece], gap: float = 2.0) -> Piece:
    """The pieces below each other, each in the middle."""
    width = max(piece.width for piece in pieces)
    group = element("g")
    y = -gap
    for piece in pieces:
        y += gap
        add(group, move(piece, (width - piece.width) / 2, y))
        y += piece.height
    return Piece(group, width, y)


def move(piece: Piece, x: float, y: float) -> ET.Element:
    """The piece with its top left corner at `x`, `y`."""
    if piece.element.tag == "g":
        piece.element.set("transform", f"translate({_write(x)} {_write(y)})")
        return piece.element
    baseline = float(piece.element.get("y", "0"))
    piece.element.set("x", _write(x + piece.anchor))
    piece.element.set("y", _write(y + baseline))
    return piece.element


def _write(value: str | float) -> str:
    if isinstance(value, str):
        return clean(value)
    return f"{value:.2f}".rstrip("0").rstrip(".")
