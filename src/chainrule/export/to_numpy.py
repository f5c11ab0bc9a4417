"""A model as one Python file that needs NumPy alone.

It is written to be read: one step a line, under the layer it belongs to, with the
weights at the end of the file.
"""

import base64
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.export import numpy_table
from chainrule.export.arrays import Shape, Whole, joined
from chainrule.export.extents import ONE, Extent
from chainrule.export.model import Input, Model, Output
from chainrule.export.names import Names
from chainrule.files import write_text
from chainrule.ir import Array, DType, Operation, Value
from chainrule.ops import Clip, Concatenate, LeakyRelu, Matmul, NotEqual, Relu

BOOL = np.dtype(np.bool_)
WIDTH = 88
_INLINE = 56  # longer expressions get a line of their own

# How tightly the parts of an expression hold together, as in Python's grammar.
CHOICE, COMPARE, OR, XOR, AND, SHIFT, SUM, PRODUCT, SIGN, POWER, ATOM = range(11)


@dataclass(frozen=True)
class Text:
    """An expression, how tightly it binds, and what it gives."""

    text: str
    bind: int
    dtype: DType
    shape: Shape

    def within(self, bind: int) -> str:
        """It as part of an expression that binds so tightly."""
        return self.text if self.bind >= bind else f"({self.text})"


def write(model: Model, path: Path) -> None:
    """Write `model` to `path`."""
    write_text(path, source(model))


def source(model: Model) -> str:
    """The text of the file."""
    writer = _Writer(model)
    writer.compute()
    results = [writer.result(y) for y in model.outputs]
    parts = [_head(model), _imports(model, writer.helpers)]
    if model.is_table:
        parts += numpy_table.readers_of(model.inputs)
    parts += [_HELPERS[name] for name in _HELPERS if name in writer.helpers]
    parts += [_predict(model, writer, results)]
    parts += [_tail(model)]
    if model.is_table:
        parts.append(numpy_table.SCRIPT)
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


