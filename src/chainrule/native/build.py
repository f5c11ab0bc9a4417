"""A graph as loop nests, and these as the text of one program."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from chainrule.ir import DType, Graph, Value, dtype_name
from chainrule.native.alike import describe
from chainrule.native.blocking import ROWS, share_of
from chainrule.native.emit import emit
from chainrule.native.entry import Call, entry
from chainrule.native.frame import Frame, Storage
from chainrule.native.irregular import scratch_of, writer_of
from chainrule.native.layout import Account, Layout, Room, Slot
from chainrule.native.lower import GroupWriter
from chainrule.native.nest import Function
from chainrule.native.product import ProductWriter
from chainrule.native.runtime import support
from chainrule.native.sizes import locate
from chainrule.native.target import Target
from chainrule.ops import Constant
from chainrule.passes.fuse import Group, fuse
from chainrule.passes.generalise import Samples, Size, times
from chainrule.passes.kinds import kind_of
from chainrule.passes.partition import Program, Tiling, partition

BYTE: DType = np.dtype(np.int8)

# How an input is given: `plain`, an array; `state`, that of a state; `rows`, of which a
# step takes some; `step`, an array for each step. With `rows:<f2` they are half floats.
Binding: TypeAlias = str


def bound_as(x: Value, binding: Binding) -> tuple[str, DType]:
    """The word of a binding, and the dtype of the array that is given."""
    word, _, dtype = binding.partition(":")
    return word, np.dtype(dtype) if dtype else x.type.dtype


@dataclass(frozen=True)
class Lowered:
    """A program in nests and in LLVM's text, and how to call it."""

    program: Program
    calls: tuple[Call, ...]
    text: str
    layout: Layout
    frame: Frame


