"""The function that computes one row in C: loops over named axes.

What is computed element by element, or only moved, is written within the expressions
of who reads it. What is folded, sorted, or read more than once gets room in a block of
memory, planned so that what is not needed any more makes room for what comes later.
Operations are known by their access and their scalar rules, never by their names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.export.c_elements import (
    Coordinates,
    Elements,
    Stored,
    flat,
    same_but_ones,
    strided,
)
from chainrule.export.c_text import C_TYPES, POSITION, CText, literal
from chainrule.export.errors import ExportError
from chainrule.export.model import Model, heading
from chainrule.export.names import Names
from chainrule.export.words import described
from chainrule.ir import DType, Value
from chainrule.ops import (
    Argsort,
    CheckedIndex,
    Constant,
    TopkIndices,
)
from chainrule.ops.access import (
    Access,
    Either,
    Indexed,
    Letter,
    Range,
    RowMajor,
)
from chainrule.ops.folds import Folds
from chainrule.passes.memory import Buffer, plan


class Function(Elements):
    """The body of the function for one row, and the memory that it needs."""

    def __init__(self, model: Model, names: Names, prefix: str) -> None:
        super().__init__(model, prefix, self.line)
        self.names = names
        self.lines: list[str] = []
        self._depth = 1
        self._layer = ""
        self._loops = 0
        self._keeps = _kept(self, {y.value for y in model.outputs})

    # --- lines ------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """Add a line at this depth."""
        self.lines.append("    " * self._depth + text if text else "")

    @contextmanager
    def loop(self, extent: int) -> Iterator[str]:
        """A loop over an axis; its variable, or `0` where there is one element only."""
        if extent == 1:
            yield "0"
            return
        self._loops += 1
        name = f"i{self._loops}"
        sign = "<" if extent else "!="  # compilers warn of what is below 0
        self.line(f"for (size_t {name} = 0; {name} {sign} {extent}; ++{name}) {{")
        self._depth += 1
        yield name
        self._depth -= 1
        self.line("}")

    @contextmanager
    def loops(self, extents: Sequence[int]) -> Iterator[list[str]]:
        """Nested loops."""
        if not extents:
            yield []
            return
        with self.loop(extents[0]) as first, self.loops(extents[1:]) as rest:
            yield [first, *rest]

    # --- statements -------------------------------------------------------------------

    def given(self, value: Value, name: str) -> None:
        """Say that the caller has an array for a value."""
        self.stored[value] = Stored(name, 0, 0, elsewhere=True)

    def write(self, outputs: Mapping[Value, str]) -> None:
        """Compute every value; those of `outputs` go to arrays of the caller."""
        for value in self.model.order:
            self.statement += 1
            layer = value.location.layer if value.location is not None else ""
            if layer != self._layer and value in self._keeps:
                self._layer = layer
                self.line("")
                self.line(f"/* {_comment(heading(layer))} */")
            self._check_indices(value)
            if value in self._keeps:
                where = outputs.get(value)
                name = where or self.names.new(layer or "h", "layer")
                now = self.statement
                place = Stored(name, now, now, elsewhere=where is not None)
                self._store(value, place)

    def body(self) -> list[str]:
        """The lines, without names that nobody uses: a rule may compute too much."""
        found: list[str] = []
        used: set[str] = set()
        for line in reversed(self.lines):
            words = re.findall(r"\bt\d+\b", line)
            made = re.match(r" *const [\w ]+ (t\d+) =", line)
            if made is None or made[1] in used:
                found.append(line)
                used |= set(words)
        return found[::-1]

    def copy(self, value: Value, to: str) -> None:
        """Write a value that lies elsewhere, or is known, to an array of the caller."""
        self.statement += 1
        with self.loops(self.shape(value)) as at:
            place = f"{to}[{flat(at, self.shape(value))}]"
            self.line(f"{place} = {self.element(value, at).text};")

    def memory(self) -> tuple[list[str], dict[DType, int]]:
        """A line for each stored value, and how many elements of each dtype to have."""
        places = {v: p for v, p in self.stored.items() if not p.elsewhere}
        lines: dict[Value, str] = {}
        sizes: dict[DType, int] = {}
        for dtype in {v.type.dtype for v in places}:
            mine = [v for v in places if v.type.dtype == dtype]
            buffers = [
                Buffer(self.size(v) * dtype.itemsize, places[v].first, places[v].last)
                for v in mine
            ]
            found = plan(buffers)
            sizes[dtype] = max(found.peak // dtype.itemsize, 1)
            for v, offset in zip(mine, found.offsets, strict=True):
                at = offset // dtype.itemsize
                kind = C_TYPES[dtype]
                lines[v] = (
                    f"{kind} *const {places[v].name} = scratch->{field(dtype)} + {at};"
                )
        return [lines[v] for v in places], sizes

    def _store(self, value: Value, place: Stored) -> None:
        operation: Any = value.operation
        if isinstance(operation, Folds):
            self._fold(value, operation, place)
        elif hasattr(operation, "precedes"):
            self._sort(value, operation, place)
        elif _scatters(self, value):
            self._scatter(value, place)
        elif _joins(self, value):
            self._join(value, place)
        else:
            self._each(value, place)
        self.stored[value] = place

    def _each(self, value: Value, place: Stored) -> None:
        """Element by element."""
        operation: Any = value.operation
        shape = self.shape(value)
        with self.loops(shape) as at:
            if hasattr(operation, "valid"):
                xs = [self.element(x, at) for x in value.inputs]
                valid = operation.valid(self.builder, *xs)
                if valid is not None:
                    self.line(f"if (!{valid.text}) return 0;")
            y = self.element(value, at)
            self.line(f"{place.name}[{flat(at, shape)}] = {y.text};")

    def _join(self, value: Value, place: Stored) -> None:
        """One input after the other."""
        shape = self.shape(value)
        axis, places = next(
            (axis, term.places)
            for axis, term in enumerate(self.access(value).output)
            if isinstance(term, Either)
        )
        for x, part in zip(value.inputs, places, strict=True):
            start = self.start(part, value)
            with self.loops(self.shape(x)) as at:
                to = [*at]
                to[axis] = strided(start, 1, at[axis])
                y = self.element(x, at)
                self.line(f"{place.name}[{flat(to, shape)}] = {y.text};")

    def _check_indices(self, value: Value) -> None:
        """Leave, rather than read or write beyond an array."""
        if value.operation is None or value.operation.elementwise:
            return
        access = self.access(value)
        indices = iter(value.inputs[1:])
        sides = [*zip(access.inputs[:1], value.inputs[:1], strict=True)]
        for terms, x in [*sides, (access.output, value)]:
            if any(isinstance(term, RowMajor) for term in terms):
                continue
            for term, extent_ in zip(terms, self.shape(x), strict=True):
                if isinstance(term, Indexed):
                    self._check(next(indices), extent_)

    def _check(self, index: Value, extent_: int) -> None:
        operation = index.operation
        if isinstance(operation, (Argsort, TopkIndices, CheckedIndex)):
            return  # it is within the axis by itself, or was checked
        if index in self.model.arrays:
            known = self.model.arrays[index]
            if known.size and not (known.min() >= 0 and known.max() < extent_):
                raise ExportError(f"{described(index)}: an index is out of range")
            return
        with self.loops(self.shape(index)) as at:
            text = f"(int64_t){self.element(index, at).text}"
            i = self.builder.bound(CText(text, np.dtype(np.int64)))
            self.line(f"if ({i.text} < 0 || {i.text} >= {extent_}) return 0;")

    # --- folds ------------------------------------------------------------------------

    def _fold(self, value: Value, operation: Folds, place: Stored) -> None:
        access = self.access(value)
        extents = _extents(self, value, access)
        out = [term.name for term in access.output if isinstance(term, Letter)]
        reduced = [name for name in extents if name not in out]
        unit = operation.unit(self.builder, CText("0", value.inputs[0].type.dtype))
        if len(unit) == 1 and self._runs_along(value, access, out, extents):
            self._fold_rows(value, operation, place, out, reduced, extents)
        else:
            self._fold_numbers(value, operation, place, out, reduced, extents)

    def _runs_along(
        self, value: Value, access: Access, out: list[str], extents: Mapping[str, int]
    ) -> bool:
        """Whether an input lies along the last axis, so that lines can be computed."""
        if not out or extents[out[-1]] == 1 or _range_of(access) is not None:
            return False
        last = Letter(out[-1])
        return (
            any(terms[-1:] == (last,) for terms in access.inputs)
            and len(value.inputs) > 1
        )

    def _fold_rows(
        self,
        value: Value,
        operation: Folds,
        place: Stored,
        out: list[str],
        reduced: list[str],
        extents: Mapping[str, int],
    ) -> None:
        """A whole line of results at once: vectors, where the compiler finds them."""
        access, shape, inner = self.access(value), self.shape(value), out[-1]
        reads = list(zip(value.inputs, access.inputs, strict=True))
        nothing = CText("0", value.inputs[0].type.dtype)
        with self.loops([extents[name] for name in out[:-1]]) as outer:
            known = dict(zip(out[:-1], outer, strict=True))
            with self.loop(extents[inner]) as j:
                unit = operation.unit(self.builder, nothing)
                self.line(f"{place.name}[{flat([*outer, j], shape)}] = {unit[0].text};")
            with self.loops([extents[name] for name in reduced]) as folded:
                known |= dict(zip(reduced, folded, strict=True))
                # What is the same along the line is read once.
                fixed = {
                    x: self.builder.bound(self.read(x, terms, known, value))
                    for x, terms in reads
                    if Letter(inner) not in terms
                }
                with self.loop(extents[inner]) as j:
                    known[inner] = j
                    xs = tuple(
                        fixed[x] if x in fixed else self.read(x, terms, known, value)
                        for x, terms in reads
                    )
                    position = self._position(reduced, folded, extents)
                    single = operation.single(self.builder, xs, position)
                    target = f"{place.name}[{flat([*outer, j], shape)}]"
                    before = CText(target, value.type.dtype)
                    merged = operation.merge(self.builder, (before,), single)
                    self.line(f"{target} = {merged[0].text};")

    def _fold_numbers(
        self,
        value: Value,
        operation: Folds,
        place: Stored,
        out: list[str],
        reduced: list[str],
        extents: Mapping[str, int],
    ) -> None:
        """One result after the other."""
        access, shape = self.access(value), self.shape(value)
        running = _range_of(access)
        with self.loops([extents[name] for name in out]) as at:
            known = dict(zip(out, at, strict=True))
            unit = operation.unit(self.builder, CText("0", value.inputs[0].type.dtype))
            totals = [self._variable(part) for part in unit]
            with self._folded(reduced, running, known, extents) as folded:
                inside = known | folded
                xs = tuple(
                    self.read(x, terms, inside, value)
                    for x, terms in zip(value.inputs, access.inputs, strict=True)
                )
                names = list(folded)
                position = self._position(names, [folded[n] for n in names], extents)
                single = operation.single(self.builder, xs, position)
                merged = operation.merge(self.builder, tuple(totals), single)
                if len(merged) > 1:
                    merged = tuple(self.builder.bound(part) for part in merged)
                for total, part in zip(totals, merged, strict=True):
                    self.line(f"{total.text} = {part.text};")
            self.line(f"{place.name}[{flat(at, shape)}] = {totals[-1].text};")

    @contextmanager
    def _folded(
        self,
        reduced: list[str],
        running: Range | None,
        known: Mapping[str, str],
        extents: Mapping[str, int],
    ) -> Iterator[dict[str, str]]:
        """Loops over what is folded: whole axes, or up to a coordinate."""
        if running is None:
            with self.loops([extents[name] for name in reduced]) as at:
                yield dict(zip(reduced, at, strict=True))
            return
        self._loops += 1
        name, here = f"i{self._loops}", known[running.name]
        end = str(extents[running.name] - 1)
        first, last = ("0", here) if running.up_to else (here, end)
        self.line(f"for (size_t {name} = {first}; {name} <= {last}; ++{name}) {{")
        self._depth += 1
        yield {running.name: name}
        self._depth -= 1
        self.line("}")

    def _variable(self, x: CText) -> CText:
        self._loops += 1
        name = f"a{self._loops}"
        self.line(f"{C_TYPES[x.dtype]} {name} = {x.text};")
        return CText(name, x.dtype)

    def _position(
        self, names: Sequence[str], at: Coordinates, extents: Mapping[str, int]
    ) -> CText:
        text = flat(at, [extents[name] for name in names])
        return CText(f"({text})" if " " in text else text, POSITION)

    # --- sorts and sums at indices ----------------------------------------------------

    def _sort(self, value: Value, operation: Any, place: Stored) -> None:
        """Put one after the other where it belongs among those before it."""
        (x,) = value.inputs
        axis, shape = operation.axis, self.shape(value)
        length, kept = self.shape(x)[axis], shape[axis]
        others = [1 if i == axis else n for i, n in enumerate(shape)]

        def place_of(at: Coordinates, i: str) -> str:
            whole = [i if k == axis else c for k, c in enumerate(at)]
            return f"{place.name}[{flat(whole, shape)}]"

        def number(at: Coordinates, i: str) -> CText:
            whole = [i if k == axis else c for k, c in enumerate(at)]
            return self.element(x, whole)

        if kept == 0:
            return
        with self.loops(others) as at:
            self._loops += 1
            i, j = f"i{self._loops}", f"j{self._loops}"
            self.line(f"for (size_t {i} = 0; {i} < {length}; ++{i}) {{")
            self._depth += 1
            self.line(f"size_t {j} = {i} < {kept} ? {i} : {kept};")
            self.line(f"while ({j} > 0) {{")
            self._depth += 1
            before = f"((size_t){place_of(at, f'{j} - 1')})"
            xs = number(at, i), number(at, before)
            precedes = operation.precedes(self.builder, *xs)
            self.line(f"if (!{precedes.text}) break;")
            last = place_of(at, f"{j} - 1")
            self.line(f"if ({j} < {kept}) {place_of(at, j)} = {last};")
            self.line(f"--{j};")
            self._depth -= 1
            self.line("}")
            self.line(f"if ({j} < {kept}) {place_of(at, j)} = (int64_t){i};")
            self._depth -= 1
            self.line("}")

    def _scatter(self, value: Value, place: Stored) -> None:
        """Add every element of the input to the place that its indices name."""
        access, shape = self.access(value), self.shape(value)
        dtype = value.type.dtype
        with self.loops(shape) as at:
            self.line(f"{place.name}[{flat(at, shape)}] = {literal(0, dtype)};")
        extents = _extents(self, value, access)
        with self.loops(list(extents.values())) as at:
            known = dict(zip(extents, at, strict=True))
            x = self.read(value.inputs[0], access.inputs[0], known, value)
            to = self.coordinates(access.output, known, value)
            target = CText(f"{place.name}[{flat(to, shape)}]", dtype)
            self.line(f"{target.text} = {self.builder.add(target, x).text};")


def field(dtype: DType) -> str:
    """What the scratch memory of a dtype is called."""
    return f"{dtype.name}s" if dtype.kind == "b" else dtype.name


def _comment(text: str) -> str:
    return text.replace("*/", "* /").replace("\\", "/")


def _extents(function: Function, value: Value, access: Access) -> dict[str, int]:
    """The extent of every letter of the inputs."""
    found: dict[str, int] = {}
    for x, terms in zip(value.inputs, access.inputs, strict=True):
        for term, n in zip(terms, function.shape(x), strict=True):
            if isinstance(term, (Letter, Range)):
                found[term.name] = n
    return found


def _range_of(access: Access) -> Range | None:
    terms = (term for terms in access.inputs for term in terms)
    return next((term for term in terms if isinstance(term, Range)), None)


def _scatters(function: Function, value: Value) -> bool:
    operation = value.operation
    if operation is None or operation.elementwise or operation.moves:
        return False
    if isinstance(operation, Constant) or hasattr(operation, "element"):
        return False
    return any(isinstance(term, Indexed) for term in function.access(value).output)


def _joins(function: Function, value: Value) -> bool:
    """Whether it puts several inputs side by side."""
    operation = value.operation
    if operation is None or not operation.moves or len(value.inputs) < 2:
        return False
    return any(isinstance(term, Either) for term in function.access(value).output)


def _kept(function: Function, outputs: set[Value]) -> set[Value]:
    """The values that are stored: all others are written where they are read."""
    reads: dict[Value, int] = {}
    kept: set[Value] = set()
    for value in reversed(function.model.order):
        operation: Any = value.operation
        irregular = isinstance(operation, Folds) or hasattr(operation, "precedes")
        irregular = irregular or _scatters(function, value)
        many = reads.get(value, 0) > 1 and not operation.replicates
        checked = hasattr(operation, "valid") or _joins(function, value)
        if irregular or many or checked or value in outputs:
            kept.add(value)
        times = 1 if value in kept else max(reads.get(value, 0), 1)
        alone = _joins(function, value) or _is_simple(function, value)
        for x in value.inputs:
            again = irregular or not alone
            reads[x] = reads.get(x, 0) + times * (2 if again else 1)
    return kept


def _is_simple(function: Function, value: Value) -> bool:
    """Whether an element stands on one element of each input, and none on it twice."""
    operation = value.operation
    if operation is None or operation.elementwise:
        return True
    (x, *more) = value.inputs or (value,)
    if more or not operation.replicates or function.size(x) != function.size(value):
        return False
    rearranged = any(isinstance(t, RowMajor) for t in function.access(value).output)
    return not rearranged or same_but_ones(function.shape(x), function.shape(value))
