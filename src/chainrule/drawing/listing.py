"""The picture as a table, a line for each node: for graphs too wide for a terminal."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

from chainrule.drawing.numerals import columns_of, shape_text
from chainrule.drawing.picture import Edge, Node, Picture

_INDENT = " " * 6

# Arrays and derivatives may take this much of a line, or less if it gets too long.
_WIDTHS = (60, 40, 24)


class _Row(NamedTuple):
    """One node: what it is and what is known of it."""

    name: str
    made: str
    shape: str
    value: str
    gradient: str
    derivatives: str

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands in columns."""
        return (self.name, self.made, self.shape, self.value, self.gradient)


def to_listing(picture: Picture, width: int) -> str:
    """A table of all nodes but single constants, each after its inputs.

    Nodes without a name are called v1, v2, ... Arrays are cut short as far as it takes
    to have a line for each node; if that cannot be, local derivatives stand below.
    """
    tables = [[_head(picture), *_rows(picture, most)] for most in _WIDTHS]
    best: list[str] = []
    for table in tables:
        lines = _align([row.cells for row in table])
        whole = _align([(*row.cells, row.derivatives) for row in table])
        if _width(whole) <= width:
            best = whole
            break
        if not best or _width(best) > width:
            best = list(_below(table, lines, width))
    return "\n".join([*best, *_notes("\n".join(best))]).rstrip()


def _head(picture: Picture) -> _Row:
    return _Row(
        name="node",
        made="made by",
        shape="shape",
        value="value",
        gradient=f"d{picture.loss}/d(node)",
        derivatives="d(node)/d(input)",
    )


def _width(lines: Sequence[str]) -> int:
    return max(map(columns_of, lines))


def _below(table: Sequence[_Row], lines: Sequence[str], width: int) -> Iterator[str]:
    """The lines, with the derivatives of each below it."""
    for row, line in zip(table, lines, strict=True):
        yield line
        if any(row.derivatives for row in table[1:]):
            yield from textwrap.wrap(
                row.derivatives,
                max(width, 40),
                initial_indent=_INDENT,
                subsequent_indent=_INDENT,
                break_long_words=False,
            )


def _notes(text: str) -> Iterator[str]:
    """What signs in the table mean."""
    yield ""
    if " … " in text:
        yield "a … b … c: the smallest, the mean, the largest; a … c without the mean."
    if " J " in text:
        yield "J: the Jacobian, outputs × inputs."


def _align(table: Sequence[Sequence[str]]) -> list[str]:
    """The cells in columns; columns without content are left out."""
    columns = [column for column in zip(*table, strict=True) if any(column[1:])]
    widths = [max(map(columns_of, column)) for column in columns]
    return [
        "  ".join(
            cell + " " * (width - columns_of(cell))
            for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in zip(*columns, strict=True)
    ]


def _rows(picture: Picture, most: int) -> Iterator[_Row]:
    names = _names(picture)
    into: list[list[Edge]] = [[] for _ in picture.nodes]
    for edge in picture.edges:
        into[edge.target].append(edge)
    for node, name, edges in zip(picture.nodes, names, into, strict=True):
        if node.is_number:
            continue
        derivatives = [
            f"{names[e.source]}: {e.derivative.short(most // 2)}"
            for e in edges
            if e.derivative is not None
        ]
        yield _Row(
            name,
            _made(node, [names[edge.source] for edge in edges]),
            shape_text(node.shape),
            node.value.short(most) if node.value is not None else "",
            node.gradient.short(most) if node.gradient is not None else "",
            ", ".join(derivatives),
        )


def _names(picture: Picture) -> list[str]:
    """What each node is called: by a number, by its name if it is alone with it."""
    taken = Counter(node.name for node in picture.nodes)
    fresh = (name for i in count(1) if (name := f"v{i}") not in taken)
    return [
        node.label
        if node.is_number or node.kind == "group"
        else node.title
        if node.name and taken[node.name] == 1
        else next(fresh)
        for node in picture.nodes
    ]


def _made(node: Node, inputs: Sequence[str]) -> str:
    """`x + y`, `relu(x)`, or what a leaf is."""
    if node.kind == "group":
        return f"{node.size:,} values of {', '.join(inputs)}"
    if node.kind != "operation":
        return node.kind
    if len(inputs) == 2 and not node.label.isidentifier():
        return f"{inputs[0]} {node.label} {inputs[1]}"
    if len(inputs) == 1 and not node.label.isidentifier():
        return f"{node.label}{inputs[0]}"
    return f"{node.label}({', '.join(inputs)})"
