"""What a program is called with: a row of words, and the memory of one call."""

import ctypes
from collections.abc import Sequence
from ctypes import addressof
from typing import Any

import numpy as np

from chainrule.ir import Array
from chainrule.native.frame import Frame
from chainrule.native.layout import Layout
from chainrule.native.runtime import PROGRAM
from chainrule.passes.memory import Plan

# The words where addresses of buffers begin.
BUFFERS = PROGRAM + Frame.BUFFERS

# Arrays are buffers, which types do not say before Python 3.12.
_first_byte: Any = ctypes.c_char.from_buffer


class Context:
    """The `words` of one call, and its memory: all but the addresses of its arrays.

    - `sizes`: the words of all frames, one after the other.
    - `which`: the frame of each step.
    - `constants`: the arrays that the program reads and nobody gives.
    - `poisoned`: memory holds NaN, so that what is read before it is written shows.
    """

    def __init__(
        self,
        layout: Layout,
        plan: Plan,
        sizes: Array,
        which: Array,
        constants: Sequence[Array],
        *,
        poisoned: bool,
    ) -> None:
        arena = np.empty(plan.peak + 64, np.uint8)
        if poisoned:
            arena.fill(0xFF)
        base = -(-address(arena) // 64) * 64
        self.words = cache_lines(BUFFERS + len(layout.buffers))
        self.words[PROGRAM + Frame.STEPS] = len(which)
        self.words[PROGRAM + Frame.FRAMES] = address(sizes)
        self.words[PROGRAM + Frame.FRAME_OF_STEP] = address(which)
        for word, slot in enumerate(layout.buffers, BUFFERS):
            if slot.kind == "arena":
                self.words[word] = base + plan.offsets[slot.number]
            elif slot.kind == "constant":
                self.words[word] = address(constants[slot.number])
        # For as long as their addresses are used.
        self._used = arena, sizes, which, constants

    @property
    def address(self) -> int:
        """Where the words begin."""
        return address(self.words)


def cache_lines(count: int) -> Array:
    """So many 64-bit words, all 0, of which the first begins a line of the cache."""
    room = np.zeros(count + 8, np.int64)
    return room[-address(room) % 64 // 8 :][:count]


def address(array: Array) -> int:
    """Where an array begins; twice as fast where one may write to it."""
    if array.flags.writeable and array.size:
        return addressof(_first_byte(array))
    return int(array.__array_interface__["data"][0])
