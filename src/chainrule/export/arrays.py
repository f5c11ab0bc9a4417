"""What languages of whole arrays have in common: operations on arrays that broadcast.

A broadcast of the graph is not written down where the language does it by itself: the
array stays small, and `shape` says along which axes it is to be repeated.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeAlias, TypeVar

from chainrule.export.errors import ExportError
from chainrule.export.extents import ONE, Extent
from chainrule.export.model import Model
from chainrule.export.words import described
from chainrule.ir import Array, DType, Value
from chainrule.ops import Broadcast, Constant

Shape: TypeAlias = tuple[Extent, ...]


class HasShape(Protocol):
    """An array in some language."""

    @property
    def dtype(self) -> DType:
        """What it holds."""

    @property
    def shape(self) -> Shape:
        """Its extents: 1 where it is repeated, fewer axes where it is in front."""


A = TypeVar("A", bound=HasShape)


def joined(*shapes: Shape) -> Shape:
    """The shape that arrays have together, when they are broadcast.

    >>> joined((Extent(3),), (Extent(0, 1), ONE))
    (Extent(constant=0, linear=1, square=0), Extent(constant=3, linear=0, square=0))
    """
    rank = max(len(shape) for shape in shapes)
    padded = [(ONE,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(
        next((n for n in extents if n != ONE), ONE)
        for extents in zip(*padded, strict=True)
    )


class Whole(ABC, Generic[A]):
    """Writes a model down, one value after the other.

    A subclass is a `Builder` for elementwise operations too, and has a method
    `_<operation>` for each of the others that it knows.
    """

    language: str

    def __init__(self, model: Model) -> None:
        self.model = model
        self.found: dict[Value, A] = {}

    def compute(self) -> None:
        """Write every value that is not known beforehand."""
        for value in self.model.order:
            self.found[value] = self.finished(value, self._computed(value))

    @abstractmethod
    def known(self, value: Value, array: Array) -> A:
        """Weights, or another array of numbers that is in the file."""

    @abstractmethod
    def number(self, value: Value) -> A:
        """A constant that depends on the number of rows."""

    @abstractmethod
    def inserted(self, a: A, axes: tuple[int, ...], shape: Shape) -> A:
        """`a` with new axes of extent 1, which give it `shape`."""

    @abstractmethod
    def expanded(self, a: A, shape: Shape) -> A:
        """`a` repeated until it has `shape`."""

    def finished(self, value: Value, a: A) -> A:
        """Called for what a value became, so that it can be given a name."""
        del value
        return a

    def get(self, value: Value) -> A:
        """An array that may have to be repeated to be `value`."""
        if value not in self.found:
            self.found[value] = self.known(value, self.model.arrays[value])
        return self.found[value]

    def full(self, value: Value) -> A:
        """An array of the shape of `value`."""
        a, shape = self.get(value), self.model.shape(value)
        return a if a.shape == shape else self.expanded(a, shape)

    def _computed(self, value: Value) -> A:
        operation = value.operation
        if operation is None:
            raise ExportError(f"{described(value)} is not among the inputs")
        if isinstance(operation, Constant):
            return self.number(value)
        if isinstance(operation, Broadcast):
            return self._repeated(value, operation)
        if operation.elementwise:
            return self.elementwise(value, [self.get(x) for x in value.inputs])
        rule: Callable[[Value], A] | None = getattr(self, f"_{operation.name}", None)
        if rule is None:
            raise ExportError(
                f"{described(value)} cannot be written in {self.language}; compute it "
                "outside of the network, or of other operations"
            )
        return rule(value)

    def elementwise(self, value: Value, inputs: Sequence[A]) -> A:
        """An elementwise operation, by its own rule."""
        operation = value.operation
        y: A = operation.scalar(self, *inputs)  # type: ignore[union-attr]
        return y

    def _repeated(self, value: Value, operation: Broadcast) -> A:
        """The array itself, with axes of extent 1 where they are not in front."""
        a = self.get(value.inputs[0])
        rank = value.inputs[0].type.rank
        missing = rank - len(a.shape)
        kept = [i for i in range(len(operation.shape)) if i not in operation.axes]
        own = kept[missing:]
        if not own:
            return a
        first = own[0]
        axes = tuple(i - first for i in operation.axes if i > first)
        if not axes:
            return a
        extents = iter(a.shape)
        new = len(operation.shape) - first
        shape = tuple(ONE if i in axes else next(extents) for i in range(new))
        return self.inserted(a, axes, shape)
