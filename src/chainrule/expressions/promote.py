"""From what a user writes to values of the strict graph: NumPy's conversions.

The graph knows no implicit conversion, so the functions of this package insert
`cast`, `reshape` and `broadcast` where NumPy would convert by itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from operator import index
from typing import Any, TypeAlias

import numpy as np

from chainrule.ir import DType, Value, dtype_name
from chainrule.ops import broadcast, cast, concatenate, constant, reshape


class HasValue(ABC):
    """Anything that stands for a value of the graph, as a `Tensor` does.

    Every operation asks its operands whether they are one, so this is a base class: to
    ask for a protocol takes longer than most operations.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def value(self) -> Value:
        """The value it stands for."""


# What the functions on tensors take.
Operand: TypeAlias = (
    HasValue | Value | np.ndarray[Any, Any] | np.generic | float | Sequence[Any]
)

# What a Python float becomes where no other operand decides.
DEFAULT_FLOAT: DType = np.dtype(np.float32)


def as_value(operand: Operand, dtype: DType | None = None) -> Value:
    """The value that `operand` stands for; numbers and arrays become constants.

    A list of tensors is stacked in the graph, so that gradients flow into them.
    """
    if isinstance(operand, Value):
        value = operand
    elif isinstance(operand, HasValue):
        value = operand.value
    elif isinstance(operand, (list, tuple)) and _holds_values(operand):
        value = _stacked(operand)
    else:
        value = constant(as_array(operand, dtype))
    return value if dtype is None else cast_to(value, dtype)


def _holds_values(items: Sequence[Any]) -> bool:
    return any(
        _holds_values(item)
        if isinstance(item, (list, tuple))
        else isinstance(item, (Value, HasValue))
        for item in items
    )


def _stacked(items: Sequence[Any]) -> Value:
    values = promote(*items)
    if any(x.shape != values[0].shape for x in values):
        shapes = ", ".join(str(x.shape) for x in values)
        raise ValueError(f"a list of tensors of shapes {shapes} is no tensor")
    return concatenate([reshape(x, (1, *x.shape)) for x in values], 0)


def as_array(data: Any, dtype: DType | None = None) -> np.ndarray[Any, Any]:
    """A copy of `data` as an array whose dtype graphs know.

    Python floats, and lists of them, become float32; everything that has a dtype
    keeps it. Raises `TypeError` for text, objects and ragged lists.
    """
    try:
        array = np.array(data, dtype)
    except (ValueError, TypeError) as error:
        raise TypeError(f"cannot make a tensor of {data!r}: {error}") from error
    if dtype is None and array.dtype == np.float64 and not _has_dtype(data):
        array = array.astype(DEFAULT_FLOAT)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind in "OUSmMVc":
        what = type(data).__name__
        raise TypeError(f"cannot make a tensor of {what} with dtype {array.dtype}")
    dtype_name(array.dtype)
    return array


def _has_dtype(data: Any) -> bool:
    """Whether `data`, or the first thing in a list, carries a dtype of its own."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return hasattr(data, "dtype")


def cast_to(x: Value, dtype: DType) -> Value:
    """`x` as `dtype`, unless that is what it is."""
    return x if x.type.dtype == dtype else cast(x, dtype)


def promote(*operands: Operand) -> list[Value]:
    """The operands as values of one dtype: the one NumPy's promotion gives.

    A Python number takes the dtype of the tensors it meets as far as that can hold
    it: `x * 2.0` is float32 where `x` is.
    """
    weak = [_is_python_number(operand) for operand in operands]
    values = [
        None if is_weak else as_value(operand)
        for operand, is_weak in zip(operands, weak, strict=True)
    ]
    strong = [value.type.dtype for value in values if value is not None]
    if len(strong) == len(values) and strong.count(strong[0]) == len(strong):
        return [value for value in values if value is not None]  # the usual case
    if not strong and any(isinstance(operand, float) for operand in operands):
        strong = [DEFAULT_FLOAT]
    numbers = [x for x, is_weak in zip(operands, weak, strict=True) if is_weak]
    dtype = np.result_type(*strong, *numbers)  # type: ignore[arg-type]  # numbers only
    return [
        as_value(operand, dtype) if value is None else cast_to(value, dtype)
        for operand, value in zip(operands, values, strict=True)
    ]


def _is_python_number(operand: Operand) -> bool:
    # NumPy's own float64 is a Python float too, but it has a dtype that it insists on.
    return isinstance(operand, (bool, int, float)) and not isinstance(
        operand, np.generic
    )


def floating(x: Operand) -> Value:
    """`x` as a value of floating dtype; integers become what NumPy makes of them."""
    value = as_value(x)
    if value.type.is_floating:
        return value
    return cast_to(value, np.result_type(value.type.dtype, DEFAULT_FLOAT))


def broadcast_to(x: Value, shape: tuple[int, ...], operation: str) -> Value:
    """`x` in `shape`, by NumPy's rule: missing axes and extents of 1 are repeated.

    Raises `ValueError`, naming `operation` and both shapes, where that cannot be.
    """
    if x.shape == shape:
        return x
    missing = len(shape) - x.type.rank
    aligned = (1,) * missing + x.shape
    if missing < 0 or any(a not in (1, b) for a, b in zip(aligned, shape, strict=True)):
        raise ValueError(f"{operation}: shape {x.shape} does not broadcast to {shape}")
    repeated = tuple(
        axis
        for axis, extent in enumerate(shape)
        if axis < missing or aligned[axis] != extent
    )
    kept = tuple(extent for axis, extent in enumerate(shape) if axis not in repeated)
    narrow = x if x.shape == kept else reshape(x, kept)
    return broadcast(narrow, shape, repeated)


def broadcast_together(operation: str, *values: Value) -> list[Value]:
    """The values in the one shape that NumPy's broadcasting gives them.

    Raises `ValueError` naming `operation` and the shapes that met.
    """
    if all(x.shape == values[0].shape for x in values):
        return list(values)  # the usual case, for which NumPy would take longer
    try:
        shape = np.broadcast_shapes(*(x.shape for x in values))
    except ValueError:
        shapes = " and ".join(str(x.shape) for x in values)
        raise ValueError(
            f"{operation}: the shapes {shapes} do not fit together. Aligned at their "
            "last axis, each pair of extents has to be equal, or one of them 1"
        ) from None
    return [broadcast_to(x, shape, operation) for x in values]


def check_axis(axis: int, rank: int, operation: str) -> int:
    """`axis` counted from the front.

    Raises `ValueError` if there is no such axis, `TypeError` for what is no integer.
    """
    try:
        axis = index(axis)
    except TypeError:
        raise TypeError(f"{operation}: an axis is an integer, not {axis!r}") from None
    if not -rank <= axis < rank:
        raise ValueError(
            f"{operation}: there is no axis {axis} in a tensor of {rank} axes"
        )
    return axis % rank


def check_axes(
    axis: int | Sequence[int] | None, rank: int, operation: str
) -> tuple[int, ...]:
    """The axes that `axis` means, sorted; `None` means all of them."""
    if axis is None:
        return tuple(range(rank))
    axes = axis if isinstance(axis, Sequence) else [axis]
    found = [check_axis(a, rank, operation) for a in axes]
    if len(set(found)) != len(found):
        raise ValueError(f"{operation}: an axis is named twice in {axis}")
    return tuple(sorted(found))
