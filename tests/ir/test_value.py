import gc
import weakref
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest

from chainrule.ir import Operation, TensorType, Value
from chainrule.ops import add, multiply, sum_
from chainrule.ops.elementwise import Elementwise

pytestmark = pytest.mark.usefixtures("fresh_registry")

F64 = TensorType((3,), np.dtype(np.float64))


def test_values_are_equal_only_to_themselves():
    x, y = Value(F64), Value(F64)
    assert x != y
    assert len({x, y, x}) == 2


def test_values_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Value(F64).name = "x"


def test_repr_names_the_operation_the_name_and_the_type():
    x = Value(F64, name="x")
    assert repr(x) == "<Value leaf 'x' f64[3]>"
    assert repr(add(x, x)) == "<Value add f64[3]>"


def test_remembered_data_cannot_be_written():
    x, data = Value(F64), np.zeros(3)
    x.remember(data)
    assert x.data is data
    with pytest.raises(ValueError, match="read-only"):
        x.data[0] = 1


def test_applying_an_operation():
    x = Value(F64)
    y = sum_(multiply(x, x), (0,))
    assert y.type == TensorType((), np.dtype(np.float64))
    assert y.shape == ()
    assert y.inputs[0].inputs == (x, x)


def test_a_chain_of_100_000_values_can_be_forgotten():
    x = Value(F64)
    first = weakref.ref(x)
    for _ in range(100_000):
        x = add(x, x)
    del x
    gc.collect()
    assert first() is None


def test_defining_an_operation_registers_it_in_snake_case():
    @dataclass(frozen=True)
    class TwiceAsMuch2D(Elementwise):
        def forward(self, *inputs):
            return 2 * inputs[0]

        def scalar(self, builder, *inputs):
            return builder.add(*inputs, *inputs)

    assert Operation.registry["twice_as_much2_d"] is TwiceAsMuch2D
    assert TwiceAsMuch2D.name == "twice_as_much2_d"


def test_abstract_classes_are_not_registered():
    class Family(Elementwise, abstract=True):
        pass

    assert "family" not in Operation.registry


def test_an_operation_of_a_known_name_is_refused():
    with pytest.raises(TypeError, match="'add' is already defined in chainrule"):
        type("Add", (Elementwise,), {"__module__": "elsewhere"})


def test_defining_an_operation_once_more_in_its_own_module_replaces_it():
    for _ in range(2):
        latest = type("Mine", (Elementwise,), {"__module__": "notebook"})
    assert Operation.registry["mine"] is latest


def test_operations_print_their_attributes():
    assert str(sum_(Value(F64), (0,)).operation) == "sum(axes=(0,))"
    assert str(add.__class__()) == "add"


def test_defaults_of_an_operation():
    @dataclass(frozen=True)
    class Bare(Operation):
        def type(self, *inputs):
            return inputs[0]

        def forward(self, *inputs):
            return inputs[0]

    x = Value(F64)
    y = Bare()(x)
    assert Bare().vjp(y, y, x) == (None,)
    assert Bare().simplify(x) is None
    with pytest.raises(NotImplementedError, match="Bare gives no samples"):
        Bare.samples(np.random.default_rng(0))
    with pytest.raises(NotImplementedError, match="Bare does not state its access"):
        Bare().access(F64)
