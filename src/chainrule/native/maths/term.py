"""A value with its instructions, so that a formula can be written as one."""

from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeAlias

import numpy as np

from chainrule.ir import DType
from chainrule.native.instructions import Instructions, S


@dataclass(frozen=True)
class Format:
    """How a float is laid out: sign, exponent plus `bias`, `fraction` bits."""

    real: DType
    integer: DType
    fraction: int
    bias: int

    @property
    def one(self) -> int:
        """The bits of 1."""
        return self.bias << self.fraction

    @property
    def exponent_mask(self) -> int:
        """All bits that are not of the fraction; as a number, minus its span."""
        return -(1 << self.fraction)

    @property
    def sign(self) -> int:
        """The sign bit alone: the lowest integer."""
        return -(1 << (8 * self.real.itemsize - 1))

    @property
    def shifter(self) -> float:
        """Added to a float it rounds it to an integer, which its low bits then hold."""
        return 1.5 * 2.0**self.fraction

    @property
    def smallest(self) -> float:
        """The smallest number that is not denormal."""
        return 2.0 ** (1 - self.bias)


SINGLE = Format(np.dtype(np.float32), np.dtype(np.int32), 23, 127)
DOUBLE = Format(np.dtype(np.float64), np.dtype(np.int64), 52, 1023)
_FORMATS = {format.real: format for format in (SINGLE, DOUBLE)}


# eq=False: terms are compared by `equals`, which writes an instruction.
@dataclass(frozen=True, eq=False)
class Term(Generic[S]):
    """`value`, and the instructions `b` that operators on it write."""

    b: Instructions[S]
    value: S

    @cached_property
    def format(self) -> Format:
        """The layout of a float."""
        return _FORMATS[self.b.dtype(self.value)]

    def of(self, x: "Operand[S]") -> S:
        """`x` as a value; a number becomes a constant of this term's dtype."""
        return x.value if isinstance(x, Term) else self.b.constant(x, self.value)

    def constant(self, x: float) -> "Term[S]":
        """A number as a term of this dtype."""
        return Term(self.b, self.of(x))

    def __add__(self, y: "Operand[S]") -> "Term[S]":
        return Term(self.b, self.b.add(self.value, self.of(y)))

    def __sub__(self, y: "Operand[S]") -> "Term[S]":
        return Term(self.b, self.b.subtract(self.value, self.of(y)))

    def __rsub__(self, x: float) -> "Term[S]":
        return Term(self.b, self.b.subtract(self.of(x), self.value))

    def __mul__(self, y: "Operand[S]") -> "Term[S]":
        return Term(self.b, self.b.multiply(self.value, self.of(y)))

    def __truediv__(self, y: "Operand[S]") -> "Term[S]":
        return Term(self.b, self.b.divide(self.value, self.of(y)))

    def __rtruediv__(self, x: float) -> "Term[S]":
        return Term(self.b, self.b.divide(self.of(x), self.value))

    def __neg__(self) -> "Term[S]":
        return Term(self.b, self.b.negate(self.value))

    def __abs__(self) -> "Term[S]":
        return Term(self.b, self.b.absolute(self.value))

    def __lt__(self, y: "Operand[S]") -> "Term[S]":
        return Term(self.b, self.b.less(self.value, self.of(y)))

    def __gt__(self, y: "Operand[S]") -> "Term[S]":
        return Term(self.b, self.b.less(self.of(y), self.value))

    def __ge__(self, y: "Operand[S]") -> "Term[S]":
        return Term(self.b, self.b.less_equal(self.of(y), self.value))

    def equals(self, y: "Operand[S]") -> "Term[S]":
        """Where `self == y`."""
        return Term(self.b, self.b.equal(self.value, self.of(y)))

    def also(self, y: "Term[S]") -> "Term[S]":
        """Where both conditions hold."""
        return Term(self.b, self.b.logical_and(self.value, y.value))

    def otherwise(self, y: "Term[S]") -> "Term[S]":
        """Where one of the conditions holds."""
        return Term(self.b, self.b.logical_or(self.value, y.value))

    def fails(self) -> "Term[S]":
        """Where the condition does not hold."""
        return Term(self.b, self.b.logical_not(self.value))

    def __and__(self, y: "Operand[S]") -> "Term[S]":
        return Term(self.b, self.b.bitwise_and(self.value, self.of(y)))

    def __or__(self, y: "Operand[S]") -> "Term[S]":
        return Term(self.b, self.b.bitwise_or(self.value, self.of(y)))

    def __xor__(self, y: "Operand[S]") -> "Term[S]":
        return Term(self.b, self.b.bitwise_xor(self.value, self.of(y)))

    def __lshift__(self, bits: "int | Term[S]") -> "Term[S]":
        by = bits.value if isinstance(bits, Term) else bits
        return Term(self.b, self.b.shift_left(self.value, by))

    def __rshift__(self, bits: "int | Term[S]") -> "Term[S]":
        """Zeros follow, whatever the sign."""
        by = bits.value if isinstance(bits, Term) else bits
        return Term(self.b, self.b.shift_right(self.value, by))

    def bits(self) -> "Term[S]":
        """The bits of a float as an integer."""
        return Term(self.b, self.b.bits(self.value))

    def real(self) -> "Term[S]":
        """The float that has these bits."""
        return Term(self.b, self.b.real(self.value))

    def to(self, dtype: DType) -> "Term[S]":
        """The same number as another dtype."""
        return Term(self.b, self.b.cast(self.value, dtype))

    def round(self) -> "Term[S]":
        """The nearest whole number."""
        return Term(self.b, self.b.round(self.value))


Operand: TypeAlias = Term[S] | float


def fma(x: Term[S], y: Operand[S], z: Operand[S]) -> Term[S]:
    """`x y + z`, rounded once."""
    return Term(x.b, x.b.fma(x.value, x.of(y), x.of(z)))


def where(condition: Term[S], x: Operand[S], y: Operand[S]) -> Term[S]:
    """`x` where the condition holds, else `y`, one of which is a term."""
    like = x if isinstance(x, Term) else y
    assert isinstance(like, Term)  # noqa: S101 - two numbers have no dtype
    return Term(like.b, like.b.select(condition.value, like.of(x), like.of(y)))


def at_most(x: Term[S], limit: float) -> Term[S]:
    """`min(x, limit)`: one instruction, and NaN where `x` is."""
    return where(x > limit, limit, x)


def at_least(x: Term[S], limit: float) -> Term[S]:
    """`max(x, limit)`: one instruction, and NaN where `x` is."""
    return where(x < limit, limit, x)


def with_sign(x: Term[S], sign: Term[S]) -> Term[S]:
    """`x` with the sign of another float, which may be its own or that of `x >= 0`."""
    return (x.bits() | (sign.bits() & x.format.sign)).real()


def horner(x: Term[S], coefficients: tuple[float, ...]) -> Term[S]:
    """The polynomial of these coefficients, the lowest power first."""
    *lower, highest = coefficients
    y: Operand[S] = highest
    for coefficient in reversed(lower):
        y = fma(x, y, coefficient)
    assert isinstance(y, Term)  # noqa: S101 - there are two coefficients or more
    return y
