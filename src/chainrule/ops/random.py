"""Random bits that are a function of a key, a counter and a position.

Philox2x32-10 of Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy
as 1, 2, 3": ten rounds of multiplication and exclusive or turn a block of two counter
words into two random words, under a key. Nothing is carried from one block to the
next, so every element can be computed alone, in any order and on any thread, and
drawn again after a resume.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, DType, Operation, Rng, TensorType, Value
from chainrule.ops.axes import letters
from chainrule.ops.builder import Builder, S
from chainrule.ops.elementwise import Elementwise

Shape = tuple[int, ...]

UINT32: DType = np.dtype(np.uint32)
UINT64: DType = np.dtype(np.uint64)

# The paper's constants: the multiplier of table 2, and the golden ratio as the step
# from the key of one round to that of the next.
_MULTIPLIER = 0xD256D193
_STEP = 0x9E3779B9
_ROUNDS = 10


@dataclass(frozen=True)
class RandomBits(Operation):
    """`y[i]` is a random `u32` made of `key`, `counter` and the position `i` alone.

    `key` and `counter` are scalars of dtype `u32`, and `y` has shape `shape`, which has
    less than `2**32` elements. A position has four independent words: 0 and 1 are what
    Philox2x32-10 makes of the block `(i, counter)` under the key, 2 and 3 what it makes
    under the key's complement.
    """

    shape: Shape
    word: int = 0

    def __post_init__(self) -> None:
        """Refuse more elements than can be told apart, and a word that is none."""
        if TensorType(self.shape, UINT32).size >= 2**32:
            raise ValueError(f"random: {self.shape} has more than 2**32 - 1 elements")
        if self.word not in range(4):
            raise ValueError(f"random: there is no word {self.word}, only 0 to 3")

    def type(self, *inputs: TensorType) -> TensorType:
        """`shape`, in `u32`."""
        key, counter = inputs
        for name, given in (("key", key), ("counter", counter)):
            if given != TensorType((), UINT32):
                raise TypeError(f"random: the {name} is a scalar u32, not {given}")
        return TensorType(self.shape, UINT32)

    def forward(self, *inputs: Array) -> Array:
        """Ten rounds on all positions at once, in 64 bits."""
        key, counter = (int(x) for x in inputs)
        key ^= self._flipped
        left = np.arange(TensorType(self.shape, UINT32).size, dtype=np.uint64)
        right = np.full_like(left, counter)
        product = np.empty_like(left)
        for _ in range(_ROUNDS):
            np.multiply(left, _MULTIPLIER, out=product)
            np.right_shift(product, 32, out=left)
            np.bitwise_xor(left, right, out=left)
            np.bitwise_xor(left, key, out=left)
            np.bitwise_and(product, 0xFFFFFFFF, out=right)
            key = (key + _STEP) & 0xFFFFFFFF
        return (right if self.word % 2 else left).astype(UINT32).reshape(self.shape)

    def element(self, builder: Builder[S], key: S, counter: S, position: S) -> S:
        """The element at `position`, of dtype `u32` as the others, in instructions."""
        key = builder.bitwise_xor(key, builder.constant(self._flipped, key))
        left, right = position, counter
        for _ in range(_ROUNDS):
            wide = builder.cast(left, UINT64)
            product = builder.multiply(wide, builder.constant(_MULTIPLIER, wide))
            high = builder.cast(builder.shift_right(product, 32), UINT32)
            left = builder.bitwise_xor(builder.bitwise_xor(high, right), key)
            right = builder.cast(product, UINT32)
            key = builder.add(key, builder.constant(_STEP, key))
        return right if self.word % 2 else left

    @property
    def _flipped(self) -> int:
        """The bits of the key that are turned over."""
        return 0xFFFFFFFF if self.word >= 2 else 0

    def access(self, *inputs: TensorType) -> str:
        """`,->ij`: every element from the same key and counter."""
        del inputs
        return f",->{letters(len(self.shape))}"

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """All words, as scalar, vector, matrix, nothing."""
        for shape in ((), (0,), (1,), (5,), (3, 4)):
            for word in range(4):
                key, counter = rng.integers(2**32, size=2, dtype=np.uint32)
                yield cls(shape, word), (np.asarray(key), np.asarray(counter))


@dataclass(frozen=True)
class ShiftRight(Elementwise):
    """`y` has the bits of the unsigned integer `x`, moved `bits` places down."""

    bits: int

    domain = ((0.0, 200.0),)
    kinds = "u"

    def forward(self, *inputs: Array) -> Array:
        """NumPy's shift."""
        (x,) = inputs
        return np.asarray(np.right_shift(x, np.asarray(self.bits, x.dtype)))

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        (x,) = inputs
        return builder.shift_right(x, self.bits)

    @classmethod
    def instances(cls) -> "Iterator[ShiftRight]":
        """By nothing, by some."""
        yield cls(0)
        yield cls(5)

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Random words."""
        for operation, (x,) in super().samples(rng):
            yield operation, (x.astype(UINT32),)


def random_bits(key: Value, counter: Value, shape: Shape, word: int = 0) -> Value:
    """A random `u32` at each position of `shape`."""
    return RandomBits(shape, word)(key, counter)


def shift_right(x: Value, bits: int) -> Value:
    """The bits of `x`, moved `bits` places down."""
    return ShiftRight(bits)(x)
