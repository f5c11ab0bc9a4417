"""Which operations are computed together, in one loop nest, and what is stored.

A value is *free* if it is computed anew wherever it is read: a move of elements, a
coordinate, a constant, a short formula of leaves. Every other value belongs to one
`Group`, which visits the elements of a domain once and computes all its values there.
The domain is given as digits, some of them *kept* and the others folded by reductions:
(rows kept, columns folded) for a softmax, (rows folded, columns kept) for the gradient
of a bias. A value of a group has an element for each element of the domain, or one for
each element of the kept digits.

A value joins the group of its latest producer if the domain is its own and it reads
what that group computes only where the group is. Since a group never precedes one that
it reads, their order is valid. What other groups read is stored.

Nothing here knows an operation: their traits and their `access` say it all.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from chainrule.ir import Value
from chainrule.ops.access import Letter
from chainrule.ops.folds import Folds
from chainrule.passes.cost import cost_of
from chainrule.passes.generalise import Samples, Size, Sizes, times
from chainrule.passes.kinds import (
    OperationKind,
    is_plain_product,
    kind_of,
    letters_of,
)
from chainrule.passes.names import Names, origin, plural
from chainrule.passes.places import Place, fits, is_one, regroup, sources

Kind: TypeAlias = Literal["nest", "product", "scatter", "scan", "order"]

# What a free formula may cost, in the time of an addition: of leaves; of a single
# number; of values that are stored anyway.
_FREE_OF_LEAVES = 8
_FREE_NUMBER = 60
_FREE_OF_STORED = 6
# A move may be read instead of being stored as long as what it reads is cheap.
_FREE_MOVE = 16
# So that neither the nests nor Python's stack grow beyond measure.
_MOST_VALUES = 120
_DEEPEST_FLOATING = 30
# How many columns of a product a thread can keep beside the cache for its rows.
WIDEST_ROWS = 4096
# And how many bytes the matrix may have that every block of whole rows goes through.
LARGEST_RIGHT = 1 << 20


@dataclass(frozen=True)
class Tag:
    """A coordinate that is one digit of a domain, or a digit of that digit."""

    digit: int
    outer: Size
    inner: Size


Coordinate: TypeAlias = Tag | Literal["zero"] | None
Read: TypeAlias = tuple[Value, Place[Coordinate]]


@dataclass(eq=False)
class Group:
    """Values that are computed in one loop nest over a domain."""

    kind: Kind
    sizes: Sizes
    kept: tuple[bool, ...]
    values: list[Value] = field(default_factory=list)
    # The values that are stored, in the order of computation.
    stores: list[Value] = field(default_factory=list)
    # Whether something needs all elements of a row of a product at once.
    whole_rows: bool = False
    first: Value | None = None

    @property
    def kept_sizes(self) -> Sizes:
        """The digits that are not folded."""
        return tuple(n for n, kept in zip(self.sizes, self.kept, strict=True) if kept)

    @property
    def kept_digits(self) -> tuple[int, ...]:
        """Which of the digits are not folded."""
        return tuple(i for i, kept in enumerate(self.kept) if kept)

    @property
    def root(self) -> Value:
        """What a group that is no plain nest is there for; it has values before it."""
        return self.values[0] if self.first is None else self.first

    def domain(self, names: Names) -> str:
        """What it visits: `matrix product n × 4, over 3`, `loops 4, folding n`."""
        sizes = self.sizes if self.kind == "product" else self.kept_sizes
        text = f"{_IN_WORDS[self.kind]} {names.sizes(sizes)}" if sizes else "one number"
        if self.kind == "product":
            inner = names.samples.shape(self.root.inputs[0])[-1]
            return f"{text}, over {names.size(inner)}"
        folded = [n for n, kept in zip(self.sizes, self.kept, strict=True) if not kept]
        return f"{text}, folding {names.sizes(tuple(folded))}" if folded else text


_IN_WORDS: dict[Kind, str] = {
    "nest": "loops",
    "product": "matrix product",
    "scatter": "sums at indices",
    "scan": "running fold",
    "order": "sorting",
}


class _Follow:
    """The algebra of coordinates that only follows which digits they are."""

    def __init__(self, samples: Samples) -> None:
        self.one = samples.one
        self.read_indices: list[Read] = []

    def zero(self) -> Coordinate:
        return "zero"

    def split(self, x: Coordinate, sizes: Sizes) -> list[Coordinate]:
        if not isinstance(x, Tag):
            return [x] * len(sizes)
        return [
            Tag(
                x.digit,
                times(x.outer, self.one, *sizes[:i]),
                times(self.one, *sizes[i + 1 :], x.inner),
            )
            for i in range(len(sizes))
        ]

    def join(self, xs: Sequence[Coordinate], sizes: Sizes) -> Coordinate:
        tags = [x for x in xs if isinstance(x, Tag)]
        if len(tags) != len(xs):
            return None
        for a, b, n, m in zip(tags, tags[1:], sizes, sizes[1:], strict=False):
            follows = b.outer == times(a.outer, n) and a.inner == times(m, b.inner)
            if a.digit != b.digit or not follows:
                return None
        return Tag(tags[0].digit, tags[0].outer, tags[-1].inner)

    def stride(self, x: Coordinate, start: Size, step: int) -> Coordinate:
        return x if step == 1 and not any(start) else None

    def unstride(
        self, y: Coordinate, start: Size, step: int, extent: Size
    ) -> Coordinate:
        del y, start, step, extent
        return None

    def read(self, index: Value, place: Place[Coordinate], extent: Size) -> Coordinate:
        del extent
        self.read_indices.append((index, place))
        return None


@dataclass(eq=False, repr=False)
class Fused:
    """Groups in a valid order, and how to look through what is not stored."""

    samples: Samples
    groups: list[Group] = field(default_factory=list)
    home: dict[Value, Group] = field(default_factory=dict)
    # What other groups read; they compute once more what is not stored. `None` as long
    # as that is not decided.
    stored: set[Value] | None = None
    # Costly values of leaves alone wait here for the group that reads them first.
    floating: dict[Value, None] = field(default_factory=dict)

    def reads(self, group: Group, roots: Iterable[Value] | None = None) -> list[Read]:
        """What the stores of `group` read that it does not compute, and where."""
        found: dict[tuple[Value, Sizes, tuple[Coordinate, ...]], Read] = {}
        waiting = [
            (x, place)
            for value in (group.values if roots is None else roots)
            for x, place in self._inputs(group, value, self.place(group, value))
        ]
        seen = set()
        while waiting:
            value, place = waiting.pop()
            key = (value, place.sizes, place.coordinates)
            if key in seen:
                continue
            seen.add(key)
            if self.is_opaque(group, value):
                found[key] = (value, place)
            else:
                waiting += self._inputs(group, value, place)
        return list(found.values())

    def computed(self, group: Group, names: Names) -> list[Value]:
        """All operations that the stores of `group` take, moves and numbers left out.

        Some of them belong to another group and are computed here once more.
        """
        found: dict[Value, None] = {}
        waiting, seen = list(group.stores), set[Value]()
        while waiting:
            value = waiting.pop()
            if value in seen:
                continue
            seen.add(value)
            elsewhere = self.home.get(value) is not group
            if elsewhere and self.is_opaque(group, value):
                continue
            waiting += value.inputs
            kind = kind_of(self.samples, value)
            if kind not in ("leaf", "move", "constant", "generated") or not elsewhere:
                found[value] = None
        return sorted(found, key=names.number)

    def __str__(self) -> str:
        names = Names(self.samples)
        total = len(self.samples.graph.order) - len(self.samples.graph.inputs)
        groups = [text for group in self.groups for text in self._lines(group, names)]
        head = f"{plural(total, 'operation')} in {plural(len(self.groups), 'group')}"
        return "\n".join(["; ".join(filter(None, [head, names.legend()])), *groups])

    def _lines(self, group: Group, names: Names) -> Iterator[str]:
        computed = self.computed(group, names)
        stores = names.typed(group.stores)
        yield f"\n{group.domain(names)} -> {stores}  {origin(computed)}".rstrip()
        for value in computed:
            again = self.home.get(value, group) is not group
            note = "  # once more" if again else ""
            formula = names.formula(value, set(computed) | (self.stored or set()))
            yield f"  {names.value(value)} = {formula}{note}"

    def follow(self) -> _Follow:
        """An algebra that follows digits."""
        return _Follow(self.samples)

    def is_opaque(self, group: Group, value: Value) -> bool:
        """Whether `group` reads `value`, rather than what `value` is made of."""
        if value.operation is None:
            return True
        if value not in self.home:
            return value in self.floating
        return self.home[value] is group or self.stored is None or value in self.stored

    def level(self, group: Group, value: Value) -> Literal["element", "kept"] | None:
        """Whether a value has an element for each of the domain, or of what is kept."""
        shape = self.samples.shape(value)
        if fits(shape, group.kept_sizes):
            return "kept" if not all(group.kept) else "element"
        return "element" if fits(shape, group.sizes) else None

    def place(self, group: Group, value: Value) -> Place[Coordinate]:
        """Where in `value` the group is; nowhere in one that it reads throughout."""
        one = self.samples.one
        if group.kind in ("scatter", "scan", "order"):
            shape = self.samples.shape(value)
            return Place(shape, (None,) * len(shape))
        whole = [Tag(i, one, one) for i in range(len(group.sizes))]
        if self.level(group, value) == "kept":
            return Place(group.kept_sizes, tuple(whole[i] for i in group.kept_digits))
        return Place(group.sizes, tuple(whole))

    def _inputs(
        self, group: Group, value: Value, place: Place[Coordinate]
    ) -> list[Read]:
        """What an element of a value is made of, one step down."""
        kind = kind_of(self.samples, value)
        follow = _Follow(self.samples)
        if kind == "map":
            return [(x, place) for x in value.inputs]
        if kind == "move":
            found = sources(self.samples, value, place, follow)
            return [*((s.value, s.place) for s in found), *follow.read_indices]
        if kind == "fold" and self.home.get(value) is group:
            return [(x, self._folded(group, value)) for x in value.inputs]
        if kind == "few":
            return self._few_inputs(value, place)
        if kind == "generated":
            return [(x, Place((), ())) for x in value.inputs]
        return self._read_throughout(value, kind)

    def _few_inputs(self, value: Value, place: Place[Coordinate]) -> list[Read]:
        at = regroup(place, self.samples.shape(value), self.follow()).coordinates
        access = self.samples.access(value)
        rows = {
            term.name: c
            for term, c in zip(access.output, at, strict=True)
            if isinstance(term, Letter)
        }
        found: list[Read] = []
        for x, terms in zip(value.inputs, access.inputs, strict=True):
            own = tuple(rows.get(t.name) for t in terms if isinstance(t, Letter))
            found.append((x, Place(self.samples.shape(x), own)))
        return found

    def _read_throughout(self, value: Value, kind: OperationKind) -> list[Read]:
        """Inputs of which an element needs many: which rows or columns, if any."""
        at: list[tuple[Coordinate, ...]] = [(None,) * x.type.rank for x in value.inputs]
        if kind == "product" and value.type.rank == 2:
            one = self.samples.one
            at = [(Tag(0, one, one), None), (None, Tag(1, one, one))]
        return [
            (x, Place(self.samples.shape(x), c))
            for x, c in zip(value.inputs, at, strict=True)
        ]

    def _folded(self, group: Group, value: Value) -> Place[Coordinate]:
        if group.kind != "nest" and group.root is value:
            shape = self.samples.shape(value)
            return Place(shape, (None,) * len(shape))
        one = self.samples.one
        tags = tuple(Tag(i, one, one) for i in range(len(group.sizes)))
        return Place(group.sizes, tags)


def fuse(samples: Samples) -> Fused:
    """Groups for all results of a graph."""
    return _Fusion(samples).run()


class _Fusion:
    """The walk over the graph that puts every value into a group."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.fused = Fused(samples)
        self.home = self.fused.home
        self.groups = self.fused.groups
        # What a free value costs at each of its elements.
        self.cost: dict[Value, float] = {}
        self.floating = self.fused.floating
        # How many values that float stand on one another, at most.
        self.below: dict[Value, int] = {}
        # What grows with the place of a group among all.
        self.position: dict[Group, int] = {}

    def run(self) -> Fused:
        graph = self.samples.graph
        for x in graph.inputs:
            self.cost[x] = 0
        for value in graph.order[len(graph.inputs) :]:
            self.place(value, kind_of(self.samples, value))
        read = {x for value in graph.order for x in value.inputs}
        for value in dict.fromkeys(self.samples.results):
            if value in self.home:
                continue
            if value in self.floating:
                self.ahead(value)
            elif value in read:
                # Whoever read it computes it anew, and so does not wait for this.
                copy = self.samples.copy_result(value)
                self.found(self.plain_nest(value), copy)
            else:
                self.own_group(value)
        self.find_stores()
        self.repeat_what_is_cheap()
        self.groups[:] = [group for group in self.groups if group.stores]
        return self.fused

    # --- which group ---------------------------------------------------------------

    def place(self, value: Value, kind: str) -> None:
        """Decide where `value` is computed."""
        if kind in ("leaf", "constant"):
            self.cost[value] = 0
        elif kind in ("map", "move", "generated", "few"):
            self.place_free_or_map(value, kind)
        elif kind == "fold":
            self.place_fold(value)
        elif kind == "product":
            self.place_product(value)
        else:
            shape = self.samples.shape(value)
            self.found(Group(kind, shape, (True,) * len(shape)), value)  # type: ignore[arg-type]

    def place_free_or_map(self, value: Value, kind: str) -> None:
        inputs = [x for x in value.inputs if x in self.cost]
        cost = cost_of(value.operation) + sum(self.cost[x] for x in set(inputs))
        of_leaves = not self.producers(value)
        is_number = all(is_one(n) for n in self.samples.shape(value))
        limit = (
            _FREE_NUMBER
            if is_number
            else _FREE_OF_LEAVES
            if of_leaves and kind == "map"
            else _FREE_MOVE
            if kind in ("move", "few")
            else 0
        )
        if kind == "generated":
            limit = _FREE_OF_LEAVES
        waits = kind == "map" and self.stands_on_floating(value)
        if cost <= limit and not waits:
            self.cost[value] = cost
            self.below[value] = self.deepest(value)
        elif of_leaves:
            self.float(value)
        elif kind == "map":
            self.place_map(value)
        else:
            self.own_group(value)

    def float(self, value: Value) -> None:
        """Let a value wait for the group that reads it, unless others wait for it."""
        self.below[value] = 1 + self.deepest(value)
        self.floating[value] = None
        if self.below[value] >= _DEEPEST_FLOATING:
            self.ahead(value)

    def deepest(self, value: Value) -> int:
        """How many values that float stand on one another below `value`."""
        waiting = (x for x in value.inputs if x not in self.home)
        return max((self.below.get(x, 0) for x in waiting), default=0)

    def place_map(self, value: Value) -> None:
        for group in self.candidates(value):
            if self.joins(value, group):
                self.join(value, group)
                return
        self.own_group(value)

    def own_group(self, value: Value) -> None:
        """A nest for `value` alone, as long as nothing joins it."""
        self.found(self.plain_nest(value), value)

    def plain_nest(self, value: Value) -> Group:
        """A group that visits all elements: of a move along its axes, else in a row."""
        shape = self.samples.shape(value)
        flags = (True,) * len(shape)
        if kind_of(self.samples, value) == "map":
            return Group("nest", *_collapsed(shape, flags))
        return Group("nest", shape, flags)

    def found(self, group: Group, value: Value) -> None:
        """A new group, the last one; what it reads that has none yet comes before."""
        group.first = value
        self.settle(value, group)
        self.position[group] = len(self.position)
        self.groups.append(group)
        self.join(value, group)

    def stands_on_floating(self, value: Value) -> bool:
        """Whether something below `value` waits for its group."""
        waiting, seen = list(value.inputs), set[Value]()
        while waiting:
            x = waiting.pop()
            if x in self.floating:
                return True
            if x not in seen and x not in self.home:
                seen.add(x)
                waiting += x.inputs
        return False

    def join(self, value: Value, group: Group) -> None:
        for waiting in self.waiting_for(value, group):
            if waiting not in self.home:
                self.settle_floating(waiting, group)
        self.home[value] = group
        self.cost.pop(value, None)
        group.values.append(value)
        rows = group.kind == "product" and value is not group.root
        if rows and self.fused.level(group, value) == "kept":
            group.whole_rows = True

    def settle(self, value: Value, group: Group) -> None:
        """Give what floats and is not read here a group of its own, first."""
        self.home[value] = group
        for read, place in self.fused.reads(group, [value]):
            if read in self.floating and read not in self.home:
                # What a product or a sum at indices is made of comes before it.
                nest = group.kind == "nest" or group.values
                here = nest and self.is_here(group, read, place)
                if here and self.reads_here(read, group):
                    continue
                self.ahead(read)
        del self.home[value]

    def ahead(self, value: Value) -> None:
        """A group of its own for what floats, before whoever is about to read it."""
        del self.floating[value]
        group = self.plain_nest(value)
        if isinstance(value.operation, Folds):
            group = Group("nest", *self.domain(value))
        self.found(group, value)

    def settle_floating(self, value: Value, group: Group) -> None:
        """What floats joins the group that reads it, with all that it stands on."""
        waiting = [value]
        while waiting:
            x = waiting[-1]
            below = [y for y in self.waiting_for(x, group) if y not in self.home]
            if below:
                waiting += below
                continue
            waiting.pop()
            if x not in self.home:
                self.floating.pop(x, None)
                self.home[x] = group
                group.values.append(x)

    def waiting_for(self, value: Value, group: Group) -> list[Value]:
        before = self.home.get(value)
        self.home[value] = group
        found = [x for x, _ in self.fused.reads(group, [value]) if x in self.floating]
        if before is None:
            del self.home[value]
        else:
            self.home[value] = before
        return found

    def candidates(self, value: Value) -> Iterator[Group]:
        """The groups of producers, the latest one first; no earlier one would do."""
        producers = {self.home[x] for x in self.producers(value)}
        if producers:
            yield max(producers, key=lambda group: self.position[group])

    def producers(self, value: Value) -> list[Value]:
        """The values with a group that `value` is made of through free ones."""
        found, waiting, seen = [], list(value.inputs), set[Value]()
        while waiting:
            x = waiting.pop()
            if x in seen:
                continue
            seen.add(x)
            if x in self.home:
                found.append(x)
            else:
                waiting += x.inputs
        return found

    def joins(self, value: Value, group: Group) -> bool:
        """Whether `value` can be computed in `group`."""
        if group.kind not in ("nest", "product") or len(group.values) >= _MOST_VALUES:
            return False
        level = self.fused.level(group, value)
        if level is None or (
            level == "kept" and group.kind == "product" and not self.has_rows(group)
        ):
            return False
        return self.reads_here(value, group)

    def reads_here(self, value: Value, group: Group) -> bool:
        """Whether all that `value` reads of `group` is at hand where the group is."""
        self.home[value] = group
        reads = self.fused.reads(group, [value])
        del self.home[value]
        for read, place in reads:
            inside = self.home.get(read) is group
            floats = read in self.floating
            here = not (inside or floats) or self.is_here(group, read, place)
            if not here and (floats or not self.is_beside(group, read, place)):
                return False
            if floats and not self.reads_here(read, group):
                return False
        return True

    def float_fits(self, group: Group, value: Value) -> bool:
        """Whether what floats, and all that floats below it, can join a group."""
        if value in self.home:
            return self.home[value] is group
        if len(group.values) >= _MOST_VALUES:
            return False
        if isinstance(value.operation, Folds):
            if len(value.inputs) > 1 or group.kind not in ("nest", "product"):
                return False
            sizes, kept = self.domain(value)
            rows = group.kind == "nest" or self.has_rows(group)
            if (sizes, kept) != (group.sizes, group.kept) or not rows:
                return False
            if group.kind == "product":
                group.whole_rows = True
        return True

    def is_here(self, group: Group, value: Value, place: Place[Coordinate]) -> bool:
        """Whether a place in `value` is where the group is in it."""
        if value in self.floating and not self.float_fits(group, value):
            return False
        level = self.fused.level(group, value)
        if level is None:
            return False
        digits = group.kept_digits if level == "kept" else range(len(group.sizes))
        sizes = group.kept_sizes if level == "kept" else group.sizes
        at = regroup(place, sizes, _Follow(self.samples)).coordinates
        one = self.samples.one
        return all(
            x == Tag(i, one, one) or is_one(n)
            for x, i, n in zip(at, digits, sizes, strict=True)
        )

    def is_beside(self, group: Group, value: Value, place: Place[Coordinate]) -> bool:
        """Whether a place is in the same row of a domain of rows kept in memory."""
        if group.kept != (True, False) or self.fused.level(group, value) != "element":
            return False
        if group.kind != "product" or not self.has_rows(group):
            return False
        at = regroup(place, group.sizes, _Follow(self.samples)).coordinates
        one = self.samples.one
        here = at[0] == Tag(0, one, one) or is_one(group.sizes[0])
        if here:
            group.whole_rows = True
        return here

    def has_rows(self, group: Group) -> bool:
        """Whether whole rows of a product can be kept beside the cache."""
        columns = group.sizes[-1]
        left = group.root.inputs[0]
        right = columns[0] * left.shape[-1] * left.type.dtype.itemsize
        fixed = len(set(columns)) == 1
        return fixed and columns[0] <= WIDEST_ROWS and right <= LARGEST_RIGHT

    def place_fold(self, value: Value) -> None:
        if len(value.inputs) > 1:
            self.place_general_product(value)
            return
        sizes, kept = self.domain(value)
        if not self.producers(value):
            self.float(value)
            return
        for group in self.candidates(value):
            if self.fold_joins(value, group, sizes, kept):
                self.join(value, group)
                return
        self.found(Group("nest", sizes, kept), value)

    def domain(self, value: Value) -> tuple[Sizes, tuple[bool, ...]]:
        """The digits over which a fold of one input goes, and which it keeps."""
        (x,) = value.inputs
        folded = _folded_axes(self.samples, value)
        flags = tuple(axis not in folded for axis in range(x.type.rank))
        return _collapsed(self.samples.shape(x), flags)

    def fold_joins(
        self, value: Value, group: Group, sizes: Sizes, kept: tuple[bool, ...]
    ) -> bool:
        """Whether a fold over a domain can be computed in `group`."""
        if len(group.values) >= _MOST_VALUES or group.kind not in ("nest", "product"):
            return False
        before = group.sizes, group.kept
        fits_in = before == (sizes, kept)
        if group.kind == "product":
            fits_in = fits_in and self.has_rows(group)
        elif not fits_in and self.may_fold(group, sizes):
            group.sizes, group.kept = sizes, kept
            fits_in = all(self.fused.level(group, v) == "element" for v in group.values)
        if fits_in and self.reads_here(value, group):
            group.whole_rows = group.whole_rows or group.kind == "product"
            return True
        group.sizes, group.kept = before
        return False

    def may_fold(self, group: Group, sizes: Sizes) -> bool:
        """Whether a group that folds nothing yet may visit its elements in a domain.

        A fold of no axes is one of those that a group may have; it would be another.
        """
        return all(group.kept) and all(
            fits(self.samples.shape(v), sizes) and not isinstance(v.operation, Folds)
            for v in group.values
        )

    def place_product(self, value: Value) -> None:
        if not is_plain_product(self.samples.access(value)):
            self.place_general_product(value)
            return
        shape = self.samples.shape(value)
        for x in value.inputs:
            if x in self.floating:
                self.ahead(x)
        lead = times(self.samples.one, *shape[:-1])
        self.found(Group("product", (lead, shape[-1]), (True, False)), value)

    def place_general_product(self, value: Value) -> None:
        """A fold of several inputs, over all their letters."""
        access = self.samples.access(value)
        sizes, kept = [], []
        for name, size in letters_of(self.samples, value, access).items():
            sizes.append(size)
            kept.append(any(t == Letter(name) for t in access.output))
        self.found(Group("nest", tuple(sizes), tuple(kept)), value)

    # --- what is stored ------------------------------------------------------------

    def find_stores(self) -> None:
        stored = set(self.samples.results)
        for group in self.groups:
            for read, _ in self.fused.reads(group):
                if read in self.home and self.home[read] is not group:
                    stored.add(read)
        for group in self.groups:
            group.stores = [value for value in group.values if value in stored]
        self.fused.stored = stored

    def repeat_what_is_cheap(self) -> None:
        """Compute once more what is cheap to make of values that are stored anyway."""
        results = set(self.samples.results)
        operands = self.operands()
        stored = self.fused.stored or set()
        for group in reversed(self.groups):
            for value in reversed(group.stores):
                if (
                    value in results
                    or value in operands
                    or kind_of(self.samples, value) != "map"
                    or not self.is_cheap_of_stored(value)
                ):
                    continue
                stored.remove(value)
                group.stores.remove(value)

    def operands(self) -> set[Value]:
        """What products address."""
        found = set()
        for group in self.groups:
            if group.kind == "product":
                for x in group.root.inputs:
                    found.add(root_of(self.fused, x))
        return found

    def is_cheap_of_stored(self, value: Value) -> bool:
        """Whether a few operations make `value` of what is stored anyway."""
        stored = self.fused.stored or set()
        cost, waiting, seen = 0.0, [value], set[Value]()
        while waiting:
            x = waiting.pop()
            if x in seen:
                continue
            seen.add(x)
            if x is not value and (x.operation is None or x in stored):
                continue
            kind = kind_of(self.samples, x)
            if kind in ("fold", "product", "scatter", "scan", "order"):
                return False
            cost += cost_of(x.operation)
            if cost > _FREE_OF_STORED:
                return False
            waiting += x.inputs
        return True


def _collapsed(shape: Sizes, kept: tuple[bool, ...]) -> tuple[Sizes, tuple[bool, ...]]:
    """Adjacent axes that are all kept, or all folded, as one digit."""
    sizes: list[Size] = []
    flags: list[bool] = []
    for size, flag in zip(shape, kept, strict=True):
        if flags and flags[-1] == flag:
            sizes[-1] = times(sizes[-1], size)
        else:
            sizes.append(size)
            flags.append(flag)
    return tuple(sizes), tuple(flags)


def root_of(fused: Fused, x: Value) -> Value:
    """The leaf or stored value of which `x` is a view."""
    while (
        x.operation is not None
        and x not in fused.home
        and x.operation.moves
        and x.inputs
    ):
        x = x.inputs[0]
    return x


def _folded_axes(samples: Samples, value: Value) -> set[int]:
    access = samples.access(value)
    written = {term.name for term in access.output if isinstance(term, Letter)}
    return {
        axis
        for axis, term in enumerate(access.inputs[0])
        if isinstance(term, Letter) and term.name not in written
    }
