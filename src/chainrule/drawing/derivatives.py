"""The local derivatives: what one operation alone makes of a change of its input.

They are asked of the operation's own `vjp`, with the values that it was computed
from. So an operation that was defined elsewhere is drawn as well as our own.
"""

from collections.abc import Collection

import numpy as np

from chainrule.drawing.picture import Derivative
from chainrule.drawing.summary import summarise
from chainrule.ir import Array, Graph, TensorType, Value
from chainrule.passes import interpret

# A Jacobian with more entries than this is not worked out.
_LARGEST_JACOBIAN = 4096


def local_derivatives(
    y: Value, positions: Collection[int]
) -> dict[int, Derivative | None]:
    """The derivative of `y` by its inputs at `positions`, where there is a gradient.

    It is `None` where the values of `y` and its inputs are not known.
    """
    if y.operation is None or not y.type.is_floating:
        return {}
    dy = Value(y.type)
    dxs = y.operation.vjp(dy, y, *y.inputs)
    found = {i: dx for i in positions if (dx := dxs[i]) is not None}
    if any(value.data is None for value in (y, *y.inputs)):
        return dict.fromkeys(found)
    return {i: _derivative(y, y.inputs[i], dy, dx) for i, dx in found.items()}


def _derivative(y: Value, x: Value, dy: Value, dx: Value) -> Derivative:
    shape = (y.type.size, x.type.size)
    if y.operation is not None and y.operation.replicates:
        # Every output element is a copy of one input element, as the trait says.
        return Derivative("each", shape, summarise(np.ones(())))
    pull = _Pull(y, dy, dx)
    if (y.operation is not None and y.operation.elementwise) or y.type.size == 1:
        return Derivative("each", shape, summarise(pull(_ones(y.type))))
    if y.type.size * x.type.size > _LARGEST_JACOBIAN:
        return Derivative("matrix", shape)
    units = np.eye(y.type.size, dtype=y.type.dtype).reshape(-1, *y.shape)
    rows = [pull(unit).reshape(-1) for unit in units]
    jacobian = np.reshape(rows, shape)
    return Derivative("matrix", shape, summarise(jacobian))


class _Pull:
    """`dy -> dx`, at the values that are known."""

    def __init__(self, y: Value, dy: Value, dx: Value) -> None:
        known = {v: v.data for v in (y, *y.inputs) if v.data is not None}
        self.graph = Graph((dy, *known), (dx,))
        self.arrays = list(known.values())

    def __call__(self, dy: Array) -> Array:
        (dx,) = interpret(self.graph, [dy, *self.arrays])
        return dx


def _ones(type_: TensorType) -> Array:
    return np.ones(type_.shape, type_.dtype)
