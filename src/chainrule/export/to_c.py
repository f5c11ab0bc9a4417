"""A model as one C header, C99 and C++17, without dependencies.

Every row is computed by itself, in memory that the caller has on its stack: nothing is
allocated, and any number of threads may predict at the same time.
"""

from pathlib import Path

import numpy as np

from chainrule.export import c_table
from chainrule.export.by_row import check_rows
from chainrule.export.c_function import Function, field
from chainrule.export.c_text import C_TYPES, literal
from chainrule.export.model import Model, Output
from chainrule.export.names import Names
from chainrule.files import write_text
from chainrule.ir import Array, DType, Value

WIDTH = 100


def write(model: Model, path: Path) -> None:
    """Write `model` to `path`."""
    write_text(path, source(model))


def source(model: Model) -> str:
    """The text of the header."""
    check_rows(model)
    names = Names([*(x.name for x in model.inputs), *(y.name for y in model.outputs)])
    function = Function(model, names, model.name)
    for x in model.inputs:
        function.given(x.value, x.name)
    outputs: dict[Value, str] = {}
    for y in model.outputs:
        if y.value in model.order:
            outputs.setdefault(y.value, y.name)
    function.write(outputs)
    for y in model.outputs:
        if outputs.get(y.value) != y.name:
            function.copy(y.value, y.name)
    locals_, sizes = function.memory()
    row = _row(model, locals_, function.body())
    guard = f"{model.name}_H".upper()
    parts = [
        _head(model),
        f"#ifndef {guard}\n#define {guard}",
        _includes(model),
        *(c_table.declarations(model) if model.is_table else []),
        *(c_table.lookups(model) if model.is_table else []),
        *(_table(name, model.used[value]) for value, name in function.tables.items()),
        *function.builder.helpers.values(),
        _scratch(model, sizes),
        row,
        c_table.predict(model) if model.is_table else _predict(model),
        f"#endif /* {guard} */",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(model: Model) -> str:
    """What it is and where it comes from."""
    lines = [f"{model.facts.get('title', 'A neural network')}, in C.", ""]
    lines += _usage(model)
    lines.append("")
    lines += [f"{key}: {text}" for key, text in model.said.items() if key != "title"]
    inside = [f" * {line}".rstrip() for line in "\n".join(lines).split("\n")]
    inside = [line.replace("*/", "* /").replace("/*", "/ *") for line in inside]
    return "\n".join(["/*", *inside, " */"])


def _includes(model: Model) -> str:
    names = ["math", "stddef", "stdint"]
    names += ["string"] * any(x.codes is not None for x in model.inputs)
    return "\n".join(f"#include <{name}.h>" for name in names)


def _usage(model: Model) -> list[str]:
    if model.is_table:
        return [f"{c_table.signature(model)};"]
    lines = [f"{_signature(model)};", ""]
    named = [(x.name, x.value) for x in model.inputs]
    for name, value in [*named, *((y.name, y.value) for y in model.outputs)]:
        shape = " x ".join(["rows", *(str(n) for n in model.shape(value)[1:])])
        lines.append(f"{name}: {shape}, one row after the other")
    return lines


def pointers(model: Model) -> list[str]:
    """The arguments of the functions: inputs, then outputs."""
    given = [f"const {C_TYPES[x.value.type.dtype]} *{x.name}" for x in model.inputs]
    return [
        *given,
        *(f"{C_TYPES[y.value.type.dtype]} *{y.name}" for y in model.outputs),
    ]


def _signature(model: Model) -> str:
    arguments = ", ".join(pointers(model))
    return f"void {model.name}_predict({arguments}, size_t rows)"


def _table(name: str, array: Array) -> str:
    """Numbers of the file, each exactly as it is."""
    kind, numbers = C_TYPES[array.dtype], array.ravel().tolist()
    text = [literal(x, array.dtype) for x in numbers]
    lines, line = [], ""
    for number in text:
        if len(line) + len(number) + 2 > WIDTH:
            lines.append(line.rstrip())
            line = ""
        line += f"{number}, "
    lines.append(line.rstrip(", "))
    body = "\n    ".join(lines)
    return f"static const {kind} {name}[{max(len(text), 1)}] = {{\n    {body or 0}\n}};"


def _scratch(model: Model, sizes: dict[DType, int]) -> str:
    """What is computed on the way to a result: one struct on the stack."""
    fields = [
        f"    {C_TYPES[dtype]} {field(dtype)}[{n}];" for dtype, n in sizes.items()
    ]
    fields = fields or ["    char unused;"]
    total = sum(dtype.itemsize * n for dtype, n in sizes.items())
    return "\n".join(
        [
            f"/* The memory that one row takes: {total:,} bytes. */",
            "typedef struct {",
            *fields,
            f"}} {model.name}_scratch;",
        ]
    )


def _row(model: Model, locals_: list[str], lines: list[str]) -> str:
    arguments = ", ".join([*pointers(model), f"{model.name}_scratch *scratch"])
    names = [*(x.name for x in model.inputs), *(y.name for y in model.outputs)]
    unused = [f"    (void){name};" for name in names]
    return "\n".join(
        [
            "/* One row; 0 if an index in it is out of range, else 1. */",
            f"static inline int {model.name}_row({arguments})",
            "{",
            *(f"    {pointer}" for pointer in locals_),
            *unused,
            "    (void)scratch;",
            *lines,
            "    return 1;",
            "}",
        ]
    )


def _predict(model: Model) -> str:
    """All rows, each in the same scratch memory."""
    inputs = [_at(model, x.name, x.value) for x in model.inputs]
    outputs = [_at(model, y.name, y.value) for y in model.outputs]
    call = ", ".join([*inputs, *outputs, "&scratch"])
    spoilt = [line for y in model.outputs for line in _spoilt(model, y)]
    return "\n".join(
        [
            f"static inline {_signature(model)}",
            "{",
            f"    {model.name}_scratch scratch;",
            "    for (size_t row = 0; row < rows; ++row) {",
            f"        if ({model.name}_row({call})) continue;",
            *(f"        {line}" for line in spoilt),
            "    }",
            "}",
        ]
    )


def _at(model: Model, name: str, value: Value) -> str:
    """Where the row lies in an array of all rows."""
    shape = model.shape(value)
    size = int(np.prod([n.at(1) for n in shape], dtype=np.int64))
    return f"{name} + row * {size}" if size != 1 else f"{name} + row"


def _spoilt(model: Model, y: Output) -> list[str]:
    """What is given for a row that has no result: NaN, or -1."""
    dtype = y.value.type.dtype
    size = int(np.prod([n.at(1) for n in model.shape(y.value)], dtype=np.int64))
    if size == 0:
        return []
    nothing = {"f": np.nan, "i": -1}.get(dtype.kind, 0)
    place = f"({_at(model, y.name, y.value)})[i]"
    loop = f"for (size_t i = 0; i < {size}; ++i)"
    return [f"{loop} {place} = {literal(nothing, dtype)};"]