class _Writer(Whole[Text]):
    """Collects lines; it is a `Builder` whose scalars are expressions."""

    language = "NumPy"

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.lines: list[str] = []
        self.helpers: set[str] = set()
        weights = model.weights.values()
        self.names = Names([*(x.name for x in model.inputs), *weights, *_HELPERS])
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
            self.lines += ["", f"# {layer}"] if layer else [""]
        return super()._computed(value)

    def finished(self, value: Value, a: Text) -> Text:
        """A short expression that is read once goes where it is read."""
        if a.bind == ATOM and a.text.isidentifier():
            return a
        if any(a is self.found.get(x) for x in value.inputs):
            return a
        readers = self.uses.get(value, [])
        short = len(a.text) <= _INLINE and len(readers) == 1
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
        short = len(a.text) <= _INLINE or self._trying
        return a if short else self.named(a, self._layer)

    def result(self, y: Output) -> str:
        """What is returned for an output."""
        a = self.full(y.value)
        if y.labels is None:
            return a.text
        return f"{_labels(y)}[{a.text}]"

    # --- arrays ---------------------------------------------------------------------

    def known(self, value: Value, array: Array) -> Text:
        """A number, or the name of an array at the end of the file."""
        if array.ndim == 0:
            return self.constant(array[()], Text("", ATOM, array.dtype, ()))
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
        text = f"np.broadcast_to({a.text}, {self._extents(shape)})"
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
        short = _SHORT.get(type(operation)) if operation is not None else None
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
        return self._like(value, self._taken(x.text, axes, indices, len(x.shape)))

    def _taken(self, x: str, axes: Sequence[int], indices: Sequence[Text], rank: int) -> str:  # fmt: skip
        front, among = tuple(range(len(axes))), len(indices[0].shape)
        index = ", ".join(i.text for i in indices)
        del rank
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
        parts = [
            indices.text if i == axis else f"np.indices({indices.within(ATOM)}.shape)[{i}]"
            for i in range(len(x.shape))
        ]  # fmt: skip
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
        return self._like(value, f"largest({self.full(value.inputs[0]).text}, {k}, {axis})")  # fmt: skip

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

    # --- the instructions of elementwise operations -----------------------------------

    def dtype(self, x: Text) -> DType:
        """What `x` holds."""
        return x.dtype

    def constant(self, value: float, like: Text) -> Text:
        """A number as Python writes it: it takes on the dtype of arrays it meets."""
        dtype = like.dtype
        number = np.asarray(value).astype(dtype)[()]
        if dtype.kind in "bu":
            return Text(f"np.{dtype}({number})", ATOM, dtype, ())
        text = str(int(number)) if dtype.kind == "i" else _shortest(number)
        plain = text[0].isdigit()
        return Text(text, ATOM if plain else SIGN, dtype, ())

    def cast(self, x: Text, dtype: DType) -> Text:
        """`astype`."""
        if x.dtype == dtype:
            return x
        if not x.shape:
            return Text(f"np.{dtype}({x.text})", ATOM, dtype, x.shape)
        return Text(f"{x.within(ATOM)}.astype(np.{dtype})", ATOM, dtype, x.shape)

    def _operator(self, sign: str, bind: int, x: Text, y: Text, dtype: DType | None = None) -> Text:  # fmt: skip
        # Both sides have to be said to be parts: a - (b - c), and a < b < c is none.
        left = x.within(bind + (bind == COMPARE))
        text = f"{left} {sign} {y.within(bind + 1)}"
        return self._made(text, bind, (x, y), dtype or x.dtype)

    def _made(self, text: str, bind: int, xs: Sequence[Text], dtype: DType) -> Text:
        y = Text(text, bind, dtype, joined(*(x.shape for x in xs)))
        return self.bound(y)

    def _call(self, name: str, *xs: Text, dtype: DType | None = None) -> Text:
        arguments = ", ".join(x.text for x in xs)
        dtype = xs[-1].dtype if dtype is None else dtype
        return self._made(f"{name}({arguments})", ATOM, xs, dtype)

    def add(self, x: Text, y: Text) -> Text:
        """`+`."""
        return self._operator("+", SUM, x, y)

    def subtract(self, x: Text, y: Text) -> Text:
        """`-`."""
        return self._operator("-", SUM, x, y)

    def multiply(self, x: Text, y: Text) -> Text:
        """`*`."""
        return self._operator("*", PRODUCT, x, y)

    def divide(self, x: Text, y: Text) -> Text:
        """`/`."""
        return self._operator("/", PRODUCT, x, y)

    def floor_divide(self, x: Text, y: Text) -> Text:
        """`//`."""
        return self._operator("//", PRODUCT, x, y)

    def remainder(self, x: Text, y: Text) -> Text:
        """`%`."""
        return self._operator("%", PRODUCT, x, y)

    def negate(self, x: Text) -> Text:
        """`-`."""
        return self._made(f"-{x.within(SIGN)}", SIGN, (x,), x.dtype)

    def absolute(self, x: Text) -> Text:
        """`np.abs`."""
        return self._call("np.abs", x)

    def maximum(self, x: Text, y: Text) -> Text:
        """`np.maximum`."""
        return self._call("np.maximum", x, y)

    def minimum(self, x: Text, y: Text) -> Text:
        """`np.minimum`."""
        return self._call("np.minimum", x, y)

    def floor(self, x: Text) -> Text:
        """`np.floor`."""
        return self._call("np.floor", x)

    def round(self, x: Text) -> Text:
        """`np.rint`."""
        return self._call("np.rint", x)

    def less(self, x: Text, y: Text) -> Text:
        """`<`."""
        return self._operator("<", COMPARE, x, y, BOOL)

    def less_equal(self, x: Text, y: Text) -> Text:
        """`<=`."""
        return self._operator("<=", COMPARE, x, y, BOOL)

    def equal(self, x: Text, y: Text) -> Text:
        """`==`."""
        return self._operator("==", COMPARE, x, y, BOOL)

    def logical_and(self, x: Text, y: Text) -> Text:
        """`&`."""
        return self._operator("&", AND, x, y)

    def logical_or(self, x: Text, y: Text) -> Text:
        """`|`."""
        return self._operator("|", OR, x, y)

    def logical_not(self, x: Text) -> Text:
        """`~`."""
        return self._made(f"~{x.within(SIGN)}", SIGN, (x,), x.dtype)

    def select(self, condition: Text, x: Text, y: Text) -> Text:
        """`np.where`, between two numbers in the dtype that they are meant in."""
        if not x.shape and not y.shape:
            x = Text(f"np.{x.dtype}({x.text})", ATOM, x.dtype, ())
        return self._call("np.where", condition, x, y)

    def sqrt(self, x: Text) -> Text:
        """`np.sqrt`."""
        return self._call("np.sqrt", x)

    def exp(self, x: Text) -> Text:
        """`np.exp`."""
        return self._call("np.exp", x)

    def expm1(self, x: Text) -> Text:
        """`np.expm1`."""
        return self._call("np.expm1", x)

    def log(self, x: Text) -> Text:
        """`np.log`."""
        return self._call("np.log", x)

    def log1p(self, x: Text) -> Text:
        """`np.log1p`."""
        return self._call("np.log1p", x)

    def power(self, x: Text, y: Text) -> Text:
        """`**`."""
        text = f"{x.within(ATOM)} ** {y.within(SIGN)}"
        return self._made(text, POWER, (x, y), x.dtype)

    def sin(self, x: Text) -> Text:
        """`np.sin`."""
        return self._call("np.sin", x)

    def cos(self, x: Text) -> Text:
        """`np.cos`."""
        return self._call("np.cos", x)

    def tanh(self, x: Text) -> Text:
        """`np.tanh`."""
        return self._call("np.tanh", x)

    def sigmoid(self, x: Text) -> Text:
        """A function of the file."""
        return self._helper("sigmoid", x)

    def erf(self, x: Text) -> Text:
        """A function of the file."""
        return self._helper("erf", x)

    def erfc(self, x: Text) -> Text:
        """A function of the file."""
        return self._helper("erfc", x)

    def _helper(self, name: str, x: Text) -> Text:
        self.helpers.add(name)
        return self._call(name, x)

    def bitwise_xor(self, x: Text, y: Text) -> Text:
        """`^`."""
        return self._operator("^", XOR, x, y)

    def shift_right(self, x: Text, bits: int) -> Text:
        """`>>`."""
        amount = Text(f"np.{x.dtype}({bits})", ATOM, x.dtype, ())
        return self._operator(">>", SHIFT, x, amount)


