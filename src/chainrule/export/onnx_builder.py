"""Nodes of an ONNX graph, as a builder of scalar instructions writes them.

Runtimes know whole numbers as int64 everywhere, and other widths here and there. So
all of them are computed as int64, and taken through their own width after arithmetic,
which leaves them as that would.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.export.arrays import Shape, joined
from chainrule.export.errors import ExportError
from chainrule.export.names import Unique
from chainrule.ir import Array, DType
from chainrule.native.maths import error
from chainrule.native.maths.term import DOUBLE

try:
    from onnx import helper, numpy_helper
except ImportError as missing:
    raise ImportError(
        "to write ONNX files, the package onnx is needed: pip install 'chainrule[onnx]'"
    ) from missing

BOOL, INDEX = np.dtype(np.bool_), np.dtype(np.int64)
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


@dataclass(frozen=True)
class Edge:
    """What a node gives: its name, what our graph says it holds, its shape."""

    name: str
    dtype: DType
    shape: Shape


def stored(dtype: DType) -> DType:
    """The dtype that numbers of `dtype` are computed in."""
    if dtype == np.uint64:
        raise ExportError(
            "ONNX runtimes do not compute with 64-bit unsigned integers, which random "
            "numbers are made of; let the network take them as an input"
        )
    return INDEX if dtype.kind in "iu" else dtype


def onnx_type(dtype: DType) -> int:
    """ONNX's number for a dtype."""
    return int(helper.np_dtype_to_tensor_dtype(dtype))


