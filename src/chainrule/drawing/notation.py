"""Operations and short formulas as mathematics writes them."""

from typing import Final, NamedTuple

# How strongly an expression holds together, so that brackets go only where needed.
_SUM: Final = 1
_PRODUCT: Final = 2
_SIGN: Final = 3
_POWER: Final = 4
_ATOM: Final = 5

# A longer formula is not shown: the operation alone is.
_LONGEST: Final = 14


class _Infix(NamedTuple):
    """An operation written between its operands; `label` where it stands alone."""

    label: str
    between: str
    strength: int


# Only how they are written: an operation that is not listed is shown by its name.
_INFIX: Final = {
    "add": _Infix("+", " + ", _SUM),
    "subtract": _Infix("−", " − ", _SUM),
    "multiply": _Infix("×", "·", _PRODUCT),
    "divide": _Infix("÷", " / ", _PRODUCT),
    "power": _Infix("^", "^", _POWER),
    "matmul": _Infix("matmul", " @ ", _PRODUCT),
    "less": _Infix("<", " < ", 0),
    "less_equal": _Infix("≤", " ≤ ", 0),
    "equal": _Infix("=", " = ", 0),
    "not_equal": _Infix("≠", " ≠ ", 0),
}


# Where it matters that a row of these is worked out from the left.
_FROM_THE_LEFT: Final = {"subtract", "divide", "matmul"}


class Formula(NamedTuple):
    """A written expression, and how strongly it holds together."""

    text: str
    strength: int = _ATOM

    def within(self, strength: int) -> str:
        """The expression as an operand of something that binds with `strength`."""
        return self.text if self.strength >= strength else f"({self.text})"


def label_of(operation: str) -> str:
    """The sign of the operation of that name, or the name.

    >>> label_of("multiply"), label_of("relu"), label_of("sum")
    ('×', 'relu', 'sum')
    """
    infix = _INFIX.get(operation)
    return infix.label if infix else "−" if operation == "negate" else operation


def number_formula(numeral: str) -> Formula:
    """A number as an operand: a negative one wants brackets behind a sign."""
    return Formula(numeral, _SIGN if numeral.startswith("-") else _ATOM)


def formula_of(operation: str, operands: list[Formula | None]) -> Formula | None:
    """The operation applied to the operands, or `None` where that gets too long.

    >>> x, y, two = Formula("x"), Formula("y"), number_formula("2")
    >>> double = formula_of("multiply", [two, x])
    >>> formula_of("add", [double, y]).text
    '2x + y'
    >>> formula_of("multiply", [y, formula_of("add", [double, y])]).text
    'y·(2x + y)'
    """
    known = [operand for operand in operands if operand is not None]
    if len(known) < len(operands) or not known:
        return None
    formula = _write(operation, known)
    return formula if len(formula.text) <= _LONGEST else None


def _write(operation: str, operands: list[Formula]) -> Formula:
    infix = _INFIX.get(operation)
    if infix is not None and len(operands) == 2:
        left, right = operands
        between = "" if _may_touch(operation, left, right) else infix.between
        # What stands on the side that is not worked out first binds more strongly:
        # a - (b - c), (a^b)^c.
        first = left.within(infix.strength + (operation == "power"))
        second = right.within(infix.strength + (operation in _FROM_THE_LEFT))
        return Formula(first + between + second, infix.strength)
    if operation == "negate":
        return Formula(f"−{operands[0].within(_PRODUCT + 1)}", _SIGN)
    return Formula(f"{operation}({', '.join(x.text for x in operands)})")


def _may_touch(operation: str, left: Formula, right: Formula) -> bool:
    """Whether a product is written without a sign: `2x`."""
    is_number = left.text.replace(".", "", 1).isdecimal()
    is_letter = len(right.text) == 1 and right.text.isalpha()
    return operation == "multiply" and is_number and is_letter
