"""The primitive instructions in which `native.maths` writes its functions.

They are what every vector unit has: arithmetic with one rounding, comparisons, choices,
and the bits of numbers as integers. Whoever implements them decides what a value is: a
register of a loop nest, or in a test a NumPy array.
"""

from typing import Protocol, TypeVar

from chainrule.ir import DType

S = TypeVar("S")


class Instructions(Protocol[S]):
    """Instructions on values of type `S`, scalars or vectors alike.

    All operands of an instruction have one dtype, but for the condition of `select`.
    Floats are float32 and float64, rounded to nearest, ties to even, as IEEE 754 says;
    no instruction may be reordered, contracted or replaced by an inexact one. Integers
    wrap around. Comparisons give booleans and are false where an operand is NaN.
    """

    def dtype(self, x: S) -> DType:
        """What `x` holds."""

    def constant(self, value: float, like: S) -> S:
        """`value`, rounded to the dtype of `like`; an integer has to fit in it."""

    def cast(self, x: S, dtype: DType) -> S:
        """The number `x` as another dtype: floats are rounded, or cut to integers."""

    def add(self, x: S, y: S) -> S:
        """`x + y`."""

    def subtract(self, x: S, y: S) -> S:
        """`x - y`."""

    def multiply(self, x: S, y: S) -> S:
        """`x * y`; of integers the low bits."""

    def divide(self, x: S, y: S) -> S:
        """`x / y` of floats."""

    def fma(self, x: S, y: S, z: S) -> S:
        """`x * y + z` of floats, rounded once."""

    def negate(self, x: S) -> S:
        """`-x`; of a float only the sign bit changes."""

    def absolute(self, x: S) -> S:
        """`|x|`; of a float only the sign bit changes."""

    def round(self, x: S) -> S:
        """The nearest whole float, the even one of two that are as near."""

    def less(self, x: S, y: S) -> S:
        """`x < y`."""

    def less_equal(self, x: S, y: S) -> S:
        """`x <= y`."""

    def equal(self, x: S, y: S) -> S:
        """`x == y`."""

    def logical_and(self, x: S, y: S) -> S:
        """Whether both booleans hold."""

    def logical_or(self, x: S, y: S) -> S:
        """Whether one of the booleans holds."""

    def logical_not(self, x: S) -> S:
        """Whether the boolean does not hold."""

    def select(self, condition: S, x: S, y: S) -> S:
        """`x` where the boolean `condition` holds, else `y`; both are computed."""

    def bits(self, x: S) -> S:
        """The bits of a float as a signed integer of its size."""

    def real(self, x: S) -> S:
        """The float that has the bits of a signed integer: the inverse of `bits`."""

    def bitwise_and(self, x: S, y: S) -> S:
        """Bits that both integers have."""

    def bitwise_or(self, x: S, y: S) -> S:
        """Bits that one of the integers has."""

    def bitwise_xor(self, x: S, y: S) -> S:
        """Bits that one integer has and the other has not."""

    def shift_left(self, x: S, bits: int | S) -> S:
        """The bits moved towards the high end; by fewer than there are."""

    def shift_right(self, x: S, bits: int | S) -> S:
        """The bits moved towards the low end, zeros following, of any integer."""

    def shift_right_signed(self, x: S, bits: int | S) -> S:
        """The bits moved towards the low end, copies of the sign following."""
