"""A sheet of characters: boxes, and lines that join, turn and cross."""

from collections.abc import Sequence
from typing import Final

from chainrule.drawing.numerals import columns_of

# Which ways a line leaves a cell, as bits, and the character that looks so.
LEFT, RIGHT, UP, DOWN = 1, 2, 4, 8
_LINES: Final = {
    LEFT: "─",
    RIGHT: "─",
    LEFT | RIGHT: "─",
    UP: "│",
    DOWN: "│",
    UP | DOWN: "│",
    RIGHT | DOWN: "╭",
    LEFT | DOWN: "╮",
    RIGHT | UP: "╰",
    LEFT | UP: "╯",
    UP | DOWN | RIGHT: "├",
    UP | DOWN | LEFT: "┤",
    LEFT | RIGHT | DOWN: "┬",
    LEFT | RIGHT | UP: "┴",
    LEFT | RIGHT | UP | DOWN: "┼",
}


class Canvas:
    """Characters by row and column, and lines of several nets between them.

    Lines of one net join where they meet. Those of two nets pass each other: the one
    that goes down is drawn, the other goes on behind it.
    """

    def __init__(self) -> None:
        self.characters: dict[tuple[int, int], str] = {}
        self.lines: dict[tuple[int, int], dict[int, int]] = {}

    def write(self, row: int, column: int, text: str) -> None:
        """Put `text` there, over everything else; wide characters take two columns."""
        for character in text:
            width = columns_of(character)
            if width == 0:
                # An accent belongs to the character before it.
                self.characters[row, column - 1] += character
                continue
            self.characters[row, column] = character
            if width == 2:
                self.characters[row, column + 1] = ""
            column += width

    def box(self, row: int, column: int, width: int, lines: Sequence[str]) -> None:
        """A frame of that outer width around the lines, each in the middle."""
        self.write(row, column, f"╭{'─' * (width - 2)}╮")
        for i, line in enumerate(lines, 1):
            free = width - 2 - columns_of(line)
            left = free // 2
            self.write(row + i, column, f"│{' ' * left}{line}{' ' * (free - left)}│")
        self.write(row + len(lines) + 1, column, f"╰{'─' * (width - 2)}╯")

    def across(self, net: int, row: int, start: int, end: int) -> None:
        """A line of `net` from column `start` to column `end`."""
        for column in range(start, end):
            self._join(row, column, net, RIGHT)
            self._join(row, column + 1, net, LEFT)

    def down(self, net: int, column: int, start: int, end: int) -> None:
        """A line of `net` between rows `start` and `end`."""
        for row in range(min(start, end), max(start, end)):
            self._join(row, column, net, DOWN)
            self._join(row + 1, column, net, UP)

    def _join(self, row: int, column: int, net: int, way: int) -> None:
        nets = self.lines.setdefault((row, column), {})
        nets[net] = nets.get(net, 0) | way

    def __str__(self) -> str:
        drawn = {
            # Of two nets that cross, the one that goes down has the larger bits.
            place: _LINES[max(nets.values())]
            for place, nets in self.lines.items()
        }
        drawn |= self.characters
        if not drawn:
            return ""
        height = max(row for row, _ in drawn) + 1
        width = max(column for _, column in drawn) + 1
        return "\n".join(
            "".join(drawn.get((row, column), " ") for column in range(width)).rstrip()
            for row in range(height)
        )
