"""What is known of a value before it is computed: its shape and its dtype."""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

DType: TypeAlias = np.dtype[Any]

# The names of the text form, and the only dtypes that a graph knows.
_NAMES: dict[str, DType] = {
    "bool": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "u8": np.dtype(np.uint8),
    "u16": np.dtype(np.uint16),
    "u32": np.dtype(np.uint32),
    "u64": np.dtype(np.uint64),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
}
_DTYPES = {dtype: name for name, dtype in _NAMES.items()}


def dtype_of(name: str) -> DType:
    """The dtype that the text form calls `name`.

    >>> dtype_of("f32")
    dtype('float32')
    """
    if name not in _NAMES:
        raise ValueError(f"unknown dtype {name!r}; known are {', '.join(_NAMES)}")
    return _NAMES[name]


def dtype_name(dtype: DType) -> str:
    """The text form's name of a dtype, or a `TypeError` if graphs do not know it.

    >>> dtype_name(np.dtype(float))
    'f64'
    """
    # A dtype of foreign byte order is equal to no dtype of ours, as it should be.
    name = _DTYPES.get(dtype)
    if name is None:
        known = ", ".join(str(known) for known in _DTYPES)
        raise TypeError(f"tensors of dtype {dtype} are not supported, only {known}")
    return name


@dataclass(frozen=True, slots=True)
class TensorType:
    """The shape and the dtype of a tensor.

    >>> print(TensorType((64, 10), np.dtype(np.float32)))
    f32[64,10]
    """

    shape: tuple[int, ...]
    dtype: DType

    @property
    def rank(self) -> int:
        """How many axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements."""
        return math.prod(self.shape)

    @property
    def is_floating(self) -> bool:
        """Whether its elements are real numbers, so that a gradient makes sense."""
        return self.dtype.kind == "f"

    def __str__(self) -> str:
        return f"{dtype_name(self.dtype)}[{','.join(map(str, self.shape))}]"

    @classmethod
    def of(cls, array: "np.ndarray[Any, Any]") -> "TensorType":
        """The type of an array."""
        return cls(array.shape, array.dtype)

    @classmethod
    def parse(cls, text: str) -> "TensorType":
        """The inverse of `str`.

        >>> TensorType.parse("f32[64,10]")
        TensorType(shape=(64, 10), dtype=dtype('float32'))
        """
        name, bracket, extents = text.partition("[")
        if not bracket or not extents.endswith("]"):
            raise ValueError(f"{text!r} is not a type such as f32[64,10]")
        shape = tuple(int(extent) for extent in extents[:-1].split(",") if extent)
        return cls(shape, dtype_of(name))
