"""The gradients of a graph against finite differences."""

from collections.abc import Sequence

import numpy as np

from chainrule.differences import slope
from chainrule.ir import Array, Graph, Value, verify
from chainrule.passes import gradients, interpret
from chainrule.testing.errors import CheckError


def check_graph_gradients(
    graph: Graph,
    inputs: Sequence[Array],
    rng: np.random.Generator,
    *,
    order: int = 2,
    tolerance: float = 1e-6,
) -> None:
    """Compare the gradients of `graph` at `inputs`, in float64, with differences.

    `L` is the sum of all outputs of floating dtype, weighted at random. Moving the
    inputs of floating dtype along a random direction `v` changes it by `v . dL/dx`,
    once by the chain rule and once by central differences. The two have to agree to
    `tolerance`, relative to the sum of the `|v dL/dx|`. The second `order` does the
    same for the graph of the gradients, and so on.

    Raises `CheckError` with both numbers where they do not.
    """
    for depth in range(1, order + 1):
        weights = [rng.normal(size=y.shape) for y in _floating(graph.outputs)]
        backward = _backward(graph)
        points = [*inputs, *weights]
        directions = [_direction(x, rng) for x in inputs]
        terms = _directional(backward, points, directions)
        exact, estimated = sum(terms), _estimate(graph, inputs, directions, weights)
        error = abs(exact - estimated) / max(sum(map(abs, terms)), 1e-3)
        if not error <= tolerance:
            raise CheckError(
                f"the derivative of order {depth} along a random direction is "
                f"{exact:.12g} by the chain rule and {estimated:.12g} by finite "
                f"differences; they differ by {error:.2g}, {tolerance:.2g} is allowed"
            )
        graph, inputs = backward, points


def _floating(values: Sequence[Value]) -> list[Value]:
    return [value for value in values if value.type.is_floating]


def _backward(graph: Graph) -> Graph:
    """From the inputs, and the weights of the outputs, to the gradients of `L`."""
    outputs = _floating(graph.outputs)
    weights = [Value(y.type) for y in outputs]
    wrt = _floating(graph.inputs)
    found = gradients(outputs, wrt, weights)
    for x, dx in zip(wrt, found, strict=True):
        if dx.type != x.type:
            raise CheckError(f"the gradient of an input of type {x.type} is {dx.type}")
    return verify(Graph((*graph.inputs, *weights), found))


def _direction(x: Array, rng: np.random.Generator) -> Array:
    """Somewhere to move to; integers and booleans stay."""
    if x.dtype.kind != "f":
        return np.zeros_like(x)
    return np.asarray(rng.normal(size=x.shape))


def _directional(
    backward: Graph, points: Sequence[Array], directions: Sequence[Array]
) -> list[float]:
    """What each input contributes to `v . dL/dx`, element by element."""
    moving = [v for v in directions if v.dtype.kind == "f"]
    found = interpret(backward, points)
    pairs = zip(found, moving, strict=True)
    return [float(term) for dx, v in pairs for term in np.ravel(dx * v)]


def _estimate(
    graph: Graph,
    inputs: Sequence[Array],
    directions: Sequence[Array],
    weights: Sequence[Array],
) -> float:
    def along(t: float) -> float:
        moved = [
            x + t * v if x.dtype.kind == "f" else x
            for x, v in zip(inputs, directions, strict=True)
        ]
        outputs = [y for y in interpret(graph, moved) if y.dtype.kind == "f"]
        return sum(
            float((w * np.where(np.isinf(y), 0, y)).sum())  # padding may be infinite
            for w, y in zip(weights, outputs, strict=True)
        )

    return slope(along)
