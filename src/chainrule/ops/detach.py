"""The same value once more: without its gradient, or under another name."""

from chainrule.ir import Array, Value
from chainrule.ops.builder import Builder, S
from chainrule.ops.elementwise import BOOLEANS, NUMBERS, Elementwise, Gradients


class _Same(Elementwise, abstract=True):
    """`y = x`."""

    kinds = BOOLEANS + NUMBERS

    def forward(self, *inputs: Array) -> Array:
        """The array itself: nothing is copied."""
        return inputs[0]

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """No instruction."""
        del builder
        return inputs[0]


class Detach(_Same):
    """`y = x`, through which no gradient passes.

    It stays in the graph when that is simplified, as the graph may be differentiated
    afterwards.
    """

    stops_gradient = True


class Identity(_Same):
    """`y = x`, a value of its own that can have another name."""

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = dy`."""
        del y, inputs
        return (dy,)

    def simplify(self, *inputs: Value) -> Value | None:
        """It is `x`."""
        return inputs[0]


detach = Detach()
identity = Identity()
