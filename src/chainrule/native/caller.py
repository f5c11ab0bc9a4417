"""One step of a program for one graph, called again and again with other arrays.

All words of the call that do not depend on the arrays are made once and copied. The
memory of a call is kept for the next one where it is small; two Python threads that
call at the same time have different memory.
"""

import ctypes
from collections.abc import Sequence

import numpy as np

from chainrule.ir import Array, Graph
from chainrule.native import runtime
from chainrule.native import threads as workers
from chainrule.native.context import address
from chainrule.native.frame import Frame
from chainrule.native.program import Bound, Native
from chainrule.passes import interpret

# Bytes of intermediate values that are kept between calls.
_KEPT = 1 << 20
# The word that says whether something was outside of what operations take.
_FLAG = runtime.PROGRAM + Frame.FLAG
# Which frame each step has: there is one of both.
_FIRST = np.zeros(1, np.int64)


class Caller:
    """What a graph gives for arrays, by a program that was compiled for it."""

    def __init__(self, native: Native, graph: Graph) -> None:
        native.threads(None)  # raises here where the settings make no sense
        self._native = native
        self._graph = graph
        self._sizes = native.bound(graph)
        self._run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(
            native.address
        )
        self._new = [(value.shape, value.type.dtype) for value in graph.outputs]
        number = {x: i for i, x in enumerate(graph.inputs)}
        self._assigned = [number[state] for state, _ in graph.assignments]
        # By the number of threads: taken by who calls, and given back.
        self._places: dict[int, list[_Place]] = {}

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs of the graph, then the values that its states take.

        `inputs` have the shapes and dtypes of the graph's. An index outside of its axis
        raises what the operation itself says of it.
        """
        arrays = [
            x if x.flags.c_contiguous else np.asarray(x, order="C") for x in inputs
        ]
        for i in self._assigned:
            arrays[i] = arrays[i].copy()
        outputs = [np.empty(shape, dtype) for shape, dtype in self._new]
        if self._native.worth == 1:
            fine = self._call([*arrays, *outputs], 1)
        else:
            with self._native.claim(None, None) as granted:
                fine = self._call([*arrays, *outputs], granted)
        if not fine:
            return [np.array(x) for x in interpret(self._graph, inputs)]
        return [*outputs, *(arrays[i] for i in self._assigned)]

    def _call(self, arrays: Sequence[Array], threads: int) -> bool:
        """Run it, and say whether nothing was outside of what operations take."""
        free = self._places.setdefault(threads, [])
        try:
            place = free.pop()
        except IndexError:
            place = _Place(self._native, self._sizes, threads)
        words = place.fresh()
        addresses = [address(array) for array in arrays]
        for word, number in self._native.slots:
            words[word] = addresses[number]
        if threads == 1:
            self._run(place.context, 0)
        else:
            workers.call(self._native.address, place.context, threads)
        fine = not words[_FLAG]
        if place.small:
            free.append(place)
        return fine


class _Place:
    """The words and the memory of one call, again and again."""

    def __init__(self, native: Native, sizes: Bound, threads: int) -> None:
        plan = native.plan([sizes], threads)
        self.small = plan.peak <= _KEPT and not native.poisoned
        self._memory = native.context(plan, sizes.words, _FIRST, sizes)
        self._memory.words[runtime.THREADS] = 1
        self.context = self._memory.address
        self.words = self._memory.words.data
        self._fresh = self._memory.words.copy().data

    def fresh(self) -> memoryview:
        """The words as they are before a call."""
        self.words[:] = self._fresh
        return self.words
