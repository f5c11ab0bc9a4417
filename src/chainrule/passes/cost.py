"""What an operation costs for one element, in the time of an addition."""

from functools import cache
from typing import Any

import numpy as np

from chainrule.ir import DType, Operation
from chainrule.ops.elementwise import Elementwise

# Instructions that take longer than an addition.
_SLOW = {
    "divide": 4,
    "sqrt": 5,
    "remainder": 20,
    "floor_divide": 20,
    "exp": 14,
    "expm1": 18,
    "log": 16,
    "log1p": 20,
    "power": 40,
    "sin": 20,
    "cos": 20,
    "tanh": 20,
    "sigmoid": 20,
    "erf": 25,
    "erfc": 30,
}
_NOTHING = {"constant", "cast", "dtype"}

_F32 = np.dtype(np.float32)


class _Counter:
    """A builder that only counts."""

    def __init__(self) -> None:
        self.cost = 0

    def dtype(self, x: DType) -> DType:
        return x

    def cast(self, x: DType, dtype: DType) -> DType:
        del x
        self.cost += 1
        return dtype

    def __getattr__(self, name: str) -> Any:
        def count(x: Any, *others: Any) -> Any:
            if name not in _NOTHING:
                self.cost += _SLOW.get(name, 1)
            return others[0] if name == "constant" else x

        return count


@cache
def _counted(operation: Operation, dtype: DType, inputs: int) -> float:
    counter: Any = _Counter()
    if isinstance(operation, Elementwise):
        operation.scalar(counter, *[dtype] * inputs)
    else:
        operation.element(counter, *[dtype] * (inputs + 1))  # type: ignore[attr-defined]
    return float(counter.cost)


def cost_of(operation: Operation | None) -> float:
    """The cost of one element of an elementwise or generated value; a move costs 1."""
    if operation is None:
        return 0
    if isinstance(operation, Elementwise):
        return _counted(operation, _F32, len(operation.domain))
    if hasattr(operation, "element"):
        return _counted(operation, _F32, 0 if operation.name == "iota" else 2)
    return 1
