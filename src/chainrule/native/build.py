"""A graph as loop nests, and these as the text of one program."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from chainrule.ir import DType, Graph, Value, dtype_name
from chainrule.native.blocking import share_of
from chainrule.native.emit import emit
from chainrule.native.frame import Frame, Storage
from chainrule.native.irregular import scratch_of, writer_of
from chainrule.native.layout import Account, Layout, Room, Slot
from chainrule.native.lower import GroupWriter
from chainrule.native.nest import Function
from chainrule.native.product import ProductWriter
from chainrule.native.runtime import PROGRAM, support
from chainrule.native.sizes import locate
from chainrule.native.target import Target
from chainrule.ops import Constant
from chainrule.passes.fuse import Group, fuse, kind_of
from chainrule.passes.generalise import Samples, Size, times
from chainrule.passes.partition import Program, Tiling, partition

BYTE: DType = np.dtype(np.int8)

# How an input is given: an array; a state's array; all rows, of which a step takes some;
# a number for each step. `rows:<f2` are rows in another dtype than the graph has them.
Binding: TypeAlias = str


def bound_as(x: Value, binding: Binding) -> tuple[str, DType]:
    """The word of a binding, and the dtype of the array that is given."""
    word, _, dtype = binding.partition(":")
    return word, np.dtype(dtype) if dtype else x.type.dtype


@dataclass(frozen=True)
class Lowered:
    """A program in nests and in LLVM's text, and how to call it."""

    program: Program
    functions: tuple[Function, ...]
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
) -> Lowered:
    """The nests of a graph and their text.

    `inputs` and `outputs` say how each input and output is bound; the program stops
    after a step in which the output `watched` is not finite; `timed` programs note how
    long each group takes.
    """
    for x, binding in zip(samples.graph.inputs, inputs, strict=True):
        if bound_as(x, binding)[1] != x.type.dtype:
            samples.converted.add(x)
    fused = fuse(samples)
    tiling = Tiling(8, target.vector_bytes // 4, share_of(target))
    program = partition(fused, tiling)
    frame = Frame(samples)
    places = _Places(program, frame, inputs, outputs)
    functions = []
    for number, group in enumerate(program.groups):
        writer = _writer(f"group_{number}", group, program, frame, target)
        writer.scratch = places.scratch(group)
        writer.give_room = places.giver(group)
        functions.append(writer.write())
    slots = len(frame.sizes) + len(frame.constants)
    text = "\n".join(
        [
            emit(functions),
            _run(program, functions, frame, slots, places.watched(watched), timed=timed),
            support(target),
        ]
    )
    layout = places.layout(functions)
    return Lowered(program, tuple(functions), text, layout, frame)


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
            if constant and value.type.rank > 0 and isinstance(value.operation, Constant):
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
            zip(self.graph.outputs, self.outputs, strict=True)
        ):
            self.target(value, self.storage(value, "output", i, bound))

    def target(self, value: Value, storage: Storage) -> None:
        """Have a value written to a buffer, and read from there if from nowhere else."""
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

    def giver(self, group: Group) -> Callable[[int, Size, int], Storage]:
        """Gives a group memory of which every thread has its own."""
        phase = self.phase[group]

        def give(itemsize: int, elements: Size, extra: int) -> Storage:
            source = locate(self.samples, elements)
            room = Room(itemsize, source, phase, phase, extra, own=True)
            return Storage(self.word_of(room), "plain", BYTE, elements)

        return give

    def scratch(self, group: Group) -> list[Storage]:
        """Room for what a group needs while it runs."""
        phase = self.phase[group]
        return [
            self.room(dtype, elements, phase, phase)
            for dtype, elements in scratch_of(self.samples, group)
        ]

    def watched(self, output: int | None) -> Storage | None:
        """Where an output lies that has to stay finite."""
        if output is None:
            return None
        slot = next(s for s in self.slots if (s.kind, s.number) == ("output", output))
        value = self.graph.outputs[output]
        return Storage(slot.word, "step", value.type.dtype, self.samples.one)

    def layout(self, functions: Sequence[Function]) -> Layout:
        number = {x: i for i, x in enumerate(self.graph.inputs)}
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
            tuple(number[state] for state, _ in self.graph.assignments),
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