class Nodes:
    """Collects nodes and constants; a `Builder` whose scalars are edges."""

    def __init__(self, taken: Collection[str]) -> None:
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self.place = ""  # the layer that nodes are named after
        self._constants: dict[tuple[object, ...], str] = {}
        self.fresh = Unique(taken).fresh

    def add_node(
        self, op: str, inputs: Sequence[str], name: str, **attributes: Any
    ) -> str:
        """One node with one result, of this name."""
        node = helper.make_node(op, list(inputs), [name], name=name, **attributes)
        self.nodes.append(node)
        return name

    def name_for(self, op: str) -> str:
        """A name for a node, which says what layer it belongs to."""
        return self.fresh(f"{self.place}/{op}" if self.place else op)

    def node(
        self, op: str, inputs: Sequence[str], like: Edge, **attributes: Any
    ) -> Edge:
        """A node whose result is like another edge in all but name."""
        name = self.add_node(op, inputs, self.name_for(op), **attributes)
        return Edge(name, like.dtype, like.shape)

    def shared(self, array: Array) -> str:
        """An array in the file, each once."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = self.fresh("constant")
            self._constants[key] = name
            whole = np.ascontiguousarray(array).reshape(array.shape)
            self.initializers[name] = numpy_helper.from_array(whole, name)
        return self._constants[key]

    def integers(self, numbers: Sequence[int]) -> str:
        """A vector of integers in the file."""
        return self.shared(np.array(numbers, np.int64))

    # --- the instructions of elementwise operations -------------------------------

    def dtype(self, x: Edge) -> DType:
        """What `x` holds."""
        return x.dtype

    def constant(self, value: float, like: Edge) -> Edge:
        """A number."""
        with np.errstate(all="ignore"):
            number = np.asarray(value).astype(like.dtype)
        return Edge(self.shared(number.astype(stored(like.dtype))), like.dtype, ())

    def cast(self, x: Edge, dtype: DType) -> Edge:
        """`Cast`; through the narrow dtype where that is narrower than int64."""
        if x.dtype == dtype:
            return x
        like, wide = Edge("", dtype, x.shape), stored(dtype)
        if stored(x.dtype) == wide:
            return self.wrapped(Edge(x.name, dtype, x.shape))
        return self.wrapped(self.node("Cast", [x.name], like, to=onnx_type(wide)))

    def wrapped(self, x: Edge) -> Edge:
        """An integer within its dtype, as arithmetic in that dtype would leave it."""
        wide = stored(x.dtype)
        if wide == x.dtype:
            return x
        narrow = self.node("Cast", [x.name], x, to=onnx_type(x.dtype))
        return self.node("Cast", [narrow.name], x, to=onnx_type(wide))

    def _apply(self, op: str, *xs: Edge, dtype: DType | None = None) -> Edge:
        shape = joined(*(x.shape for x in xs))
        like = Edge("", xs[-1].dtype if dtype is None else dtype, shape)
        return self.node(op, [x.name for x in xs], like)

    def add(self, x: Edge, y: Edge) -> Edge:
        """`Add`."""
        return self.wrapped(self._apply("Add", x, y))

    def subtract(self, x: Edge, y: Edge) -> Edge:
        """`Sub`."""
        return self.wrapped(self._apply("Sub", x, y))

    def multiply(self, x: Edge, y: Edge) -> Edge:
        """`Mul`."""
        return self.wrapped(self._apply("Mul", x, y))

    def divide(self, x: Edge, y: Edge) -> Edge:
        """`Div`."""
        return self._apply("Div", x, y)

    def floor_divide(self, x: Edge, y: Edge) -> Edge:
        """`Div` of what is left without the remainder."""
        if x.dtype.kind == "f":
            return self._apply("Floor", self.divide(x, y))
        times = self.subtract(x, self.remainder(x, y))
        whole = self._apply("Div", times, self._no_zero(y))
        return self._or_zero(whole, y)

    def remainder(self, x: Edge, y: Edge) -> Edge:
        """`Mod`, which has the sign of `y` for integers."""
        if x.dtype.kind == "f":
            return self.subtract(x, self.multiply(self.floor_divide(x, y), y))
        return self._or_zero(self._apply("Mod", x, self._no_zero(y)), y)

    def _no_zero(self, y: Edge) -> Edge:
        zero = self.equal(y, self.constant(0, y))
        return self.select(zero, self.constant(1, y), y)

    def _or_zero(self, x: Edge, y: Edge) -> Edge:
        zero = self.constant(0, y)
        return self.select(self.equal(y, zero), zero, x)

    def negate(self, x: Edge) -> Edge:
        """`Neg`."""
        return self.wrapped(self._apply("Neg", x))

    def absolute(self, x: Edge) -> Edge:
        """`Abs`."""
        return self.wrapped(self._apply("Abs", x))

    def maximum(self, x: Edge, y: Edge) -> Edge:
        """`Max`."""
        return self._larger("Max", x, y)

    def minimum(self, x: Edge, y: Edge) -> Edge:
        """`Min`."""
        return self._larger("Min", x, y)

    def _larger(self, op: str, x: Edge, y: Edge) -> Edge:
        if x.dtype != BOOL:
            return self._apply(op, x, y)
        wide = self._apply(op, self.cast(x, INDEX), self.cast(y, INDEX))
        return self.cast(wide, BOOL)

    def floor(self, x: Edge) -> Edge:
        """`Floor`."""
        return self._apply("Floor", x)

    def round(self, x: Edge) -> Edge:
        """`Round`, to even."""
        return self._apply("Round", x)

    def less(self, x: Edge, y: Edge) -> Edge:
        """`Less`."""
        return self._compared("Less", x, y)

    def less_equal(self, x: Edge, y: Edge) -> Edge:
        """`LessOrEqual`."""
        return self._compared("LessOrEqual", x, y)

    def equal(self, x: Edge, y: Edge) -> Edge:
        """`Equal`."""
        return self._apply("Equal", x, y, dtype=BOOL)

    def _compared(self, op: str, x: Edge, y: Edge) -> Edge:
        if x.dtype == BOOL:
            x, y = self.cast(x, INDEX), self.cast(y, INDEX)
        return self._apply(op, x, y, dtype=BOOL)

    def logical_and(self, x: Edge, y: Edge) -> Edge:
        """`And`."""
        return self._apply("And", x, y)

    def logical_or(self, x: Edge, y: Edge) -> Edge:
        """`Or`."""
        return self._apply("Or", x, y)

    def logical_not(self, x: Edge) -> Edge:
        """`Not`."""
        return self._apply("Not", x)

    def select(self, condition: Edge, x: Edge, y: Edge) -> Edge:
        """`Where`; of booleans, by logic."""
        if x.dtype != BOOL:
            return self._apply("Where", condition, x, y)
        chosen = self.logical_and(condition, x)
        return self.logical_or(chosen, self.logical_and(self.logical_not(condition), y))

    def sqrt(self, x: Edge) -> Edge:
        """`Sqrt`."""
        return self._apply("Sqrt", x)

    def exp(self, x: Edge) -> Edge:
        """`Exp`."""
        return self._apply("Exp", x)

    def expm1(self, x: Edge) -> Edge:
        """`2 t / (1 - t)` with `t = tanh(x / 2)` near 0, where `exp` has lost it."""
        one, half = self.constant(1, x), self.constant(0.5, x)
        t = self.tanh(self.multiply(x, half))
        near = self.divide(self.add(t, t), self.subtract(one, t))
        far = self.subtract(self.exp(x), one)
        return self.select(self.less(self.absolute(x), half), near, far)

    def log(self, x: Edge) -> Edge:
        """`Log`."""
        return self._apply("Log", x)

    def log1p(self, x: Edge) -> Edge:
        """`log(u) x / (u - 1)` with `u = 1 + x`: what was lost in `u` cancels."""
        one, half = self.constant(1, x), self.constant(0.5, x)
        u = self.add(x, one)
        rest, log = self.subtract(u, one), self.log(u)
        lost = self.equal(rest, self.constant(0, x))
        safe = self.select(lost, one, rest)
        near = self.select(lost, x, self.divide(self.multiply(log, x), safe))
        return self.select(self.less(self.absolute(x), half), near, log)

    def power(self, x: Edge, y: Edge) -> Edge:
        """`Pow`."""
        return self.wrapped(self._apply("Pow", x, y))

    def sin(self, x: Edge) -> Edge:
        """`Sin`."""
        return self._apply("Sin", x)

    def cos(self, x: Edge) -> Edge:
        """`Cos`."""
        return self._apply("Cos", x)

    def tanh(self, x: Edge) -> Edge:
        """`Tanh`."""
        return self._apply("Tanh", x)

    def sigmoid(self, x: Edge) -> Edge:
        """`Sigmoid`."""
        return self._apply("Sigmoid", x)

    def erf(self, x: Edge) -> Edge:
        """`Erf`, which runtimes have in single precision only."""
        if x.dtype == F32:
            return self._apply("Erf", x)
        tail = self._erfc_of_size(x)
        one, zero = self.constant(1, x), self.constant(0, x)
        size = self.subtract(one, tail)
        beyond = self.select(self.less(x, zero), self.negate(size), size)
        square = self.multiply(x, x)
        near = self.multiply(x, self._horner(_ERROR.near, square))
        return self.select(self.less(self.absolute(x), one), near, beyond)

    def erfc(self, x: Edge) -> Edge:
        """`1 - erf(x)`."""
        if x.dtype == F32:
            return self.subtract(self.constant(1, x), self.erf(x))
        tail = self._erfc_of_size(x)
        other = self.subtract(self.constant(2, x), tail)
        return self.select(self.less(x, self.constant(0, x)), other, tail)

    def _erfc_of_size(self, x: Edge) -> Edge:
        """`erfc(|x|)`, by the formula that machine code is made of."""
        a = self.minimum(self.absolute(x), self.constant(_ERROR.end, x))
        k, one = self.constant(_ERROR.k, x), self.constant(1, x)
        q = self.divide(self.subtract(a, k), self.add(a, k))
        decay = self.exp(self.negate(self.multiply(a, a)))
        curve = self._horner(_ERROR.curve, q)
        return self.divide(self.multiply(decay, curve), self.add(one, self.add(a, a)))

    def _horner(self, coefficients: Sequence[float], x: Edge) -> Edge:
        """A polynomial whose lowest coefficient comes first."""
        *rest, total = [self.constant(c, x) for c in coefficients]
        for c in reversed(rest):
            total = self.add(self.multiply(total, x), c)
        return total

    def bitwise_xor(self, x: Edge, y: Edge) -> Edge:
        """Not in this version of ONNX."""
        del y
        raise _no_bits(x)

    def shift_right(self, x: Edge, bits: int) -> Edge:
        """Division by a power of two: what is shifted is not negative."""
        return self.floor_divide(x, self.constant(2**bits, x))


# The same numbers that machine code computes the error function from.
_ERROR = error._CONSTANTS[DOUBLE]  # noqa: SLF001 - they have no other reader outside


def _no_bits(x: Edge) -> ExportError:
    return ExportError(
        f"ONNX has no exclusive or of bits, of {x.dtype}; random numbers cannot be "
        "drawn in it: let the network take them as an input"
    )
