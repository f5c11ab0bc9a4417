"""A lowered program to look at: its memory, its nests, its text, its machine code."""

import contextlib
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Literal

from chainrule.ir import Graph, Value
from chainrule.native.build import Binding, Lowered, lower
from chainrule.native.frame import Frame
from chainrule.native.nest import Function, Instruction, Register
from chainrule.native.runtime import PROGRAM
from chainrule.native.target import Target, host
from chainrule.passes.fuse import Fused, fuse
from chainrule.passes.generalise import MismatchError, Samples, generalise
from chainrule.passes.memory import Buffer, Memory, plan
from chainrule.passes.names import Names, plural
from chainrule.passes.partition import Program

# What else is in the context.
_WORDS = {
    Frame.STEPS: "how many steps",
    Frame.FRAMES: "sizes of all batches",
    Frame.FRAME_OF_STEP: "sizes for each step",
    Frame.ORDER: "order of the rows",
    Frame.STARTS: "first row of each step",
    Frame.FLAG: "an index is out of bounds",
}


@dataclass(frozen=True, eq=False)
class Text:
    """A text that is shown as it is."""

    text: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


class Compilation:
    """What the compiler makes of a graph; `other` is the same for another size."""

    def __init__(
        self, graph: Graph, other: Graph | None, target: Target | None
    ) -> None:
        self._graph = graph
        self._target = host() if target is None else target
        self._samples = Samples((graph,))
        if other is not None:
            with contextlib.suppress(MismatchError):
                self._samples = generalise(graph, other)

    @cached_property
    def fuse(self) -> Fused:
        """The groups."""
        return fuse(self._samples)

    @property
    def partition(self) -> Program:
        """Their order, and their shares."""
        return self._lowered.program

    @property
    def memory(self) -> Memory:
        """Where stored values lie."""
        return memory(self._lowered, self._graph)

    @property
    def lower(self) -> Text:
        """The loop nests."""
        return nests(self._lowered)

    @property
    def emit(self) -> Text:
        """LLVM's text."""
        return Text(self._lowered.text)

    @property
    def assembly(self) -> Text:
        """The instructions of the processor."""
        return assembly(self._lowered, self._target)

    @cached_property
    def _lowered(self) -> Lowered:
        inputs: list[Binding] = ["plain"] * len(self._graph.inputs)
        outputs: list[Literal["plain", "step"]] = ["plain"] * len(self._graph.outputs)
        return lower(self._samples, inputs, outputs, self._target)


def memory(lowered: Lowered, graph: Graph) -> Memory:
    """The arena of one thread, for the sizes of `graph`, one of the samples."""
    names = Names(lowered.program.fused.samples)
    values = _values(lowered)
    contents, buffers = [], []
    for slot in lowered.layout.buffers:
        if slot.kind != "arena":
            continue
        room = lowered.layout.rooms[slot.number]
        value = values.get(slot.word)
        scratch = "of each thread" if room.own else "scratch"
        contents.append(scratch if value is None else names.typed([value]))
        buffers.append(Buffer(room.size(graph), room.first, room.last))
    return Memory(tuple(contents), tuple(buffers), plan(buffers))


def nests(lowered: Lowered) -> Text:
    """The loop nests of all groups; addresses say what they are of."""
    names = Names(lowered.program.fused.samples)
    values = _values(lowered)
    texts = []
    for function in lowered.functions:
        remarks = _Remarks(function, lowered.frame, names, values)
        texts.append(function.text(remarks.of))
    head = (
        f"{plural(len(texts), 'function')} of (context, thread, step, sizes), called "
        "by every thread, or by the first"
    )
    return Text("\n\n".join([head, *texts]))


def assembly(lowered: Lowered, target: Target) -> Text:
    """What the processor runs, in assembly language."""
    # It imports llvmlite, which takes as long as all else.
    machine = import_module("chainrule.native.machine_code")
    return Text(machine.assembly(lowered.text, target))


def _values(lowered: Lowered) -> dict[int, Value]:
    """The value whose buffer each word of the context points to."""
    found: dict[int, Value] = {}
    for x, storage in lowered.frame.storages.items():
        found.setdefault(storage.word, x)
    for value, targets in lowered.frame.targets.items():
        for storage in targets:
            found.setdefault(storage.word, value)
    return found


class _Remarks:
    """What the words and sizes are that a function loads."""

    def __init__(
        self, function: Function, frame: Frame, names: Names, values: dict[int, Value]
    ) -> None:
        self.context, _, _, self.sizes = function.arguments[:4]
        self.slots = {slot: names.size(size) for size, slot in frame.sizes.items()}
        for value, slot in frame.constants.items():
            self.slots[slot] = names.formula(value, set())
        self.words = {**_WORDS, **{w: names.value(x) for w, x in values.items()}}

    def of(self, instruction: Instruction) -> str:
        """`0.W` where the address of `0.W` is asked for."""
        if not instruction.inputs or instruction.name not in ("address", "load"):
            return ""
        base, *rest = instruction.inputs
        if instruction.name == "load":
            return self.slots.get(0, "") if base is self.sizes else ""
        number = _literal(rest[0])
        if number is None:
            return ""
        if base is self.context:
            return self.words.get(number - PROGRAM, "")
        return self.slots.get(number, "") if base is self.sizes else ""


def _literal(x: Register) -> int | None:
    return None if x.literal is None else int(x.literal)
