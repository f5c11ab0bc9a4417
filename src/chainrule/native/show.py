"""A lowered program to look at: its memory, its nests, its text, its machine code."""

import contextlib
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Literal

from chainrule.ir import Graph, Value
from chainrule.native.build import Binding, Lowered, lower
from chainrule.native.entry import Call
from chainrule.native.frame import Frame
from chainrule.native.nest import Function, Instruction, Register
from chainrule.native.runtime import PROGRAM
from chainrule.native.target import Target, host
from chainrule.passes.fuse import Fused, Group, fuse
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
    # Several words may point to one room: those of the nests that use it, too.
    within = {
        slot.number: values[slot.word]
        for slot in lowered.layout.buffers
        if slot.kind == "arena" and slot.word in values
    }
    contents, buffers = [], []
    for number, room in enumerate(lowered.layout.rooms):
        scratch = "of each thread" if room.own else "scratch"
        known = number in within
        contents.append(names.typed([within[number]]) if known else scratch)
        buffers.append(Buffer(room.size(graph), room.first, room.last))
    return Memory(tuple(contents), tuple(buffers), plan(buffers))


def nests(lowered: Lowered) -> Text:
    """The loop nests of all groups; addresses say what they are of.

    Groups that do the same share a nest; it is shown with the buffers of the first.
    """
    names = Names(lowered.program.fused.samples)
    values = _values(lowered)
    groups: dict[Function, list[tuple[Call, Group]]] = {}
    for call, group in zip(lowered.calls, lowered.program.groups, strict=True):
        groups.setdefault(call.function, []).append((call, group))
    texts = []
    for function, same in groups.items():
        stores = [f"-> {names.values(group.stores)}" for _, group in same]
        remarks = _Remarks(same[0][0], lowered.frame, names, values)
        texts.append("\n".join([*stores, function.text(remarks.of)]))
    head = (
        f"{plural(len(texts), 'function')} of (context, thread, step, sizes, buffers), "
        "called by every thread, or by the first"
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
    """What the words, sizes and buffers are that a nest loads."""

    def __init__(
        self, call: Call, frame: Frame, names: Names, values: dict[int, Value]
    ) -> None:
        context, _, _, sizes, buffers = call.function.arguments[:5]
        slots = {slot: names.size(size) for size, slot in frame.sizes.items()}
        for value, slot in frame.constants.items():
            slots[slot] = names.formula(value, set())
        self.tables: dict[Register, dict[int, str]] = {
            context: {PROGRAM + word: text for word, text in _WORDS.items()},
            sizes: slots,
            buffers: {
                number: names.value(values[word]) if word in values else "scratch"
                for number, word in enumerate(call.words)
            },
        }

    def of(self, instruction: Instruction) -> str:
        """`0.W` where the address of `0.W` is asked for."""
        if instruction.name not in ("address", "load"):
            return ""
        table, *rest = instruction.inputs
        if table not in self.tables:
            return ""
        if instruction.name == "load":
            return self.tables[table].get(0, "")
        literal = rest[0].literal
        return "" if literal is None else self.tables[table].get(int(literal), "")
