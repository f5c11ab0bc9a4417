"""The chain rule, on graphs.

Every value that the loss stands on is visited after all of its readers. By then the
gradients that they passed back have been added up to `dy`, and the value's own
operation says what that makes of the gradients of its inputs. Nothing here knows any
operation: the rules are theirs. What comes out are more values of the same graph, so
the second derivative is the same function, once more.
"""

from collections.abc import Sequence

from chainrule.ir import Graph, Value, at, topological
from chainrule.ops import add, full_like


def gradients(
    outputs: Sequence[Value], wrt: Sequence[Value], seeds: Sequence[Value]
) -> tuple[Value, ...]:
    """`dx = sum of (d output / dx)' seed` over the outputs, for each `x` of `wrt`.

    `seeds` has one value for each output, of its type: the gradient of the loss with
    respect to it. Where no output depends on `x`, `dx` is zero.
    """
    order = topological(outputs)
    dependent = _dependent(order, wrt)
    found: dict[Value, Value] = {}

    def pass_back(x: Value, dx: Value | None) -> None:
        if dx is not None and x in dependent:
            found[x] = add(found[x], dx) if x in found else dx

    for output, seed in zip(outputs, seeds, strict=True):
        pass_back(output, seed)
    for y in reversed(order):
        if y in found and y.operation is not None:
            with at(y.location):
                dxs = y.operation.vjp(found[y], y, *y.inputs)
                for x, dx in zip(y.inputs, dxs, strict=True):
                    pass_back(x, dx)
    return tuple(found[x] if x in found else full_like(x, 0) for x in wrt)


def _dependent(order: Sequence[Value], wrt: Sequence[Value]) -> set[Value]:
    """The values that a gradient has to pass through to reach one of `wrt`."""
    dependent = {x for x in wrt if x.type.is_floating}
    for value in order:
        if value.type.is_floating and not dependent.isdisjoint(value.inputs):
            dependent.add(value)
    return dependent


def differentiate(graph: Graph, wrt: Sequence[int] | None = None) -> Graph:
    """The graph that also gives the gradient of its only output, the loss.

    The new outputs are the loss, then its gradient with respect to each input listed
    in `wrt` (all of floating dtype by default). Raises `ValueError` if the graph does
    not have exactly one output, a real number.
    """
    if len(graph.outputs) != 1 or graph.outputs[0].shape != ():
        raise ValueError("only a graph with one output, a scalar, has a gradient")
    (loss,) = graph.outputs
    chosen = (
        [x for x in graph.inputs if x.type.is_floating]
        if wrt is None
        else [graph.inputs[i] for i in wrt]
    )
    dxs = gradients([loss], chosen, [full_like(loss, 1)])
    return Graph(graph.inputs, (loss, *dxs), graph.assignments)
