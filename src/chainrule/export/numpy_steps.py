"""The steps of a model as lines of NumPy, one value after the other."""

from collections.abc import Sequence
from typing import Any, Final

from chainrule.export.arrays import Shape, Whole, joined
from chainrule.export.extents import ONE, Extent
from chainrule.export.model import Model, Output, heading
from chainrule.export.names import Names
from chainrule.export.numpy_text import (
    ATOM,
    HELPERS,
    PRODUCT,
    SHORT,
    SIGN,
    Text,
    Texts,
)
from chainrule.ir import Array, Value
from chainrule.ops import Concatenate, Matmul

INLINE: Final = 56  # longer expressions get a line of their own


class Steps(Texts, Whole[Text]):
    """Collects lines, each a name for an expression."""

    language = "NumPy"

    def __init__(self, model: Model) -> None:
        Whole.__init__(self, model)
        Texts.__init__(self)
        self.lines: list[str] = []
        weights = model.weights.values()
        self.names = Names([*(x.name for x in model.inputs), *weights, *HELPERS])
        self.uses = _uses(model)
        self._layer = ""
        self._rows = ""
        self._trying = False
        for x in model.inputs:
            shape = model.shape(x.value)
            self.found[x.value] = Text(x.name, ATOM, x.value.type.dtype, shape)

    # --- lines ----------------------------------------------------------------------

    def _computed(self, value: Value) -> Text:
        layer = value.location.layer if value.location is not None else ""
        if layer != self._layer:
            self._layer = layer
            self.lines += ["", f"# {heading(layer)}"] if layer else [""]
        return super()._computed(value)

    def finished(self, value: Value, a: Text) -> Text:
        """A short expression that is read once goes where it is read."""
        if a.bind == ATOM and a.text.isidentifier():
            return a
        if any(a is self.found.get(x) for x in value.inputs):
            return a
        readers = self.uses.get(value, [])
        short = len(a.text) <= INLINE and len(readers) == 1
        if short and (value.operation is None or _is_near(value, readers[0])):
            return a
        return self.named(a, self._layer)

    def named(self, a: Text, name: str) -> Text:
        """Give an expression a line, and a name."""
        name = self.names.new(name, "layer" if name else "h")
        self.lines.append(f"{name} = {a.text}")
        return Text(name, ATOM, a.dtype, a.shape)

    def bound(self, a: Text) -> Text:
        """An expression that may be repeated."""
        short = len(a.text) <= INLINE or self._trying
        return a if short else self.named(a, self._layer)

    def result(self, y: Output) -> str:
        """What is returned for an output."""
        a = _typed(self.full(y.value))
        if y.labels is None:
            return a.text
        return f"{labels_of(y)}[{a.text}]"

    # --- arrays ---------------------------------------------------------------------

    def known(self, value: Value, array: Array) -> Text:
        """A number, or the name of an array at the end of the file."""
        if array.ndim == 0:
            return self.constant(array.item(), Text("", ATOM, array.dtype, ()))
        shape = tuple(Extent(n) for n in array.shape)
        return Text(self.model.weights[value], ATOM, array.dtype, shape)

    def number(self, value: Value) -> Text:
        """A formula in the number of rows."""
        formula, dtype = self.model.varying(value), value.type.dtype
        terms = [
            _coefficient(c) if k == 0 else f"{_coefficient(c)} * {self._n()} ** {k}"
            for k, c in enumerate(formula.coefficients)
            if c
        ]
        text = f"np.{dtype.name}(({' + '.join(terms)}) ** {formula.power!r})"
        return Text(text, ATOM, dtype, ())

    def _n(self) -> str:
        """The number of rows, which is counted where it is first needed."""
        if not self._rows:
            x, axis = self.model.counted
            self._rows = self.names.new("count", "count")
            shape = f"{x.name}.shape[{axis}]" if axis else f"len({x.name})"
            self.lines.insert(0, f"{self._rows} = {shape}")
        return self._rows

    def _extent(self, extent: Extent) -> str:
        if extent.is_fixed:
            return str(extent.constant)
        return str(extent).replace("n", self._n())

    def _extents(self, shape: Shape) -> str:
        inside = ", ".join(self._extent(n) for n in shape)
        return f"({inside},)" if len(shape) == 1 else f"({inside})"

    def inserted(self, a: Text, axes: tuple[int, ...], shape: Shape) -> Text:
        """An index with `None`."""
        last = max(axes)
        index = ["None" if i in axes else ":" for i in range(last + 1)]
        if any(i not in axes for i in range(last + 1, len(shape))):
            index.append("...")
        return Text(f"{a.within(ATOM)}[{', '.join(index)}]", ATOM, a.dtype, shape)

    def expanded(self, a: Text, shape: Shape) -> Text:
        """`np.broadcast_to`."""
        text = f"np.broadcast_to({_typed(a).text}, {self._extents(shape)})"
        return Text(text, ATOM, a.dtype, shape)

    def _like(self, value: Value, text: str, bind: int = ATOM) -> Text:
        return Text(text, bind, value.type.dtype, self.model.shape(value))

    def _method(self, value: Value, call: str) -> Text:
        x = self.full(value.inputs[0])
        return self._like(value, f"{x.within(ATOM)}.{call}")

    # --- operations -------------------------------------------------------------------

    def elementwise(self, value: Value, inputs: Sequence[Text]) -> Text:
        """By the operation's own rule, or by the name that people know it under."""
        operation = value.operation
        short = SHORT.get(type(operation)) if operation is not None else None
        if short is not None and operation is not None:
            return short(self, operation, *inputs)
        inputs = self._once(value, [self.bound(x) for x in inputs])
        y = super().elementwise(value, inputs)
        return Text(
            y.text, y.bind, y.dtype, joined(y.shape, *(x.shape for x in inputs))
        )

    def _once(self, value: Value, inputs: Sequence[Text]) -> list[Text]:
        """Inputs that the operation's rule reads several times, under a name."""
        marks = [Text(f"\0{i}\0", ATOM, x.dtype, x.shape) for i, x in enumerate(inputs)]
        self._trying = True
        tried = super().elementwise(value, marks).text
        self._trying = False
        return [
            self.named(x, self._layer)
            if tried.count(mark.text) > 1 and not _is_short(x)
            else x
            for x, mark in zip(inputs, marks, strict=True)
        ]

    def _matmul(self, value: Value) -> Text:
        a, b = (self.full(x) for x in value.inputs)
        text = f"{a.within(PRODUCT)} @ {b.within(SIGN)}"
        return self._like(value, text, PRODUCT)

    def _reduced(self, value: Value, name: str, more: str = "") -> Text:
        axes = _attribute(value, "axes")
        axis = axes[0] if len(axes) == 1 else axes
        return self._method(value, f"{name}(axis={axis}{more})")

    def _sum(self, value: Value) -> Text:
        dtype = value.type.dtype
        narrow = dtype.kind in "iu"  # NumPy would widen it
        return self._reduced(value, "sum", f", dtype=np.{dtype}" if narrow else "")

    def _max(self, value: Value) -> Text:
        return self._reduced(value, "max")

    def _min(self, value: Value) -> Text:
        return self._reduced(value, "min")

    def _argmax(self, value: Value) -> Text:
        return self._method(value, f"argmax(axis={_attribute(value, 'axis')})")

    def _argmin(self, value: Value) -> Text:
        return self._method(value, f"argmin(axis={_attribute(value, 'axis')})")

    def _reshape(self, value: Value) -> Text:
        x, shape = self.full(value.inputs[0]), self.model.shape(value)
        index = _resized(x.shape, shape)
        if index is not None:
            return self._like(value, f"{x.within(ATOM)}[{index}]")
        return self._method(value, f"reshape({self._extents(shape)})")

    def _transpose(self, value: Value) -> Text:
        order = tuple(_attribute(value, "permutation"))
        if order == (1, 0):
            return self._method(value, "T")
        return self._method(value, f"transpose({order})")

    def _flip(self, value: Value) -> Text:
        axes = _attribute(value, "axes")
        return self._like(value, f"np.flip({self.full(value.inputs[0]).text}, {axes})")

    def _slice(self, value: Value) -> Text:
        x = self.full(value.inputs[0])
        start, stop = (self.model.attribute(value, a) for a in ("start", "stop"))
        parts = zip(start, stop, _attribute(value, "step"), x.shape, strict=True)
        index = [self._range(*part) for part in parts]
        return self._like(value, f"{x.within(ATOM)}[{', '.join(index) or '...'}]")

    def _range(self, start: Extent, stop: Extent, step: int, extent: Extent) -> str:
        first = "" if start == Extent(0) else self._extent(start)
        last = "" if stop == extent else self._extent(stop)
        return f"{first}:{last}" + (f":{step}" if step != 1 else "")

    def _pad(self, value: Value) -> Text:
        """Into a new array, which leaves room between the elements too."""
        x = self.full(value.inputs[0])
        fill = self.constant(_attribute(value, "value"), x).text
        low, shape = self.model.attribute(value, "low"), self.model.shape(value)
        y = self.named(
            self._like(
                value, f"np.full({self._extents(shape)}, {fill}, dtype=np.{x.dtype})"
            ),
            self._layer,
        )
        steps = [between + 1 for between in _attribute(value, "interior")]
        index = []
        for first, step, n in zip(low, steps, x.shape, strict=True):
            end = first + n * step + (1 - step)
            index.append(
                f"{self._extent(first)}:{self._extent(end)}"
                + (f":{step}" if step != 1 else "")
            )
        self.lines.append(f"{y.text}[{', '.join(index) or '...'}] = {x.text}")
        return y

    def _concatenate(self, value: Value) -> Text:
        parts = [self.full(x).text for x in value.inputs]
        axis = _attribute(value, "axis")
        return self._like(value, f"np.concatenate([{', '.join(parts)}], axis={axis})")

    def _take(self, value: Value) -> Text:
        x, *indices = (self.full(x) for x in value.inputs)
        axes = _attribute(value, "axes")
        if len(axes) == 1:
            text = f"np.take({x.text}, {indices[0].text}, axis={axes[0]})"
            return self._like(value, text)
        return self._like(value, self._taken(x.text, axes, indices))

    def _taken(self, x: str, axes: Sequence[int], indices: Sequence[Text]) -> str:
        front, among = tuple(range(len(axes))), len(indices[0].shape)
        index = ", ".join(i.text for i in indices)
        moved = f"np.moveaxis({x}, {tuple(axes)}, {front})[{index}]"
        places = tuple(axes[0] + i for i in range(among))
        return f"np.moveaxis({moved}, {tuple(range(among))}, {places})"

    def _index_add(self, value: Value) -> Text:
        x, *indices = (self.full(x) for x in value.inputs)
        axes, among = _attribute(value, "axes"), len(indices[0].shape)
        y = self._zeros(value)
        front = f"np.moveaxis({y.text}, {tuple(axes)}, {tuple(range(len(axes)))})"
        own = tuple(axes[0] + i for i in range(among))
        added = f"np.moveaxis({x.text}, {own}, {tuple(range(among))})"
        index = ", ".join(i.text for i in indices)
        self.lines.append(f"np.add.at({front}, ({index},), {added})")
        return y

    def _zeros(self, value: Value) -> Text:
        shape = self._extents(self.model.shape(value))
        text = f"np.zeros({shape}, dtype=np.{value.type.dtype})"
        return self.named(self._like(value, text), self._layer)

    def _gather(self, value: Value) -> Text:
        x, indices = (self.full(x).text for x in value.inputs)
        axis = _attribute(value, "axis")
        return self._like(value, f"np.take_along_axis({x}, {indices}, axis={axis})")

    def _scatter_add(self, value: Value) -> Text:
        x, indices = (self.full(x) for x in value.inputs)
        y, axis = self._zeros(value), _attribute(value, "axis")
        every = f"np.indices({indices.within(ATOM)}.shape)"
        parts = [f"{every}[{i}]" for i in range(len(x.shape))]
        parts[axis] = indices.text
        self.lines.append(f"np.add.at({y.text}, ({', '.join(parts)},), {x.text})")
        return y

    def _argsort(self, value: Value) -> Text:
        x, axis = self.full(value.inputs[0]), _attribute(value, "axis")
        text = x.text
        if _attribute(value, "descending"):
            text = ("-" if x.dtype.kind == "f" else "~") + x.within(ATOM)
        return self._like(value, f"np.argsort({text}, axis={axis}, kind='stable')")

    def _topk_indices(self, value: Value) -> Text:
        self.helpers.add("largest")
        k, axis = _attribute(value, "k"), _attribute(value, "axis")
        x = self.full(value.inputs[0]).text
        return self._like(value, f"largest({x}, {k}, {axis})")

    def _cumulative_sum(self, value: Value) -> Text:
        x, axis = self.full(value.inputs[0]).text, _attribute(value, "axis")
        dtype = value.type.dtype
        if not _attribute(value, "reverse"):
            return self._like(value, f"np.cumsum({x}, axis={axis}, dtype=np.{dtype})")
        turned = f"np.cumsum(np.flip({x}, {axis}), axis={axis}, dtype=np.{dtype})"
        return self._like(value, f"np.flip({turned}, {axis})")

    def _iota(self, value: Value) -> Text:
        axis, shape = _attribute(value, "axis"), self.model.shape(value)
        text = f"np.arange({self._extent(shape[axis])}).astype(np.{value.type.dtype})"
        along = Text(text, ATOM, value.type.dtype, (shape[axis],))
        behind = tuple(range(1, len(shape) - axis))
        if not behind:
            return along
        return self.inserted(along, behind, (shape[axis], *(ONE for _ in behind)))

    def _random_bits(self, value: Value) -> Text:
        """Ten rounds on all positions, in the instructions of the operation."""
        operation: Any = value.operation
        key, counter = (self.bound(self.full(x)) for x in value.inputs)
        shape = self.model.shape(value)
        size = " * ".join(f"({self._extent(n)})" for n in shape) or "1"
        every = Text(f"np.arange({size}, dtype=np.uint32)", ATOM, key.dtype, (ONE, ONE))
        y = operation.element(self, key, counter, self.named(every, "position"))
        return self._like(value, f"({y.text}).reshape({self._extents(shape)})")


