"""Numbers as people read them: four significant digits and no noise."""

import math
import unicodedata

# Between these, a number is written out; outside, with a power of ten.
_SMALLEST_PLAIN = 1e-4
_LARGEST_PLAIN = 1e7


def numeral(x: float) -> str:
    """`x` in four significant digits; whole numbers in full while they are short.

    >>> [numeral(x) for x in (10.0, -0.0, 2 / 3, 1234.56, -1e-17, 1.5e9)]
    ['10', '0', '0.6667', '1235', '-1e-17', '1.5e9']
    >>> numeral(float("nan")), numeral(float("-inf")), numeral(True)
    ('NaN', '-inf', 'True')
    """
    if isinstance(x, bool) or not math.isfinite(x):
        return str(x).replace("nan", "NaN")
    if x == int(x) and abs(x) < _LARGEST_PLAIN:
        return str(int(x))
    if _SMALLEST_PLAIN <= abs(x) < _LARGEST_PLAIN:
        decimals = max(0, 3 - math.floor(math.log10(abs(x))))
        return _trim(f"{x:.{decimals}f}")
    mantissa, _, exponent = f"{x:.3e}".partition("e")
    return f"{_trim(mantissa)}e{int(exponent)}"


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as Python writes it; nothing for that of a number.

    >>> shape_text((64, 10)), shape_text((3,)), shape_text(())
    ('(64, 10)', '(3,)', '')
    """
    return str(shape) if shape else ""


def columns_of(text: str) -> int:
    """How many columns of a terminal `text` takes.

    >>> columns_of("abc"), columns_of("数"), columns_of("e\N{COMBINING ACUTE ACCENT}")
    (3, 2, 1)
    """
    return sum(
        0
        if unicodedata.combining(character)
        else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def plain_line(text: str) -> str:
    r"""`text` on one line and without characters that control a terminal.

    >>> plain_line("a\n b\x1b[31m")
    'a b�[31m'
    """
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for character in " ".join(text.split())
    )


def shorten(text: str, most: int) -> str:
    """The end of `text`, which tells paths of layers apart, in `most` characters.

    >>> shorten("encoder.layers.3.weight", 12), shorten("W", 12)
    ('…rs.3.weight', 'W')
    """
    return text if len(text) <= most else f"…{text[len(text) - most + 1 :]}"


def _trim(decimal: str) -> str:
    return decimal.rstrip("0").rstrip(".") if "." in decimal else decimal
