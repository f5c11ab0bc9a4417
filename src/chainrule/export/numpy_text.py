"""Expressions of NumPy, as a builder of scalar instructions writes them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from chainrule.export.arrays import Shape, joined
from chainrule.ir import DType, Operation
from chainrule.ops import Clip, LeakyRelu, NotEqual, Relu

BOOL = np.dtype(np.bool_)

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


class Texts(ABC):
    """A `Builder` whose scalars are expressions.

    `helpers` collects the functions that the file has to have, by name.
    """

    def __init__(self) -> None:
        self.helpers: set[str] = set()

    @abstractmethod
    def bound(self, a: Text) -> Text:
        """An expression that may be repeated: a long one gets a name."""

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

    def _operator(
        self, sign: str, bind: int, x: Text, y: Text, dtype: DType | None = None
    ) -> Text:
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


# --- operations that people know under a name --------------------------------------


def _relu(writer: Texts, operation: Operation, x: Text) -> Text:
    del operation
    return writer.maximum(x, Text("0", ATOM, x.dtype, ()))


def _leaky(writer: Texts, operation: Operation, x: Text) -> Text:
    x, zero = writer.bound(x), Text("0", ATOM, x.dtype, ())
    slope = writer.constant(operation.attributes()["slope"], x)
    return writer.select(writer.less(zero, x), x, writer.multiply(slope, x))


def _clipped(writer: Texts, operation: Operation, x: Text) -> Text:
    limits = operation.attributes()
    low, high = (
        "None" if limit is None else writer.constant(limit, x).text
        for limit in (limits["low"], limits["high"])
    )
    return Text(f"np.clip({x.text}, {low}, {high})", ATOM, x.dtype, x.shape)


def _unequal(writer: Texts, operation: Operation, x: Text, y: Text) -> Text:
    if x.text == y.text and x.dtype.kind == "f":
        return Text(f"np.isnan({x.text})", ATOM, BOOL, x.shape)
    text = f"{x.within(COMPARE + 1)} != {y.within(COMPARE + 1)}"
    del writer, operation
    return Text(text, COMPARE, BOOL, joined(x.shape, y.shape))


SHORT: Final[dict[type[Operation], Callable[..., Text]]] = {
    Relu: _relu,
    LeakyRelu: _leaky,
    Clip: _clipped,
    NotEqual: _unequal,
}


def _shortest(number: Any) -> str:
    """The shortest text that is this number in its dtype."""
    x = float(number)
    if math.isnan(x):
        return "np.nan"
    if math.isinf(x):
        return "np.inf" if x > 0 else "-np.inf"
    return str(np.float64(number)) if number.dtype == np.float64 else str(number)


HELPERS: Final = {
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
