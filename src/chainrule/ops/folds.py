"""What operations that make one number of many have in common, for a compiler."""

from abc import abstractmethod
from typing import TypeAlias

from chainrule.ir import Operation
from chainrule.ops.builder import Builder, S

Partial: TypeAlias = tuple[S, ...]


class Folds(Operation, abstract=True):
    """`y = merge of single(x) over all elements that access names`, in any order.

    A partial result is a tuple of scalars, the last of which becomes the output.
    Where `access` names a range of coordinates, as for a running sum, there is an
    output for each end of the range.
    """

    @abstractmethod
    def unit(self, builder: Builder[S], x: S) -> Partial[S]:
        """The partial result of nothing, for elements of the dtype of `x`."""

    def single(self, builder: Builder[S], xs: Partial[S], position: S) -> Partial[S]:
        """The partial result of one element of each input, at `position` in the fold.

        `position` counts the folded elements in row-major order.
        """
        del builder, position
        return xs

    @abstractmethod
    def merge(self, builder: Builder[S], a: Partial[S], b: Partial[S]) -> Partial[S]:
        """The partial result of two sets of elements."""


class Sums(Folds, abstract=True):
    """`y = sum of x`."""

    def unit(self, builder: Builder[S], x: S) -> Partial[S]:
        """Nothing sums to 0."""
        return (builder.constant(0, x),)

    def merge(self, builder: Builder[S], a: Partial[S], b: Partial[S]) -> Partial[S]:
        """One addition."""
        return (builder.add(a[0], b[0]),)
