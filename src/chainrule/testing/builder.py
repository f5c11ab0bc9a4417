"""The scalar instructions on NumPy arrays: what an operation's `scalar` computes."""

import numpy as np

from chainrule.ir import Array, DType
from chainrule.ops import error_function, sigmoid


class NumpyBuilder:
    """A `Builder` whose scalars are arrays, so that a rule can be run on many at once.

    >>> from chainrule.ops import Sigmoid
    >>> Sigmoid().scalar(NumpyBuilder(), np.array([0.0, -1000.0]))
    array([0.5, 0. ])
    """

    add = staticmethod(np.add)
    subtract = staticmethod(np.subtract)
    multiply = staticmethod(np.multiply)
    divide = staticmethod(np.divide)
    floor_divide = staticmethod(np.floor_divide)
    remainder = staticmethod(np.remainder)
    negate = staticmethod(np.negative)
    absolute = staticmethod(np.absolute)
    maximum = staticmethod(np.maximum)
    minimum = staticmethod(np.minimum)
    floor = staticmethod(np.floor)
    round = staticmethod(np.rint)
    less = staticmethod(np.less)
    less_equal = staticmethod(np.less_equal)
    equal = staticmethod(np.equal)
    logical_and = staticmethod(np.logical_and)
    logical_or = staticmethod(np.logical_or)
    logical_not = staticmethod(np.logical_not)
    select = staticmethod(np.where)
    sqrt = staticmethod(np.sqrt)
    exp = staticmethod(np.exp)
    expm1 = staticmethod(np.expm1)
    log = staticmethod(np.log)
    log1p = staticmethod(np.log1p)
    power = staticmethod(np.power)
    sin = staticmethod(np.sin)
    cos = staticmethod(np.cos)
    tanh = staticmethod(np.tanh)
    erf = staticmethod(error_function.erf)
    erfc = staticmethod(error_function.erfc)
    bitwise_xor = staticmethod(np.bitwise_xor)

    def dtype(self, x: Array) -> DType:
        """What `x` holds."""
        dtype: DType = x.dtype
        return dtype

    def sigmoid(self, x: Array) -> Array:
        """`1 / (1 + e**-x)`."""
        return sigmoid.forward(x)

    def constant(self, value: float, like: Array) -> Array:
        """`value`, of the dtype of `like`."""
        return np.asarray(value, like.dtype)

    def cast(self, x: Array, dtype: DType) -> Array:
        """`x` as another dtype."""
        return x.astype(dtype)

    def shift_right(self, x: Array, bits: int) -> Array:
        """The bits of an unsigned integer moved towards its low end."""
        return np.asarray(np.right_shift(x, np.asarray(bits, x.dtype)))
