"""Groups that do the same with other buffers, so that one nest serves them all.

A deep network computes the same thing again and again. What a group computes is written
down with numbers instead of values, in the order in which it is come by: two groups
that read alike differ in nothing but where their buffers are.
"""

from dataclasses import dataclass

from chainrule.ir import Value
from chainrule.native.frame import Frame, Storage
from chainrule.passes.fuse import Group
from chainrule.passes.partition import Program


@dataclass(frozen=True)
class Description:
    """What a group does, with its buffers numbered; and which words they have."""

    text: tuple[object, ...]
    words: tuple[int, ...]


def describe(program: Program, frame: Frame, group: Group) -> Description:
    """What a group does; two that are equal in `text` have equal nests."""
    return _Describer(program, frame, group).describe()


class _Describer:
    def __init__(self, program: Program, frame: Frame, group: Group) -> None:
        self.program, self.frame, self.group = program, frame, group
        self.samples = program.fused.samples
        self.numbers: dict[Value, int] = {}
        self.words: list[int] = []

    def describe(self) -> Description:
        group = self.group
        lines = [self.line(value) for value in self.order()]
        computed = tuple(self.numbers[value] for value in group.values)
        stores = tuple(
            (
                self.numbers[value],
                tuple(self.buffer(s) for s in self.frame.targets[value]),
            )
            for value in group.stores
        )
        head = (group.kind, group.sizes, group.kept, group.whole_rows)
        share = self.program.shares[group]
        return Description((head, share, computed, stores, *lines), tuple(self.words))

    def order(self) -> list[Value]:
        """All that the group looks at, each value after its inputs."""
        found: list[Value] = []
        for root in self.group.values:
            stack = [root]
            while stack:
                value = stack[-1]
                if value in self.numbers:
                    stack.pop()
                    continue
                below = [] if self.is_read(value) else value.inputs
                waiting = [x for x in below if x not in self.numbers]
                if waiting:
                    stack += reversed(waiting)
                    continue
                stack.pop()
                self.numbers[value] = len(found)
                found.append(value)
        return found

    def is_read(self, value: Value) -> bool:
        """Whether a value is loaded, not computed."""
        fused = self.program.fused
        elsewhere = fused.home.get(value) is not self.group
        return elsewhere and fused.is_opaque(self.group, value)

    def line(self, value: Value) -> tuple[object, ...]:
        """A value in numbers."""
        known = (value.type.dtype, self.samples.shape(value))
        if self.samples.varies(value):
            return (*known, self.frame.slot_of_constant(value))
        storage = self.frame.storages.get(value)
        computed = self.program.fused.home.get(value) is self.group
        read = storage is not None and not computed
        where = self.buffer(storage) if storage is not None and read else None
        inputs = () if read else tuple(self.numbers[x] for x in value.inputs)
        operations = () if read else self.samples.operations(value)
        converted = value in self.samples.converted
        return (*known, where, operations, inputs, converted)

    def buffer(self, storage: Storage) -> tuple[object, ...]:
        """A buffer by its number among those that the group uses."""
        if storage.word not in self.words:
            self.words.append(storage.word)
        number = self.words.index(storage.word)
        return number, storage.kind, storage.dtype, storage.elements