def lower(
    samples: Samples,
    inputs: Sequence[Binding],
    outputs: Sequence[Literal["plain", "step"]],
    target: Target,
    *,
    watched: int | None = None,
    timed: bool = False,
    worth: float | None = None,
) -> Lowered:
    """The nests of a graph and their text.

    `inputs` and `outputs` say how each input and output is bound; the program stops
    after a step in which the output `watched` is not finite; `timed` programs note how
    long each group takes; groups are shared by threads from so much work on that it is
    `worth` it.
    """
    for x, binding in zip(samples.graph.inputs, inputs, strict=True):
        if bound_as(x, binding)[1] != x.type.dtype:
            samples.converted.add(x)
    fused = fuse(samples)
    tiling = Tiling(ROWS, target.vector_bytes // 4, share_of(target))
    if worth is not None:
        tiling = replace(tiling, worth=worth)
    program = partition(fused, tiling)
    frame = Frame(samples)
    places = _Places(program, frame, inputs, outputs)
    written = _Written(program, frame, places, target)
    calls = [written.call(group) for group in program.groups]
    functions = [call.function for call in calls]
    slots = len(frame.sizes) + len(frame.constants)
    text = "\n".join(
        [
            emit(list(dict.fromkeys(functions))),
            entry(program, calls, slots, places.watched(watched), timed=timed),
            support(target),
        ]
    )
    layout = places.layout(functions)
    return Lowered(program, tuple(calls), text, layout, frame)


class _Written:
    """The nests that there are already, by what they do."""

    def __init__(
        self, program: Program, frame: Frame, places: "_Places", target: Target
    ) -> None:
        self.program, self.frame = program, frame
        self.places, self.target = places, target
        self.known: dict[object, tuple[Function, list[Room]]] = {}

    def call(self, group: Group) -> Call:
        """A nest for a group, and a table of the group's buffers."""
        places = self.places
        described = describe(self.program, self.frame, group)
        words = list(described.words)
        known = self.known.get(described.text)
        if known is None:
            rooms: list[Room] = []
            name = f"group_{len(self.known)}"
            writer = _writer(name, group, self.program, self.frame, self.target)
            writer.evaluator.buffers = words
            writer.give_room = places.giver(group, rooms)
            writer.scratch = places.scratch(group, rooms)
            known = self.known[described.text] = writer.write(), rooms
        else:
            phase = places.phase[group]
            rooms = [replace(room, first=phase, last=phase) for room in known[1]]
            words += [places.word_of(room) for room in rooms]
        return Call(known[0], places.table(words), tuple(words))


def _writer(
    name: str, group: Group, program: Program, frame: Frame, target: Target
) -> GroupWriter:
    if group.kind == "nest":
        return GroupWriter(name, group, program, frame, target)
    if group.kind == "product":
        return ProductWriter(name, group, program, frame, target)
    return writer_of(group)(name, group, program, frame, target)


class _Places:
    """Gives every buffer a word of the context."""

    def __init__(
        self,
        program: Program,
        frame: Frame,
        inputs: Sequence[Binding],
        outputs: Sequence[str],
    ) -> None:
        self.program, self.frame = program, frame
        self.samples = program.fused.samples
        self.graph: Graph = self.samples.graph
        self.position = {v: i for i, v in enumerate(self.graph.order)}
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.slots: list[Slot] = []
        self.rooms: list[Room] = []
        self.arrays: list[int] = []
        self.phase = {
            group: number
            for number, groups in enumerate(program.phases)
            for group in groups
        }
        for i, (x, kind) in enumerate(zip(self.graph.inputs, inputs, strict=True)):
            word, dtype = bound_as(x, kind)
            bound = word if word in ("rows", "step") else "plain"
            storage = self.storage(x, "input", i, bound)
            frame.storages[x] = replace(storage, dtype=dtype)
        self.place_constants()
        self.place_results()
        self.place_arena()

    def storage(self, value: Value, kind: Any, number: int, bound: Any) -> Storage:
        word = Frame.BUFFERS + len(self.slots)
        self.slots.append(Slot(word, kind, number))
        elements = times(self.samples.one, *self.samples.shape(value))
        return Storage(word, bound, value.type.dtype, elements)

    def place_constants(self) -> None:
        for value in self.graph.order:
            constant = kind_of(self.samples, value) == "constant"
            if (
                constant
                and value.type.rank > 0
                and isinstance(value.operation, Constant)
            ):
                number = len(self.arrays)
                self.arrays.append(self.position[value])
                self.frame.storages[value] = self.storage(
                    value, "constant", number, "plain"
                )

    def place_results(self) -> None:
        storages = self.frame.storages
        for state, value in self.program.in_place.items():
            self.target(value, storages[state])
        for i, (value, bound) in enumerate(
            zip(self.samples.outputs, self.outputs, strict=True)
        ):
            self.target(value, self.storage(value, "output", i, bound))

    def target(self, value: Value, storage: Storage) -> None:
        """Have a value written to a buffer, and read there if it is nowhere else."""
        self.frame.targets.setdefault(value, []).append(storage)
        self.frame.storages.setdefault(value, storage)

    def place_arena(self) -> None:
        last: dict[Value, int] = {}
        for group in self.program.groups:
            for read, _ in self.program.fused.reads(group):
                last[read] = max(last.get(read, 0), self.phase[group])
        for group in self.program.groups:
            for value in group.stores:
                if value in self.frame.targets:
                    continue
                first = self.phase[group]
                room = self.room(
                    value.type.dtype,
                    times(self.samples.one, *self.samples.shape(value)),
                    first,
                    max(first, last.get(value, first)),
                )
                self.target(value, room)

    def room(self, dtype: DType, elements: Size, first: int, last: int) -> Storage:
        source = locate(self.samples, elements)
        room = Room(dtype.itemsize, source, first, last)
        return Storage(self.word_of(room), "plain", dtype, elements)

    def word_of(self, room: Room) -> int:
        word = Frame.BUFFERS + len(self.slots)
        self.slots.append(Slot(word, "arena", len(self.rooms)))
        self.rooms.append(room)
        return word

    def table(self, words: Sequence[int]) -> int:
        """A row of words that point where these do; the first of them."""
        slots = {slot.word: slot for slot in self.slots}
        first = Frame.BUFFERS + len(self.slots)
        for i, word in enumerate(words):
            self.slots.append(replace(slots[word], word=first + i))
        return first

    def giver(
        self, group: Group, given: list[Room]
    ) -> Callable[[int, Size, int], Storage]:
        """Gives a group memory of which every thread has its own, and notes it."""
        phase = self.phase[group]

        def give(itemsize: int, elements: Size, extra: int) -> Storage:
            source = locate(self.samples, elements)
            given.append(Room(itemsize, source, phase, phase, extra, own=True))
            return Storage(self.word_of(given[-1]), "plain", BYTE, elements)

        return give

    def scratch(self, group: Group, given: list[Room]) -> list[Storage]:
        """Room for what a group needs while it runs."""
        phase = self.phase[group]
        found = []
        for dtype, elements in scratch_of(self.samples, group):
            source = locate(self.samples, elements)
            given.append(Room(dtype.itemsize, source, phase, phase))
            word = self.word_of(given[-1])
            found.append(Storage(word, "plain", dtype, elements))
        return found

    def watched(self, output: int | None) -> Storage | None:
        """Where an output lies that has to stay finite."""
        if output is None:
            return None
        slot = next(s for s in self.slots if (s.kind, s.number) == ("output", output))
        value = self.samples.outputs[output]
        return Storage(slot.word, "step", value.type.dtype, self.samples.one)

    def layout(self, functions: Sequence[Function]) -> Layout:
        frame = self.frame
        return Layout(
            tuple(self.slots),
            tuple(self.rooms),
            {slot: locate(self.samples, size) for size, slot in frame.sizes.items()},
            {
                slot: (self.position[value], dtype_name(value.type.dtype))
                for value, slot in frame.constants.items()
            },
            self.inputs,
            self.outputs,
            _work(self.program),
            tuple(f.note for f in functions),
            tuple(self.account(group) for group in self.program.groups),
            tuple(self.arrays),
        )

    def account(self, group: Group) -> Account:
        number = {x: i for i, x in enumerate(self.graph.inputs)}
        factors: tuple[Size, ...] = ()
        if group.kind == "product":
            inner = self.samples.shape(group.root.inputs[0])[-1]
            factors = (*self.samples.shape(group.root), inner)
        return Account(
            group.kind,
            # A copy that was added for a state is nowhere in the graph.
            tuple(self.position[v] for v in group.values if v in self.position),
            tuple(
                number[state]
                for state, value in self.program.in_place.items()
                if value in group.stores
            ),
            tuple(locate(self.samples, size) for size in factors),
        )


def _work(program: Program) -> float:
    """Additions and multiplications of all products, and an operation for the rest."""
    total = 0.0
    for group in program.groups:
        elements = 1.0
        for size in group.sizes:
            elements *= size[0]
        total += elements * len(group.values)
        if group.kind == "product":
            total += 2 * elements * group.root.inputs[0].shape[-1]
    return total
