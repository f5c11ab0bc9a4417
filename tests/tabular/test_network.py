"""The architecture as data."""

import numpy as np
import pytest

from chainrule.tables import EmbeddedInput
from chainrule.tabular.network import Architecture, SettingError


def test_the_layers_are_named_by_their_place():
    net = Architecture(3, (8, 4), "tanh", 0.1, 2).build(seed=0)
    names = [path for path in net.modules() if path]
    assert names == [
        *("hidden1", "tanh1", "dropout1"),
        *("hidden2", "tanh2", "dropout2"),
        "output",
    ]
    assert net.parameters()["hidden2.W"].shape == (8, 4)


def test_the_seed_decides_the_weights():
    shape = Architecture(3, (8,), "relu", 0.0, 1)
    first, same, other = (shape.build(seed).state_dict() for seed in (0, 0, 1))
    assert (first["hidden1.W"] == same["hidden1.W"]).all()
    assert (first["hidden1.W"] != other["hidden1.W"]).any()


def test_the_dtype_can_be_chosen():
    net = Architecture(3, (), "relu", 0.0, 1).build(seed=0, dtype=np.float64)
    assert net.parameters()["output.W"].dtype == np.float64


@pytest.mark.parametrize(("inputs", "outputs"), [(0, 1), (3, 0)])
def test_a_network_has_inputs_and_outputs(inputs, outputs):
    with pytest.raises(SettingError, match="inputs and"):
        Architecture(inputs, (), "relu", 0.0, outputs)


def test_embedded_inputs_are_replaced_by_their_features():
    embedded = (EmbeddedInput(position=1, count=90, features=9),)
    net = Architecture(3, (8,), "relu", 0.0, 1, embedded).build(seed=0)
    shapes = {name: W.shape for name, W in net.parameters().items()}
    assert shapes["columns.tables.0.W"] == (90, 9)
    assert shapes["hidden1.W"] == (2 + 9, 8)
