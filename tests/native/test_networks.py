"""Networks of all kinds train as machine code as they do when interpreted."""

from itertools import pairwise

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile import data_of, trace
from chainrule.passes import interpret
from chainrule.training.data import Rows
from chainrule.training.program import Program
from chainrule.tree import flatten

ROWS, BATCH = 50, 16  # the last batch has 2 rows
WIDTH = 12


def regression(inputs=WIDTH, outputs=3, rows=ROWS):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, inputs)).astype(np.float32)
    return Rows(X, np.tanh(X[:, :outputs] + 0.5).astype(np.float32))


def classes(data, count=3):
    y = np.random.default_rng(1).integers(0, count, len(data))
    return Rows(data.X, y)


def step_by_step(program, data, orders, bounds):
    """The losses of all steps, each of them interpreted."""
    losses = []
    program.net.train()
    for order in orders:
        for start, stop in pairwise(bounds):
            batch = data.take(order[start:stop])
            optimizer = program.optimizer
            scalars = {
                name: np.float64(s)
                for name, s in optimizer.scalars(optimizer.steps).items()
            }
            arguments = (*batch.parts, scalars)
            traced = trace(program._traced_step, *arguments).simplified()
            given = traced.inputs(data_of(flatten(arguments)[0]))
            given = [np.asarray(x) for x in given]
            losses.append(traced.give(interpret(traced.graph, given)).item())
            optimizer.steps += 1
    return np.asarray(losses)


def check(
    make,
    data,
    loss="squared_error",
    epochs=2,
    tolerance=1e-4,
    batch=BATCH,
    **optimizer,
):
    """Train twice from the same start, compiled and interpreted."""
    kind = optimizer.pop("optimizer", cr.optim.Adam)
    orders = [np.random.default_rng(e).permutation(len(data)) for e in range(epochs)]
    bounds = np.append(np.arange(0, len(data), batch), len(data))
    loss = cr.losses.get(loss) if isinstance(loss, str) else loss
    programs = []
    for _ in range(2):
        steps = kind(**{"learning_rate": 0.01, **optimizer})
        net = make()
        steps.initialize(net.parameters())
        steps.bind(len(bounds) - 1, epochs * (len(bounds) - 1))
        programs.append(Program(net, loss, steps))
    native, reference = programs
    found = native.epochs(data, orders, bounds)
    expected = step_by_step(reference, data, orders, bounds)
    np.testing.assert_allclose(found.ravel(), expected, rtol=tolerance)
    assert np.isfinite(expected).all()
    for state, other in zip(
        native.net.states().values(), reference.net.states().values(), strict=True
    ):
        a, b = state.numpy(), other.numpy()
        size = max(1.0, np.abs(b).max(initial=0)) if b.dtype.kind == "f" else 1
        np.testing.assert_allclose(a, b, rtol=10 * tolerance, atol=tolerance * size)
    trained = [np.abs(np.diff(expected)).max(initial=0) > 0]
    assert all(trained)


def dense(*parts, outputs=3):
    nn = cr.nn
    return lambda: nn.Sequential(
        nn.Dense(WIDTH, WIDTH, rng=0),
        *[part() for part in parts],
        nn.Dense(WIDTH, outputs, rng=1),
    )


class Function(cr.nn.Module):
    """A network written as one function of its parameters and its input."""

    def __init__(self, forward, **shapes):
        rng = np.random.default_rng(0)
        for name, shape in shapes.items():
            scale = np.sqrt(shape[0])
            start = (rng.normal(size=shape) / scale).astype(np.float32)
            setattr(self, name, cr.Parameter(start))
        self.function = forward

    def forward(self, x):
        return self.function(self, x)


# --- shapes of networks --------------------------------------------------------------


def test_one_output():
    check(dense(cr.nn.ReLU, outputs=1), regression(outputs=1))


def test_one_input():
    make = lambda: cr.nn.Sequential(  # noqa: E731
        cr.nn.Dense(1, 17, rng=0), cr.nn.Tanh(), cr.nn.Dense(17, 1, rng=1)
    )
    check(make, regression(inputs=1, outputs=1))


@pytest.mark.parametrize("inputs", [1, WIDTH])
def test_batches_of_one_row(inputs):
    make = lambda: cr.nn.Sequential(  # noqa: E731
        cr.nn.Dense(inputs, 3, rng=0), cr.nn.ReLU(), cr.nn.Dense(3, 4, rng=1)
    )
    data = classes(regression(inputs, 1), 4)
    check(make, data, "cross_entropy", batch=1)


def test_weights_with_more_columns_than_a_batch_has_rows():
    make = lambda: cr.nn.Sequential(  # noqa: E731
        cr.nn.Dense(300, 256, rng=0), cr.nn.ReLU(), cr.nn.Dense(256, 256, rng=1)
    )
    data = regression(300, 256, rows=140)
    check(make, data, batch=64)


