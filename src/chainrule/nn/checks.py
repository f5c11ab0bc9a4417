"""What layers ask of their arguments and of their input."""

import operator

import numpy as np
from numpy.typing import DTypeLike

from chainrule.ir import DType
from chainrule.nn.module import Module
from chainrule.tensor import Tensor


def rows(layer: Module, x: Tensor, inputs: int, dtype: DType) -> Tensor:
    """`x` in the dtype of a layer's weights; refused if its rows are not `inputs` long.

    The error names the layer, what it takes and what it got.
    """
    if x.shape[-1:] != (inputs,):
        found = f"rows of {x.shape[-1]}" if x.ndim else "no rows"
        raise ValueError(
            f"{layer.where()}: takes rows of {inputs} numbers, and the input of shape "
            f"{x.shape} has {found}. Give it {inputs} columns, or make the layer for "
            f"{x.shape[-1] if x.ndim else 1}"
        )
    return x if x.dtype == dtype else x.astype(dtype)


def width(layer: str, name: str, count: int) -> int:
    """`count`, if it is a whole number above 0; else an error that names `name`."""
    try:
        found = operator.index(count)
    except TypeError:
        raise TypeError(f"{layer}: {name} is a whole number, not {count!r}") from None
    if found < 1:
        raise ValueError(f"{layer}: {name} is at least 1, not {found}")
    return found


def real_dtype(layer: str, dtype: DTypeLike) -> DType:
    """`dtype` if weights can have it: float32 or float64."""
    found = np.dtype(dtype)
    if found not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise TypeError(f"{layer}: dtype is float32 or float64, not {found}")
    return found
