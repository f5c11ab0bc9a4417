"""What the parts of a training step are called: by layers, and by what they train."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, TypeAlias

from chainrule.ir import Graph, Value
from chainrule.ir.graph import topological

Kind: TypeAlias = Literal["product", "loop", "update"]

# The scopes, beside the layers, in which a training step is traced.
LOSS: Final = "loss"
OPTIMIZER: Final = "optimizer"

_MOST = 3  # names in a row


def names_of(graph: Graph, accounts: Sequence[Any]) -> list[tuple[str, Kind]]:
    """A name and a kind for each group of a program.

    The loss and what it stands on is the forward pass; the optimizer's part is told by
    its scope; the rest are gradients.

    - `0, 1 forward`: what the layers `0` and `1` compute.
    - `2 backward`: gradients that pass through layer `2`.
    - `2.W gradient and update`: both, in one go.
    - `2.W gradient`, `2.W update`: where that could not be.
    """
    forward = frozenset(topological(graph.outputs, graph.inputs))
    return [_name(graph, account, forward) for account in accounts]


def _name(graph: Graph, account: Any, forward: frozenset[Value]) -> tuple[str, Kind]:
    values = [graph.order[i] for i in account.values]
    names = [graph.inputs[i].name or "a state" for i in account.states]
    of_optimizer = any(_layer(v) == OPTIMIZER for v in values)
    updates = bool(names) and (of_optimizer or not values)
    alone = all(_layer(v) == OPTIMIZER for v in values)
    kind: Kind = "update" if updates or alone else "loop"
    if account.kind == "product":
        kind = "product"
    if updates:
        learned = [v for v in values if _layer(v) != OPTIMIZER and v not in forward]
        what = "gradient and update" if learned else "update"
        return f"{_listed(_trained(names))} {what}", kind
    if alone:
        return "optimizer", kind
    if values and values[0] in forward:
        return _forward([v for v in values if v in forward]), kind
    learned = [v for v in values if v not in forward and _layer(v) != OPTIMIZER]
    return _backward(graph, account, learned or values), kind


def _forward(values: Sequence[Value]) -> str:
    layers = _layers(values)
    inner = [layer for layer in layers if layer != LOSS]
    words = [f"{_listed(inner)} forward"] if inner else []
    return ", ".join([*words, *([LOSS] if LOSS in layers else [])])


def _backward(graph: Graph, account: Any, values: Sequence[Value]) -> str:
    layers = _layers(values)
    if layers == [LOSS]:
        return "loss backward"
    made = values[0] if account.kind == "product" else values[-1]
    layer = _layer(made)
    for state, _ in graph.assignments:
        name = state.name or ""
        mine = name.rpartition(".")[0] == layer
        if mine and state.shape == made.shape and state not in made.inputs:
            return f"{name} gradient"
    return f"{_listed([layer for layer in layers if layer != LOSS])} backward"


def _layer(value: Value) -> str:
    return value.location.layer if value.location is not None else ""


def _layers(values: Iterable[Value]) -> list[str]:
    return list(dict.fromkeys(_layer(v) or "network" for v in values))


def _trained(names: Sequence[str]) -> list[str]:
    """Parameters alone, where their moments are updated with them."""
    return [n for n in names if not any(n.startswith(f"{p}.") for p in names)]


def _listed(names: Sequence[str]) -> str:
    if len(names) <= _MOST:
        return ", ".join(names)
    return f"{names[0]} to {names[-1]}"
