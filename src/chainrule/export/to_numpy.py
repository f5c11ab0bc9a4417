"""A model as one Python file that needs NumPy alone.

It is written to be read: one step a line, under the layer it belongs to, with the
weights at the end of the file.
"""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chainrule.export import numpy_table
from chainrule.export.extents import Extent
from chainrule.export.model import Input, Model, Output
from chainrule.export.numpy_steps import Steps, labels_of
from chainrule.export.numpy_text import HELPERS
from chainrule.files import write_text
from chainrule.ir import Value

WIDTH: Final = 88


def write(model: Model, path: Path) -> None:
    """Write `model` to `path`."""
    write_text(path, source(model))


def source(model: Model) -> str:
    """The text of the file."""
    writer = Steps(model)
    writer.compute()
    results = [writer.result(y) for y in model.outputs]
    parts = [_head(model), _imports(model, writer.helpers)]
    if model.is_table:
        parts += numpy_table.readers_of(model.inputs)
    parts += [HELPERS[name] for name in HELPERS if name in writer.helpers]
    parts += [_predict(model, writer, results)]
    parts += [_tail(model)]
    if model.is_table:
        parts.append(numpy_table.SCRIPT)
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


def _head(model: Model) -> str:
    """The docstring: what it is, how it is used, where it comes from."""
    facts = model.facts
    what = str(facts.get("title", "A neural network"))
    lines = [f'"""{_plain(what)}, as NumPy.', ""]
    lines += [f"{key}: {_plain(x)}" for key, x in model.said.items() if key != "title"]
    return "\n".join([*lines, '"""'])


def _plain(text: str) -> str:
    """Text that cannot end a docstring, or be an escape in it."""
    return text.replace("\\", "/").replace('"""', "'''").replace("\n", " ")


def _predict(model: Model, writer: Steps, results: Sequence[str]) -> str:
    """The function that takes one step after the other."""
    if model.is_table:
        return _predict_table(model, writer, results)
    titles = [x.name for x in model.inputs]
    lines = [f"def predict({', '.join(titles)}):", *_indented(_explained(model))]
    body = [_read(x) for x in model.inputs]
    body += [_checked(model, x) for x in model.inputs if model.shape(x.value)]
    body += writer.lines
    body += ["", f"return {', '.join(results)}"]
    return "\n".join([*lines, *_indented(_tidied(body))])


def _predict_table(model: Model, writer: Steps, results: Sequence[str]) -> str:
    """The same for the columns of a table."""
    named = ", ".join(
        f'"{y.name}": {text}' for y, text in zip(model.outputs, results, strict=True)
    )
    lines = [
        "def predict(table):",
        *_indented(
            [
                '"""What is predicted for each row of a table.',
                "",
                "Takes a dict of columns, or a data frame, with",
                *(f"    {_plain(x.title)}" for x in model.inputs),
                "",
                f"Returns a dict of {' and '.join(y.name for y in model.outputs)}.",
                '"""',
            ]
        ),
    ]
    body = [*map(numpy_table.reader, model.inputs), *writer.lines]
    body += ["", f"return {{{named}}}"]
    return "\n".join([*lines, *_indented(_tidied(body))])


def _explained(model: Model) -> list[str]:
    """The docstring of `predict`: what it takes and gives."""
    taken = [f"    {x.name}: {_type(model, x.value)}" for x in model.inputs]
    given = [f"    {y.name}: {_type(model, y.value)}" for y in model.outputs]
    head = '"""What the network gives for each row.'
    return [head, "", "Takes", *taken, "", "Returns", *given, '"""']


def _type(model: Model, value: Value) -> str:
    names = ["rows" if n == Extent(0, 1) else str(n) for n in model.shape(value)]
    return f"{value.type.dtype}, of shape ({', '.join(names)})"


def _read(x: Input) -> str:
    return f"{x.name} = np.asarray({x.name}, dtype=np.{x.value.type.dtype})"


def _checked(model: Model, x: Input) -> str:
    """Refuse arrays of another shape, before NumPy makes something of them."""
    shape = model.shape(x.value)
    fixed = [i for i, n in enumerate(shape) if n.is_fixed]
    tests = [f"{x.name}.ndim != {len(shape)}"]
    tests += [f"{x.name}.shape[{i}] != {shape[i]}" for i in fixed]
    wanted = ", ".join("rows" if n == Extent(0, 1) else str(n) for n in shape)
    return (
        f"if {' or '.join(tests)}:\n"
        f'    raise ValueError(f"{x.name} has shape ({wanted}), not '
        f'{{{x.name}.shape}}")'
    )


def _tidied(lines: Sequence[str]) -> list[str]:
    """Without empty lines in a row."""
    pairs = zip(["", *lines], lines, strict=False)
    return [line for before, line in pairs if before or line]


def _indented(lines: Sequence[str]) -> list[str]:
    parts = [part for line in lines for part in line.split("\n")]
    return [f"    {part}" if part else "" for part in parts]


def _tail(model: Model) -> str:
    """What labels and text stand for, and the weights."""
    lines = [line for y in model.outputs for line in _label_lines(y)]
    if model.is_table:
        lines += numpy_table.constants(model)
    if model.weights:
        lines += (
            ["", "", _ARRAY.strip("\n"), "", ""]
            if lines
            else [_ARRAY.strip("\n"), "", ""]
        )
    for value, name in model.weights.items():
        array = model.used[value]
        little = array.astype(array.dtype.newbyteorder("<"))
        text = base64.b64encode(little.tobytes()).decode()
        if value.name is not None:
            lines.append(f"# {_plain(value.name)}")
        lines.append(f'{name} = _array("{little.dtype.str}", {array.shape}, """')
        lines += [text[i : i + WIDTH] for i in range(0, len(text), WIDTH)]
        lines.append('""")')
    return "\n".join(lines)


def _label_lines(y: Output) -> list[str]:
    if y.labels is None:
        return []
    return [f"{labels_of(y)} = np.array({list(y.labels)!r})"]


def _labels(y: Output) -> str:
    return f"{y.name.upper()}S"


_ARRAY = '''
def _array(dtype, shape, text):
    """An array from its bytes in base 64."""
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape)
'''


def _imports(model: Model, helpers: set[str]) -> str:
    needed = ["base64"] if model.weights else []
    needed += numpy_table.imports_of(model.inputs) if model.is_table else []
    needed += ["math"] if helpers & {"erf", "erfc"} else []
    lines = [f"import {module}" for module in sorted(needed)]
    return "\n".join([*lines, *[""] * bool(lines), "import numpy as np"])
