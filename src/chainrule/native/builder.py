"""Writes loop nests, instruction by instruction.

Two things happen while a nest is written. An instruction that has been written
before, on the same registers, is not written again. And every instruction goes to the
outermost loop in which all that it needs is known, so nothing is computed in a loop
that could be computed before it.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from chainrule.ir import DType
from chainrule.native import maths
from chainrule.native.nest import (
    BOOL,
    INDEX,
    POINTER,
    Block,
    Function,
    Instruction,
    Loop,
    Register,
)

Number: TypeAlias = float | int

_FLOAT_BITS: dict[int, DType] = {4: np.dtype(np.int32), 8: np.dtype(np.int64)}
_BITS_FLOAT: dict[int, DType] = {4: np.dtype(np.float32), 8: np.dtype(np.float64)}


class _Open:
    """A loop being written: its block, and what has been written in it already."""

    def __init__(self) -> None:
        self.block = Block()
        self.known: dict[object, Register] = {}
        self.notes: dict[object, Register] = {}


class NestBuilder:
    """Scalar and vector instructions; a scalar meets a vector as copies of itself."""

    def __init__(self, name: str, lanes: int, *, estimates: int = 0) -> None:
        self.name = name
        self.lanes = lanes
        # The bytes of vectors whose reciprocal roots an instruction estimates; or none.
        self.estimates = estimates
        self._count = 0
        self._open = [_Open()]
        self._arguments: list[Register] = []
        self._literals: dict[tuple[DType, str], Register] = {}

    # --- structure ----------------------------------------------------------------

    @property
    def depth(self) -> int:
        """How many loops are open."""
        return len(self._open) - 1

    def argument(self, dtype: DType) -> Register:
        """What the function is called with."""
        register = self._register(dtype, 1, 0)
        self._arguments.append(register)
        return register

    def function(self, note: str = "") -> Function:
        """All that has been written."""
        block = self._open[0].block
        return Function(self.name, tuple(self._arguments), block, note)

    def loop(
        self,
        start: Register,
        stop: Register,
        step: int,
        body: Callable[..., Sequence[Register]],
        first: Sequence[Register] = (),
    ) -> tuple[Register, ...]:
        """`body(index, *carried)` gives what is carried on; what the last round left.

        A loop that would run for one round only is not written as one.
        """
        if start.literal is not None and stop.literal is not None:
            rounds = max(0, -(-(int(stop.literal) - int(start.literal)) // step))
            if rounds == 0:
                return tuple(first)
            if rounds == 1:
                return tuple(body(start, *first))
        depth = self.depth + 1
        index = self._register(INDEX, 1, depth)
        carried = tuple(self._register(x.dtype, x.lanes, depth) for x in first)
        self._open.append(_Open())
        after = tuple(body(index, *carried))
        after = tuple(
            self.spread(x, c.lanes) for x, c in zip(after, carried, strict=True)
        )
        block = self._open.pop().block
        at = Loop(
            index, start, stop, self.index(step), carried, tuple(first), block, after
        )
        self._open[-1].block.items.append(at)
        # Seen from outside, a carried register is known only after the loop.
        return tuple(self._write_here("left", x.dtype, x.lanes, (x,)) for x in carried)

    def note(self, key: object, x: Register) -> Register:
        """Remember `x` under `key` for as long as the loop lasts that it belongs to."""
        self._open[x.depth].notes[key] = x
        return x

    def noted(self, key: object) -> Register | None:
        """What was remembered, if that loop is still open."""
        for level in reversed(self._open):
            if key in level.notes:
                return level.notes[key]
        return None

    def _register(self, dtype: DType, lanes: int, depth: int) -> Register:
        self._count += 1
        return Register(self._count, dtype, lanes, depth)

    def _write(
        self,
        name: str,
        dtype: DType,
        lanes: int,
        inputs: tuple[Register, ...],
        extra: tuple[object, ...] = (),
    ) -> Register:
        """An instruction without effects, where all that it needs is known."""
        key = (name, dtype, lanes, inputs, extra)
        depth = max((x.depth for x in inputs), default=0)
        home = self._open[depth]
        found = home.known.get(key)
        if found is None:
            found = home.known[key] = self._register(dtype, lanes, depth)
            home.block.items.append(Instruction(name, found, inputs, extra))
        return found

    def _write_here(
        self,
        name: str,
        dtype: DType,
        lanes: int,
        inputs: tuple[Register, ...],
        extra: tuple[object, ...] = (),
    ) -> Register:
        """An instruction that has its place in time."""
        register = self._register(dtype, lanes, self.depth)
        self._open[-1].block.items.append(Instruction(name, register, inputs, extra))
        return register

    def _effect(
        self, name: str, inputs: tuple[Register, ...], extra: tuple[object, ...] = ()
    ) -> None:
        self._open[-1].block.items.append(Instruction(name, None, inputs, extra))

    # --- registers ----------------------------------------------------------------

    def literal(self, value: Number, dtype: DType, lanes: int = 1) -> Register:
        """A number that is known now."""
        number = dtype.type(value).item()
        # By text, so that -0.0 is not 0.0 and a NaN is itself.
        key = (dtype, f"{number!r}*{lanes}")
        found = self._literals.get(key)
        if found is None:
            found = Register(0, dtype, lanes, 0, number)
            self._literals[key] = found
        return found

    def index(self, value: int) -> Register:
        """A literal coordinate."""
        return self.literal(value, INDEX)

    def spread(self, x: Register, lanes: int) -> Register:
        """Copies of a scalar in all lanes of a vector."""
        if x.lanes == lanes:
            return x
        if x.literal is not None:
            return self.literal(x.literal, x.dtype, lanes)
        return self._write("spread", x.dtype, lanes, (x,))

    def together(self, *xs: Register) -> tuple[Register, ...]:
        """All with as many lanes as the widest has."""
        lanes = max(x.lanes for x in xs)
        return tuple(self.spread(x, lanes) for x in xs)

    def _same(self, name: str, *xs: Register) -> Register:
        xs = self.together(*xs)
        return self._write(name, xs[0].dtype, xs[0].lanes, xs)

    def lane_numbers(self, dtype: DType = INDEX) -> Register:
        """`0, 1, 2, ...` in the lanes."""
        return self._write("lanes", dtype, self.lanes, ())

    # --- memory -------------------------------------------------------------------

    def address(self, pointer: Register, index: Register, dtype: DType) -> Register:
        """Where element `index` of an array of `dtype` lies; a vector of places."""
        if index.literal == 0 and index.lanes == 1:
            return pointer
        return self._write("address", POINTER, index.lanes, (pointer, index), (dtype,))

    def load(
        self,
        place: Register,
        dtype: DType,
        lanes: int = 1,
        mask: Register | None = None,
        *,
        lasting: bool = True,
    ) -> Register:
        """What lies at `place`: `lanes` neighbours, or one for each lane of it.

        `lasting` says that nothing is written there while the function runs.
        """
        inputs = (place,) if mask is None else (place, mask)
        write = self._write if lasting else self._write_here
        lanes = max(lanes, place.lanes)
        return write("load", dtype, lanes, inputs)

    def store(self, x: Register, place: Register, mask: Register | None = None) -> None:
        """Put `x` at `place`, in the lanes of `mask`."""
        inputs = (x, place) if mask is None else (x, place, mask)
        self._effect("store", inputs)

    def demand(self, holds: Register, flag: Register, mask: Register | None) -> None:
        """Raise the flag in memory unless `holds`, where `mask` does."""
        self._effect("demand", (holds, flag) if mask is None else (holds, flag, mask))

    def first_lanes(self, count: Register) -> Register:
        """The mask of the first `count` lanes."""
        numbers = self.lane_numbers(np.dtype(np.int32))
        narrow = self.cast(count, np.dtype(np.int32))
        return self.less(numbers, narrow)

    def shuffle(self, x: Register, y: Register, order: tuple[int, ...]) -> Register:
        """The lanes `order` of `x` and `y` one after the other."""
        return self._write("shuffle", x.dtype, len(order), (x, y), order)

    def turn(self, lines: Sequence[Register]) -> list[Register]:
        """A square of as many vectors as they have lanes, transposed."""
        found = list(lines)
        count = len(found)
        step = 1
        while step < count:
            low = tuple(
                lane + count - step if lane & step else lane for lane in range(count)
            )
            high = tuple(
                lane + count if lane & step else lane + step for lane in range(count)
            )
            for i in range(count):
                if not i & step:
                    x, y = found[i], found[i + step]
                    found[i] = self.shuffle(x, y, low)
                    found[i + step] = self.shuffle(x, y, high)
            step *= 2
        return found

    def lane(self, x: Register, number: int) -> Register:
        """One lane, as a scalar."""
        return self._write("lane", x.dtype, 1, (x,), (number,))

    # --- ops.builder.Builder, native.instructions.Instructions ---------------------

    def dtype(self, x: Register) -> DType:
        """What `x` holds."""
        return x.dtype

    def constant(self, value: Number, like: Register) -> Register:
        """`value`, of the dtype of `like`."""
        return self.literal(value, like.dtype)

    def cast(self, x: Register, dtype: DType) -> Register:
        """`x` as another dtype."""
        if x.dtype == dtype:
            return x
        if x.literal is not None:
            return self.literal(
                np.asarray(x.literal, x.dtype).astype(dtype).item(), dtype, x.lanes
            )
        return self._write("cast", dtype, x.lanes, (x,))

    def add(self, x: Register, y: Register) -> Register:
        """`x + y`."""
        if x.dtype.kind in "iu":
            if x.literal is not None and y.literal is not None:
                return self._known(x, y, int(x.literal) + int(y.literal))
            if y.literal == 0 and y.lanes <= x.lanes:
                return x
            if x.literal == 0 and x.lanes <= y.lanes:
                return y
        return self._same("add", x, y)

    def _known(self, x: Register, y: Register, value: int) -> Register:
        bits = 8 * x.dtype.itemsize
        value &= (1 << bits) - 1
        if x.dtype.kind == "i" and value >> (bits - 1):
            value -= 1 << bits
        return self.literal(value, x.dtype, max(x.lanes, y.lanes))

    def subtract(self, x: Register, y: Register) -> Register:
        """`x - y`."""
        return self._same("subtract", x, y)

    def multiply(self, x: Register, y: Register) -> Register:
        """`x * y`."""
        if x.dtype.kind in "iu":
            if x.literal is not None and y.literal is not None:
                return self._known(x, y, int(x.literal) * int(y.literal))
            if y.literal == 1 and y.lanes <= x.lanes:
                return x
            if x.literal == 1 and x.lanes <= y.lanes:
                return y
        return self._same("multiply", x, y)

    def divide(self, x: Register, y: Register) -> Register:
        """`x / y`."""
        return self._same("divide", x, y)

    def fma(self, x: Register, y: Register, z: Register) -> Register:
        """`x * y + z`, rounded once."""
        return self._same("fma", x, y, z)

    def floor_divide(self, x: Register, y: Register) -> Register:
        """`floor(x / y)`; 0 where an integer is divided by 0."""
        if x.dtype.kind == "f":
            return self._float_division(x, y)[0]
        return self._whole_division(x, y)[0]

    def remainder(self, x: Register, y: Register) -> Register:
        """`x - floor(x / y) y`, with the sign of `y`; 0 for an integer by 0."""
        if x.dtype.kind == "f":
            return self._float_division(x, y)[1]
        return self._whole_division(x, y)[1]

    def _float_division(self, x: Register, y: Register) -> tuple[Register, Register]:
        """As NumPy: the rest of C's fmod, with the sign of `y`; then the floor."""
        zero = self.constant(0, x)
        rest = self._fmod(x, y)
        has_rest = self.logical_not(self.equal(rest, zero))
        other_sign = self.logical_not(
            self._same_truth(self.less(rest, zero), self.less(y, zero))
        )
        adjust = self.logical_and(has_rest, other_sign)
        times = self.divide(self.subtract(x, rest), y)
        times = self.select(adjust, self.subtract(times, self.constant(1, x)), times)
        floored = self.floor(times)
        away = self.less(self.constant(0.5, x), self.subtract(times, floored))
        floored = self.select(away, self.add(floored, self.constant(1, x)), floored)
        by_zero = self.equal(y, zero)
        quotient = self.select(by_zero, self.divide(x, y), floored)
        rest = self.select(adjust, self.add(rest, y), rest)
        negative_zero = self.constant(-0.0, x)
        signed_zero = self.select(self.less(y, zero), negative_zero, zero)
        return quotient, self.select(self.equal(rest, zero), signed_zero, rest)

    def _fmod(self, x: Register, y: Register) -> Register:
        """The rest of `x / y` with the sign of `x`, exact.

        A rounded quotient leaves a rest that is exact and shorter by all the digits
        of a float. Where the quotient could overflow, a multiple of `y` goes first.
        """
        rounds, large = (7, 2.0**127) if x.dtype.itemsize == 4 else (21, 2.0**1023)
        m, r = self.absolute(y), self.absolute(x)
        below_one = self.less(m, self.constant(1, m))
        multiple = self.select(below_one, self.multiply(m, self.constant(large, m)), m)
        zero = self.constant(0, x)
        for by in (multiple, m):
            for _ in range(rounds):
                q = self.round(self.divide(r, by))
                r = self.fma(self.negate(q), by, r)
            r = self.select(self.less(r, zero), self.add(r, by), r)
        infinite = self.equal(m, self.constant(float("inf"), m))
        finite = self.less(self.absolute(x), self.constant(float("inf"), x))
        r = self.select(self.logical_and(infinite, finite), self.absolute(x), r)
        return self.select(self.less(x, zero), self.negate(r), r)

    def _same_truth(self, x: Register, y: Register) -> Register:
        return self.logical_not(self._same("bitwise_xor", x, y))

    def _whole_division(self, x: Register, y: Register) -> tuple[Register, Register]:
        zero, one = self.constant(0, x), self.constant(1, x)
        by_zero = self.equal(y, zero)
        safe = self.select(by_zero, one, y)
        if x.dtype.kind == "i":
            # The lowest number by -1 would overflow.
            negative = self.equal(y, self.constant(-1, x))
            safe = self.select(negative, one, safe)
        times, rest = self._same("quotient", x, safe), self._same("rest", x, safe)
        if x.dtype.kind == "i":
            sign = self._same_truth(self.less(rest, zero), self.less(safe, zero))
            adjust = self.logical_and(
                self.logical_not(self.equal(rest, zero)), self.logical_not(sign)
            )
            times = self.select(adjust, self.subtract(times, one), times)
            rest = self.select(adjust, self.add(rest, safe), rest)
            times = self.select(negative, self.negate(x), times)
            rest = self.select(negative, zero, rest)
        return self.select(by_zero, zero, times), self.select(by_zero, zero, rest)

    def quotient(self, x: Register, y: Register) -> Register:
        """`x / y` of integers, cut; `y` is not 0."""
        return self._same("quotient", x, y)

    def negate(self, x: Register) -> Register:
        """`-x`."""
        return self._same("negate", x)

    def absolute(self, x: Register) -> Register:
        """`|x|`."""
        if x.dtype.kind == "f":
            return self._same("absolute", x)
        if x.dtype.kind != "i":
            return x
        return self.select(self.less(x, self.constant(0, x)), self.negate(x), x)

    def maximum(self, x: Register, y: Register) -> Register:
        """The larger one, NaN if either is."""
        return self._extreme(x, y, self.less)

    def minimum(self, x: Register, y: Register) -> Register:
        """The smaller one, NaN if either is."""
        return self._extreme(x, y, lambda a, b: self.less(b, a))

    def _extreme(
        self,
        x: Register,
        y: Register,
        beaten: Callable[[Register, Register], Register],
    ) -> Register:
        """One comparison and one choice keep a NaN of `x`; a NaN of `y` costs more."""
        if x.literal is not None:
            x, y = y, x
        found = self.select(beaten(x, y), y, x)
        if y.literal is not None or y.dtype.kind != "f":
            return found
        return self.select(self.equal(y, y), found, y)

    def floor(self, x: Register) -> Register:
        """The largest integer that is not above `x`."""
        return self._same("floor", x)

    def round(self, x: Register) -> Register:
        """The nearest integer, the even one of two that are as near."""
        return self._same("round", x)

    def _truth(self, name: str, x: Register, y: Register) -> Register:
        x, y = self.together(x, y)
        return self._write(name, BOOL, x.lanes, (x, y))

    def less(self, x: Register, y: Register) -> Register:
        """`x < y`."""
        return self._truth("less", x, y)

    def less_equal(self, x: Register, y: Register) -> Register:
        """`x <= y`."""
        return self._truth("less_equal", x, y)

    def equal(self, x: Register, y: Register) -> Register:
        """`x == y`."""
        return self._truth("equal", x, y)

    def logical_and(self, x: Register, y: Register) -> Register:
        """Whether both hold."""
        return self._same("bitwise_and", x, y)

    def logical_or(self, x: Register, y: Register) -> Register:
        """Whether one holds."""
        return self._same("bitwise_or", x, y)

    def logical_not(self, x: Register) -> Register:
        """Whether it does not hold."""
        return self._same("bitwise_xor", x, self.literal(1, BOOL))

    def select(self, condition: Register, x: Register, y: Register) -> Register:
        """`x` where `condition` holds, else `y`."""
        condition, x, y = self.together(condition, x, y)
        return self._write("select", x.dtype, x.lanes, (condition, x, y))

    def sqrt(self, x: Register) -> Register:
        """The square root."""
        if x.lanes * x.dtype.itemsize == self.estimates:
            return maths.sqrt(self, x, self._same("estimated_root", x))
        return self._same("sqrt", x)

    def bits(self, x: Register) -> Register:
        """The bits of a float, as a signed integer."""
        dtype = _FLOAT_BITS[x.dtype.itemsize]
        return self._write("bits", dtype, x.lanes, (x,))

    def real(self, x: Register) -> Register:
        """The float that has these bits."""
        dtype = _BITS_FLOAT[x.dtype.itemsize]
        return self._write("bits", dtype, x.lanes, (x,))

    def bitwise_and(self, x: Register, y: Register) -> Register:
        """Bits that both have."""
        return self._same("bitwise_and", x, y)

    def bitwise_or(self, x: Register, y: Register) -> Register:
        """Bits that one has."""
        return self._same("bitwise_or", x, y)

    def bitwise_xor(self, x: Register, y: Register) -> Register:
        """Bits that one has and the other has not."""
        return self._same("bitwise_xor", x, y)

    def _shift(self, name: str, x: Register, bits: int | Register) -> Register:
        by = self.literal(bits, x.dtype) if isinstance(bits, int) else bits
        return self._same(name, x, by)

    def shift_left(self, x: Register, bits: int | Register) -> Register:
        """The bits moved towards the high end."""
        return self._shift("shift_left", x, bits)

    def shift_right(self, x: Register, bits: int | Register) -> Register:
        """The bits moved towards the low end, zeros following."""
        return self._shift("shift_right", x, bits)

    def shift_right_signed(self, x: Register, bits: int | Register) -> Register:
        """The bits moved towards the low end, copies of the sign following."""
        return self._shift("shift_right_signed", x, bits)

    def exp(self, x: Register) -> Register:
        """`e**x`."""
        return maths.exp(self, x)

    def expm1(self, x: Register) -> Register:
        """`e**x - 1`, exact near 0."""
        return maths.expm1(self, x)

    def log(self, x: Register) -> Register:
        """The natural logarithm."""
        return maths.log(self, x)

    def log1p(self, x: Register) -> Register:
        """`log(1 + x)`, exact near 0."""
        return maths.log1p(self, x)

    def power(self, x: Register, y: Register) -> Register:
        """`x**y`."""
        x, y = self.together(x, y)
        return maths.power(self, x, y)

    def sin(self, x: Register) -> Register:
        """The sine of `x` radians."""
        return maths.sin(self, x)

    def cos(self, x: Register) -> Register:
        """The cosine of `x` radians."""
        return maths.cos(self, x)

    def tanh(self, x: Register) -> Register:
        """The hyperbolic tangent."""
        return maths.tanh(self, x)

    def sigmoid(self, x: Register) -> Register:
        """`1 / (1 + e**-x)`."""
        return maths.sigmoid(self, x)

    def erf(self, x: Register) -> Register:
        """The error function."""
        return maths.erf(self, x)

    def erfc(self, x: Register) -> Register:
        """`1 - erf(x)`, exact where erf is near 1."""
        return maths.erfc(self, x)
