"""A lowered program to look at: its memory, its nests, its text, its machine code."""

from dataclasses import dataclass
from importlib import import_module

from chainrule.ir import Graph, Value
from chainrule.native.build import Lowered
from chainrule.native.frame import Frame
from chainrule.native.nest import Function, Instruction, Register
from chainrule.native.runtime import PROGRAM
from chainrule.native.sizes import measure
from chainrule.native.target import Target
from chainrule.passes.memory import Buffer, Memory, plan
from chainrule.passes.names import Names, plural

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


def memory(lowered: Lowered, graph: Graph) -> Memory:
    """The arena for the sizes of `graph`, one of the samples."""
    names = Names(lowered.program.fused.samples)
    values = _values(lowered)
    contents, buffers = [], []
    for slot in lowered.layout.buffers:
        if slot.kind != "arena":
            continue
        room = lowered.layout.rooms[slot.number]
        count = measure(room.elements, graph)
        value = values.get(slot.word)
        contents.append("scratch" if value is None else names.typed([value]))
        buffers.append(Buffer(room.itemsize * count, room.first, room.last))
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
        f"{plural(len(texts), 'function')} of (context, thread, step, sizes), called by "
        "every thread, or by the first"
    )
    return Text("\n\n".join([head, *texts]))


def assembly(lowered: Lowered, target: Target) -> Text:
    """What the processor runs, in assembly language."""
    # It imports llvmlite, which takes as long as all else.
    machine = import_module("chainrule.native.machine_code")
    return Text(machine.assembly(lowered.text, target))


def _values(lowered: Lowered) -> dict[int, Value]:
    """The value whose buffer each word of the context points to."""
    found = {storage.word: x for x, storage in lowered.frame.storages.items()}
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
