"""A NaN in training is traced back to where it arose."""

import inspect

import numpy as np
import pytest

import chainrule as cr


class Exploding(cr.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = cr.nn.Dense(2, 3, rng=0)

    def forward(self, x):
        return cr.log(self.inner(x) * 0 - x.sum(axis=1, keepdims=True))


def test_the_message_names_operation_layer_line_and_rows():
    X = np.array([[-1.0, -1.0], [2.0, 3.0], [-1.0, 0.0]])
    net = cr.nn.Sequential(cr.nn.Identity(), Exploding())
    before = {k: v.tobytes() for k, v in net.state_dict().items()}
    with pytest.raises(cr.NonFiniteError) as error:
        cr.fit(net, X, np.zeros((3, 3)), loss="squared", epochs=1, shuffle=False)
    message = str(error.value)
    assert "NaN" in message
    assert " log" in message
    assert "layer '1'" in message
    line = inspect.getsourcelines(Exploding.forward)[1] + 1
    assert f"{__file__}:{line}" in message
    assert "rows 1 of 3" in message
    assert {k: v.tobytes() for k, v in net.state_dict().items()} == before


def test_an_overflowing_update_is_found_in_the_step_that_made_it():
    X = np.array([[1e18, 1e18]] * 4)
    net = cr.nn.Dense(2, 1, rng=0)
    with pytest.raises(cr.NonFiniteError, match=r"infinite|NaN") as error:
        cr.fit(
            net, X, np.zeros((4, 1)), loss="squared", optimizer=cr.optim.SGD(1e10),
            epochs=5,
        )  # fmt: skip
    assert "learning rate" in str(error.value)
    assert all(np.isfinite(w).all() for w in net.state_dict().values())


def test_a_validation_loss_that_is_not_finite_is_no_silent_number():
    X = np.zeros((4, 2))
    far = np.full((3, 2), 1e30)
    with pytest.raises(cr.NonFiniteError, match=r"evaluation gave infinite.*square"):
        cr.fit(
            cr.nn.Dense(2, 1, rng=0), X, np.zeros(4), loss="squared", epochs=1,
            validation=(far, np.zeros(3)),
        )  # fmt: skip


@pytest.mark.parametrize("validation", [None, (np.ones((2, 2)), np.zeros(2))])
def test_a_last_step_that_makes_weights_infinite_is_not_silent(validation):
    X = np.full((4, 2), 1e3)
    net = cr.nn.Dense(2, 1, rng=0)
    before = {k: v.tobytes() for k, v in net.state_dict().items()}
    with pytest.raises(cr.NonFiniteError, match="step 1 of the epoch gave infinite"):
        cr.fit(
            net, X, np.zeros(4), loss="squared", optimizer=cr.optim.SGD(1e38),
            epochs=1, validation=validation,
        )  # fmt: skip
    assert {k: v.tobytes() for k, v in net.state_dict().items()} == before


def test_an_optimizer_of_all_rows_says_where_it_began_too():
    X = np.array([[1.0, 1.0], [2.0, 3.0]])
    with pytest.raises(cr.NonFiniteError, match=r"step 1 gave NaN.* log"):
        cr.fit(
            Exploding(), X, np.zeros((2, 3)), loss="squared",
            optimizer=cr.optim.LBFGS(), epochs=2,
        )  # fmt: skip
