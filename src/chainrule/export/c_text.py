"""Expressions of C99, as a builder of scalar instructions writes them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.ir import DType

BOOL = np.dtype(np.bool_)
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
POSITION = np.dtype(np.uint64)  # what coordinates are; C calls it size_t

_INTEGERS = "int8 int16 int32 int64 uint8 uint16 uint32 uint64"
C_TYPES: dict[DType, str] = {
    BOOL: "unsigned char",
    F32: "float",
    F64: "double",
    **{np.dtype(name): f"{name}_t" for name in _INTEGERS.split()},
}
_INLINE = 44  # longer expressions get a line of their own
_SHORT = 8  # a number of so few digits is written as people do


@dataclass(frozen=True)
class CText:
    """An expression that needs no brackets around it, and what it gives."""

    text: str
    dtype: DType


def literal(number: Any, dtype: DType) -> str:
    """A number exactly as it is: floats in hexadecimal, where they are not short.

    >>> literal(0.5, F32), literal(np.float32(0.1), F32), literal(-1, np.dtype(np.int8))
    ('0.5f', '0x1.99999ap-4f', '(int8_t)-1')
    """
    if dtype.kind != "f":
        return _integer(int(number), dtype)
    x, suffix = float(number), "f" if dtype == F32 else ""
    if not math.isfinite(x):
        name = "NAN" if math.isnan(x) else "INFINITY" if x > 0 else "-INFINITY"
        return name if dtype == F32 else f"(double){name}"
    if (x * 1024).is_integer():  # with few digits behind the point, if any
        short = repr(x)
        if len(short) <= _SHORT:
            return f"{short}{suffix}"
    digits, _, power = x.hex().partition("p")
    return f"{digits.rstrip('0').rstrip('.')}p{power}{suffix}"


def _integer(number: int, dtype: DType) -> str:
    if dtype == np.int64 and number == np.iinfo(np.int64).min:
        return "(int64_t)(-9223372036854775807LL - 1)"
    suffix = "" if abs(number) < 2**31 else "ULL" if dtype.kind == "u" else "LL"
    return f"({C_TYPES[dtype]}){number}{suffix}"


class CBuilder:
    """Writes scalar instructions; long expressions are given a name by `line`.

    `helpers` collects the functions that the file has to have, by name.
    """

    def __init__(self, prefix: str, line: Callable[[str], None]) -> None:
        self.prefix = prefix
        self.line = line
        self.helpers: dict[str, str] = {}
        self._count = 0

    def bound(self, x: CText) -> CText:
        """`x` under a name."""
        self._count += 1
        name = f"t{self._count}"
        self.line(f"const {C_TYPES[x.dtype]} {name} = {x.text};")
        return CText(name, x.dtype)

    def _made(self, text: str, dtype: DType) -> CText:
        small = dtype.kind == "b" or (dtype.kind in "iu" and dtype.itemsize < 4)
        y = CText(f"({C_TYPES[dtype]})({text})" if small else f"({text})", dtype)
        return self.bound(y) if len(text) > _INLINE else y

    def _call(self, name: str, *xs: CText) -> CText:
        suffix = "f" if xs[0].dtype == F32 else ""
        arguments = ", ".join(_bare(x.text) for x in xs)
        return self.bound(CText(f"{name}{suffix}({arguments})", xs[0].dtype))

    def _helper(self, name: str, *xs: CText) -> CText:
        """A function of the file, for the type of its arguments."""
        kind = C_TYPES[xs[0].dtype]
        full = f"{self.prefix}_{name}_{kind.split()[-1]}"
        suffix = "f" if kind == "float" else ""
        code = _HELPERS[name].replace("TYPE", kind).replace("NAME", full)
        self.helpers[full] = code.replace("SUFFIX", suffix).strip("\n")
        arguments = ", ".join(_bare(x.text) for x in xs)
        return self.bound(CText(f"{full}({arguments})", xs[0].dtype))

    def _operator(self, sign: str, x: CText, y: CText) -> CText:
        return self._made(f"{x.text} {sign} {y.text}", x.dtype)

    def _truth(self, text: str) -> CText:
        return self._made(text, BOOL)

    def _compared(self, sign: str, x: CText, y: CText, *, same: bool) -> CText:
        """A comparison, unless it is of an integer and itself: compilers warn of it."""
        if x.text == y.text and x.dtype.kind != "f":
            return CText(f"((unsigned char){int(same)})", BOOL)
        return self._truth(f"{x.text} {sign} {y.text}")

    # --- instructions -----------------------------------------------------------------

    def dtype(self, x: CText) -> DType:
        """What `x` holds."""
        return x.dtype

    def constant(self, value: float, like: CText) -> CText:
        """A literal."""
        with np.errstate(all="ignore"):
            number = np.asarray(value).astype(like.dtype)[()]
        text = literal(number, like.dtype)
        return CText(f"({text})" if text.startswith(("-", "(")) else text, like.dtype)

    def cast(self, x: CText, dtype: DType) -> CText:
        """A conversion, which is always said."""
        if x.dtype == dtype:
            return x
        if dtype == BOOL:
            return self._truth(f"{x.text} != 0")
        y = CText(f"({C_TYPES[dtype]}){x.text}", dtype)
        # Under a name, or compilers warn of comparisons that its old type decides.
        return self.bound(y) if dtype.kind in "iu" and x.dtype.kind in "biu" else y

    def add(self, x: CText, y: CText) -> CText:
        """`+`."""
        return self._operator("+", x, y)

    def subtract(self, x: CText, y: CText) -> CText:
        """`-`."""
        return self._operator("-", x, y)

    def multiply(self, x: CText, y: CText) -> CText:
        """`*`."""
        return self._operator("*", x, y)

    def divide(self, x: CText, y: CText) -> CText:
        """`/`."""
        return self._operator("/", x, y)

    def floor_divide(self, x: CText, y: CText) -> CText:
        """A function, as C rounds towards 0."""
        return self._helper(f"floor_divide_{_family(x.dtype)}", x, y)

    def remainder(self, x: CText, y: CText) -> CText:
        """A function, as C's has the sign of `x`."""
        return self._helper(f"remainder_{_family(x.dtype)}", x, y)

    def negate(self, x: CText) -> CText:
        """`-`; of unsigned numbers, what is left to 0."""
        zero = "0u - " if x.dtype.kind == "u" else "-"
        return self._made(f"{zero}{x.text}", x.dtype)

    def absolute(self, x: CText) -> CText:
        """`fabs`, or a choice."""
        if x.dtype.kind == "f":
            return self._call("fabs", x)
        if x.dtype.kind in "ub":
            return x
        return self._made(f"{x.text} < 0 ? -{x.text} : {x.text}", x.dtype)

    def maximum(self, x: CText, y: CText) -> CText:
        """A choice; NaN if either is."""
        if x.dtype.kind == "f":
            return self._helper("max", x, y)
        return self._made(f"{x.text} > {y.text} ? {x.text} : {y.text}", x.dtype)

    def minimum(self, x: CText, y: CText) -> CText:
        """A choice; NaN if either is."""
        if x.dtype.kind == "f":
            return self._helper("min", x, y)
        return self._made(f"{x.text} < {y.text} ? {x.text} : {y.text}", x.dtype)

    def floor(self, x: CText) -> CText:
        """`floor`."""
        return self._call("floor", x)

    def round(self, x: CText) -> CText:
        """`rint`, to even."""
        return self._call("rint", x)

    def less(self, x: CText, y: CText) -> CText:
        """`<`."""
        return self._compared("<", x, y, same=False)

    def less_equal(self, x: CText, y: CText) -> CText:
        """`<=`."""
        return self._compared("<=", x, y, same=True)

    def equal(self, x: CText, y: CText) -> CText:
        """`==`."""
        return self._compared("==", x, y, same=True)

    def logical_and(self, x: CText, y: CText) -> CText:
        """`&&`."""
        return self._truth(f"{x.text} && {y.text}")

    def logical_or(self, x: CText, y: CText) -> CText:
        """`||`."""
        return self._truth(f"{x.text} || {y.text}")

    def logical_not(self, x: CText) -> CText:
        """`!`."""
        return self._truth(f"!{x.text}")

    def select(self, condition: CText, x: CText, y: CText) -> CText:
        """`?:`."""
        return self._made(f"{condition.text} ? {x.text} : {y.text}", x.dtype)

    def sqrt(self, x: CText) -> CText:
        """`sqrt`."""
        return self._call("sqrt", x)

    def exp(self, x: CText) -> CText:
        """`exp`."""
        return self._call("exp", x)

    def expm1(self, x: CText) -> CText:
        """`expm1`."""
        return self._call("expm1", x)

    def log(self, x: CText) -> CText:
        """`log`."""
        return self._call("log", x)

    def log1p(self, x: CText) -> CText:
        """`log1p`."""
        return self._call("log1p", x)

    def power(self, x: CText, y: CText) -> CText:
        """`pow`, or a loop."""
        if x.dtype.kind == "f":
            return self._call("pow", x, y)
        return self._helper("power", x, y)

    def sin(self, x: CText) -> CText:
        """`sin`."""
        return self._call("sin", x)

    def cos(self, x: CText) -> CText:
        """`cos`."""
        return self._call("cos", x)

    def tanh(self, x: CText) -> CText:
        """`tanh`."""
        return self._call("tanh", x)

    def sigmoid(self, x: CText) -> CText:
        """A function of the file."""
        return self._helper("sigmoid", x)

    def erf(self, x: CText) -> CText:
        """`erf`."""
        return self._call("erf", x)

    def erfc(self, x: CText) -> CText:
        """`erfc`."""
        return self._call("erfc", x)

    def bitwise_xor(self, x: CText, y: CText) -> CText:
        """`^`."""
        return self._operator("^", x, y)

    def shift_right(self, x: CText, bits: int) -> CText:
        """`>>`."""
        return self._made(f"{x.text} >> {bits}", x.dtype)


