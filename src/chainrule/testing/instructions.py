"""The primitive instructions of `native.maths` on NumPy arrays, bit for bit."""

import numpy as np

from chainrule.ir import Array, DType
from chainrule.testing.builder import NumpyBuilder

_INTEGERS = {4: np.dtype(np.int32), 8: np.dtype(np.int64)}
_FLOATS = {4: np.dtype(np.float32), 8: np.dtype(np.float64)}

# A product of mantissas and a summand this much larger or smaller do not meet.
_APART = 200


class NumpyInstructions(NumpyBuilder):
    """`native.Instructions` whose values are arrays, as machine code would give them.

    >>> from chainrule.native import maths
    >>> maths.exp(NumpyInstructions(), np.array([0.0, -1000.0]))
    array([1., 0.])
    """

    bitwise_and = staticmethod(np.bitwise_and)
    bitwise_or = staticmethod(np.bitwise_or)

    def dtype(self, x: Array) -> DType:
        """What `x` holds."""
        dtype: DType = x.dtype
        return dtype

    def fma(self, x: Array, y: Array, z: Array) -> Array:
        """`x * y + z`, rounded once."""
        x, y, z = np.broadcast_arrays(x, y, z)
        return _fma_single(x, y, z) if x.dtype.itemsize == 4 else _fma_double(x, y, z)

    def bits(self, x: Array) -> Array:
        """The bits of a float as a signed integer."""
        return np.asarray(x).view(_INTEGERS[x.dtype.itemsize])

    def real(self, x: Array) -> Array:
        """The float that has the bits of an integer."""
        return np.asarray(x).view(_FLOATS[x.dtype.itemsize])

    def shift_left(self, x: Array, bits: int | Array) -> Array:
        """The bits moved towards the high end."""
        return np.asarray(np.left_shift(x, np.asarray(bits, x.dtype)))

    def shift_right(self, x: Array, bits: int | Array) -> Array:
        """The bits moved towards the low end, zeros following."""
        unsigned = x.astype(f"u{x.dtype.itemsize}")
        moved = np.right_shift(unsigned, np.asarray(bits).astype(unsigned.dtype))
        return np.asarray(moved.astype(x.dtype))

    def shift_right_signed(self, x: Array, bits: int | Array) -> Array:
        """The bits moved towards the low end, copies of the sign following."""
        return np.asarray(np.right_shift(x, np.asarray(bits, x.dtype)))


def _fma_single(x: Array, y: Array, z: Array) -> Array:
    """In float64, where the product is exact and the sum is rounded to odd."""
    product = x.astype(np.float64) * y
    return _add_to_odd(product, z.astype(np.float64)).astype(np.float32)


def _fma_double(x: Array, y: Array, z: Array) -> Array:
    """On numbers scaled to mantissas, so that nothing overflows on the way.

    A result is rounded twice where it is denormal, but not if it is just `z`.
    """
    plain = x * y + z
    x, x_exponent = np.frexp(x)
    y, y_exponent = np.frexp(y)
    exponent = x_exponent + y_exponent
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.ldexp(z, -exponent)
        large = ~(np.abs(scaled) < 2.0**_APART)
        small = (scaled != 0) & (np.abs(scaled) < 2.0**-_APART)
        hidden = (z != 0) & (scaled == 0)
        scaled = np.where(small | hidden, np.copysign(2.0**-_APART, z), scaled)
        scaled = np.where(large, 0, scaled)
        total = np.ldexp(_fused(x, y, scaled), exponent)
    usual = np.isfinite(plain) & (x * y != 0) & (z != 0)
    usual &= np.isfinite(z)
    return np.where(usual, np.where(large, z, total), plain)


def _fused(x: Array, y: Array, z: Array) -> Array:
    """`x y + z` rounded once, where nothing overflows or underflows.

    S. Boldo and G. Melquiond, "Emulation of FMA and correctly rounded sums: proved
    algorithms using rounding to odd", IEEE Transactions on Computers 57 (2008).
    """
    high, low = _product(x, y)
    middle, lowest = _sum(z, low)
    top, rest = _sum(high, middle)
    return np.asarray(top + _add_to_odd(lowest, rest))


def _product(x: Array, y: Array) -> tuple[Array, Array]:
    """Dekker's: the rounded product, and what it has been rounded by."""
    product = x * y
    (x, x_low), (y, y_low) = _halves(x), _halves(y)
    error = x_low * y_low - (((product - x * y) - x_low * y) - x * y_low)
    return product, error


def _halves(x: Array) -> tuple[Array, Array]:
    """Veltkamp's: two numbers of 26 bits whose sum is `x`."""
    big = 134217729.0 * x
    high = big - (big - x)
    return high, x - high


def _sum(x: Array, y: Array) -> tuple[Array, Array]:
    """Knuth's: the rounded sum, and what it has been rounded by."""
    total = x + y
    back = total - x
    return total, (x - (total - back)) + (y - back)


def _add_to_odd(x: Array, y: Array) -> Array:
    """`x + y`, if inexact the one of its two float64 neighbours whose last bit is 1.

    Rounding that to fewer bits gives what rounding the exact sum would.
    """
    with np.errstate(invalid="ignore"):
        total, error = _sum(x, y)
    towards = np.where(error > 0, np.inf, -np.inf)
    inexact = np.isfinite(total) & np.isfinite(error) & (error != 0)
    even = total.view(np.int64) & 1 == 0
    return np.where(inexact & even, np.nextafter(total, towards), total)
