"""Formulas as people type them, `z*(2*x + y)`, computed on tensors.

Python parses them; nothing is executed. Numbers, names, arithmetic, comparisons, lists
and the functions below are what a formula may hold, and everything is float64.
"""

import ast
import inspect
import math
import operator
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final, NoReturn, TypeAlias

import numpy as np

from chainrule import functions
from chainrule.tensor import Tensor, tensor

__all__ = ["FUNCTIONS", "Formula", "FormulaError", "parse_variable"]

Number: TypeAlias = "Tensor | np.float64 | np.bool_"

FUNCTIONS: Final[Mapping[str, Callable[..., Tensor]]] = {
    name: getattr(functions, name)
    for name in (
        *("exp", "log", "log1p", "expm1", "sqrt", "rsqrt", "abs", "sign", "square"),
        *("sin", "cos", "tanh", "sigmoid", "softplus", "erf"),
        *("relu", "leaky_relu", "elu", "selu", "gelu", "silu", "hardtanh"),
        *("maximum", "minimum", "clip", "where", "power"),
        *("sum", "mean", "prod", "max", "min", "var"),
        *("softmax", "log_softmax", "logsumexp", "dot", "matmul"),
    )
}
CONSTANTS: Final = {"pi": np.float64(math.pi), "e": np.float64(math.e)}

_OPERATORS: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
}
_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ADVICE: Final[Mapping[type[ast.AST], str]] = {
    ast.BitXor: "a power is written x**2, not x^2",
    ast.FloorDiv: "// is not differentiable: write x / y",
    ast.IfExp: "a choice is written where(x > 0, x, 0)",
    ast.BoolOp: "a choice of several conditions is written with where inside where",
    ast.Not: "a choice is written where(x > 0, x, 0)",
    ast.Subscript: "single elements cannot be taken here; sum(x * [0, 1, 0]) can",
    ast.Attribute: "methods cannot be used: write sum(x), not x.sum()",
    ast.Tuple: "several numbers are written in brackets, [1, 2]",
    ast.Set: "several numbers are written in brackets, [1, 2]",
    ast.Starred: "arguments are written out, one by one",
}

_PARTS: Final[tuple[type[ast.AST], ...]] = (
    *(ast.Name, ast.Load, ast.Constant, ast.List, ast.Call, ast.keyword),
    *(ast.BinOp, ast.UnaryOp, ast.USub, ast.UAdd, ast.Compare),
    *_OPERATORS.keys(),
    *_COMPARISONS.keys(),
)

_LONGEST = 10_000
_SHOWN = 56