def _bare(text: str) -> str:
    """An expression without the brackets around all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[1:-1] if place == len(text) - 1 else text
    return text


def _family(dtype: DType) -> str:
    return {"f": "real", "i": "signed"}.get(dtype.kind, "unsigned")


_HELPERS = {
    "max": """
static inline TYPE NAME(TYPE a, TYPE b)
{
    return a > b || a != a ? a : b;
}
""",
    "min": """
static inline TYPE NAME(TYPE a, TYPE b)
{
    return a < b || a != a ? a : b;
}
""",
    "sigmoid": """
static inline TYPE NAME(TYPE x)
{
    const TYPE e = expSUFFIX(-fabsSUFFIX(x));
    return (x < 0 ? e : (TYPE)1) / (1 + e);
}
""",
    "remainder_real": """
static inline TYPE NAME(TYPE a, TYPE b)
{
    const TYPE r = fmodSUFFIX(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
""",
    "floor_divide_real": """
static inline TYPE NAME(TYPE a, TYPE b)
{
    const TYPE r = fmodSUFFIX(a, b);
    if (b == 0) return a / b;
    return floorSUFFIX((a - r) / b + (TYPE)0.5)
           - (r != 0 && (r < 0) != (b < 0) ? (TYPE)1 : (TYPE)0);
}
""",
    "remainder_signed": """
static inline TYPE NAME(TYPE a, TYPE b)
{
    const TYPE r = (TYPE)(b == 0 || b == -1 ? 0 : a % b);
    return (TYPE)(r != 0 && (r < 0) != (b < 0) ? r + b : r);
}
""",
    "floor_divide_signed": """
static inline TYPE NAME(TYPE a, TYPE b)
{
    if (b == 0) return 0;
    if (b == -1) return (TYPE)(-a);
    return (TYPE)(a / b - (a % b != 0 && (a < 0) != (b < 0)));
}
""",
    "remainder_unsigned": """
static inline TYPE NAME(TYPE a, TYPE b)
{
    return (TYPE)(b == 0 ? 0 : a % b);
}
""",
    "floor_divide_unsigned": """
static inline TYPE NAME(TYPE a, TYPE b)
{
    return (TYPE)(b == 0 ? 0 : a / b);
}
""",
    "power": """
static inline TYPE NAME(TYPE a, TYPE b)
{
    TYPE y = 1;
    while (b > 0) {
        if (b % 2 != 0) y = (TYPE)(y * a);
        a = (TYPE)(a * a);
        b = (TYPE)(b / 2);
    }
    return y;
}
""",
}
