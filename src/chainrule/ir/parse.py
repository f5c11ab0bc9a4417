"""Read the text form of a graph back: the inverse of `format_graph`."""

import ast
import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from chainrule.ir.graph import Graph
from chainrule.ir.location import Location
from chainrule.ir.types import TensorType, dtype_of
from chainrule.ir.value import Operation, Value

_VALUE = re.compile(
    r"%(?P<number>\d+): (?P<type>\w+\[[\d,]*\])"
    r"(?: = (?P<call>\w+\(.*?\)))?"
    r'(?: (?P<name>"(?:[^"\\]|\\.)*"))?'
    r"(?: at (?P<place>\[.*?\]))?"
    r"(?=$|, %|\) \{)"
)

_CALLED_ON = re.compile(r"\w+\((?:%\d+(?:, )?)*")


def parse_graph(
    text: str, operations: Mapping[str, type[Operation]] | None = None
) -> Graph:
    """The graph that `format_graph` printed as `text`.

    `operations` maps names to classes; by default, every operation defined so far.
    Raises `ValueError` with the number of the line that cannot be read.
    """
    known = Operation.registry if operations is None else operations
    lines = [line for line in enumerate(text.splitlines(), 1) if line[1].strip()]
    parser = _Parser(known)
    for number, line in lines:
        try:
            parser.line(line.strip())
        except (ValueError, KeyError, TypeError, SyntaxError) as error:
            raise ValueError(f"line {number}: {error}: {line.strip()}") from error
    if not parser.closed:
        raise ValueError("the text ends before the graph's closing brace")
    return Graph(tuple(parser.inputs), parser.outputs, tuple(parser.assignments))


class _Parser:
    def __init__(self, operations: Mapping[str, type[Operation]]) -> None:
        self.operations = operations
        self.values: dict[int, Value] = {}
        self.inputs: list[Value] = []
        self.outputs: tuple[Value, ...] = ()
        self.assignments: list[tuple[Value, Value]] = []
        self.closed = False

    def line(self, line: str) -> None:
        if line.startswith("graph(") and line.endswith(") {"):
            for match in _VALUE.finditer(line):
                self.inputs.append(self.value(match))
        elif line.startswith("assign "):
            state, value = (self.read(name) for name in line[7:].split(" = "))
            self.assignments.append((state, value))
        elif line.startswith("return"):
            names = line.removeprefix("return").strip()
            self.outputs = tuple(self.read(n) for n in names.split(", ") if n)
        elif line == "}":
            self.closed = True
        else:
            found = _VALUE.fullmatch(line)
            if found is None:
                raise ValueError("cannot be read")
            self.value(found)

    def read(self, name: str) -> Value:
        number = int(name.removeprefix("%"))
        if number not in self.values:
            raise ValueError(f"%{number} is used before it is made")
        return self.values[number]

    def value(self, match: re.Match[str]) -> Value:
        type_ = TensorType.parse(match["type"])
        name = json.loads(match["name"]) if match["name"] else None
        place = Location(*json.loads(match["place"])) if match["place"] else None
        operation: Operation | None = None
        inputs: tuple[Value, ...] = ()
        if match["call"]:
            operation, inputs = self.call(match["call"])
        value = Value(type_, operation, inputs, name, place)
        self.values[int(match["number"])] = value
        return value

    def call(self, text: str) -> tuple[Operation, tuple[Value, ...]]:
        # `%3` is no Python, so values, which come first, become names that are.
        called_on = _CALLED_ON.match(text)
        head = called_on[0] if called_on else ""
        source = head.replace("%", "v") + text.removeprefix(head)
        tree = ast.parse(source, mode="eval").body
        if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
            raise ValueError("not an operation applied to values")  # noqa: TRY004 - it is text that is wrong
        if tree.func.id not in self.operations:
            raise ValueError(f"unknown operation {tree.func.id!r}")
        inputs = tuple(self.read(name.id[1:]) for name in _names(tree.args))
        attributes = {str(k.arg): _read_attribute(k.value) for k in tree.keywords}
        return self.operations[tree.func.id](**attributes), inputs


def _names(arguments: list[ast.expr]) -> Iterator[ast.Name]:
    for argument in arguments:
        if not isinstance(argument, ast.Name):
            raise ValueError("an operation applies to values only")  # noqa: TRY004 - likewise
        yield argument


def _read_attribute(tree: ast.expr) -> Any:
    match tree:
        case ast.Constant(value=value):
            return value
        case ast.Tuple(elts=items):
            return tuple(_read_attribute(item) for item in items)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_read_attribute(operand)
        case ast.Name(id=name):
            return float(name) if name in {"nan", "inf"} else dtype_of(name)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _read_array(name, [_read_attribute(a) for a in arguments])
    raise ValueError(f"{ast.unparse(tree)} is no attribute")


def _read_array(name: str, arguments: list[Any]) -> np.ndarray[Any, Any]:
    if name != "array":
        (number,) = arguments
        return np.array(number, dtype_of(name))
    dtype, shape, content = arguments
    return np.frombuffer(base64.b64decode(content), dtype).reshape(shape)