def _uses(model: Model) -> dict[Value, list[Value | None]]:
    """Who reads each value; `None` stands for an output."""
    found: dict[Value, list[Value | None]] = {}
    for value in model.order:
        for x in value.inputs:
            found.setdefault(x, []).append(value)
    for y in model.outputs:
        found.setdefault(y.value, []).append(None)
    return found


def _is_near(value: Value, reader: Value | None) -> bool:
    """Whether a value may be written within the expression of its reader."""
    if reader is None or reader.operation is None or value.operation is None:
        return False
    if isinstance(reader.operation, (Concatenate, Matmul)):
        return bool(value.operation.replicates)
    here, there = value.location, reader.location
    same = here is None or there is None or here.layer == there.layer
    return same or bool(value.operation.replicates)


def _typed(a: Text) -> Text:
    """A number that stands alone, in its own dtype and not that of Python's numbers."""
    if a.shape or a.text.isidentifier():
        return a
    return Text(f"np.{a.dtype}({a.text})", ATOM, a.dtype, ())


def _is_short(x: Text) -> bool:
    """Whether it may as well stand there twice: a name or a number."""
    return x.text.isidentifier() or not x.shape


def _resized(before: Shape, after: Shape) -> str | None:
    """The index that adds and drops axes of extent 1, if there is no more to it."""
    if [n for n in before if n != ONE] != [n for n in after if n != ONE]:
        return None
    left, index = list(before), []
    for n in after:
        while left and left[0] == ONE and n != ONE:
            left.pop(0)
            index.append("0")
        kept = bool(left) and left[0] == n
        index.append(":" if kept else "None")
        if kept:
            left.pop(0)
    return ", ".join([*index, *("0" for _ in left)]) or "()"


def _attribute(value: Value, name: str) -> Any:
    return getattr(value.operation, name)


def _coefficient(c: float) -> str:
    return str(int(c)) if c == int(c) else repr(c)


def labels_of(y: Output) -> str:
    """What the labels of an output are called."""
    return f"_{y.name}s"
