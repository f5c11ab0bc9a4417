"""`Dropout`, and what all layers that draw random numbers have in common."""

import numpy as np
from numpy.typing import DTypeLike

from chainrule import random
from chainrule.ir import Array, DType
from chainrule.nn import initializers
from chainrule.nn.module import Module
from chainrule.tensor import State, Tensor

UINT32: DType = np.dtype(np.uint32)


class Stochastic(Module):
    """A layer that draws random numbers, by a key and a counter of its own.

    What it draws is a function of the two and of the shape (see `chainrule.random`).
    `draw` counts on by assigning the counter, so a network draws the same numbers
    whether it is compiled or not, and goes on as it would have after it was saved and
    loaded. The key comes from `rng`, a NumPy generator or a seed.
    """

    def __init__(self, rng: np.random.Generator | int | None = None) -> None:
        self.key = State(initializers.draw(_any_word, (), rng, UINT32))
        self.counter = State(np.zeros((), UINT32))

    def draw(self) -> tuple[Tensor, Tensor]:
        """A key and a counter that no earlier call has given."""
        now = Tensor(self.counter.value)
        self.counter.assign(self.counter + 1)
        return self.key, now

    def restart(self, key: int) -> None:
        """Begin anew, with another key."""
        self.key.assign(np.asarray(key, UINT32))
        self.counter.assign(np.zeros((), UINT32))


def _any_word(
    shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike
) -> Array:
    """Words of 32 bits, each as likely as any other."""
    return np.asarray(rng.integers(2**32, size=shape, dtype=UINT32), dtype)


class Dropout(Stochastic):
    """`y = x m / (1 - rate)`, each `m` being 0 with probability `rate`, else 1.

    Only in training mode; else `y = x`. The division keeps the mean, so nothing needs
    to be scaled afterwards. Srivastava, Hinton, Krizhevsky, Sutskever and
    Salakhutdinov 2014, "Dropout: a simple way to prevent neural networks from
    overfitting".

    >>> import chainrule as cr
    >>> layer = cr.nn.Dropout(0.5, rng=1)
    >>> layer(cr.tensor([1.0, 1.0, 1.0, 1.0]))
    tensor([2., 2., 0., 0.])
    >>> layer.eval()(cr.tensor([1.0, 1.0, 1.0, 1.0]))
    tensor([1., 1., 1., 1.])
    """

    def __init__(
        self, rate: float = 0.5, *, rng: np.random.Generator | int | None = None
    ) -> None:
        if not 0 <= rate <= 1:
            raise ValueError(f"Dropout: rate is a probability, between 0 and 1: {rate}")
        super().__init__(rng)
        self.rate = float(rate)

    def forward(self, x: Tensor) -> Tensor:
        """Zeros at random places while training, else `x` itself."""
        if not self.training or self.rate == 0:
            return x
        if self.rate == 1:
            return x * 0
        keep = 1 - self.rate
        mask = random.bernoulli(*self.draw(), keep, x.shape)
        return x * (mask.astype(x.dtype) / keep)


def reseed(net: Module, seed: int) -> None:
    """Give every random layer in `net` its own key, made of `seed` and its position.

    Two copies of a network that were reseeded alike draw the same numbers from then
    on, whatever they have drawn before.

    >>> import chainrule as cr
    >>> net = cr.nn.Sequential(cr.nn.Dropout(0.5), cr.nn.Dropout(0.5))
    >>> cr.nn.reseed(net, 0)
    >>> net[0].key, net[1].key
    (state(3798990496, name='0.key'), state(1313042183, name='1.key'))
    """
    layers = [m for m in net.modules().values() if isinstance(m, Stochastic)]
    for position, layer in enumerate(layers):
        layer.restart(int(random.key_from(seed, "layer", position)))
