"""Compiled graphs: built or found in the cache, and called with arrays.

`compile_graph` gives a `Native` program for graphs that differ in sizes alone. A
`Call` is one run of it: the arrays, the sizes of each step, how many steps. The call
allocates nothing but the arrays that it gives back and the arena.
"""

import json
import struct
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from chainrule import settings
from chainrule.ir import Array, Graph, dtype_of, format_graph
from chainrule.native import cache, ledger
from chainrule.native import threads as workers
from chainrule.native.context import BUFFERS, Context, address
from chainrule.native.frame import Frame
from chainrule.native.image import Image, Loaded, load
from chainrule.native.layout import Layout
from chainrule.native.pace import Pace, pace_of
from chainrule.native.runtime import PROGRAM
from chainrule.native.sizes import measure
from chainrule.native.target import Target, host
from chainrule.ops import Constant
from chainrule.passes.generalise import Samples
from chainrule.passes.memory import Buffer, Plan, plan

# Operations of a step for which another thread may be worth waking, and is, even if the
# machine is not idle.
_WORTH_A_THREAD = 2_000_000
_SURELY_WORTH = 4_000_000


class BoundsError(IndexError):
    """An index was outside of its axis, or an operation refuses a number otherwise."""


class Native:
    """A compiled graph."""

    # For tests: memory holds NaN, so that what is read before it is written shows.
    poisoned = False

    def __init__(self, loaded: Loaded, layout: Layout, samples: Samples) -> None:
        self._loaded = loaded  # for as long as it may be called
        self.address = loaded.address("run")
        self.layout = layout
        # The threads that the work of a step is worth.
        self.worth = max(1, int(layout.work / _WORTH_A_THREAD))
        self.surely_worth = max(1, int(layout.work / _SURELY_WORTH))
        self.samples = samples
        # Which word gets the address of which array: the inputs, then the outputs.
        first = {"input": 0, "output": len(layout.inputs)}
        self.slots = [
            (word, first[slot.kind] + slot.number)
            for word, slot in enumerate(layout.buffers, BUFFERS)
            if slot.kind in first
        ]
        self._frames: dict[int, Bound] = {}
        self._plans: dict[tuple[int, ...], Plan] = {}

    def bound(self, graph: Graph) -> "Bound":
        """The sizes and constants of a graph that this program was compiled for."""
        key = id(graph)
        found = self._frames.get(key)
        if found is None:
            found = self._frames[key] = Bound(self.layout, graph)
        return found

    def run(
        self,
        frames: Sequence["Bound"],
        which: Array,
        inputs: Sequence[Array],
        outputs: Sequence[Array],
        *,
        order: Array | None = None,
        starts: Array | None = None,
        limit: int | None = None,
        threads: int | None = None,
        times: Array | None = None,
    ) -> "Ran":
        """Run as many steps as `which` names frames; states are overwritten.

        Arrays are contiguous, of the dtypes of the graph. There are at most `limit`
        threads, or exactly `threads` even if that makes no sense. Raises `BoundsError`
        if an index was outside of its axis; what was written until then is worth
        nothing.
        """
        sizes = np.concatenate([frame.words for frame in frames])
        with self.claim(limit, threads) as granted:
            plan_ = self.plan(frames, granted)
            context = self.context(plan_, sizes, which, frames[0])
            own = context.words[PROGRAM:]
            if order is not None and starts is not None:
                own[Frame.ORDER] = address(order)
                own[Frame.STARTS] = address(starts)
            if times is not None:
                own[Frame.TIMES] = address(times)
            addresses = [address(x) for x in (*inputs, *outputs)]
            for word, number in self.slots:
                context.words[word] = addresses[number]
            workers.call(self.address, context.address, granted)
        if own[Frame.FLAG]:
            raise BoundsError("something was outside of what an operation takes")
        return Ran(int(own[Frame.DONE]), granted, plan_)

    def context(
        self, plan: Plan, sizes: Array, which: Array, bound: "Bound"
    ) -> Context:
        """The words and the memory of one call, without the addresses of its arrays."""
        return Context(
            self.layout, plan, sizes, which, bound.arrays, poisoned=self.poisoned
        )

    def plan(self, frames: Sequence["Bound"], threads: int) -> Plan:
        """Where everything lies, with room for what the largest frame needs."""
        key = (*(id(frame) for frame in frames), threads)
        found = self._plans.get(key)
        if found is None:
            sizes = [frame.rooms for frame in frames]
            buffers = [
                Buffer(max(each) * (threads if room.own else 1), room.first, room.last)
                for room, *each in zip(self.layout.rooms, *sizes, strict=True)
            ]
            found = self._plans[key] = plan(buffers)
        return found

    def claim(
        self, limit: int | None, exactly: int | None
    ) -> AbstractContextManager[int]:
        """Threads for a call, as many as there are of those that it is worth."""
        if exactly is not None:
            return nullcontext(exactly)
        wanted = self.threads(limit)
        return nullcontext(1) if wanted == 1 else workers.claim(wanted)

    def pace(self) -> Pace:
        """How many threads were fastest, as far as that has been tried.

        Whoever says how many threads there are gets as many.
        """
        most = self.threads(None)
        asked = settings.threads() is not None
        if asked:
            return Pace(most, most, fixed=True)
        return pace_of(self._loaded, most, self.surely_worth)

    def threads(self, limit: int | None) -> int:
        """How many threads to ask for, by the work of a step."""
        most = workers.available() if limit is None else limit
        return max(1, min(most, self.worth))


