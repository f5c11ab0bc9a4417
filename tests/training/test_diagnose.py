"""A NaN in training is traced back to where it arose, and why."""

import inspect

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.training.causes import Story, likely
from chainrule.training.data import Rows


class Exploding(cr.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = cr.nn.Dense(2, 3, rng=0)

    def forward(self, x):
        return cr.log(self.inner(x) * 0 - x.sum(axis=1, keepdims=True))


class Apply(cr.nn.Module):
    """A function of the inputs and of a weight that is 1."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.w = cr.Parameter(np.ones((), np.float32))

    def forward(self, x):
        return self.function(x, self.w)


def message(net, X, y=None, **settings):
    """What training says of these rows, in one step in their order."""
    X = np.asarray(X, np.float32) if isinstance(X, list) else X
    y = np.zeros(len(X)) if y is None else y
    before = {k: v.tobytes() for k, v in net.state_dict().items()}
    keywords = {"loss": "squared", "epochs": 1, "shuffle": False, **settings}
    with pytest.raises(cr.NonFiniteError) as error:
        cr.fit(net, X, y, **keywords)
    if keywords["epochs"] == 1 and "batch_size" not in settings:
        assert {k: v.tobytes() for k, v in net.state_dict().items()} == before
    assert str(error.value).endswith("the weights are as they were before that")
    return str(error.value)


def test_the_message_names_operation_layer_line_and_rows():
    X = np.array([[-1.0, -1.0], [2.0, 3.0], [-1.0, 0.0]])
    net = cr.nn.Sequential(cr.nn.Identity(), Exploding())
    line = inspect.getsourcelines(Exploding.forward)[1] + 1
    place = f"{__file__}:{line}, layer '1'"
    assert message(net, X, np.zeros((3, 3))).splitlines() == [
        f"step 1 of the epoch gave NaN values; they arose in log, at {place}",
        "  3 of 9 entries of its f32[3,3] are NaN, in row 1 of X",
        "  the logarithm of -5: it needs numbers above 0",
        "  the weights are as they were before that",
    ]


# --- where ----------------------------------------------------------------------------


def test_rows_are_those_of_the_data_and_columns_are_named():
    X = np.ones((40, 3))
    X[23, 1] = X[31, 1] = -1
    net = Apply(lambda x, w: (cr.log(x) * w).sum(axis=1))
    shuffled = message(net, X, batch_size=4, shuffle=True, seed=3)
    assert "in row 31 of X, column 1 of 3" in shuffled or "in row 23 of X" in shuffled
    held = message(net, X, batch_size=36, validation=0.1, seed=1)
    assert "in rows 23, 31 of X, column 1 of 3" in held


def test_rows_without_weight_do_not_shift_the_others():
    X = np.ones((6, 1))
    X[4] = -1
    weights = np.array([0, 1, 0, 1, 1, 1.0])
    net = Apply(lambda x, w: (cr.log(x) * w)[:, 0])
    assert "in row 4 of X" in message(net, X, sample_weight=weights)


def test_many_rows_are_counted():
    net = Apply(lambda x, w: (cr.log(x) * w)[:, 0])
    assert "in 9 rows (0, 1, 2, 3, 4, ...) of X" in message(net, -np.ones((9, 1)))


def test_a_sum_over_the_batch_names_the_row_that_adds_most():
    X = np.array([[1.0], [1e38], [2.5e38], [0.0]])
    net = Apply(lambda x, w: (x * w)[:, 0] * 0 + (x * w).sum() * 0)
    said = message(net, X)
    assert "they arose in sum" in said
    assert "most of it from row 2 of X" in said


def test_an_infinity_that_harms_nobody_is_not_blamed():
    def masked(x, w):
        shares = cr.softmax(cr.where(x > 0, x, -np.inf), axis=1)
        return (shares * w).sum(axis=1) + cr.log(x[:, 0])

    X = [[1.0, -1.0], [-2.0, 1.0]]
    said = message(Apply(masked), X)
    assert "they arose in log" in said
    assert "in row 1 of X" in said


def test_a_mask_of_everything_is_blamed():
    def masked(x, w):
        return (cr.softmax(cr.where(x > 0, x, -np.inf), axis=1) * w).sum(axis=1)

    said = message(Apply(masked), [[1.0, -1.0], [-2.0, -1.0]])
    assert "gave NaN values; they arose in subtract" in said
    assert "2 of 4 entries of its f32[2,2] are NaN, in row 1 of X" in said
    assert "inf - inf" in said


def test_the_loss_and_the_update_are_said_to_be_that():
    def careless(prediction, target, *, sample_weight=None):
        return cr.log(prediction - target).mean()

    said = message(Apply(lambda x, w: x[:, 0] * w), [[1.0], [-1.0]], loss=careless)
    assert ", in the loss\n" in said
    said = message(
        Apply(lambda x, w: x[:, 0] * w),
        [[1.0], [100.0]],
        optimizer=cr.optim.SGD(1e38),
    )
    assert ", in the update of the weights\n" in said
    assert "the learning rate 1e+38 is too high: one step takes" in said


# --- why ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "X", "cause"),
    [
        (
            lambda x, w: cr.exp(x * w)[:, 0],
            [[1.0], [100.0]],
            "its input goes up to 100, and exp(88.7) is all that f32 holds",
        ),
        (
            lambda x, w: cr.expm1(x * w)[:, 0],
            [[1.0], [100.0]],
            "an exponential overflows: its input goes up to 100",
        ),
        (
            lambda x, w: cr.log(x * w)[:, 0],
            [[1.0], [0.0]],
            "the logarithm of 0: it needs numbers above that",
        ),
        (
            lambda x, w: cr.log1p(x * w)[:, 0],
            [[1.0], [-1.5]],
            "log1p, the logarithm of 1 + x, of -1.5: it needs numbers above -1",
        ),
        (lambda x, w: (w / x)[:, 0], [[1.0], [0.0]], "a division by 0: 1 / 0"),
        (
            lambda x, w: (w * 1e30 / x)[:, 0],
            [[1.0], [1e-20]],
            "a division by 1e-20, which is nearly 0",
        ),
        (
            lambda x, w: cr.sqrt(x * w)[:, 0],
            [[1.0], [-4.0]],
            "the square root of -4, which is negative",
        ),
        (
            lambda x, w: cr.power(x * w, 0.5)[:, 0],
            [[1.0], [-4.0]],
            "a negative number to the power of a fraction: -4 ** 0.5",
        ),
        (
            lambda x, w: cr.power(x * w, -1.0)[:, 0],
            [[1.0], [0.0]],
            "a division by 0: ",
        ),
        (
            lambda x, w: (x * w * 1e30)[:, 0] * 1e30,
            [[1.0], [2.0]],
            "the result is more than f32 holds (3.4e+38)",
        ),
    ],
)
def test_what_the_operation_was_given(function, X, cause):
    said = message(Apply(function), X)
    assert cause in said
    assert said.count("\n") == 3, "and nothing is said that was not seen"
    assert "in row" in said


def test_a_column_that_was_not_scaled():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 4))
    X[:, 2] *= 1e20
    said = message(cr.nn.Dense(4, 1, rng=0), X)
    reach = f"{np.float32(X[:, 2]).min():.4g} and {np.float32(X[:, 2]).max():.4g}"
    middle = np.sort(np.abs(X).max(axis=0))[1]
    assert (
        f"column 2 of X lies between {reach}, most other columns within {middle:.3g}: "
        "scale it"
    ) in said
    named = pd.DataFrame(X, columns=["age", "height", "income", "town"])
    assert "column 'income' lies" in message(cr.nn.Dense(4, 1, rng=0), named)
    assert "column 'c' lies" in message(
        cr.nn.Dense(4, 1, rng=0), X, columns=["a", "b", "c", "d"]
    )


def test_whole_numbers_are_amounts_unless_something_is_looked_up_by_them():
    X = np.array([[1, 2], [3, 50_000_000]])
    net = cr.nn.Dense(2, 1, rng=0)
    said = message(net, X, optimizer=cr.optim.SGD(1e30))
    assert "column 1 of X lies between 2 and 5e+07" in said
    words = cr.nn.Sequential(
        cr.nn.Embedding(5000, 2, rng=0), cr.nn.Flatten(), cr.nn.Dense(4, 1, rng=0)
    )
    said = message(
        words, X % 5000 + 4990 * (X > 2) % 5000, optimizer=cr.optim.SGD(1e38)
    )
    assert "of X lies" not in said
    assert "the learning rate 1e+38 is too high" in said


def test_columns_and_their_names_have_to_be_as_many():
    with pytest.raises(ValueError, match="2 names for the 3 columns of X"):
        cr.fit(cr.nn.Dense(3, 1), np.ones((2, 3)), np.ones(2), columns=["a", "b"])


def test_inputs_that_are_huge_as_a_whole():
    X = np.random.default_rng(0).normal(size=(20, 3)) * 1e25
    said = message(cr.nn.Dense(3, 1, rng=0), X)
    assert "X lies between" in said
    assert "scale it, column by column" in said


def test_targets_that_are_huge():
    said = message(cr.nn.Dense(3, 1, rng=0), np.ones((4, 3)), np.full(4, 1e30))
    assert "y lies between 1e+30 and 1e+30: scale it" in said


def test_a_learning_rate_too_high_shows_in_weights_and_losses():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 3))
    for callbacks in ([], [Watch()]):
        net = cr.nn.Dense(3, 1, rng=0)
        said = message(
            net, X, X.sum(axis=1), optimizer=cr.optim.SGD(50.0), batch_size=8,
            epochs=20, callbacks=callbacks,
        )  # fmt: skip
        assert "the learning rate 50 is too high: the weights of " in said
        assert "; the last losses were " in said
        assert all(np.isfinite(w).all() for w in net.state_dict().values())


class Watch(cr.Callback):
    def on_step(self, run, step, loss):
        pass


def test_weights_that_are_huge_from_the_start():
    net = cr.nn.Dense(2, 1, rng=0)
    net.W.assign(np.full((2, 1), 1e30, np.float32))
    assert "the weights of W go up to 1e+30 from the start" in message(net, [[1.0, 1]])


def test_no_cause_is_made_up():
    value = cr.tensor(1.0).value
    calm = Story(Rows(np.ones((3, 2)), np.ones(3)), 0.1, 5, {"W": 1.0}, {"W": 2.0})
    assert likely(value, calm) == []


# --- when -----------------------------------------------------------------------------


def test_an_overflowing_update_is_found_in_the_step_that_made_it():
    X = np.array([[1e18, 1e18]] * 4)
    net = cr.nn.Dense(2, 1, rng=0)
    said = message(
        net, X, np.zeros((4, 1)), optimizer=cr.optim.SGD(1e10), batch_size=4, epochs=5
    )
    assert "learning rate" in said
    assert all(np.isfinite(w).all() for w in net.state_dict().values())


def test_a_validation_loss_that_is_not_finite_is_no_silent_number():
    far = np.full((3, 2), 1e30)
    far[0] = 0
    net = cr.nn.Dense(2, 1, rng=0)
    said = message(net, np.zeros((4, 2)), validation=(far, np.zeros(3)), batch_size=4)
    assert said.startswith("evaluation gave infinite values; they arose in square")
    assert "in rows 1, 2 of the validation X" in said
    assert "the validation X lies between 0 and 1e+30" in said


@pytest.mark.parametrize("validation", [None, (np.ones((2, 2)), np.zeros(2))])
def test_a_last_step_that_makes_weights_infinite_is_not_silent(validation):
    said = message(
        cr.nn.Dense(2, 1, rng=0),
        np.full((4, 2), 1e3),
        optimizer=cr.optim.SGD(1e38),
        validation=validation,
    )
    assert said.startswith("step 1 of the epoch gave infinite")


def test_an_optimizer_of_all_rows_says_where_it_began_too():
    said = message(
        Exploding(),
        np.array([[1.0, 1.0], [2.0, 3.0]]),
        np.zeros((2, 3)),
        optimizer=cr.optim.LBFGS(),
        epochs=2,
    )
    assert said.startswith("step 1 gave NaN")
    assert "in log" in said
    assert "in rows 0, 1 of X" in said
