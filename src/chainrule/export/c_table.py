"""The struct of a row of a table in C, and how its text becomes numbers."""

from collections.abc import Sequence
from typing import Any

from chainrule.export.c_text import C_TYPES
from chainrule.export.model import Codes, Input, Model, Output

_MEANT = {
    "number": "NAN where it is missing",
    "text": 'UTF-8; NULL or "" where it is missing',
    "clock": "days since midnight, such as 0.5 at noon; NAN where it is missing",
}
_DATE = "days since 1970-01-01 in UTC; NAN where it is missing"


def quoted(text: str) -> str:
    r"""Text as a string of C: anything but plain ASCII is escaped.

    >>> print(quoted("Köln?"))
    "K\303\266ln\077"
    """
    plain = set(range(32, 127)) - set(b'"\\?')
    inside = (chr(b) if b in plain else f"\\{b:03o}" for b in text.encode())
    return f'"{"".join(inside)}"'


def declarations(model: Model) -> list[str]:
    """The structs of a row and of what is predicted for it."""
    columns = [_column(x) for x in model.inputs]
    found = [_found(model, y) for y in model.outputs]
    return [
        "\n".join(
            [
                "/* A row of the table. */",
                "typedef struct {",
                *columns,
                f"}} {model.name}_record;",
            ]
        ),
        *(_labels(model, y.labels) for y in model.outputs if y.labels is not None),
        "\n".join(
            [
                "/* What is predicted for it. */",
                "typedef struct {",
                *found,
                f"}} {model.name}_prediction;",
            ]
        ),
    ]


def _column(x: Input) -> str:
    kind = "const char *" if x.codes is not None else "double "
    title = x.title.replace("*/", "* /").replace("\n", " ").replace("\\", "/")
    meant = _MEANT.get(x.kind, _DATE)
    return f"    {kind}{x.name}; /* {title}: {meant} */"


def _found(model: Model, y: Output) -> str:
    kind = C_TYPES[y.value.type.dtype]
    if y.labels is not None:
        index = f"    {kind} index; /* in {model.name}_labels */"
        return f"{index}\n    {_label_type(y.labels)}{y.name};"
    size = [n.at(1) for n in model.shape(y.value)][1:]
    return f"    {kind} {y.name}{''.join(f'[{n}]' for n in size)};"


def _label_type(labels: Sequence[Any]) -> str:
    first = labels[0]
    if isinstance(first, str):
        return "const char *"
    if isinstance(first, bool):
        return "int "
    return "int64_t " if isinstance(first, int) else "double "


def _labels(model: Model, labels: Sequence[Any]) -> str:
    kind = _label_type(labels)
    cells = [_label(label) for label in labels]
    const = "*const " if kind.endswith("*") else ""
    return (
        f"static const {kind.removeprefix('const ').rstrip('*')}{const}"
        f"{model.name}_labels[{len(cells)}] = {{\n    {', '.join(cells)}\n}};"
    )


def _label(label: Any) -> str:
    if isinstance(label, str):
        return quoted(label)
    return str(int(label)) if isinstance(label, (bool, int)) else float(label).hex()


def lookups(model: Model) -> list[str]:
    """The text that each column of categories knows, and the search in it."""
    parts = [
        _codes(model, x.name, x.codes) for x in model.inputs if x.codes is not None
    ]
    if not parts:
        return []
    name = model.name
    return [
        f"typedef struct {{\n    const char *cell;\n    int64_t code;\n}} {name}_code;",
        *parts,
        f"""/* The code of a cell, found by halves. */
static inline int64_t {name}_find(
    const char *cell, const {name}_code *codes, size_t count,
    int64_t missing, int64_t other)
{{
    size_t low = 0, high = count;
    if (cell == NULL || cell[0] == '\\0') return missing;
    while (low < high) {{
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(cell, codes[middle].cell);
        if (order == 0) return codes[middle].code;
        if (order < 0) high = middle; else low = middle + 1;
    }}
    return other;
}}""",
    ]


def _codes(model: Model, column: str, codes: Codes) -> str:
    ordered = sorted(codes.codes.items(), key=lambda item: item[0].encode())
    lines = ",\n".join(f"    {{{quoted(cell)}, {code}}}" for cell, code in ordered)
    kind, name = f"{model.name}_code", f"{model.name}_{column}_codes"
    return f"static const {kind} {name}[{len(ordered)}] = {{\n{lines}\n}};"


def signature(model: Model) -> str:
    """The function for all rows."""
    return (
        f"void {model.name}_predict(const {model.name}_record *records, "
        f"{model.name}_prediction *predictions, size_t rows)"
    )


def predict(model: Model) -> str:
    """All rows, one after the other."""
    name = model.name
    values = [f"        {_value(model, x)}" for x in model.inputs]
    outputs = [f"        {_into(y)}" for y in model.outputs]
    arguments = [f"&{x.name}" for x in model.inputs]
    arguments += [_pointer(model, y) for y in model.outputs]
    done = [f"        {line}" for y in model.outputs for line in _after(model, y)]
    return "\n".join(
        [
            f"static inline {signature(model)}",
            "{",
            f"    {name}_scratch scratch;",
            "    for (size_t row = 0; row < rows; ++row) {",
            f"        const {name}_record *record = records + row;",
            f"        {name}_prediction *found = predictions + row;",
            *values,
            *(line for line in outputs if line.strip()),
            f"        if (!{name}_row({', '.join(arguments)}, &scratch)) {{",
            *(
                f"            {line}"
                for y in model.outputs
                for line in _spoilt(model, y)
            ),
            "        }",
            *done,
            "    }",
            "}",
        ]
    )


def _value(model: Model, x: Input) -> str:
    if x.codes is None:
        return f"const double {x.name} = record->{x.name};"
    table = f"{model.name}_{x.name}_codes"
    count, codes = len(x.codes.codes), x.codes
    arguments = f"record->{x.name}, {table}, {count}, {codes.missing}, {codes.other}"
    return f"const int64_t {x.name} = {model.name}_find({arguments});"


def _into(y: Output) -> str:
    return "" if y.labels is None else f"int64_t {y.name} = 0;"


def _pointer(model: Model, y: Output) -> str:
    if y.labels is not None:
        return f"&{y.name}"
    many = len(model.shape(y.value)) > 1
    return f"found->{y.name}" if many else f"&found->{y.name}"


def _spoilt(model: Model, y: Output) -> list[str]:
    if y.labels is not None:
        return []
    sizes = [n.at(1) for n in model.shape(y.value)][1:]
    if not sizes:
        return [f"found->{y.name} = (double)NAN;"]
    loop = f"for (size_t i = 0; i < {sizes[0]}; ++i)"
    return [f"{loop} found->{y.name}[i] = (double)NAN;"]


def _after(model: Model, y: Output) -> list[str]:
    if y.labels is None:
        return []
    return [
        f"found->index = {y.name};",
        f"found->{y.name} = {model.name}_labels[{y.name}];",
    ]
