"""Values, gradients and second derivatives against PyTorch's and JAX's.

Each case is one expression, written once for each library: `m` is `chainrule`, `torch`
or `jax.numpy`, and `n` is `chainrule`, `torch.nn.functional` or `jax.nn`. Runs where a
library is installed (the group `oracles`).
"""

import warnings

import numpy as np
import pytest

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs are not ours to mend

RNG = np.random.default_rng(0)

# Away from kinks, with both signs, and far enough out to see tails.
BOTH = np.concatenate([-np.geomspace(6, 0.07, 9), np.geomspace(0.06, 7, 9)])
POSITIVE = np.geomspace(0.03, 20, 12)
OTHER = RNG.permutation(BOTH)
MATRIX = RNG.normal(size=(4, 5))
TENSOR = RNG.normal(size=(2, 3, 4))


class Torch:
    name = "torch"

    def __init__(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.torch = pytest.importorskip("torch")
        self.modules = self.torch, self.torch.nn.functional

    def value(self, f, arrays):
        return f(*self.modules, *map(self.torch.tensor, arrays)).numpy()

    def derivatives(self, f, arrays, weight, directions):
        torch = self.torch
        xs = [torch.tensor(x, requires_grad=True) for x in arrays]
        y = f(*self.modules, *xs)
        first = torch.autograd.grad(
            (y * torch.tensor(weight)).sum(),
            xs,
            create_graph=True,
            materialize_grads=True,
        )
        along = sum(
            (g * torch.tensor(d)).sum() for g, d in zip(first, directions, strict=True)
        )
        second = [torch.zeros_like(x) for x in xs]
        if along.requires_grad:
            second = torch.autograd.grad(along, xs, materialize_grads=True)
        return [t.detach().numpy(force=True) for t in (y, *first, *second)]


class Jax:
    name = "jax"

    def __init__(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.jax = pytest.importorskip("jax")
        self.modules = self.jax.numpy, self.jax.nn

    def value(self, f, arrays):
        return np.asarray(f(*self.modules, *map(self.jax.numpy.asarray, arrays)))

    def derivatives(self, f, arrays, weight, directions):
        jax = self.jax
        with jax.enable_x64(True):
            xs = [jax.numpy.asarray(x) for x in arrays]
            y = f(*self.modules, *xs)

            def loss(xs):
                return (f(*self.modules, *xs) * weight).sum()

            first = jax.grad(loss)(xs)
            along = [jax.numpy.asarray(d) for d in directions]
            _, second = jax.jvp(jax.grad(loss), (xs,), (along,))
            return [np.asarray(t) for t in (y, *first, *second)]


@pytest.fixture(scope="module", params=[Torch, Jax], ids=lambda o: o.name)
def oracle(request):
    return request.param()


def ours(f, arrays, weight, directions):
    xs = [cr.tensor(x) for x in arrays]

    def loss(xs):
        return (f(cr, cr, *xs) * weight).sum()

    def along(xs):
        parts = zip(cr.grad(loss)(xs), directions, strict=True)
        return cr.sum(cr.stack([(g * d).sum() for g, d in parts]))

    found = (f(cr, cr, *xs), *cr.grad(loss)(xs), *cr.grad(along)(xs))
    return [y.numpy() for y in found]


def axis(m):
    """What a library calls the axis of a reduction."""
    return "dim" if m.__name__.startswith("torch") else "axis"


def is_jax(m):
    return m.__name__.startswith("jax")


def by_name(name):
    """The function of that name of the library, or of its functions for networks."""
    return lambda m, n, *xs: getattr(m if hasattr(m, name) else n, name)(*xs)


def along_last(name, **options):
    def f(m, n, x):
        keywords = {axis(m): -1, **options}
        return getattr(m if hasattr(m, name) else n, name)(x, **keywords)

    return f


UNARY = ["negative", "abs", "sign", "square", "exp", "expm1", "sin", "cos", "tanh"]
UNARY += [
    "sigmoid",
    "softplus",
    "relu",
    "silu",
    "selu",
    "elu",
    "floor",
    "ceil",
    "round",
]
ON_POSITIVE = ["log", "log1p", "sqrt"]
BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "remainder"]

OURS = {"negative": "negate"}


def renamed(name):
    """The same, called by our own name where the library is ours."""
    return lambda m, n, *xs: by_name(OURS.get(name, name) if m is cr else name)(
        m, n, *xs
    )


def special(name):
    """A function that JAX keeps elsewhere."""

    def f(m, n, x):
        if is_jax(m):
            return getattr(pytest.importorskip("jax").scipy.special, name)(x)
        return getattr(m, name)(x)

    return f


def gelu(m, n, x):
    if is_jax(m):
        return n.gelu(x, approximate=False)
    return n.gelu(x)


def gelu_by_tanh(m, n, x):
    theirs = {"approximate": "tanh"}
    return n.gelu(x, **({"approximate": True} if is_jax(m) or m is cr else theirs))


def power(m, n, a, b):
    return a**b


def rsqrt(m, n, x):
    return 1 / m.sqrt(x) if is_jax(m) else m.rsqrt(x)


def leaky_relu(m, n, x):
    return n.leaky_relu(x, 0.2)


def hardtanh(m, n, x):
    return m.clip(x, -2.5, 1.5) if is_jax(m) else n.hardtanh(x, -2.5, 1.5)


def where(m, n, a, b):
    return m.where(a < b, m.exp(a), a * b)


def logsumexp(m, n, x):
    return n.logsumexp(x, axis=-1) if is_jax(m) else m.logsumexp(x, -1)


def var(m, n, x):
    if m.__name__ == "torch":
        return m.var(x, dim=1, correction=1)
    return m.var(x, axis=1, ddof=1)


def std(m, n, x):
    if m.__name__ == "torch":
        return m.std(x, dim=1, correction=0)
    return m.std(x, axis=1)


def norm(m, n, x):
    if m is cr:
        return m.norm(x, axis=-1)
    return m.linalg.norm(x, **{axis(m): -1})


def attention(m, n, q, k, v):
    scores = m.einsum("bid,bjd->bij", q, k) / 2.0
    weights = n.softmax(scores, **{axis(m): -1})
    return m.matmul(weights, v)


def classifier(m, n, X, W, b):
    z = m.matmul(X, W) + b
    return -n.log_softmax(z, **{axis(m): -1})[:, 0]


CASES = {
    **{name: (renamed(name), [BOTH]) for name in UNARY},
    **{name: (by_name(name), [POSITIVE]) for name in ON_POSITIVE},
    **{name: (by_name(name), [BOTH, OTHER]) for name in BINARY},
    **{name: (special(name), [BOTH]) for name in ("erf", "erfc")},
    "power": (power, [POSITIVE, OTHER[:12]]),
    "cube": (lambda m, n, x: x**3, [BOTH]),
    "reciprocal": (lambda m, n, x: x**-1, [BOTH]),
    "exponential of 2": (lambda m, n, x: 2.0**x, [BOTH]),
    "gelu": (gelu, [BOTH]),
    "gelu by tanh": (gelu_by_tanh, [BOTH]),
    "rsqrt": (rsqrt, [POSITIVE]),
    "leaky relu": (leaky_relu, [BOTH]),
    "hardtanh": (hardtanh, [BOTH]),
    "clip": (lambda m, n, x: m.clip(x, -2.5, 1.5), [BOTH]),
    "where": (where, [BOTH, OTHER]),
    "broadcasting": (lambda m, n, a, b: a * b + b, [MATRIX, MATRIX[:1]]),
    "sum": (along_last("sum"), [TENSOR]),
    "mean": (along_last("mean"), [TENSOR]),
    "prod": (along_last("prod"), [TENSOR]),
    "cumsum": (along_last("cumsum"), [TENSOR]),
    "softmax": (along_last("softmax"), [TENSOR]),
    "log_softmax": (along_last("log_softmax"), [TENSOR]),
    "logsumexp": (logsumexp, [TENSOR]),
    "var": (var, [TENSOR]),
    "std": (std, [TENSOR]),
    "norm": (norm, [TENSOR]),
    "max": (lambda m, n, x: m.max(x), [TENSOR]),
    "min": (lambda m, n, x: m.min(x), [TENSOR]),
    "matmul": (by_name("matmul"), [TENSOR, np.swapaxes(TENSOR, 1, 2)]),
    "einsum": (lambda m, n, a, b: m.einsum("ij,kj->ik", a, b), [MATRIX, 2 * MATRIX]),
    "transpose": (lambda m, n, x: m.exp(x.T) * 3.0, [MATRIX]),
    "flip": (lambda m, n, x: m.sin(m.flip(x, (0,))), [MATRIX]),
    "slices": (
        lambda m, n, x: x[1:, ::2] * x[:-1, 1:4],
        [np.ones((4, 6)) + TENSOR.ravel().reshape(4, 6)],
    ),
    "attention": (attention, [TENSOR, 2 * TENSOR, -TENSOR]),
    "classifier": (classifier, [MATRIX, MATRIX.T @ MATRIX, MATRIX[0]]),
}


@pytest.mark.parametrize("case", CASES)
def test_values_gradients_and_second_derivatives(oracle, case):
    f, arrays = CASES[case]
    rng = np.random.default_rng(1)
    weight = rng.normal(size=f(cr, cr, *map(cr.tensor, arrays)).shape)
    directions = [rng.normal(size=x.shape) for x in arrays]
    found = ours(f, arrays, weight, directions)
    expected = oracle.derivatives(f, arrays, weight, directions)
    for actual, theirs in zip(found, expected, strict=True):
        size = max(1.0, float(np.abs(theirs).max()))
        np.testing.assert_allclose(actual, theirs, rtol=1e-9, atol=1e-11 * size)


@pytest.mark.parametrize("case", CASES)
def test_values_in_float32(oracle, case):
    f, arrays = CASES[case]
    narrow = [x.astype(np.float32) for x in arrays]
    found = f(cr, cr, *map(cr.tensor, narrow)).numpy()
    theirs = oracle.value(f, narrow)
    assert found.dtype == theirs.dtype == np.float32
    size = max(1.0, float(np.abs(theirs).max()))
    np.testing.assert_allclose(found, theirs, rtol=2e-6, atol=2e-6 * size)


# --- conventions at the points where there is no derivative -----------------------


@pytest.mark.parametrize("name", ["relu", "abs", "silu", "gelu"])
def test_gradients_at_kinks_are_pytorchs(name):
    torch = Torch()
    f = gelu if name == "gelu" else by_name(name)
    zero, one = [np.zeros(1)], np.ones(1)
    found = ours(f, zero, one, zero)
    expected = torch.derivatives(f, zero, one, zero)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-15)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_ties_are_shared_as_in_both(oracle, name):
    tie = [np.ones(1), np.ones(1)]
    found = ours(by_name(name), tie, np.ones(1), [np.zeros(1)] * 2)
    expected = oracle.derivatives(by_name(name), tie, np.ones(1), [np.zeros(1)] * 2)
    np.testing.assert_array_equal(found[1:3], expected[1:3])


@pytest.mark.parametrize(("a", "b"), [(0.0, 2.0), (0.0, 1.0), (0.0, 0.0), (-2.0, 3.0)])
def test_gradients_of_powers_where_logarithms_end(a, b):
    point = [np.full(1, a), np.full(1, b)]
    found = ours(power, point, np.ones(1), [np.zeros(1)] * 2)
    expected = Torch().derivatives(power, point, np.ones(1), [np.zeros(1)] * 2)
    np.testing.assert_allclose(found[:3], expected[:3])
