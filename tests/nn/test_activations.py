import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn.activations import ACTIVATIONS

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(x))


def gelu(x):
    return x / 2 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


CASES = [
    (cr.nn.Identity(), lambda x: x),
    (cr.nn.ReLU(), lambda x: np.maximum(x, 0)),
    (cr.nn.LeakyReLU(), lambda x: np.where(x > 0, x, 0.01 * x)),
    (cr.nn.LeakyReLU(0.3), lambda x: np.where(x > 0, x, 0.3 * x)),
    (cr.nn.ELU(), elu),
    (cr.nn.ELU(2.0), lambda x: elu(x, 2.0)),
    (cr.nn.SELU(), lambda x: SELU_SCALE * elu(x, SELU_ALPHA)),
    (cr.nn.GELU(), gelu),
    (
        cr.nn.GELU(approximate=True),
        lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    ),
    (cr.nn.SiLU(), lambda x: x / (1 + np.exp(-x))),
    (cr.nn.Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
    (cr.nn.Tanh(), np.tanh),
    (cr.nn.Softplus(), lambda x: np.log1p(np.exp(x))),
    (cr.nn.Hardtanh(), lambda x: np.clip(x, -1, 1)),
    (cr.nn.Hardtanh(-0.5, 2.0), lambda x: np.clip(x, -0.5, 2)),
    (cr.nn.Softmax(), softmax),
    (cr.nn.Softmax(axis=0), lambda x: softmax(x, 0)),
    (cr.nn.LogSoftmax(), lambda x: np.log(softmax(x))),
]


@pytest.mark.parametrize(
    ("layer", "formula"), CASES, ids=[repr(layer) for layer, _ in CASES]
)
def test_values_and_gradients(layer, formula):
    x = np.random.default_rng(0).normal(size=(4, 3)) * 1.5
    np.testing.assert_allclose(layer(x).numpy(), formula(x), rtol=1e-9)
    cr.check_gradients(layer, x)


def test_every_activation_has_a_name_and_a_case():
    tried = {type(layer) for layer, _ in CASES}
    assert tried == set(ACTIVATIONS.values())
    for name, kind in ACTIVATIONS.items():
        assert type(cr.nn.activation(name)) is kind
    with pytest.raises(ValueError, match="no activation 'swish'; known are identity"):
        cr.nn.activation("swish")


def test_nothing_is_learned_and_nonsense_is_refused():
    assert cr.nn.ReLU().states() == {}
    with pytest.raises(TypeError):
        cr.nn.ReLU(3)
    with pytest.raises(ValueError, match="swap them"):
        cr.nn.Hardtanh(1.0, -1.0)


def test_nan_is_passed_on():
    x = np.array([np.nan, 1.0])
    for layer, _ in CASES:
        if "oftmax" not in type(layer).__name__:
            assert np.isnan(layer(x).numpy()[0]), layer