# --- expressions --------------------------------------------------------------------


def _relu(writer: _Writer, operation: Operation, x: Text) -> Text:
    del operation
    return writer.maximum(x, Text("0", ATOM, x.dtype, ()))


def _leaky(writer: _Writer, operation: Operation, x: Text) -> Text:
    x, zero = writer.bound(x), Text("0", ATOM, x.dtype, ())
    slope = writer.constant(operation.attributes()["slope"], x)
    return writer.select(writer.less(zero, x), x, writer.multiply(slope, x))


def _clipped(writer: _Writer, operation: Operation, x: Text) -> Text:
    limits = operation.attributes()
    low, high = (
        "None" if limit is None else writer.constant(limit, x).text
        for limit in (limits["low"], limits["high"])
    )
    return Text(f"np.clip({x.text}, {low}, {high})", ATOM, x.dtype, x.shape)


def _unequal(writer: _Writer, operation: Operation, x: Text, y: Text) -> Text:
    if x.text == y.text and x.dtype.kind == "f":
        return Text(f"np.isnan({x.text})", ATOM, BOOL, x.shape)
    text = f"{x.within(COMPARE + 1)} != {y.within(COMPARE + 1)}"
    del writer, operation
    return Text(text, COMPARE, BOOL, joined(x.shape, y.shape))


_SHORT: dict[type[Operation], Callable[..., Text]] = {
    Relu: _relu,
    LeakyRelu: _leaky,
    Clip: _clipped,
    NotEqual: _unequal,
}


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


def _shortest(number: Any) -> str:
    """The shortest text that is this number in its dtype."""
    x = float(number)
    if math.isnan(x):
        return "np.nan"
    if math.isinf(x):
        return "np.inf" if x > 0 else "-np.inf"
    text = str(np.float64(number)) if number.dtype == np.float64 else str(number)
    return text


def _coefficient(c: float) -> str:
    return str(int(c)) if c == int(c) else repr(c)


# --- the file -----------------------------------------------------------------------


def _head(model: Model) -> str:
    """The docstring: what it is, how it is used, where it comes from."""
    facts = model.facts
    what = str(facts.get("title", "A neural network"))
    lines = [f'"""{_plain(what)}, as NumPy.', ""]
    for key, fact in facts.items():
        if key != "title":
            text = fact if isinstance(fact, str) else json.dumps(fact, ensure_ascii=False)  # fmt: skip
            lines.append(f"{key}: {_plain(text)}")
    return "\n".join([*lines, '"""'])


def _plain(text: str) -> str:
    """Text that cannot end a docstring, or be an escape in it."""
    return text.replace("\\", "/").replace('"""', "'''").replace("\n", " ")


def _predict(model: Model, writer: _Writer, results: Sequence[str]) -> str:
    """The function that takes one step after the other."""
    if model.is_table:
        return _predict_table(model, writer, results)
    titles = [x.name for x in model.inputs]
    lines = [f"def predict({', '.join(titles)}):", *_indented(_explained(model))]
    body = [_read(x) for x in model.inputs]
    body += [_checked(model, x) for x in model.inputs if model.shape(x.value)]
    body += writer.lines
    body += ["", f"return {', '.join(results)}"]
    return "\n".join([*lines, *_indented(_tidied(body))])


