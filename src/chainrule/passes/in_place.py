"""Which new values of states are written over the old ones.

A state may be overwritten if nobody reads its old value afterwards: whoever reads it
has to run before its writer, and the writer itself may read an element only where it
writes it. Where that cannot be, as when two states are exchanged, the new value is
stored apart and copied at the end of the step.
"""

from chainrule.ir import Value
from chainrule.passes.fuse import Coordinate, Fused, Group
from chainrule.passes.generalise import times
from chainrule.passes.places import Place, regroup


def in_place(fused: Fused) -> dict[Value, Value]:
    """The stored value that each assigned state is overwritten with.

    Copies are added to the groups where there is no other way.
    """
    search = _Search(fused)
    found: dict[Value, Value] = {}
    apart: list[tuple[Value, Value]] = []
    for state, value in fused.samples.assignments:
        if value not in found.values() and search.allows(state, value):
            found[state] = value
            search.note(state, value)
        else:
            apart.append((state, value))
    for state, value in apart:
        found[state] = _copied(fused, value)
    return found


class _Search:
    """The groups that read states, and those that stand on each group."""

    def __init__(self, fused: Fused) -> None:
        self.fused = fused
        self.after = _standing(fused)
        self.readers: dict[Value, list[tuple[Group, Place[Coordinate]]]] = {}
        for group in fused.groups:
            for read, place in fused.reads(group):
                self.readers.setdefault(read, []).append((group, place))

    def allows(self, state: Value, value: Value) -> bool:
        """Whether all who read the state can do so before `value` is written."""
        if value in self.fused.samples.outputs:
            return False
        writer = self.fused.home[value]
        return all(
            self.reads_where_written(group, value, state, place)
            if group is writer
            else group not in self.after[writer]
            for group, place in self.readers.get(state, ())
        )

    def note(self, state: Value, value: Value) -> None:
        """From now on the readers of the state come before its writer."""
        writer = self.fused.home[value]
        for reader, _ in self.readers.get(state, ()):
            if reader is not writer:
                for group, later in self.after.items():
                    if group is reader or reader in later:
                        later.update({writer}, self.after[writer])

    def reads_where_written(
        self, group: Group, value: Value, state: Value, place: Place[Coordinate]
    ) -> bool:
        """Whether a group reads a state just where it writes its new value."""
        if group.kind not in ("nest", "product"):
            return False
        follow = self.fused.follow()
        mine = self.fused.place(group, value)
        shape = self.fused.samples.shape(state)
        same = regroup(mine, shape, follow) == regroup(place, shape, follow)
        if self.fused.level(group, value) == "kept" and not all(group.kept):
            # It is written once the folds are done, so it may not be read in them.
            return same and place.sizes == mine.sizes
        return same


def _standing(fused: Fused) -> dict[Group, set[Group]]:
    """The groups that stand, directly or not, on each group."""
    after: dict[Group, set[Group]] = {group: set() for group in fused.groups}
    for group in reversed(fused.groups):
        # All that stands on this group comes later, so it is known by now.
        for later in list(after[group]):
            after[group] |= after[later]
        for read, _ in fused.reads(group):
            producer = fused.home.get(read)
            if producer is not None and producer is not group:
                after[producer].add(group)
    return after


def _copied(fused: Fused, value: Value) -> Value:
    """A copy of a value, in a group of its own at the end."""
    samples = fused.samples
    copy = samples.copied(value)
    whole = times(samples.one, *samples.shape(value))
    fused.groups.append(Group("nest", (whole,), (True,), [copy], [copy]))
    fused.home[copy] = fused.groups[-1]
    writer = fused.home[value]
    if fused.stored is not None:
        fused.stored |= {value, copy}
    if value not in writer.stores:
        writer.stores.append(value)
    return copy
