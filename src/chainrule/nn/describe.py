"""Modules as text: on one line, as a tree, as a table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from chainrule.ir import TensorType
from chainrule.tensor import Parameter, State


@runtime_checkable
class Described(Protocol):
    """What is said of a module."""

    def title(self) -> str:
        """Its class and arguments."""

    def members(self) -> "Iterator[tuple[str, Described | State]]":
        """What is directly its own."""

    def modules(self) -> "Mapping[str, Described]":
        """It and all modules in it, by path."""

    def parameters(self) -> dict[str, Parameter]:
        """All of its parameters, by path."""


def call(name: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> str:
    """A call, as it would be written; generators of random numbers are left out.

    >>> call("Dense", (3, 2), {"dtype": np.float64})
    'Dense(3, 2, dtype=float64)'
    """
    shown = [_argument(x) for x in args]
    shown += [f"{key}={_argument(x)}" for key, x in keywords.items() if key != "rng"]
    return f"{name}({', '.join(shown)})"


def _argument(x: Any) -> str:
    if isinstance(x, Described):
        return x.title()
    if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
        return np.dtype(x).name
    if callable(x):
        return str(getattr(x, "__name__", type(x).__name__))
    return repr(x)


def tree(module: Described) -> str:
    """A module and all in it, one a line, indented, with shapes and numbers."""
    members = list(module.members())
    if all(isinstance(member, State) for _, member in members):
        return module.title()
    lines = [f"{type(module).__name__}("]
    for name, member in members:
        text = f"{name}: {_branch(member)}"
        lines += [f"  {line}" for line in text.splitlines()]
    return "\n".join([*lines, f")  {_count(module.parameters())} parameters"])


def _branch(member: Described | State) -> str:
    if isinstance(member, State):
        return f"{type(member).__name__} {member.shape}"
    text, parameters = tree(member), member.parameters()
    if "\n" in text or not parameters:
        return text
    return f"{text}  {_shapes(parameters)}: {_count(parameters)}"


def table(module: Described, outputs: Mapping[int, TensorType] | None) -> str:
    """The layers of a module, one a row.

    `outputs` says by the `id` of a layer what it gives, where that is known.
    """
    rows = [_row("layer", "kind", "output", "parameters", "count")]
    for path, layer in module.modules().items():
        members = list(layer.members())
        own = {name: m for name, m in members if isinstance(m, Parameter)}
        if not own and not all(isinstance(m, State) for _, m in members):
            continue  # all that there is to say is said of its layers
        output = str(outputs.get(id(layer), "")) if outputs else ""
        rows.append(_row(path, layer.title(), output, _shapes(own), _count(own)))
    everything = module.parameters()
    size = sum(p.data.nbytes for p in everything.values())
    rows.append(_row("", "total", "", f"{size:,} B", _count(everything)))
    if outputs is None:
        rows = [row[:2] + row[3:] for row in rows]
    return "\n".join(_aligned(rows))


def _row(*cells: str) -> list[str]:
    return [*cells]


def _shapes(parameters: Mapping[str, Parameter]) -> str:
    return ", ".join(f"{name} {p.shape}" for name, p in parameters.items())


def _count(parameters: Mapping[str, Parameter]) -> str:
    return f"{sum(p.size for p in parameters.values()):,}"


def _aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Columns two spaces apart; the last one, of numbers, to the right."""
    rows = list(rows)
    *widths, last = (max(map(len, column)) for column in zip(*rows, strict=True))
    for *texts, number in rows:
        cells = [text.ljust(width) for text, width in zip(texts, widths, strict=True)]
        yield "  ".join([*cells, number.rjust(last)])