def _predict_table(model: Model, writer: _Writer, results: Sequence[str]) -> str:
    """The same for the columns of a table."""
    named = ", ".join(
        f'"{y.name}": {text}' for y, text in zip(model.outputs, results, strict=True)
    )
    lines = [
        "def predict(table):",
        *_indented(
            [
                '"""What is predicted for each row of a table.',
                "",
                "Takes a dict of columns, or a data frame, with",
                *(f"    {_plain(x.title)}" for x in model.inputs),
                "",
                f"Returns a dict of {' and '.join(y.name for y in model.outputs)}.",
                '"""',
            ]
        ),
    ]
    body = [*map(numpy_table.reader, model.inputs), *writer.lines]
    body += ["", f"return {{{named}}}"]
    return "\n".join([*lines, *_indented(_tidied(body))])


def _explained(model: Model) -> list[str]:
    """The docstring of `predict`: what it takes and gives."""
    taken = [f"    {x.name}: {_type(model, x.value)}" for x in model.inputs]
    given = [f"    {y.name}: {_type(model, y.value)}" for y in model.outputs]
    head = '"""What the network gives for each row.'
    return [head, "", "Takes", *taken, "", "Returns", *given, '"""']


def _type(model: Model, value: Value) -> str:
    names = ["rows" if n == Extent(0, 1) else str(n) for n in model.shape(value)]
    return f"{value.type.dtype}, of shape ({', '.join(names)})"


def _read(x: Input) -> str:
    return f"{x.name} = np.asarray({x.name}, dtype=np.{x.value.type.dtype})"


def _checked(model: Model, x: Input) -> str:
    """Refuse arrays of another shape, before NumPy makes something of them."""
    shape = model.shape(x.value)
    fixed = [i for i, n in enumerate(shape) if n.is_fixed]
    tests = [f"{x.name}.ndim != {len(shape)}"]
    tests += [f"{x.name}.shape[{i}] != {shape[i]}" for i in fixed]
    wanted = ", ".join("rows" if n == Extent(0, 1) else str(n) for n in shape)
    return (
        f"if {' or '.join(tests)}:\n"
        f'    raise ValueError(f"{x.name} has shape ({wanted}), not {{{x.name}.shape}}")'
    )


def _tidied(lines: Sequence[str]) -> list[str]:
    """Without empty lines in a row."""
    pairs = zip(["", *lines], lines, strict=False)
    return [line for before, line in pairs if before or line]


def _indented(lines: Sequence[str]) -> list[str]:
    parts = [part for line in lines for part in line.split("\n")]
    return [f"    {part}" if part else "" for part in parts]


def _tail(model: Model) -> str:
    """What labels and text stand for, and the weights."""
    lines = [line for y in model.outputs for line in _label_lines(y)]
    if model.is_table:
        lines += numpy_table.constants(model)
    if model.weights:
        lines += (
            ["", "", _ARRAY.strip("\n"), "", ""]
            if lines
            else [_ARRAY.strip("\n"), "", ""]
        )
    for value, name in model.weights.items():
        array = model.used[value]
        little = array.astype(array.dtype.newbyteorder("<"))
        text = base64.b64encode(little.tobytes()).decode()
        if value.name is not None:
            lines.append(f"# {_plain(value.name)}")
        lines.append(f'{name} = _array("{little.dtype.str}", {array.shape}, """')
        lines += [text[i : i + WIDTH] for i in range(0, len(text), WIDTH)]
        lines.append('""")')
    return "\n".join(lines)


def _label_lines(y: Output) -> list[str]:
    if y.labels is None:
        return []
    return [f"{_labels(y)} = np.array({list(y.labels)!r})"]


def _labels(y: Output) -> str:
    return f"{y.name.upper()}S"


_ARRAY = '''
def _array(dtype, shape, text):
    """An array from its bytes in base 64."""
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape)
'''


def _imports(model: Model, helpers: set[str]) -> str:
    needed = ["base64"] if model.weights else []
    needed += numpy_table.imports_of(model.inputs) if model.is_table else []
    needed += ["math"] if helpers & {"erf", "erfc"} else []
    lines = [f"import {module}" for module in sorted(needed)]
    return "\n".join([*lines, *[""] * bool(lines), "import numpy as np"])


_HELPERS = {
    "sigmoid": '''
def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, np.ones_like(e)) / (1 + e)
''',
    "erf": '''
def erf(x):
    """The error function, of each element."""
    return np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype)
''',
    "erfc": '''
def erfc(x):
    """1 - erf(x), of each element."""
    return np.vectorize(math.erfc, otypes=[np.float64])(x).astype(x.dtype)
''',
    "largest": '''
def largest(x, k, axis):
    """The indices of the k largest elements along an axis, the largest first."""
    order = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    order = x.shape[axis] - 1 - np.flip(order, axis)
    return np.take(order, np.arange(k), axis=axis)
''',
}
