"""Check that a graph is well formed: run on every graph in the tests."""

from chainrule.ir.graph import Graph
from chainrule.ir.value import Value


class VerificationError(ValueError):
    """A graph breaks a rule that every pass relies on."""


def verify(graph: Graph) -> Graph:
    """Return `graph` if it is well formed, else raise `VerificationError`.

    Every leaf is an input; no input is listed twice; every value has the type that
    its operation computes from the types of its inputs; only inputs are assigned,
    each once, by values of their own type.
    """
    given = set(graph.inputs)
    if len(given) != len(graph.inputs):
        raise VerificationError("an input is listed twice")
    for value in graph.order:
        if value not in given:
            _verify_value(value)
    _verify_assignments(graph, given)
    return graph


def _verify_value(value: Value) -> None:
    if value.operation is None:
        raise VerificationError(f"{value!r} is a leaf but not an input of the graph")
    expected = value.operation.type(*[x.type for x in value.inputs])
    if value.type != expected:
        raise VerificationError(
            f"{value!r} should have type {expected}, for that is what "
            f"{value.operation} makes of {', '.join(str(x.type) for x in value.inputs)}"
        )


def _verify_assignments(graph: Graph, given: set[Value]) -> None:
    assigned: set[Value] = set()
    for state, value in graph.assignments:
        if state not in given:
            raise VerificationError(f"{state!r} is assigned but is no input")
        if state in assigned:
            raise VerificationError(f"{state!r} is assigned twice")
        if state.type != value.type:
            raise VerificationError(
                f"{state!r} is assigned a value of type {value.type}"
            )
        assigned.add(state)