def test_a_residual_block_with_layer_norm_and_dropout():
    class Residual(cr.nn.Module):
        def __init__(self):
            self.inner = cr.nn.Sequential(
                cr.nn.LayerNorm(WIDTH),
                cr.nn.Dense(WIDTH, 33, rng=2),
                cr.nn.GELU(),
                cr.nn.Dropout(0.25, rng=4),
                cr.nn.Dense(33, WIDTH, rng=3),
            )

        def forward(self, x):
            return x + self.inner(x)

    check(dense(Residual, Residual), regression())


def test_batch_norm():
    check(dense(lambda: cr.nn.BatchNorm(WIDTH), cr.nn.ReLU), regression())


def test_embeddings():
    data = classes(regression())
    words = np.random.default_rng(2).integers(0, 20, (ROWS, 5))
    make = lambda: cr.nn.Sequential(  # noqa: E731
        cr.nn.Embedding(20, 7, rng=0), cr.nn.Flatten(), cr.nn.Dense(35, 3, rng=0)
    )
    check(make, Rows(words, data.y), "cross_entropy")


def test_tied_weights():
    make = lambda: Function(  # noqa: E731
        lambda net, x: cr.tanh(x @ net.W) @ net.W.T @ net.V,
        W=(WIDTH, 20), V=(WIDTH, 3),
    )  # fmt: skip
    check(make, regression())


def test_clipped_gradients():
    class Clipped(cr.optim.SGD):
        def update(self, gradients, scalars):
            super().update(cr.optim.clip_by_norm(gradients, 0.05), scalars)

    check(dense(cr.nn.Tanh), regression(), optimizer=Clipped)


def attention(q, k, v):
    scores = q @ cr.swapaxes(k, -1, -2) * q.shape[-1] ** -0.5
    return cr.softmax(scores, axis=-1) @ v


def test_attention_over_a_sequence():
    data = regression(inputs=5 * WIDTH)

    def forward(net, x):
        x = x.reshape(x.shape[0], 5, WIDTH)
        y = attention(x @ net.Q, x @ net.K, x @ net.V)
        return y.mean(axis=1) @ net.W

    make = lambda: Function(  # noqa: E731
        forward, Q=(WIDTH, 8), K=(WIDTH, 8), V=(WIDTH, 8), W=(8, 3)
    )
    check(make, data)


def test_attention_over_the_batch():
    """A matrix of rows by rows, whose last batch is smaller both ways."""
    make = lambda: Function(  # noqa: E731
        lambda net, x: attention(x @ net.Q, x @ net.K, x @ net.V),
        Q=(WIDTH, 8), K=(WIDTH, 8), V=(WIDTH, 3),
    )  # fmt: skip
    check(make, regression())


def test_a_batch_of_matrices():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, 7, WIDTH)).astype(np.float32)
    data = Rows(X, np.tanh(X[..., :3]))
    check(dense(cr.nn.ReLU, lambda: cr.nn.LayerNorm(WIDTH)), data)


def test_weights_of_rows_and_integers_as_inputs():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 255, (ROWS, WIDTH), dtype=np.uint8)
    weights = rng.uniform(0.5, 2, ROWS).astype(np.float32)
    make = lambda: Function(  # noqa: E731
        lambda net, x: (x.astype(np.float32) / 255) @ net.W, W=(WIDTH, 3)
    )
    check(make, Rows(X, regression().y, weights))


def test_float64():
    data = regression()
    make = lambda: cr.nn.Sequential(  # noqa: E731
        cr.nn.Dense(WIDTH, 9, rng=0, dtype=np.float64), cr.nn.Tanh(),
        cr.nn.Dense(9, 3, rng=0, dtype=np.float64),
    )  # fmt: skip
    rows = Rows(data.X.astype(np.float64), data.y.astype(np.float64))
    check(make, rows, tolerance=1e-11)


def test_a_gradient_penalty():
    def penalised(prediction, y, sample_weight=None):
        del sample_weight
        return ((prediction - y) ** 2).mean()

    class Penalty(cr.nn.Module):
        def __init__(self):
            self.net = cr.nn.Sequential(
                cr.nn.Dense(WIDTH, 8, rng=0), cr.nn.Tanh(), cr.nn.Dense(8, 1, rng=1)
            )

        def forward(self, x):
            slope = cr.grad(lambda x: self.net(x).sum())(x)
            return self.net(x) + (slope**2).sum(axis=1, keepdims=True)

    check(Penalty, regression(outputs=1), penalised)


# --- everything there is -------------------------------------------------------------


