"""`sin` and `cos`, with as many digits for large angles as for small ones.

An angle is reduced to `r`, at most an eighth of a turn on either side of a quarter `n`
of a turn; the sine and the cosine of `r` are polynomials in `r**2`, fitted by Remez's
algorithm so that the greatest relative error is the smallest possible. As M. H. Payne
and R. N. Hanek, "Radian reduction for trigonometric functions", SIGNUM Newsletter 18
(1983), 19-24, found, only the bits of `1 / (2 pi)` matter that make a fraction of a
turn when multiplied with the angle, and a few dozen beyond them, as an angle may be
very near to a quarter.
"""

import math
from dataclasses import dataclass

from chainrule.native.instructions import S
from chainrule.native.maths.term import (
    DOUBLE,
    SINGLE,
    Term,
    fma,
    horner,
    where,
)


@dataclass(frozen=True)
class _Constants:
    """`(sin(r) / r - 1) / r**2` and `(cos(r) - 1 + r**2 / 2) / r**4` in `r**2`."""

    sine: tuple[float, ...]
    cosine: tuple[float, ...]


# Relative errors: of the sine 2**-28.0, 2**-57.9; of the cosine 2**-33.0, 2**-63.9.
_CONSTANTS = {
    SINGLE: _Constants(
        sine=(
            -0.16666654536636973041,
            0.0083321560543327320557,
            -0.0001951463195902049854,
        ),
        cosine=(
            0.041666645554500779694,
            -0.001388730986805778796,
            0.000024432413132087557937,
        ),
    ),
    DOUBLE: _Constants(
        sine=(
            -0.16666666666666630294,
            0.0083333333333220055623,
            -0.00019841269829495530117,
            2.7557313587629200947e-6,
            -2.5050742309113546035e-8,
            1.58959047940384936e-10,
        ),
        cosine=(
            0.041666666666666592018,
            -0.0013888888888872895125,
            0.000024801587288748187423,
            -2.7557314148623173291e-7,
            2.0875696572499730694e-9,
            -1.1358310484230187078e-11,
        ),
    ),
}

# The first 1,216 bits of 1 / (2 pi), behind the point.
_TURN_BITS = 1216
_TURN = int(
    "28be60db9391054a7f09d5f47d4d377036d8a5664f10e4107f9458eaf7aef1586dc91b8e"
    "909374b801924bba827464873f877ac72c4a69cfba208d7d4baed1213a671c09ad17df90"
    "4e64758e60d4ce7d272117e2ef7e4a0ec7fe25fff7816603fbcbc462d6829b47db4d9fb3"
    "c9f2c26dd3d18fd9a797fa8b5d49eeb1faf97c5ecf41ce7de294a4ba9afed7ec47e35742"
    "1580cc11bf1edaea",
    16,
)

# The end of each piece of 1 / (2 pi) for float32, in bits behind the point: the product
# of 29 bits with the 24 of an angle is exact in float64.
_CUTS = (31, 60, 89, 118, 147)

# pi / 2 as a float64 and the rest of it.
_QUARTER = (1.5707963267948966, 6.123233995736766e-17)

_LOW = (1 << 32) - 1


def sin(x: Term[S]) -> Term[S]:
    """The sine of `x` radians, from that of `|x|`."""
    y = _sine_and_quarters(abs(x), 0)
    return (y.bits() ^ (x.bits() & x.format.sign)).real()


def cos(x: Term[S]) -> Term[S]:
    """The cosine of `x` radians: the sine of a quarter of a turn more."""
    return _sine_and_quarters(abs(x), 1)


def _sine_and_quarters(a: Term[S], more: int) -> Term[S]:
    """`sin(a + more pi / 2)`; NaN where `a` is infinite."""
    if a.format == SINGLE:
        r, quarters = _reduce_single(a)
        sine, cosine = _near_single(r)
    else:
        r, rest, quarters = _reduce_double(a)
        sine, cosine = _near_double(r, rest)
        sine = where(a < math.inf, sine, math.nan)
        cosine = where(a < math.inf, cosine, math.nan)
    quarters = quarters + more if more else quarters
    y = where((quarters & 1).equals(0), sine, cosine)
    half = quarters << (8 * a.format.real.itemsize - 2)
    return (y.bits() ^ (half & a.format.sign)).real()


def _near_single(r: Term[S]) -> tuple[Term[S], Term[S]]:
    """The sine and the cosine of `r`."""
    k = _CONSTANTS[SINGLE]
    u = r * r
    cosine = fma(u, fma(u, horner(u, k.cosine), -0.5), 1)
    return fma(r * u, horner(u, k.sine), r), cosine


def _near_double(r: Term[S], rest: Term[S]) -> tuple[Term[S], Term[S]]:
    """The sine and the cosine of `r + rest`.

    `1 - u / 2` is rounded; what it loses comes back with the smaller terms.
    """
    k = _CONSTANTS[DOUBLE]
    u = r * r
    half = u * 0.5
    flat = 1 - half
    sine = r + fma(r * u, horner(u, k.sine), rest * flat)
    lost = (1 - flat) - half
    return sine, flat + (lost + fma(u * u, horner(u, k.cosine), -(r * rest)))