def _run(
    program: Program,
    functions: Sequence[Function],
    frame: Frame,
    slots: int,
    watched: Storage | None,
    *,
    timed: bool,
) -> str:
    """The function that goes through all steps and phases."""
    lines = [
        "define void @run(ptr %context, i64 %thread) nounwind {",
        "entry:",
        "  %former = call i64 @enter()",
        f"  %steps.at = getelementptr i64, ptr %context, i64 {PROGRAM + frame.STEPS}",
        "  %steps = load i64, ptr %steps.at",
        f"  %frames.at = getelementptr i64, ptr %context, i64 {PROGRAM + frame.FRAMES}",
        "  %frames = load ptr, ptr %frames.at",
        "  %which.at = getelementptr i64, ptr %context, "
        f"i64 {PROGRAM + frame.FRAME_OF_STEP}",
        "  %which = load ptr, ptr %which.at",
        f"  %stop.at = getelementptr i64, ptr %context, i64 {PROGRAM + frame.STOP}",
        f"  %flag.at = getelementptr i64, ptr %context, i64 {PROGRAM + frame.FLAG}",
        f"  %done.at = getelementptr i64, ptr %context, i64 {PROGRAM + frame.DONE}",
        f"  %times.at = getelementptr i64, ptr %context, i64 {PROGRAM + frame.TIMES}",
        "  %times = load ptr, ptr %times.at",
        "  %first = icmp eq i64 %thread, 0",
        "  br label %head",
        "head:",
        "  %step = phi i64 [ 0, %entry ], [ %next, %after ]",
        "  %more = icmp slt i64 %step, %steps",
        "  br i1 %more, label %body, label %exit",
        "body:",
        "  %number.at = getelementptr i64, ptr %which, i64 %step",
        "  %number = load i64, ptr %number.at",
        f"  %offset = mul i64 %number, {slots}",
        "  %frame = getelementptr i64, ptr %frames, i64 %offset",
    ]
    number = 0
    clock = _Clock(len(functions)) if timed else None
    for phase, groups in enumerate(program.phases):
        if phase:
            lines.append("  call void @barrier(ptr %context)")
            if clock:
                lines += clock.waited()
        for group in groups:
            call = (
                f"call void @group_{number}"
                "(ptr %context, i64 %thread, i64 %step, ptr %frame)"
            )
            if program.shares[group] is None:
                lines += [
                    f"  br i1 %first, label %alone{number}, label %all{number}",
                    f"alone{number}:",
                    f"  {call}",
                    f"  br label %all{number}",
                    f"all{number}:",
                ]
            else:
                lines.append(f"  {call}")
            if clock:
                lines += clock.worked(number)
            number += 1
    if watched is not None:
        lines += _watch(watched)
    lines += [
        "  call void @barrier(ptr %context)",
        *(clock.waited() if clock else []),
        "  %stop = load atomic i64, ptr %stop.at monotonic, align 8",
        "  %flag = load atomic i64, ptr %flag.at monotonic, align 8",
        "  %either = or i64 %stop, %flag",
        "  %next = add i64 %step, 1",
        "  %halt = icmp ne i64 %either, 0",
        "  br label %after.check",
        "after.check:",
        "  br i1 %first, label %count, label %after.count",
        "count:",
        "  store i64 %next, ptr %done.at",
        "  br label %after.count",
        "after.count:",
        "  br i1 %halt, label %exit, label %after",
        "after:",
        "  br label %head",
        "exit:",
        "  call void @leave(i64 %former)",
        "  ret void",
        "}",
        '!0 = !{!"branch_weights", i32 1, i32 100000}',
    ]
    if clock:
        at = lines.index("head:") - 1
        lines[at:at] = clock.started()
    return "\n".join(lines)


def _watch(storage: Storage) -> list[str]:
    """Raise the flag to stop after a step whose loss is not finite."""
    bits, mask = ("i32", 0x7F800000) if storage.dtype.itemsize == 4 else (
        "i64", 0x7FF0000000000000,
    )  # fmt: skip
    return [
        "  br i1 %first, label %look, label %seen",
        "look:",
        f"  %loss.word = getelementptr i64, ptr %context, i64 {PROGRAM + storage.word}",
        "  %losses = load ptr, ptr %loss.word",
        f"  %loss.at = getelementptr {bits}, ptr %losses, i64 %step",
        f"  %loss = load {bits}, ptr %loss.at",
        f"  %exponent = and {bits} %loss, {mask}",
        f"  %infinite = icmp eq {bits} %exponent, {mask}",
        "  %wide = zext i1 %infinite to i64",
        "  store atomic i64 %wide, ptr %stop.at monotonic, align 8",
        "  br label %seen",
        "seen:",
    ]


class _Clock:
    """Adds up, for every thread, the time in each group and the time of waiting."""

    def __init__(self, groups: int) -> None:
        self.row = groups + 1
        self.count = 0

    def started(self) -> list[str]:
        """From here on there is something to look back to."""
        return [
            "  %start.time = call i64 @clock()",
            f"  %start.row = mul i64 %thread, {self.row + 1}",
            f"  %start.i = add i64 %start.row, {self.row}",
            "  %start.at = getelementptr i64, ptr %times, i64 %start.i",
            "  store i64 %start.time, ptr %start.at",
        ]

    def waited(self) -> list[str]:
        return self.worked(self.row - 1)

    def worked(self, number: int) -> list[str]:
        """Since the last look at the clock this was done."""
        self.count += 1
        n = self.count
        return [
            f"  %now{n} = call i64 @clock()",
            f"  %row{n} = mul i64 %thread, {self.row + 1}",
            f"  %last.i{n} = add i64 %row{n}, {self.row}",
            f"  %last.at{n} = getelementptr i64, ptr %times, i64 %last.i{n}",
            f"  %last{n} = load i64, ptr %last.at{n}",
            f"  store i64 %now{n}, ptr %last.at{n}",
            f"  %took{n} = sub i64 %now{n}, %last{n}",
            f"  %sum.i{n} = add i64 %row{n}, {number}",
            f"  %sum.at{n} = getelementptr i64, ptr %times, i64 %sum.i{n}",
            f"  %sum{n} = load i64, ptr %sum.at{n}",
            f"  %more{n} = add i64 %sum{n}, %took{n}",
            f"  store i64 %more{n}, ptr %sum.at{n}",
        ]

