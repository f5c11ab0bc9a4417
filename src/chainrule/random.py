"""Random numbers: on tensors, and on the host where a graph needs none.

Tensors of random numbers are functions of a key and a counter, see
`chainrule.expressions.random`. A seed and a path make keys that are as good as
independent, so every layer, state and epoch can have its own.
"""

import hashlib
import operator
import threading

import numpy as np

from chainrule.expressions import random
from chainrule.functions import lift
from chainrule.ir import Array

# What `generator` gives where no generator is named. A list, to be replaced in.
_default = [np.random.default_rng()]

_of_thread = threading.local()
_WORD = 2**64 - 1

uniform = lift(random.uniform)
normal = lift(random.normal)
bernoulli = lift(random.bernoulli)


def key_from(seed: int, *path: int | str) -> np.uint32:
    """A key for random tensors: a hash of `seed` and `path`.

    >>> key_from(0, "hidden", 1)
    np.uint32(3638385631)
    """
    return np.uint32(_hash(seed, path, size=4))


def host_generator(seed: int, *path: int | str) -> np.random.Generator:
    """NumPy's generator on the Philox stream that `seed` and `path` choose.

    What NumPy makes of the stream may differ between its versions; `permutation` does
    not.

    >>> host_generator(0, "weights").normal(size=2).shape
    (2,)
    """
    return np.random.Generator(_stream(seed, path))


def permutation(seed: int, epoch: int | str, n: int) -> Array:
    """The numbers 0 to `n - 1` in an order that `seed` and `epoch` choose.

    It is the order of `n` random words, the same on every platform and with every
    version of NumPy.

    >>> permutation(0, 1, 5)
    array([2, 3, 4, 0, 1])
    """
    words = _rewound(_hash(seed, ("permutation", epoch), size=16)).random_raw(n)
    # With their numbers as the last bits, words can be sorted as they are, which takes
    # a fraction of the time of an argsort, and no two are equal.
    low = np.uint64((1 << max(n - 1, 0).bit_length()) - 1)
    words &= ~low
    words |= np.arange(n, dtype=np.uint64)
    words.sort()
    words &= low
    return words.view(np.int64)


def row_words(seed: int, purpose: str, first: int, count: int) -> Array:
    """A random word, uint64, for each of `count` rows from number `first` on.

    A word is a function of `seed`, `purpose` and the number of the row alone, however
    the rows are cut into blocks.

    >>> whole = row_words(0, "validation", 0, 10)
    >>> bool((row_words(0, "validation", 3, 4) == whole[3:7]).all())
    True
    """
    stream = _stream(seed, ("rows", purpose))
    stream.advance(first // 4)  # one state of Philox gives four words
    return np.asarray(stream.random_raw(first % 4 + count)[first % 4 :])


def seed(seed: int) -> None:
    """Let everything drawn on the host from now on follow from `seed`.

    Layers draw their first weights, and dropout its key, from the generator that this
    sets, unless they are given one of their own.

    >>> import chainrule as cr
    >>> cr.random.seed(0)
    >>> a = cr.nn.Dense(2, 3).W.numpy()
    >>> cr.random.seed(0)
    >>> bool((cr.nn.Dense(2, 3).W.numpy() == a).all())
    True
    """
    _default[0] = host_generator(seed, "default")


def generator(rng: np.random.Generator | int | None = None) -> np.random.Generator:
    """The generator that `rng` means: itself, one for that seed, or the default one."""
    if rng is None:
        return _default[0]
    return rng if isinstance(rng, np.random.Generator) else host_generator(rng)


def _stream(seed: int, path: tuple[int | str, ...]) -> np.random.Philox:
    return np.random.Philox(key=_hash(seed, path, size=16))


def _rewound(key: int) -> np.random.Philox:
    """The stream of a key, from its start: one that the thread has, set anew.

    To make one takes longer than to draw a thousand numbers from it.
    """
    stream = getattr(_of_thread, "stream", None)
    if stream is None:
        stream = _of_thread.stream = np.random.Philox(key=0)
        _of_thread.fresh = stream.state
    fresh = _of_thread.fresh
    fresh["state"]["key"] = np.asarray([key & _WORD, key >> 64], np.uint64)
    stream.state = fresh
    return stream


def _hash(seed: int, path: tuple[int | str, ...], size: int) -> int:
    parts = [seed, *path]
    plain = [part if isinstance(part, str) else operator.index(part) for part in parts]
    digest = hashlib.blake2b(repr(plain).encode(), digest_size=size).digest()
    return int.from_bytes(digest, "little")