class FormulaError(ValueError):
    """A formula that cannot be computed, and the place in it that is to blame.

    `start` and `end` count characters of `text`; both are 0 where no place is.
    """

    def __init__(self, message: str, text: str, start: int = 0, end: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.text = text
        self.start = min(start, len(text))
        self.end = end and max(end, self.start + 1)

    def pointer(self) -> str:
        """The formula, and below it carets under the place; empty if there is none.

        >>> print(FormulaError("no", "2*x + y", 2, 3).pointer())
        2*x + y
          ^
        """
        if not self.end or not self.text.isprintable():
            return ""
        first = max(0, min(self.start - _SHOWN // 2, len(self.text) - _SHOWN))
        before = "…" if first else ""
        shown = self.text[first : first + _SHOWN]
        after = "…" if first + _SHOWN < len(self.text) else ""
        width = max(1, min(self.end, first + len(shown)) - self.start)
        carets = " " * (len(before) + self.start - first) + "^" * width
        return f"{before}{shown}{after}\n{carets}"


class Formula:
    """A formula, or several: `u = 2*x + y; L = z*u`.

    Names are variables where they have a value, `pi` and `e` else.

    >>> formula = Formula("z*(2*x + y)")
    >>> formula.variables
    ('z', 'x', 'y')
    >>> variables = (parse_variable(text) for text in ("x=3", "y=-4", "z=5"))
    >>> formula({v.name: v for v in variables})
    tensor(10., dtype=float64)
    """

    def __init__(self, text: str) -> None:
        self.text = "; ".join(line.strip() for line in text.strip().splitlines())
        self._steps = [(self._target(s), s) for s in self._parse()]
        *intermediate, last = self._steps
        for target, statement in intermediate:
            if target is None:
                self._refuse(statement, "only the last formula can go without a name")
        self._check_parts()
        self.name = last[0]
        self.variables = tuple(self._free_names())

    def __call__(self, variables: Mapping[str, Tensor]) -> Tensor:
        """The result, with the graph it was computed by.

        Raises `FormulaError` which points at the place: for a name without a value, a
        value that is not used, and whatever the operations refuse.
        """
        for call in self._calls():
            self._check_function(call, variables)
        self._check_names(variables)
        known: dict[str, Number] = {**CONSTANTS, **variables}
        result: Number = np.float64(0)
        with np.errstate(all="ignore"):
            for target, statement in self._steps:
                try:
                    result = self._number(statement.value, known)
                except RecursionError:
                    self._refuse(statement, "this is nested too deeply")
                if target is not None:
                    known[target] = result = as_tensor(result).named(target)
        return as_tensor(result)

    # --- parsing ------------------------------------------------------------------

    def _parse(self) -> list[ast.Expr | ast.Assign]:
        if not self.text:
            raise FormulaError("the formula is empty", self.text)
        if len(self.text) > _LONGEST or not self.text.isprintable():
            raise FormulaError("this is too long, or no text, for a formula", self.text)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as 2(x): refused below
                body = ast.parse(self.text).body
        except SyntaxError as error:
            self._refuse_syntax(error)
        except (ValueError, RecursionError, MemoryError):
            raise FormulaError("the formula is nested too deeply", self.text) from None
        if not body:
            raise FormulaError("there is no formula", self.text)
        steps: list[ast.Expr | ast.Assign] = []
        for statement in body:
            if not isinstance(statement, (ast.Expr, ast.Assign)):
                self._refuse(statement, "this is not a formula such as z*(2*x + y)")
            steps.append(statement)
        return steps

    def _refuse_syntax(self, error: SyntaxError) -> NoReturn:
        start = max((error.offset or 1) - 1, 0)
        glued = re.search(r"(?<![\w.])(\d+\.?\d*)([A-Za-z_(]\w*)", self.text)
        if "invalid decimal literal" in str(error.msg) and glued:
            message = f"a product is written with *: {glued[1]}*{glued[2]}"
            raise FormulaError(message, self.text, *glued.span()) from None
        message = str(error.msg).partition(". Perhaps you")[0]
        if message == "invalid syntax":
            message = "this is not a formula"
        end = (error.end_offset or 0) - 1
        raise FormulaError(message, self.text, start, end) from None

    def _target(self, statement: ast.Expr | ast.Assign) -> str | None:
        if isinstance(statement, ast.Expr):
            return None
        target = statement.targets[0]
        if len(statement.targets) > 1 or not isinstance(target, ast.Name):
            self._refuse(target, "only a name can stand before =")
        return target.id

    def _free_names(self) -> Iterable[str]:
        """The names that need a value, in the order in which they appear."""
        found: dict[str, ast.Name] = {}
        bound: set[str] = set()
        for target, statement in self._steps:
            for name in _names(statement.value):
                if name.id not in bound:
                    found.setdefault(name.id, name)
            if target is not None:
                if target in found or target in bound:
                    self._refuse(statement, f"{target!r} has a value already")
                bound.add(target)
        self._places = found
        return found

    # --- computing ----------------------------------------------------------------

    def _check_parts(self) -> None:
        """Refuse what no formula holds."""
        for _, statement in self._steps:
            for node in ast.walk(statement.value):
                if not isinstance(node, _PARTS):
                    advice = _ADVICE.get(type(node), "a formula cannot hold this")
                    self._refuse(self._place(node, statement), advice)
                if isinstance(node, ast.Compare) and len(node.ops) > 1:
                    self._refuse(node, "a comparison has two sides")
                if isinstance(node, ast.Constant) and not _is_number(node.value):
                    self._refuse(node, "a formula holds numbers, not this")

    def _place(self, node: ast.AST, statement: ast.Expr | ast.Assign) -> ast.AST:
        """Where `node` is: an operator is where its operands are."""
        if hasattr(node, "col_offset"):
            return node
        above = (n for n in ast.walk(statement) if node in ast.iter_child_nodes(n))
        return next((n for n in above if hasattr(n, "col_offset")), statement)

    def _calls(self) -> Iterable[ast.Call]:
        statements = (statement for _, statement in self._steps)
        nodes = (node for statement in statements for node in ast.walk(statement))
        return [node for node in nodes if isinstance(node, ast.Call)]

    def _check_function(self, call: ast.Call, variables: Iterable[str]) -> None:
        function = call.func
        if isinstance(function, ast.Attribute):
            self._refuse(function, _ADVICE[ast.Attribute])
        if not isinstance(function, ast.Name):
            self._refuse(call, "a product is written with *, such as 2*(x + y)")
        if function.id not in FUNCTIONS:
            self._refuse_function(function, variables)

    def _check_names(self, variables: Mapping[str, Tensor]) -> None:
        for name in variables:
            if name not in self.variables:
                used = ", ".join(self.variables) or "no variable"
                message = f"{name!r} has a value, but the formula has {used}"
                raise FormulaError(message, self.text)
        missing = [name for name in self.variables if name not in variables]
        missing = [name for name in missing if name not in CONSTANTS]
        if missing:
            values = " ".join(f"{name}=1.5" for name in missing)
            self._refuse(
                self._places[missing[0]],
                f"{', '.join(map(repr, missing))} "
                f"{'has' if len(missing) == 1 else 'have'} no value: add {values}, say",
            )

    def _number(self, node: ast.expr, known: Mapping[str, Number]) -> Number:
        # `_check_parts` lets nothing else pass.
        number: Number
        match node:
            case ast.Constant(value=float(value) | int(value)):
                number = self._constant(node, value)
            case ast.Name(id=name):
                number = known[name]
            case ast.BinOp(left=left, op=op, right=right):
                operands = self._number(left, known), self._number(right, known)
                number = self._apply(node, _OPERATORS[type(op)], *operands)
            case ast.UnaryOp(op=op, operand=operand):
                sign = operator.neg if isinstance(op, ast.USub) else operator.pos
                number = self._apply(node, sign, self._number(operand, known))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                operands = self._number(left, known), self._number(right, known)
                number = self._apply(node, _COMPARISONS[type(op)], *operands)
            case ast.Call():
                number = self._call(node, known)
            case _:
                number = tensor(self._array(node))
        return number

    def _constant(self, node: ast.expr, value: float) -> np.float64:
        try:
            number = np.float64(value)
        except OverflowError:
            number = np.float64(np.inf)
        if np.isinf(number):
            self._refuse(node, "this number is too large for a float (above 1.8e308)")
        return number

    def _array(self, node: ast.expr) -> "np.ndarray[Any, np.dtype[np.float64]]":
        if not isinstance(node, ast.List):
            number = self._number(node, CONSTANTS) if not _has_names(node) else None
            if not isinstance(number, np.float64):
                self._refuse(node, "brackets hold numbers only")
            return np.asarray(number)
        rows = [self._array(item) for item in node.elts]
        if not rows:
            self._refuse(node, "there is no number in these brackets")
        if len({row.shape for row in rows}) > 1:
            self._refuse(node, "the rows of a matrix need the same number of entries")
        return np.stack(rows)

    def _apply(
        self, node: ast.expr, function: Callable[..., Any], *operands: Number
    ) -> Number:
        try:
            result = function(*operands)
        except (TypeError, ValueError) as error:
            self._refuse(node, str(error))
        if isinstance(result, np.float64) and not np.isfinite(result):
            self._refuse(node, f"this is {result}, not a number")
        number: Number = result
        return number

    def _call(self, node: ast.Call, known: Mapping[str, Number]) -> Number:
        name = ast.unparse(node.func)  # which has been checked
        function = FUNCTIONS[name]
        positional = [self._number(argument, known) for argument in node.args]
        keywords = {str(k.arg): self._number(k.value, known) for k in node.keywords}
        signature = inspect.signature(function)
        try:
            call = signature.bind(*positional, **keywords)
        except TypeError:
            expected = ", ".join(signature.parameters)
            self._refuse(node, f"{name} is called as {name}({expected})")
        if "axis" in call.arguments:
            call.arguments["axis"] = self._axis(node, name, call.arguments["axis"])
        return self._apply(node, lambda: function(*call.args, **call.kwargs))

    def _axis(self, node: ast.Call, name: str, axis: Number) -> int:
        if isinstance(axis, np.float64) and axis == int(axis):
            return int(axis)
        of_two = {"max": "maximum", "min": "minimum"}.get(name)
        advice = f"; of two numbers, write {of_two}(x, y)" if of_two else ""
        raise self._error(node, f"{name} is over an axis, such as axis=0{advice}")

    def _refuse_function(self, node: ast.Name, variables: Iterable[str]) -> NoReturn:
        name = node.id
        if name in {*variables, *CONSTANTS}:
            self._refuse(node, f"a product is written with *: {name}*(...)")
        close = get_close_matches(name.lower(), [*FUNCTIONS, *_ALIASES], n=1)
        best = [_ALIASES.get(match, match) for match in close]
        hint = f"did you mean {best[0]}?" if best else ", ".join(FUNCTIONS)
        self._refuse(node, f"there is no function {name!r}; {hint}")

    def _refuse(self, node: ast.AST, message: str) -> NoReturn:
        raise self._error(node, message) from None

    def _error(self, node: ast.AST, message: str) -> FormulaError:
        # Python counts bytes.
        line = self.text.encode()
        start = len(line[: getattr(node, "col_offset", 0)].decode())
        end = len(line[: getattr(node, "end_col_offset", None) or 0].decode())
        return FormulaError(message, self.text, start, end)


_ALIASES: Final = {
    "ln": "log",
    "pow": "power",
    "logistic": "sigmoid",
    "swish": "silu",
    "sqr": "square",
    "average": "mean",
    "product": "prod",
    "absolute": "abs",
}


def parse_variable(text: str) -> Tensor:
    """The variable that `x=3`, `x=-1e-3`, `x=[1, 2]` or `x=pi/2` stands for.

    Raises `FormulaError` which says what is wrong with it.

    >>> parse_variable("w=[1, 2.5]")
    tensor([1. , 2.5], dtype=float64)
    """
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not value.strip():
        message = f"{text!r} is no value of a variable; write x=3"
        raise FormulaError(message, text, 0, len(text))
    if not name.isidentifier():
        message = f"{name!r} cannot be the name of a variable"
        raise FormulaError(message, text, 0, len(name))
    try:
        return _only_numbers(value).named(name)
    except FormulaError as error:
        shift = len(text) - len(value.lstrip())
        place = (error.start + shift, error.end and error.end + shift)
        raise FormulaError(error.message, text, *place) from None


def _only_numbers(text: str) -> Tensor:
    formula = Formula(text)
    if formula.name is not None or set(formula.variables) - CONSTANTS.keys():
        message = "the value of a variable is a number, or numbers in brackets"
        raise FormulaError(message, formula.text, 0, len(formula.text))
    return tensor(formula({}).data)


def as_tensor(number: Number) -> Tensor:
    """A number of a formula as a tensor."""
    return number if isinstance(number, Tensor) else tensor(np.asarray(number))


def _names(node: ast.expr) -> list[ast.Name]:
    """The names of values, not of functions, from left to right."""
    calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
    functions = {id(call.func) for call in calls}
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    return sorted(
        (n for n in names if id(n) not in functions), key=lambda n: n.col_offset
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _has_names(node: ast.expr) -> bool:
    return any(name.id not in CONSTANTS for name in _names(node))
