"""The check has to find wrong gradients of any order."""

from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as cr
from chainrule import ops
from chainrule.functions import lift
from chainrule.ir import Operation


@dataclass(frozen=True)
class _Half(Operation, abstract=True):
    """The square, with a gradient that is right only to first order."""

    def type(self, *inputs):
        return inputs[0]

    def forward(self, *inputs):
        return inputs[0] ** 2

    def vjp(self, dy, y, *inputs):
        (x,) = inputs
        return (ops.multiply(dy, ops.detach(ops.add(x, x))),)


_Half.name = "half"
half = lift(lambda x: _Half()(x.value))


def test_right_gradients_pass():
    cr.check_gradients(lambda x: cr.exp(x) * cr.sin(x), np.linspace(-1, 1, 5), order=3)
    cr.check_gradients(lambda p: p["a"] * p["b"], {"a": 2.0, "b": np.ones(3)})


def test_a_wrong_gradient_is_found():
    with pytest.raises(AssertionError, match="order 1"):
        cr.check_gradients(lambda x: x * x.detach(), np.ones(3))


def test_a_wrong_second_gradient_is_found():
    cr.check_gradients(half, np.ones(3), order=1)
    with pytest.raises(AssertionError, match="order 2"):
        cr.check_gradients(half, np.ones(3), order=2)


def test_nan_is_no_agreement():
    with pytest.raises(AssertionError, match="nan"):
        cr.check_gradients(cr.log, -np.ones(2))


def test_what_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match="not a tensor"):
        cr.check_gradients(lambda x: 3, 1.0)
