"""What values, sizes and places are called where a stage is printed.

A value is `%7`, its number in the graph's text, or has the name of an input: `"0.W"`. A
size that differs between samples is told by `n`, the first such extent of an input:
`n`, `4n`, `n + 1`, `n²`.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import count

from chainrule.ir import Location, Value, dtype_name
from chainrule.ops import Constant
from chainrule.passes.generalise import Samples, Size, Sizes

# How far a formula goes into what is not computed by itself.
_DEPTH = 4
# A line that misses zero by more than so many slopes is none: n² is no 11n − 30.
_FAR = 2
_POWERS = {1: "n", 2: "n²", 3: "n³"}


class Names:
    """The names of the values and sizes of one graph."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self._numbers = {v: i for i, v in enumerate(samples.graph.order)}
        names = [x.name for x in samples.graph.inputs]
        self._inputs = {
            x: x.name
            for x in samples.graph.inputs
            if x.name is not None and names.count(x.name) == 1
        }
        self._letters: dict[Size, str] = {}
        self._free = (letter for i in count(1) for letter in [f"m{i}"])

    # --- sizes ----------------------------------------------------------------------

    @cached_property
    def rows(self) -> Size | None:
        """The size that is called `n`: the first extent of an input that varies."""
        shapes = (self.samples.shape(x) for x in self.samples.graph.inputs)
        sizes = (size for shape in shapes for size in shape)
        return next((size for size in sizes if len(set(size)) > 1), None)

    def legend(self) -> str:
        """What the letters stand for."""
        rows = [] if self.rows is None else [f"{self.rows[0]} here, and may be any"]
        others = (f"{size[0]} here" for size in self._letters)
        names = ["n"] * len(rows) + list(self._letters.values())
        sizes = [*rows, *others]
        return "; ".join(f"{n} is {s}" for n, s in zip(names, sizes, strict=True))

    def size(self, size: Size) -> str:
        """A size as a number or a formula of `n`."""
        if len(set(size)) == 1:
            return str(size[0])
        text = None if self.rows is None else _formula(size, self.rows)
        if text is not None:
            return text
        if size not in self._letters:
            self._letters[size] = next(self._free)
        return self._letters[size]

    def sizes(self, sizes: Sizes) -> str:
        """The extents of a domain or of a value."""
        return " × ".join(map(self.size, sizes)) or "one number"

    # --- values ---------------------------------------------------------------------

    def number(self, value: Value) -> int:
        """Where a value is in the graph's text; what was added later follows."""
        return self._numbers.setdefault(value, len(self._numbers))

    def value(self, value: Value) -> str:
        """The name of an input, or the number of a value."""
        return self._inputs.get(value) or f"%{self.number(value)}"

    def values(self, values: Iterable[Value]) -> str:
        """Several of them."""
        return ", ".join(map(self.value, values))

    def typed(self, values: Iterable[Value]) -> str:
        """Several of them with their types: `%7: f32[n,4]`."""
        return ", ".join(
            f"{self.value(v)}: {dtype_name(v.type.dtype)}"
            f"[{','.join(map(self.size, self.samples.shape(v)))}]"
            for v in values
        )

    def formula(self, value: Value, known: set[Value]) -> str:
        """The operation of a value on its inputs.

        Inputs that are not `known` have formulas in the place of names.
        """
        return self._formula(value, known, 0)

    def _formula(self, value: Value, known: set[Value], depth: int) -> str:
        if value.operation is None:
            return self.value(value)
        if isinstance(value.operation, Constant):
            return self._constant(value)
        inputs = (
            self.value(x)
            if x in known or x.operation is None or depth == _DEPTH
            else self._formula(x, known, depth + 1)
            for x in value.inputs
        )
        return f"{value.operation.name}({', '.join(inputs)})"

    def _constant(self, value: Value) -> str:
        """A number, as a formula of `n` if that is what it depends on."""
        if value.type.rank > 0 or not isinstance(value.operation, Constant):
            return f"constant {value.type}"
        here = value.operation.data.item()
        if not self.samples.varies(value) or self.rows is None:
            return f"{here:g}"
        numbers = [float(x) for x in self.samples.numbers(value)]
        return _of_rows(numbers, self.rows) or f"{here:g} (of n)"


def origin(values: Iterable[Value]) -> str:
    """A remark with the layers and lines of values: `# layer 0, model.py:12`."""
    locations = [v.location for v in values if v.location is not None]
    layers = dict.fromkeys(f"layer {at.layer}" for at in locations if at.layer)
    lines = dict.fromkeys(map(line_of, locations))
    return f"# {', '.join([*layers, *lines])}" if lines else ""


def line_of(location: Location) -> str:
    """File and line, without the folder."""
    file = location.file.replace("\\", "/").rpartition("/")[2]
    return f"{file}:{location.line}"


def columns(rows: Sequence[Sequence[str]], indent: str = "  ") -> Iterator[str]:
    """Cells below one another; what is in the last column may be long."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield (indent + "  ".join(cells)).rstrip()


def plural(number: int, what: str) -> str:
    """`1 group`, `2 groups`."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _formula(size: Size, rows: Size) -> str | None:
    for power, text in _POWERS.items():
        factors = {divmod(s, n**power) for s, n in zip(size, rows, strict=True)}
        if len(factors) == 1:
            factor, rest = factors.pop()
            if rest == 0 and factor > 0:
                return text if factor == 1 else f"{factor}{text}"
    return _line(size, rows)


def _line(size: Size, rows: Size) -> str | None:
    """`2n + 1`: a line through all samples, unless it misses zero by far."""
    (a, *_, b), (m, *_, n) = size, rows
    slope, rest = divmod(b - a, n - m)
    offset = a - slope * m
    fits = all(s == slope * k + offset for s, k in zip(size, rows, strict=True))
    if rest or slope < 1 or not fits or abs(offset) > _FAR * slope:
        return None
    sign = "+" if offset > 0 else "−"
    return f"{'' if slope == 1 else slope}n {sign} {abs(offset)}"


def _of_rows(numbers: Sequence[float], rows: Size) -> str | None:
    """`n`, `2n`, `1/n`, `2/n`, if a number is that in all samples."""
    products = [x * n for x, n in zip(numbers, rows, strict=True)]
    ratios = [x / n for x, n in zip(numbers, rows, strict=True)]
    if max(ratios) - min(ratios) <= 1e-6 * abs(ratios[0]):
        return "n" if ratios[0] == 1 else f"{ratios[0]:g}n"
    if max(products) - min(products) <= 1e-6 * abs(products[0]):
        return f"{products[0]:g}/n"
    return None
