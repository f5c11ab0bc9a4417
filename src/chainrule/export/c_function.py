"""The function that computes one row in C: loops over named axes.

What is computed element by element, or only moved, is written within the expressions
of who reads it. What is folded, sorted, or read more than once gets room in a block of
memory, planned so that what is not needed any more makes room for what comes later.
Operations are known by their access and their scalar rules, never by their names.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from chainrule.export.c_text import C_TYPES, POSITION, CBuilder, CText, literal
from chainrule.export.errors import ExportError
from chainrule.export.extents import extent
from chainrule.export.model import Model, described
from chainrule.export.names import Names
from chainrule.ir import Array, DType, Operation, Value
from chainrule.ops import Argsort, CheckedIndex, Constant, TopkIndices
from chainrule.ops.access import (
    Access,
    Either,
    Indexed,
    Letter,
    Range,
    RowMajor,
    Strided,
    Term,
)
from chainrule.ops.folds import Folds
from chainrule.passes.memory import Buffer, plan

Coordinates = Sequence[str]


@dataclass
class _Stored:
    """Where a value lies: under a name, from one statement to another."""

    name: str
    first: int
    last: int
    elsewhere: bool = False  # in an array of the caller


class Function:
    """The body of the function for one row, and the memory that it needs."""

    def __init__(self, model: Model, names: Names, prefix: str) -> None:
        self.model = model
        self.names = names
        self.lines: list[str] = []
        self.builder = CBuilder(prefix, self.line)
        self.tables: dict[Value, str] = {}  # arrays of the file
        self.stored: dict[Value, _Stored] = {}
        self.order = model.order
        self._depth = 1
        self._statement = 0
        self._prefix = prefix
        self._shapes: dict[Value, tuple[int, ...]] = {}
        self._layer = ""
        self._loops = 0
        outputs = {y.value for y in model.outputs}
        self._keeps = _kept(self, outputs)

    # --- sizes ------------------------------------------------------------------------

    def shape(self, value: Value) -> tuple[int, ...]:
        """The extents of a value for one row."""
        if value not in self._shapes:
            extents = self.model.shape(value)
            self._shapes[value] = tuple(n.at(1) for n in extents)
        return self._shapes[value]

    def size(self, value: Value) -> int:
        """How many elements it has."""
        return prod(self.shape(value))

    def access(self, value: Value) -> Access:
        """Its access; where coordinates start is a number for one row."""
        return self.model.samples.access(value)

    def start(self, term: Strided, value: Value) -> int:
        """Where a strided coordinate starts."""
        size: Any = term.start
        return extent(size, self.model.rows, described(value)).at(1)

    # --- lines ------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """Add a line at this depth."""
        self.lines.append("    " * self._depth + text if text else "")

    @contextmanager
    def loop(self, extent: int, reduced: Sequence[str] = ()) -> Iterator[str]:
        """A loop over an axis; its variable, or `0` where there is one element only."""
        del reduced
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
        self.stored[value] = _Stored(name, 0, 0, elsewhere=True)

    def write(self, outputs: Mapping[Value, str]) -> None:
        """Compute every value; those of `outputs` go to arrays of the caller."""
        for value in self.order:
            self._statement += 1
            layer = value.location.layer if value.location is not None else ""
            if layer != self._layer and value in self._keeps:
                self._layer = layer
                self.line("")
                self.line(f"/* {_comment(layer)} */")
            self._check_indices(value)
            if value in self._keeps:
                where = outputs.get(value)
                name = where or self.names.new(layer or "h", "layer")
                now = self._statement
                place = _Stored(name, now, now, elsewhere=where is not None)
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
        self._statement += 1
        with self.loops(self.shape(value)) as at:
            self.line(f"{to}[{flat(at, self.shape(value))}] = {self.element(value, at).text};")  # fmt: skip

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

    def _store(self, value: Value, place: _Stored) -> None:
        operation: Any = value.operation
        if isinstance(operation, Folds):
            self._fold(value, operation, place)
        elif hasattr(operation, "precedes"):
            self._sort(value, operation, place)
        elif _scatters(self, value):
            self._scatter(value, place)
        else:
            self._each(value, place)
        self.stored[value] = place

    def _each(self, value: Value, place: _Stored) -> None:
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
            i = self.builder.bound(CText(f"(int64_t){self.element(index, at).text}", np.dtype(np.int64)))  # fmt: skip
            self.line(f"if ({i.text} < 0 || {i.text} >= {extent_}) return 0;")

    # --- folds ------------------------------------------------------------------------

    def _fold(self, value: Value, operation: Folds, place: _Stored) -> None:
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
        """Whether the last axis is one along which an input lies, and nothing folded."""
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
        place: _Stored,
        out: list[str],
        reduced: list[str],
        extents: Mapping[str, int],
    ) -> None:
        """A whole line of results at once: vectors, where the compiler finds them."""
        access, shape, inner = self.access(value), self.shape(value), out[-1]
        with self.loops([extents[name] for name in out[:-1]]) as outer:
            known = dict(zip(out[:-1], outer, strict=True))
            with self.loop(extents[inner]) as j:
                unit = operation.unit(self.builder, CText("0", value.inputs[0].type.dtype))  # fmt: skip
                self.line(f"{place.name}[{flat([*outer, j], shape)}] = {unit[0].text};")
            with self.loops([extents[name] for name in reduced]) as folded:
                known |= dict(zip(reduced, folded, strict=True))
                fixed = {
                    k: self.builder.bound(self._read(x, terms, known, value))
                    for k, (x, terms) in enumerate(zip(value.inputs, access.inputs, strict=True))
                    if Letter(inner) not in terms
                }  # fmt: skip
                with self.loop(extents[inner]) as j:
                    known[inner] = j
                    xs = tuple(
                        fixed[k] if k in fixed else self._read(x, terms, known, value)
                        for k, (x, terms) in enumerate(zip(value.inputs, access.inputs, strict=True))
                    )  # fmt: skip
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
        place: _Stored,
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
                    self._read(x, terms, inside, value)
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
        first, last = ("0", here) if running.up_to else (here, str(extents[running.name] - 1))  # fmt: skip
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

    def _sort(self, value: Value, operation: Any, place: _Stored) -> None:
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
            precedes = operation.precedes(self.builder, number(at, i), number(at, before))  # fmt: skip
            self.line(f"if (!{precedes.text}) break;")
            self.line(f"if ({j} < {kept}) {place_of(at, j)} = {place_of(at, f'{j} - 1')};")  # fmt: skip
            self.line(f"--{j};")
            self._depth -= 1
            self.line("}")
            self.line(f"if ({j} < {kept}) {place_of(at, j)} = (int64_t){i};")
            self._depth -= 1
            self.line("}")

    def _scatter(self, value: Value, place: _Stored) -> None:
        """Add every element of the input to the place that its indices name."""
        access, shape = self.access(value), self.shape(value)
        dtype = value.type.dtype
        with self.loops(shape) as at:
            self.line(f"{place.name}[{flat(at, shape)}] = {literal(0, dtype)};")
        extents = _extents(self, value, access)
        with self.loops(list(extents.values())) as at:
            known = dict(zip(extents, at, strict=True))
            x = self._read(value.inputs[0], access.inputs[0], known, value)
            to = self._coordinates(access.output, known, value)
            target = CText(f"{place.name}[{flat(to, shape)}]", dtype)
            self.line(f"{target.text} = {self.builder.add(target, x).text};")

    # --- elements ---------------------------------------------------------------------

    def element(self, value: Value, at: Coordinates) -> CText:
        """The element of `value` at these coordinates."""
        shape = self.shape(value)
        found = self._loaded(value, lambda: flat(at, shape))
        if found is not None:
            return found
        operation: Any = value.operation
        if operation.elementwise:
            xs = [self.element(x, at) for x in value.inputs]
            y: CText = operation.scalar(self.builder, *xs)
            return y
        if hasattr(operation, "element"):
            return self._generated(value, operation, at)
        if operation.moves:
            return self._moved(value, operation, at)
        raise ExportError(
            f"{described(value)} cannot be written in C; compute it outside of the "
            "network, or of other operations"
        )

    def _loaded(self, value: Value, place: Callable[[], str]) -> CText | None:
        """An element of an array, or a number that is known."""
        dtype = value.type.dtype
        known = self.model.arrays.get(value)
        if known is not None and known.ndim == 0:
            return self.builder.constant(known[()], CText("", dtype))
        if known is not None:
            return CText(f"{self._table(value, known)}[{place()}]", dtype)
        stored = self.stored.get(value)
        if stored is None:
            return None
        stored.last = max(stored.last, self._statement)
        return CText(f"{stored.name}[{place()}]", dtype)

    def _table(self, value: Value, known: Array) -> str:
        del known
        if value not in self.tables:
            self.tables[value] = f"{self._prefix}_{self.model.weights[value]}"
        return self.tables[value]

    def _generated(self, value: Value, operation: Any, at: Coordinates) -> CText:
        if not value.inputs:
            letter = operation.access()[1]
            axis = self.access(value).output.index(Letter(letter))
            y: CText = operation.element(self.builder, CText(at[axis], POSITION))
            return y
        xs = [self.element(x, []) for x in value.inputs]
        place = flat(at, self.shape(value))
        position = CText(f"(uint32_t)({place})", np.dtype(np.uint32))
        y = operation.element(self.builder, *xs, self.builder.bound(position))
        return y

    def _moved(self, value: Value, operation: Operation, at: Coordinates) -> CText:
        access = self.access(value)
        if any(isinstance(term, RowMajor) for term in access.output):
            return self._reshaped(value, at)
        letters, tests = self._letters(value, access, at)
        fill = self.builder.constant(operation.fill, CText("", value.type.dtype))
        y: CText | None = None
        for x, terms, known, test in reversed(
            [
                (x, terms, letters | own, test)
                for x, terms, (own, test) in zip(
                    value.inputs[: len(tests)], access.inputs, tests, strict=False
                )
            ]
        ):
            if not self.size(x):
                continue
            found = self._read(x, terms, known, value)
            if test == "1":
                y = found
            else:
                other = fill if y is None else y
                y = CText(f"({test} ? {found.text} : {other.text})", found.dtype)
        return fill if y is None else y

    def _letters(
        self, value: Value, access: Access, at: Coordinates
    ) -> tuple[dict[str, str], list[tuple[dict[str, str], str]]]:
        """What each letter is at an element; for each source its own, and a test."""
        letters: dict[str, str] = {}
        tests: list[tuple[dict[str, str], str]] = [({}, "1")]
        for term, y in zip(access.output, at, strict=True):
            match term:
                case Letter(name):
                    letters[name] = y
                case Strided():
                    own, test = self._unstrided(term, y, value, 0)
                    letters |= own
                    if test != "1":
                        both = test if tests[0][1] == "1" else f"{tests[0][1]} && {test}"  # fmt: skip
                        tests[0] = ({}, both)
                case Either(places):
                    tests = [
                        self._unstrided(part, y, value, k, last=k == len(places) - 1)
                        for k, part in enumerate(places)
                    ]
        return letters, tests

    def _unstrided(
        self, term: Strided, y: str, value: Value, source: int, *, last: bool = False
    ) -> tuple[dict[str, str], str]:
        """The letter of which `y` is `start + step i`, and whether there is one."""
        start, step = self.start(term, value), term.step
        x = value.inputs[source]
        axis = self.access(value).inputs[source].index(Letter(term.name))
        long = self.shape(x)[axis]
        at = y if start == 0 else f"({y} - {start})"
        test = [] if start == 0 else [f"{y} >= {start}"]
        whole = self.shape(value)[_axis_of(self.access(value), term)]
        if not last and start + step * long < whole + (step - 1):
            test.append(f"{y} < {start + step * (long - 1) + 1 if long else 0}")
        if last:
            test = []
        if step != 1:
            test.append(f"{at} % {step} == 0")
            at = f"({at} / {step})"
        return {term.name: at}, " && ".join(test) or "1"

    def _reshaped(self, value: Value, at: Coordinates) -> CText:
        (x,) = value.inputs
        place = flat(at, self.shape(value))
        found = self._loaded(x, lambda: place)
        if found is not None:
            return found
        return self.element(x, split(place, self.shape(x)))

    def _read(
        self, x: Value, terms: Sequence[Term], known: Mapping[str, str], value: Value
    ) -> CText:
        return self.element(x, self._coordinates(terms, known, value))

    def _coordinates(
        self, terms: Sequence[Term], known: Mapping[str, str], value: Value
    ) -> list[str]:
        """The coordinates that the terms of an access stand for."""
        indices = iter(value.inputs[1:])
        found = []
        for term in terms:
            match term:
                case Letter(name) | Range(_, name):
                    found.append(known[name])
                case Strided(_, step, name):
                    found.append(_strided(self.start(term, value), step, known[name]))
                case Indexed(names):
                    i = self.element(next(indices), [known[name] for name in names])
                    found.append(f"(size_t){i.text}")
                case _:
                    raise ExportError(f"{described(value)} cannot be written in C")
        return found


def _axis_of(access: Access, term: Strided) -> int:
    return next(
        axis
        for axis, other in enumerate(access.output)
        if other == term or (isinstance(other, Either) and term in other.places)
    )


def _strided(start: int, step: int, i: str) -> str:
    if step == 1 and start == 0:
        return i
    if i == "0":
        return str(start)
    times = i if abs(step) == 1 else f"{_factor(i)} * {abs(step)}"
    if step < 0:
        return f"({start} - {times})"
    return f"({start} + {times})" if start else f"({times})"


def _factor(text: str) -> str:
    plain = text.isalnum() or (text.startswith("(") and text.endswith(")"))
    return text if plain else f"({text})"


def flat(at: Coordinates, shape: Sequence[int]) -> str:
    """The number of an element in row-major order.

    >>> flat(["i", "0", "j"], [5, 1, 3])
    'i * 3 + j'
    """
    terms = []
    for axis, i in enumerate(at):
        stride = prod(shape[axis + 1 :])
        if i != "0":
            terms.append(i if stride == 1 else f"{_factor(i)} * {stride}")
    return " + ".join(terms) or "0"


def split(place: str, shape: Sequence[int]) -> list[str]:
    """The coordinates of an element whose number is `place`."""
    found = []
    for axis, n in enumerate(shape):
        stride = prod(shape[axis + 1 :])
        if n == 1:
            found.append("0")
            continue
        part = f"({place})" if stride == 1 else f"(({place}) / {stride})"
        before = prod(shape[:axis])
        found.append(part if before == 1 else f"({part} % {n})")
    return found


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


def _kept(function: Function, outputs: set[Value]) -> set[Value]:
    """The values that are stored: all others are written where they are read."""
    reads: dict[Value, int] = {}
    kept: set[Value] = set()
    for value in reversed(function.order):
        operation: Any = value.operation
        irregular = isinstance(operation, Folds) or hasattr(operation, "precedes")
        irregular = irregular or _scatters(function, value)
        many = reads.get(value, 0) > 1 and not _is_view(function, value)
        checked = hasattr(operation, "valid")
        if irregular or many or checked or value in outputs:
            kept.add(value)
        times = 1 if value in kept else max(reads.get(value, 0), 1)
        for place, x in enumerate(value.inputs):
            more = irregular or not _is_simple(function, value) or (place > 0 and not operation.elementwise)  # fmt: skip
            reads[x] = reads.get(x, 0) + times * (2 if more else 1)
    return kept


def _is_view(function: Function, value: Value) -> bool:
    """Whether it only says which element of its input is meant."""
    operation = value.operation
    return operation is not None and operation.replicates and not _needs_split(function, value)  # fmt: skip


def _needs_split(function: Function, value: Value) -> bool:
    del function, value
    return False


def _is_simple(function: Function, value: Value) -> bool:
    """Whether an element stands on one element of each input, at the same place."""
    operation = value.operation
    if operation is None or operation.elementwise:
        return True
    same = all(function.size(x) == function.size(value) for x in value.inputs)
    row_major = "(" in operation.access(*(x.type for x in value.inputs))
    return operation.replicates and same and not row_major
