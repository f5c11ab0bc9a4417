"""The architecture as data, and probabilities from logits."""

import numpy as np
import pytest

from chainrule.tabular.network import Architecture, SettingError, probabilities


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


def test_probabilities_of_far_logits_neither_overflow_nor_lose_the_rest():
    p = probabilities(np.array([[800.0], [-30.0], [0.0]], np.float32))
    assert p.dtype == np.float64
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert p[0].tolist() == [0.0, 1.0]
    assert p[1, 1] == pytest.approx(np.exp(-30), rel=1e-12)
    q = probabilities(np.array([[1000.0, 0.0, -1000.0]]))
    assert q.tolist() == [[1.0, 0.0, 0.0]]
