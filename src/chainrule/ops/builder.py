"""The scalar instructions in which elementwise operations state their lowering.

An emitter of machine code implements them on registers, a test on NumPy arrays. An
operation's `scalar(builder, *xs)` builds one expression from them.
"""

from typing import Protocol, TypeVar

from chainrule.ir import DType

S = TypeVar("S")


class Builder(Protocol[S]):
    """Scalar instructions on values of type `S`; both operands have one dtype.

    Comparisons give booleans, are false where an operand is NaN, and `maximum` and
    `minimum` give NaN there.
    """

    def dtype(self, x: S) -> DType:
        """What `x` holds."""

    def constant(self, value: float, like: S) -> S:
        """`value`, of the dtype of `like`."""

    def cast(self, x: S, dtype: DType) -> S:
        """`x` as another dtype."""

    def add(self, x: S, y: S) -> S:
        """`x + y`."""

    def subtract(self, x: S, y: S) -> S:
        """`x - y`."""

    def multiply(self, x: S, y: S) -> S:
        """`x * y`."""

    def divide(self, x: S, y: S) -> S:
        """`x / y`."""

    def floor_divide(self, x: S, y: S) -> S:
        """`floor(x / y)`; 0 where an integer is divided by 0."""

    def remainder(self, x: S, y: S) -> S:
        """`x - floor(x / y) y`, with the sign of `y`; 0 for an integer by 0."""

    def negate(self, x: S) -> S:
        """`-x`."""

    def absolute(self, x: S) -> S:
        """`|x|`."""

    def maximum(self, x: S, y: S) -> S:
        """The larger one, NaN if either is."""

    def minimum(self, x: S, y: S) -> S:
        """The smaller one, NaN if either is."""

    def floor(self, x: S) -> S:
        """The largest integer that is not above `x`."""

    def round(self, x: S) -> S:
        """The nearest integer, the even one of two that are as near."""

    def less(self, x: S, y: S) -> S:
        """`x < y`."""

    def less_equal(self, x: S, y: S) -> S:
        """`x <= y`."""

    def equal(self, x: S, y: S) -> S:
        """`x == y`."""

    def logical_and(self, x: S, y: S) -> S:
        """Whether both hold."""

    def logical_or(self, x: S, y: S) -> S:
        """Whether one holds."""

    def logical_not(self, x: S) -> S:
        """Whether it does not hold."""

    def select(self, condition: S, x: S, y: S) -> S:
        """`x` where `condition` holds, else `y`."""

    def sqrt(self, x: S) -> S:
        """The square root."""

    def exp(self, x: S) -> S:
        """`e**x`."""

    def expm1(self, x: S) -> S:
        """`e**x - 1`, exact near 0."""

    def log(self, x: S) -> S:
        """The natural logarithm."""

    def log1p(self, x: S) -> S:
        """`log(1 + x)`, exact near 0."""

    def power(self, x: S, y: S) -> S:
        """`x**y`."""

    def sin(self, x: S) -> S:
        """The sine of `x` radians."""

    def cos(self, x: S) -> S:
        """The cosine of `x` radians."""

    def tanh(self, x: S) -> S:
        """The hyperbolic tangent."""

    def sigmoid(self, x: S) -> S:
        """`1 / (1 + e**-x)`."""

    def erf(self, x: S) -> S:
        """The error function."""

    def erfc(self, x: S) -> S:
        """`1 - erf(x)`, exact where erf is near 1."""

    def bitwise_xor(self, x: S, y: S) -> S:
        """Exclusive or of the bits of two integers."""

    def shift_right(self, x: S, bits: int) -> S:
        """The bits of an unsigned integer moved towards its low end."""