def _reduce_single(a: Term[S]) -> tuple[Term[S], Term[S]]:
    """`a = r + n pi / 2`: `r`, and `n` in the low bits.

    In float64, piece by piece of `1 / (2 pi)`: each product is exact, and so is what
    remains without its whole turns. The last piece is too small to make a turn, and
    need not be exact.
    """
    wide = a.to(DOUBLE.real)
    *pieces, last = _pieces()
    turns: Term[S] | None = None
    for piece in pieces:
        product = wide * piece
        fraction = product - product.round()
        turns = fraction if turns is None else turns + fraction
    assert turns is not None  # noqa: S101 - there are pieces
    turns = fma(wide, last, turns)
    shifted = fma(turns, 4, DOUBLE.shifter)
    quarter = fma(turns, 4, -(shifted - DOUBLE.shifter))
    r = (quarter * _QUARTER[0]).to(SINGLE.real)
    return r, shifted.bits().to(SINGLE.integer)


def _pieces() -> tuple[float, ...]:
    """`1 / (2 pi)` cut at `_CUTS`, and the rest of it."""
    pieces, rest, start = [], _TURN, _TURN_BITS
    for cut in _CUTS:
        end = _TURN_BITS - cut
        pieces.append(math.ldexp(rest >> end, -cut))
        rest &= (1 << end) - 1
        start = end
    last = start - 64
    return (*pieces, math.ldexp(rest >> last, last - _TURN_BITS))


def _reduce_double(a: Term[S]) -> tuple[Term[S], Term[S], Term[S]]:
    """`a = r + rest + n pi / 2`: `r`, `rest`, and `n` in the low bits.

    The fraction of a turn is a product of integers: the 53 bits of `a` and 192 bits of
    `1 / (2 pi)`, of which 128 come out, a signed high word and a low one.
    """
    bits = a.bits()
    fraction_mask = (1 << DOUBLE.fraction) - 1
    whole = (bits & fraction_mask) | (1 << DOUBLE.fraction)
    # Bit 0 of the window weighs half a turn. From angles of 1 on it lies behind the
    # first word, which is 0; it does not matter for smaller ones.
    start = (bits >> DOUBLE.fraction) - (DOUBLE.bias + DOUBLE.fraction - 64)
    first, second, third = _window(start)
    high_2, low_2 = _full_product(whole, second)
    high_3, _ = _full_product(whole, third)
    low = low_2 + high_3
    # The sum of two unsigned words is below either of them if it has overflowed.
    carry = (low ^ DOUBLE.sign) < (low_2 ^ DOUBLE.sign)
    high = whole * first + high_2
    high = where(carry, high + 1, high)
    n = (high + (1 << 61)) >> 62
    r, rest = _radians((high << 2) | (low >> 62), low << 2)
    near = a < math.pi / 4
    return where(near, a, r), where(near, 0.0, rest), where(near, 0, n)


def _window(start: Term[S]) -> tuple[Term[S], Term[S], Term[S]]:
    """The three words of `1 / (2 pi)` from a bit on, counted from 64 zeros before it.

    Words are moved by 16, 8, 4, 2 and 1 as the bits of their number say.
    """
    whole = _TURN.to_bytes(_TURN_BITS // 8, "big")
    parts = [whole[i : i + 8] for i in range(0, len(whole), 8)]
    numbers = [0, *(int.from_bytes(part, "big", signed=True) for part in parts)]
    words: list[Term[S]] = [start.constant(number) for number in numbers]
    for move, needed in ((16, 19), (8, 11), (4, 7), (2, 5), (1, 4)):
        stay = (start & (64 * move)).equals(0)
        words = [
            where(stay, words[i], words[i + move]) if i + move < len(words) else word
            for i, word in enumerate(words[:needed])
        ]
    by = start & 63
    # A shift by 64 has no meaning; so by 1 and then by 63 or fewer.
    back = 63 - by
    first, second, third = (
        (words[i] << by) | ((words[i + 1] >> 1) >> back) for i in range(3)
    )
    return first, second, third


def _full_product(x: Term[S], y: Term[S]) -> tuple[Term[S], Term[S]]:
    """The high and the low word of the product of unsigned words, `x` below 2**53."""
    x_low, x_high = x & _LOW, x >> 32
    y_low, y_high = y & _LOW, y >> 32
    lowest = x_low * y_low
    middle = x_low * y_high + (lowest >> 32)
    other = x_high * y_low + (middle & _LOW)
    high = x_high * y_high + (middle >> 32) + (other >> 32)
    return high, (other << 32) | (lowest & _LOW)


def _radians(high: Term[S], low: Term[S]) -> tuple[Term[S], Term[S]]:
    """A signed fraction of a quarter of a turn, in 128 bits, as a sum in radians."""
    # Half words fit into float64, whose last bits they become, exactly.
    base = 2.0**DOUBLE.fraction
    base_bits = (DOUBLE.bias + DOUBLE.fraction) << DOUBLE.fraction

    def number(half: Term[S]) -> Term[S]:
        return (half | base_bits).real() - base

    top = number((high ^ DOUBLE.sign) >> 32) - 2.0**31
    a, b = top * 2.0**-32, number(high & _LOW) * 2.0**-64
    c, d = number(low >> 32) * 2.0**-96, number(low & _LOW) * 2.0**-128
    quarter = a + b
    rest = (b - (quarter - a)) + (c + d)
    r = quarter * _QUARTER[0]
    error = fma(quarter, _QUARTER[0], -r)
    return r, error + fma(quarter, _QUARTER[1], rest * _QUARTER[0])
