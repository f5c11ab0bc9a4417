"""Layer 1: the operations, one class each with all its rules, one family a file."""

from chainrule.ops.arithmetic import (
    Add,
    Divide,
    Multiply,
    Negate,
    Subtract,
    add,
    divide,
    multiply,
    negate,
    subtract,
)
from chainrule.ops.cast import Cast, cast
from chainrule.ops.constant import Constant, constant, full, full_like, literal
from chainrule.ops.matmul import Matmul, matmul
from chainrule.ops.shape import Reshape, Transpose, reshape, swap_last, transpose
from chainrule.ops.sums import Broadcast, Sum, broadcast, sum_

__all__ = [
    "Add",
    "Broadcast",
    "Cast",
    "Constant",
    "Divide",
    "Matmul",
    "Multiply",
    "Negate",
    "Reshape",
    "Subtract",
    "Sum",
    "Transpose",
    "add",
    "broadcast",
    "cast",
    "constant",
    "divide",
    "full",
    "full_like",
    "literal",
    "matmul",
    "multiply",
    "negate",
    "reshape",
    "subtract",
    "sum_",
    "swap_last",
    "transpose",
]
