"""Where weights start: functions `(shape, rng, dtype) -> array`.

The weights of a layer should neither blow up nor drown what passes through them, so
their variance depends on how many numbers a unit adds up:

- `fan_in` is how many inputs each output has, `fan_out` how many outputs each input.
- A matrix of shape `(inputs, outputs)` has `fan_in = inputs`, `fan_out = outputs`.
- A vector of `n` has both equal to `n`, and a number has both equal to 1.
- With more axes, the last two are inputs and outputs, and those before them are places
  that are added up as well: `(places, inputs, outputs)` has `fan_in = places * inputs`.

Everything is drawn in float64 and then rounded, so the weights of a float32 network
are those of the float64 one with the same generator.

>>> import numpy as np
>>> W = he_normal((784, 128), np.random.default_rng(0), np.float32)
>>> W.shape, W.dtype, round(float(W.std() * np.sqrt(784 / 2)), 2)
((784, 128), dtype('float32'), 1.0)
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from chainrule.ir import Array
from chainrule.random import generator

Shape: TypeAlias = tuple[int, ...]
Initializer: TypeAlias = Callable[[Shape, np.random.Generator, DTypeLike], Array]


def fans(shape: Shape) -> tuple[int, int]:
    """`(fan_in, fan_out)` of weights of `shape`; see the head of this module.

    >>> fans((784, 128))
    (784, 128)
    """
    if len(shape) < 2:
        return (math.prod(shape),) * 2
    places = math.prod(shape[:-2])
    return places * shape[-2], places * shape[-1]


# --- constants --------------------------------------------------------------------


def zeros(shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """`W = 0`: for biases."""
    del rng
    return np.zeros(shape, dtype)


def ones(shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """`W = 1`: for scales."""
    del rng
    return np.ones(shape, dtype)


def constant(value: float) -> Initializer:
    """`W = value`.

    >>> constant(0.1)((2,), np.random.default_rng(0), np.float64)
    array([0.1, 0.1])
    """

    def initialize(shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
        del rng
        return np.full(shape, value, dtype)

    return initialize


# --- one deviation for all --------------------------------------------------------


def uniform(low: float = -0.05, high: float = 0.05) -> Initializer:
    """`W ~ U(low, high)`."""

    def initialize(shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
        return _rounded(rng.uniform(low, high, shape), dtype)

    return initialize


def normal(std: float = 1.0, mean: float = 0.0) -> Initializer:
    """`W ~ N(mean, std**2)`."""

    def initialize(shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
        return _rounded(rng.normal(mean, std, shape), dtype)

    return initialize


def truncated_normal(std: float = 1.0, mean: float = 0.0) -> Initializer:
    """`W ~ N(mean, std**2)`, drawn again wherever it is off by more than `2 std`."""

    def initialize(shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
        z = np.asarray(rng.standard_normal(shape))
        far = np.abs(z) > 2
        while far.any():
            z[far] = rng.standard_normal(np.count_nonzero(far))
            far = np.abs(z) > 2
        return _rounded(mean + std * z, dtype)

    return initialize


# --- by the number of inputs and outputs ------------------------------------------


def glorot_uniform(shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """`W ~ U(-a, a)`, `a = sqrt(6 / (fan_in + fan_out))`: for tanh, sigmoid, softmax.

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward
    neural networks", equation 16.
    """
    return _uniform(2 / sum(fans(shape)), shape, rng, dtype)


def glorot_normal(shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """`W ~ N(0, 2 / (fan_in + fan_out))`: the variance of `glorot_uniform`.

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward
    neural networks", equation 12.
    """
    return _normal(2 / sum(fans(shape)), shape, rng, dtype)


def he_uniform(shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """`W ~ U(-a, a)`, `a = sqrt(6 / fan_in)`: for ReLU and its relatives.

    He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers", equation 10.
    """
    return _uniform(2 / fans(shape)[0], shape, rng, dtype)


def he_normal(shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """`W ~ N(0, 2 / fan_in)`: for ReLU and its relatives.

    He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers", equation 10.
    """
    return _normal(2 / fans(shape)[0], shape, rng, dtype)


def lecun_uniform(shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """`W ~ U(-a, a)`, `a = sqrt(3 / fan_in)`: for SELU.

    LeCun, Bottou, Orr and Müller 1998, "Efficient BackProp", equation 16.
    """
    return _uniform(1 / fans(shape)[0], shape, rng, dtype)


def lecun_normal(shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """`W ~ N(0, 1 / fan_in)`: for SELU.

    LeCun, Bottou, Orr and Müller 1998, "Efficient BackProp", equation 16.
    """
    return _normal(1 / fans(shape)[0], shape, rng, dtype)


def orthogonal(shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """`W' W = 1` or `W W' = 1`, whichever `shape` allows: lengths are kept.

    `W` is uniformly distributed over such matrices; axes before the last count as
    rows. Saxe, McClelland and Ganguli 2014, "Exact solutions to the nonlinear dynamics
    of learning in deep linear neural networks". Raises `ValueError` for a vector.
    """
    if len(shape) < 2:
        raise ValueError(f"orthogonal: weights of shape {shape} are no matrix")
    rows, columns = math.prod(shape[:-1]), shape[-1]
    z = rng.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(z)
    # Only with this choice of signs is it uniform: Mezzadri 2007, "How to generate
    # random matrices from the classical compact groups".
    q *= np.where(np.diag(r) < 0, -1, 1)
    return _rounded((q if rows >= columns else q.T).reshape(shape), dtype)


def _uniform(
    variance: float, shape: Shape, rng: np.random.Generator, dtype: DTypeLike
) -> Array:
    bound = math.sqrt(3 * variance)
    return _rounded(rng.uniform(-bound, bound, shape), dtype)


def _normal(
    variance: float, shape: Shape, rng: np.random.Generator, dtype: DTypeLike
) -> Array:
    return _rounded(rng.normal(0, math.sqrt(variance), shape), dtype)


def _rounded(weights: Array | float, dtype: DTypeLike) -> Array:
    return np.asarray(weights).astype(dtype)


# --- by name ----------------------------------------------------------------------

BY_NAME: dict[str, Initializer] = {
    "zeros": zeros,
    "ones": ones,
    "uniform": uniform(),
    "normal": normal(),
    "truncated_normal": truncated_normal(),
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "lecun_uniform": lecun_uniform,
    "lecun_normal": lecun_normal,
    "orthogonal": orthogonal,
}


def get(initializer: str | Initializer) -> Initializer:
    """The initializer of that name; a function is one already.

    >>> get("he_normal") is he_normal
    True
    """
    if not isinstance(initializer, str):
        return initializer
    if initializer not in BY_NAME:
        raise ValueError(
            f"there is no initializer {initializer!r}; known are {', '.join(BY_NAME)}"
        )
    return BY_NAME[initializer]


# Whether weights are about to be overwritten, so that drawing them would be a waste.
_skipped: ContextVar[bool] = ContextVar("skipped", default=False)


@contextmanager
def skipped() -> Iterator[None]:
    """Layers made inside start at zero and draw nothing: their weights get loaded."""
    token = _skipped.set(True)
    try:
        yield
    finally:
        _skipped.reset(token)


def draw(
    initializer: str | Initializer,
    shape: Shape,
    rng: np.random.Generator | int | None,
    dtype: DTypeLike,
) -> Array:
    """Weights for a layer: what `initializer` gives, from `rng` or the default one.

    Raises `ValueError` where the initializer gives another shape.
    """
    function = get(initializer)
    if _skipped.get():
        return np.zeros(shape, dtype)
    weights = np.asarray(function(shape, generator(rng), dtype), dtype)
    if weights.shape != shape:
        name = getattr(function, "__name__", repr(function))
        raise ValueError(f"{name} gave weights of shape {weights.shape}, not {shape}")
    return weights
