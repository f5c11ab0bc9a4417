"""Numbers and names as people read them."""

import math
from collections.abc import Sequence
from itertools import pairwise

__all__ = ["number", "percent", "round_ticks", "shorten", "size", "tick_labels"]

SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def number(value: float) -> str:
    """`value` in about four digits, with separators between thousands.

    Example:
        >>> number(0.123456), number(1234567.8), number(41), number(3e-7)
        ('0.1235', '1,234,568', '41', '3e-07')
    """
    if abs(value) < 1e15 and (abs(value) >= 1000 or value == round(value)):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def percent(share: float) -> str:
    """`share` as a percentage which is 0 or 100 only where it is exactly that.

    Example:
        >>> percent(0.9737), percent(1.0), percent(0.99996), percent(0.0)
        ('97.4%', '100%', '99.996%', '0%')
    """
    if share in {0, 1}:
        return f"{share:.0%}"
    for decimals in (1, 2, 3):
        text = f"{share:.{decimals}%}"
        if float(text[:-1]) not in {0, 100}:
            return text
    return "<0.001%" if share < 0.5 else ">99.999%"


def size(bytes_: int) -> str:
    """An amount of bytes in about three digits.

    Example:
        >>> size(734), size(49_556), size(1_234_567_890)
        ('734 bytes', '49.6 kB', '1.23 GB')
    """
    for unit, least in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if bytes_ >= least:
            return f"{bytes_ / least:.3g} {unit}"
    return f"{bytes_} bytes"


def round_ticks(
    low: float, high: float, most: int = 6, smallest_step: float = 0.0
) -> list[float]:
    """The multiples of 1, 2 or 5 times a power of ten from `low` to `high`.

    Example:
        >>> round_ticks(0, 10), round_ticks(1, 3, smallest_step=1)
        ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [1.0, 2.0, 3.0])
    """
    if high <= low:
        return [low]
    least = max((high - low) / most, smallest_step)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= least * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Short labels for the ticks of an axis, all with the same unit and decimals.

    Example:
        >>> tick_labels([0, 250_000, 500_000]), tick_labels([0, 0.5, 1])
        (['0', '250k', '500k'], ['0', '0.5', '1.0'])
    """
    largest = max((abs(tick) for tick in ticks), default=0.0)
    if largest >= 1e15 or 0 < largest < 1e-3:
        return [f"{tick:.3g}" if tick else "0" for tick in ticks]
    scale, suffix = next(
        ((scale, suffix) for scale, suffix in SUFFIXES if largest >= 10 * scale),
        (1.0, ""),
    )
    scaled = [tick / scale for tick in ticks]
    step = min((abs(b - a) for a, b in pairwise(scaled)), default=1)
    decimals = next(
        (d for d in range(9) if all(abs(round(v, d) - v) < step / 100 for v in scaled)),
        9,
    )
    return [f"{v:.{decimals}f}{suffix}" if v else "0" for v in scaled]


def shorten(name: str, most: int) -> str:
    """`name` on one line of at most `most` characters.

    Example:
        >>> shorten("a very long name", 10), shorten("short", 10)
        ('a very lo…', 'short')
    """
    line = " ".join(name.split())
    return line if len(line) <= most else line[: most - 1] + "…"
