"""What a failed check raises."""

from collections.abc import Sequence

from chainrule.ir import Array, Operation, TensorType


class CheckError(AssertionError):
    """An operation or a graph breaks a rule that it has to keep."""


def describe(operation: Operation, inputs: Sequence[Array]) -> str:
    """The operation and the types it was tried on."""
    types = ", ".join(str(TensorType.of(x)) for x in inputs)
    return f"{operation} of ({types})"