@pytest.mark.parametrize(
    "layer",
    [
        cr.nn.ELU, cr.nn.GELU, cr.nn.SELU, cr.nn.Hardtanh, cr.nn.Identity,
        cr.nn.LeakyReLU, cr.nn.LogSoftmax, cr.nn.ReLU, cr.nn.SiLU, cr.nn.Sigmoid,
        cr.nn.Softmax, cr.nn.Softplus, cr.nn.Tanh, lambda: cr.nn.Dropout(0.5, rng=4),
    ],
    ids=lambda layer: getattr(layer, "__name__", "layer"),
)  # fmt: skip
def test_layers(layer):
    check(dense(layer), regression(), epochs=1)


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "cosine", "quantile"]
)
def test_losses_of_numbers(loss):
    check(dense(cr.nn.Tanh), regression(), loss, epochs=1)


def test_several_quantiles():
    data = regression()
    loss = cr.losses.get("quantile", q=[0.1, 0.5, 0.9])
    check(dense(cr.nn.Tanh), data, loss, epochs=1)
    check(dense(cr.nn.Tanh), Rows(data.X, data.y[:, 0]), loss, epochs=1)


def test_losses_of_counts_and_of_two_classes():
    data = regression()
    counts = Rows(data.X, np.floor(np.abs(data.X[:, :3]) * 3))
    check(dense(cr.nn.Tanh), counts, "poisson", epochs=1)
    two = Rows(data.X, (data.y > 0).astype(np.float32))
    check(dense(cr.nn.Tanh), two, "binary_cross_entropy", epochs=1)


def test_losses_of_classes():
    data = regression()
    check(dense(cr.nn.Tanh), classes(data), "cross_entropy", epochs=1)
    check(dense(cr.nn.Tanh), classes(data), "hinge", epochs=1)
    shares = np.exp(data.y) / np.exp(data.y).sum(axis=1, keepdims=True)
    check(dense(cr.nn.Tanh), Rows(data.X, shares), "kl_divergence", epochs=1)


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (cr.optim.SGD, {}),
        (cr.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        (cr.optim.Adam, {}),
        (cr.optim.AdamW, {"weight_decay": 0.1}),
        (cr.optim.RMSprop, {}),
        (cr.optim.Adagrad, {}),
        (cr.optim.Lion, {"learning_rate": 1e-3}),
    ],
)
def test_optimizers(optimizer, options):
    check(dense(cr.nn.Tanh), regression(), optimizer=optimizer, **options)


# --- compiled functions --------------------------------------------------------------


def same(function, *calls):
    """A compiled function gives what the function gives, at each of some calls."""
    compiled = cr.compile(function)
    for arguments in calls:
        found, _ = flatten(compiled(*arguments))
        expected, _ = flatten(function(*map(cr.tensor, arguments)))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=2e-6)


def test_two_inputs_and_two_outputs():
    rng = np.random.default_rng(0)
    calls = [
        (rng.normal(size=(n, 5)).astype(np.float32),
         rng.normal(size=(n, 7)).astype(np.float32))
        for n in (16, 17, 3, 64)
    ]  # fmt: skip
    same(lambda a, b: (a.T @ b, {"left": cr.softmax(a, axis=1), "right": b.sum()}),
         *calls)  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [2, 8, 9, 10, 16, 17, 25, 33])
def test_rows_of_a_product_that_are_short(columns, dtype):
    rng = np.random.default_rng(columns)
    W = rng.normal(size=(12, columns)).astype(dtype)

    def function(x):
        p = cr.softmax(x @ W, axis=1)
        return p, p * p.max(axis=1, keepdims=True), cr.log(p).sum(axis=1)

    same(function, *((rng.normal(size=(n, 12)).astype(dtype),) for n in (50, 47, 3)))


@pytest.mark.parametrize("index", [[0, 5], [-7, 0]])
def test_an_index_out_of_bounds_is_named(index):
    x = np.arange(6.0)
    expected = r"(index|indices).*(-7|5|6)"
    for take in (lambda x, i: x[i], lambda x, i: cr.take(x, i, axis=0)):
        with pytest.raises(IndexError) as eager:
            take(cr.tensor(x[:5]), cr.tensor(index))
        with pytest.raises(IndexError, match=expected) as compiled:
            cr.compile(take)(x[:5], np.asarray(index))
        assert str(compiled.value) == str(eager.value)


def test_an_index_out_of_bounds_in_training_is_named():
    words = np.random.default_rng(2).integers(0, 20, (ROWS, 1))
    words[33] = 20
    net = cr.nn.Sequential(
        cr.nn.Embedding(20, 4, rng=0), cr.nn.Flatten(), cr.nn.Dense(4, 3, rng=0)
    )
    before = {name: p.numpy().copy() for name, p in net.parameters().items()}
    with pytest.raises(IndexError, match="20"):
        cr.fit(net, words, regression().y, loss="squared_error", epochs=1)
    for name, p in net.parameters().items():
        np.testing.assert_array_equal(p.numpy(), before[name])


def test_integers_to_negative_powers_are_refused():
    power = lambda a, b: a**b  # noqa: E731
    with pytest.raises(ValueError, match="negative"):
        cr.compile(power)(np.array([2, 3]), np.array([1, -1]))