@dataclass(frozen=True)
class Ran:
    """How many steps were done, on how many threads, with which memory."""

    steps: int
    threads: int
    plan: Plan


class Bound:
    """What a program has to know of a graph: sizes, constants, rooms, arrays."""

    def __init__(self, layout: Layout, graph: Graph) -> None:
        self.graph = graph
        count = len(layout.sizes) + len(layout.constants)
        raw = bytearray(8 * max(count, 1))
        for slot, source in layout.sizes.items():
            struct.pack_into("<q", raw, 8 * slot, measure(source, graph))
        for slot, (position, name) in layout.constants.items():
            operation = graph.order[position].operation
            if isinstance(operation, Constant):
                data = operation.data.astype(dtype_of(name)).tobytes()
                raw[8 * slot : 8 * slot + len(data)] = data
        self.words: Array = np.frombuffer(bytes(raw), np.int64)
        self.rooms = [room.size(graph) for room in layout.rooms]
        self.arrays = [_array(graph, position) for position in layout.arrays]


def _array(graph: Graph, position: int) -> Array:
    operation = graph.order[position].operation
    if not isinstance(operation, Constant):
        raise TypeError(f"{graph.order[position]!r} is no constant")
    return np.asarray(operation.data, order="C")


def compile_graph(
    samples: Samples,
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    watched: int | None = None,
    timed: bool = False,
    target: Target | None = None,
) -> Native:
    """The program of a graph: one of this process, or of the cache, or a new one."""
    began, built = time.perf_counter(), False
    target = host() if target is None else target
    texts = [format_graph(graph) for graph in samples.graphs]
    use = _use(target, inputs, outputs, watched, timed=timed)
    key = "\n".join([*texts, *use, str(samples.wide)])

    def build() -> bytes:
        nonlocal built
        built = True
        lowered = import_module("chainrule.native.build").lower(
            samples, inputs, outputs, target, watched=watched, timed=timed
        )
        machine = import_module("chainrule.native.machine_code")
        image: Image = machine.image(lowered.text, target)
        head = json.dumps(lowered.layout.to_data()).encode()
        return struct.pack("<q", len(head)) + head + image.to_bytes()

    known = _kept.get(key)
    if known is None:
        known = _Kept(use, samples, *_load(cache.fetch(key, build, target)))
    ledger.note(compiled=built, seconds=time.perf_counter() - began)
    _keep(key, known)
    return Native(known.loaded, known.layout, samples)


def similar(
    graph: Graph,
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    watched: int | None = None,
    timed: bool = False,
    wide: bool = False,
) -> Native | None:
    """A program of this process that runs a graph, made for sizes not far from its own.

    Programs suit the sizes they were made for: with others they run as well, and with
    very different ones not as fast as one that is made for those.
    """
    began = time.perf_counter()
    use = _use(host(), inputs, outputs, watched, timed=timed)
    for known in reversed(list(_kept.values())):
        samples = known.samples
        suits = known.use == use and samples.wide >= wide
        if suits and samples.covers(graph) and samples.is_near(graph):
            ledger.note(compiled=False, seconds=time.perf_counter() - began)
            return Native(known.loaded, known.layout, samples)
    return None


def _use(
    target: Target,
    inputs: Sequence[str],
    outputs: Sequence[str],
    watched: int | None,
    *,
    timed: bool,
) -> tuple[str, ...]:
    """What a program depends on beside its graph, in words."""
    return target.key, *inputs, *outputs, str(watched), str(timed)


def _load(content: bytes) -> tuple[Loaded, Layout]:
    (length,) = struct.unpack_from("<q", content)
    layout = Layout.from_data(json.loads(content[8 : 8 + length]))
    return load(Image.from_bytes(content[8 + length :])), layout


@dataclass(frozen=True)
class _Kept:
    """A program, what it was made from, and how it is called."""

    use: tuple[str, ...]
    samples: Samples
    loaded: Loaded
    layout: Layout


# The programs that this process used last, so that a function which is compiled anew
# for every call, as in `predict`, is found without looking on disk.
_kept: OrderedDict[str, _Kept] = OrderedDict()
_MOST_KEPT = 64
# Not those whose graph holds large arrays, which would stay in memory with it: the text
# has their content.
_LONGEST = 1 << 20


def _keep(key: str, program: _Kept) -> None:
    if len(key) > _LONGEST:
        return
    _kept[key] = program
    _kept.move_to_end(key)
    if len(_kept) > _MOST_KEPT:
        _kept.popitem(last=False)
