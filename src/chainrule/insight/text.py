"""Tables as text, for what is printed."""

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with the cells below each other: numbers on the right, words on the left.

    The first row holds what the columns are called.

    >>> for line in table([("column", "adds"), ("age", "0.5"), ("height", "-12")]):
    ...     print(line)
      column  adds
      age      0.5
      height   -12
    """
    columns = list(zip(*rows, strict=True))
    lined = []
    for cells in columns:
        width = max(map(len, cells))
        right = all(_is_number(cell) for cell in cells[1:] if cell)
        lined.append([c.rjust(width) if right else c.ljust(width) for c in cells])
    return ["  " + "  ".join(row).rstrip() for row in zip(*lined, strict=True)]


def _is_number(cell: str) -> bool:
    try:
        float(cell.rstrip("%"))
    except ValueError:
        return False
    return True
