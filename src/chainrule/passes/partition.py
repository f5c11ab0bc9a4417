"""Which thread computes what, and where all threads have to wait for one another.

A group's domain is cut into fixed tiles along one kept digit, and every thread takes a
run of tiles; small groups are left to the first thread. An access to a buffer then has
a `Slice`: the part of it that belongs to a thread's tiles, or all of it. Two accesses
conflict if one of them writes and their slices differ. A group that conflicts with none
since the last barrier is emitted; if all that are ready conflict, there is a barrier.
Nothing depends on the number of threads, so neither do the results.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

from chainrule.ir import Value
from chainrule.passes.cost import cost_of
from chainrule.passes.fuse import Coordinate, Fused, Group, Tag
from chainrule.passes.generalise import Size, times
from chainrule.passes.in_place import in_place
from chainrule.passes.names import Names, columns, origin, plural
from chainrule.passes.places import Place, is_one, regroup


@dataclass(frozen=True)
class Share:
    """The digit that is cut, and into tiles of how many of its elements."""

    digit: int
    tile: int


@dataclass(frozen=True)
class Slice:
    """A thread's part of a buffer: its tiles of one digit of the buffer's count."""

    before: Size
    extent: Size
    tile: int


# All that the first thread has to itself.
ALONE = "alone"


@dataclass(eq=False, repr=False)
class Program:
    """Groups in the order in which they run, with barriers between phases."""

    fused: Fused
    shares: dict[Group, Share | None]
    phases: list[list[Group]]
    # Where the new value of a state is written: over the old one, if nobody needs it.
    in_place: dict[Value, Value]

    @property
    def groups(self) -> list[Group]:
        """All groups, in order."""
        return [group for phase in self.phases for group in phase]

    def __str__(self) -> str:
        names = Names(self.fused.samples)
        phases = [list(self._rows(groups, names)) for groups in self.phases]
        every = list(columns([row for rows in phases for row in rows]))
        counted = iter(every)
        head = f"{plural(len(phases), 'phase')}, each ended by a barrier"
        lines = ["; ".join(filter(None, [head, names.legend()]))]
        for number, rows in enumerate(phases):
            lines += ["", f"phase {number}", *(next(counted) for _ in rows)]
        updates = list(self._updates(names))
        return "\n".join([*lines, "", *updates] if updates else lines)

    def _rows(self, groups: list[Group], names: Names) -> Iterator[tuple[str, ...]]:
        for group in groups:
            share = self.shares[group]
            cut = "first thread"
            if share is not None:
                cut = f"tiles of {share.tile} of {names.size(group.sizes[share.digit])}"
            computed = self.fused.computed(group, names)
            stores = names.values(group.stores)
            yield f"-> {stores}", group.domain(names), cut, origin(computed)

    def _updates(self, names: Names) -> Iterator[str]:
        given = dict(self.fused.samples.assignments)
        for state, value in self.in_place.items():
            text = f"{names.value(state)} is overwritten by {names.value(value)}"
            if given[state] is not value:
                text += f", a copy of {names.value(given[state])}"
            yield text


def rows_of_eight(fused: Fused, group: Group) -> Share:
    """Share a product by blocks of eight rows."""
    del fused, group
    return Share(0, 8)


@dataclass(frozen=True)
class Tiling:
    """Tiles that suit a machine: rows, lanes of a vector, and how products are cut.

    A group of less work than `worth`, in additions, is left to the first thread.
    """

    rows: int = 8
    lanes: int = 16
    product: Callable[[Fused, Group], Share] = rows_of_eight
    worth: float = 8192


@dataclass(eq=False)
class _Access:
    """What a group does to buffers, each a leaf or a stored value."""

    reads: dict[Value, set[object]] = field(default_factory=dict)
    writes: dict[Value, set[object]] = field(default_factory=dict)

    def add(self, other: "_Access") -> None:
        """What another group does as well."""
        for mine, more in ((self.reads, other.reads), (self.writes, other.writes)):
            for buffer, slices in more.items():
                mine.setdefault(buffer, set()).update(slices)


def partition(fused: Fused, tiling: Tiling) -> Program:
    """Shares for all groups, and an order of them with as few barriers as it takes."""
    states = in_place(fused)
    for group in fused.groups:
        _refine(fused, group)
    shares = {group: _share(fused, group, tiling) for group in fused.groups}
    accesses = {
        group: _access(fused, group, shares[group], states) for group in fused.groups
    }
    phases = _phases(fused, accesses)
    return Program(fused, shares, phases, states)


# --- shares -----------------------------------------------------------------------


def _refine(fused: Fused, group: Group) -> None:
    """Give a row of elements its last axis back, if something is repeated along it."""
    if group.kind != "nest" or len(group.sizes) != 1 or not all(group.kept):
        return
    (size,) = group.sizes
    one = fused.samples.one
    whole = Tag(0, one, one)
    for _, place in fused.reads(group):
        at = [x for x, n in zip(place.coordinates, place.sizes, strict=True)
              if not is_one(n)]  # fmt: skip
        if at and at != [whole]:
            break
    else:
        return
    shape = max((fused.samples.shape(v) for v in group.values), key=len)
    if len(shape) < 2 or (len(set(shape[-1])) == 1 and shape[-1][0] < 8):
        return
    lead = times(one, *shape[:-1])
    if times(lead, shape[-1]) == size:
        group.sizes, group.kept = (lead, shape[-1]), (True, True)


def _share(fused: Fused, group: Group, tiling: Tiling) -> Share | None:
    """How a group is cut; `None` leaves it to the first thread."""
    if group.kind in ("scatter", "scan", "order") or not group.kept_digits:
        return None
    counts = [n[0] for n in group.sizes]
    work = prod(counts) * sum(cost_of(v.operation) + 1 for v in group.values)
    if group.kind == "product":
        work *= group.root.inputs[0].shape[-1]
    last = len(group.sizes) - 1
    # One element cannot be cut.
    several = [i for i in group.kept_digits if not is_one(group.sizes[i])]
    if work < tiling.worth or not several:
        return None
    if group.kind == "product":
        share = tiling.product(fused, group)
        return None if is_one(group.sizes[share.digit]) else share
    first = several[0]
    if first == last:
        vectors = 4 if not all(group.kept) else 16
        return Share(first, tiling.lanes * vectors)
    return Share(first, tiling.rows)


# --- order ------------------------------------------------------------------------


def _access(
    fused: Fused, group: Group, share: Share | None, in_place: Mapping[Value, Value]
) -> _Access:
    access = _Access()
    state_of = {value: state for state, value in in_place.items()}
    for read, place in fused.reads(group):
        if fused.home.get(read) is group:
            continue
        buffer = state_of.get(read, read)
        access.reads.setdefault(buffer, set()).add(
            _slice(fused, group, share, read, place)
        )
    for value in group.stores:
        part = _slice(fused, group, share, value, fused.place(group, value))
        access.writes.setdefault(state_of.get(value, value), set()).add(part)
    return access


def _slice(
    fused: Fused,
    group: Group,
    share: Share | None,
    value: Value,
    place: Place[Coordinate],
) -> object:
    if share is None:
        return ALONE
    shape = fused.samples.shape(value)
    one = fused.samples.one
    stacked = group.kind == "product" and group.root.type.rank > 2
    before, i = one, 0
    at = regroup(place, shape, fused.follow()).coordinates
    while i < len(shape):
        j = i + 1
        while j <= len(shape):
            joined = at[i] if j == i + 1 else fused.follow().join(at[i:j], shape[i:j])
            extent = times(one, *shape[i:j])
            whole = extent == group.sizes[share.digit]  # and not some of the buffer
            if joined == Tag(share.digit, one, one) and whole and not stacked:
                return Slice(before, extent, share.tile)
            j += 1
        before, i = times(before, shape[i]), i + 1
    return None if not stacked else (group, value)


def _conflict(a: _Access, b: _Access) -> bool:
    return (
        _differ(a.writes, b.writes)
        or _differ(a.writes, b.reads)
        or _differ(a.reads, b.writes)
    )


def _differ(
    first: Mapping[Value, set[object]], second: Mapping[Value, set[object]]
) -> bool:
    if len(first) > len(second):
        first, second = second, first
    for buffer, slices in first.items():
        others = second.get(buffer)
        if others is not None:
            every = slices | others
            if len(every) > 1 or None in every:
                return True
    return False


def _phases(fused: Fused, accesses: Mapping[Group, _Access]) -> list[list[Group]]:
    """Emit what is ready and conflicts with nothing since the last barrier.

    A group that conflicts waits for the next phase, and whoever waits for it too: so a
    walk over what is left makes a phase.
    """
    waits = _waits(fused, accesses)
    left = list(fused.groups)
    phases: list[list[Group]] = []
    done: set[Group] = set()
    while left:
        phase: list[Group] = []
        together = _Access()
        waiting = []
        for group in left:
            access = accesses[group]
            if waits[group] <= done and not _conflict(access, together):
                phase.append(group)
                done.add(group)
                _include(together, access)
            else:
                waiting.append(group)
        if not phase:
            raise RuntimeError(f"{len(left)} groups wait for one another")
        phases.append(phase)
        left = waiting
    return phases


def _include(total: _Access, more: _Access) -> None:
    for mine, other in ((total.reads, more.reads), (total.writes, more.writes)):
        for buffer, slices in other.items():
            mine.setdefault(buffer, set()).update(slices)


def _waits(fused: Fused, accesses: Mapping[Group, _Access]) -> dict[Group, set[Group]]:
    """What has to run before each group: what it reads, and who reads what it ends."""
    waits: dict[Group, set[Group]] = {group: set() for group in fused.groups}
    writers = _writers(accesses)
    for group in fused.groups:
        for read, _ in fused.reads(group):
            producer = fused.home.get(read)
            if producer is not None and producer is not group:
                waits[group].add(producer)
            for other in writers.get(read, set()) - {group, producer}:
                waits[other].add(group)
    return waits


def _writers(accesses: Mapping[Group, _Access]) -> dict[Value, set[Group]]:
    """The groups that write each buffer."""
    writers: dict[Value, set[Group]] = {}
    for group, access in accesses.items():
        for buffer in access.writes:
            writers.setdefault(buffer, set()).add(group)
    return writers
