"""Coordinates in loop nests: sums of registers, and how they vary along a vector."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.native.builder import NestBuilder
from chainrule.native.nest import INDEX, Register

# Coordinates that differ from lane to lane in no simple way: 32 bits, unless there may
# be more elements than they can count.
LANE = np.dtype(np.int32)


@dataclass(frozen=True)
class Coordinate:
    """`constant + sum of factor x register + lane x number of the lane + vector`."""

    terms: tuple[tuple[Register, int], ...] = ()
    constant: int = 0
    lane: int = 0
    vector: Register | None = None

    @property
    def is_scalar(self) -> bool:
        """Whether it is the same in all lanes."""
        return self.lane == 0 and self.vector is None

    @property
    def known(self) -> int | None:
        """The number that it is, if that is known now."""
        return self.constant if self.is_scalar and not self.terms else None


class Arithmetic:
    """Coordinates added, scaled and divided, in the registers of a nest."""

    def __init__(self, builder: NestBuilder, *, wide: bool = False) -> None:
        self.builder = builder
        self.lane = INDEX if wide else LANE

    def of(self, x: Register | int) -> Coordinate:
        """A scalar coordinate."""
        if isinstance(x, int):
            return Coordinate(constant=x)
        if x.literal is not None:
            return Coordinate(constant=int(x.literal))
        if x.lanes > 1:
            return Coordinate(vector=self.builder.cast(x, self.lane))
        return Coordinate(((self.builder.cast(x, INDEX), 1),))

    def add(self, a: Coordinate, b: Coordinate) -> Coordinate:
        """`a + b`."""
        terms = dict(a.terms)
        for register, factor in b.terms:
            terms[register] = terms.get(register, 0) + factor
        vector = a.vector if b.vector is None else b.vector
        if a.vector is not None and b.vector is not None:
            vector = self.builder.add(a.vector, b.vector)
        return Coordinate(
            tuple((r, f) for r, f in terms.items() if f),
            a.constant + b.constant,
            a.lane + b.lane,
            vector,
        )

    def subtract(self, a: Coordinate, b: Coordinate) -> Coordinate:
        """`a - b`."""
        return self.add(a, self.scale(b, -1))

    def scale(self, a: Coordinate, factor: int) -> Coordinate:
        """`factor a`."""
        if factor == 1:
            return a
        if factor == 0:
            return Coordinate()
        vector = a.vector
        if vector is not None:
            vector = self.builder.multiply(
                vector, self.builder.literal(factor, self.lane)
            )
        return Coordinate(
            tuple((r, f * factor) for r, f in a.terms),
            a.constant * factor,
            a.lane * factor,
            vector,
        )

    def times(self, a: Coordinate, factor: Register | int) -> Coordinate:
        """`factor a`, for a factor that may be known only when the program runs."""
        if isinstance(factor, int) or factor.literal is not None:
            return self.scale(
                a, int(factor if isinstance(factor, int) else factor.literal or 0)
            )
        if a.is_scalar:
            if a.known == 0:
                return a
            # Term by term, so that each is computed in the loop that it belongs to.
            found = Coordinate()
            for register, number in a.terms:
                product = self.builder.multiply(register, factor)
                found = self.add(found, Coordinate(((product, number),)))
            return self.add(
                found,
                Coordinate(((factor, a.constant),)) if a.constant else Coordinate(),
            )
        spread = self.builder.multiply(
            self.lanes(a), self.builder.cast(factor, self.lane)
        )
        return Coordinate(vector=spread)

    def scalar(self, a: Coordinate) -> Register:
        """The coordinate in one register."""
        b = self.builder
        total: Register | None = None
        for register, factor in sorted(
            a.terms, key=lambda t: (t[0].depth, t[0].number)
        ):
            term = register if factor == 1 else b.multiply(register, b.index(factor))
            total = term if total is None else b.add(total, term)
        if total is None:
            return b.index(a.constant)
        return total if a.constant == 0 else b.add(total, b.index(a.constant))

    def lanes(self, a: Coordinate) -> Register:
        """The coordinate in the lanes of one register."""
        b = self.builder
        base = Coordinate(a.terms, a.constant)
        total = b.spread(b.cast(self.scalar(base), self.lane), b.lanes)
        if a.lane:
            steps = b.multiply(b.lane_numbers(self.lane), b.literal(a.lane, self.lane))
            total = b.add(total, steps)
        return total if a.vector is None else b.add(total, a.vector)

    def number(self, a: Coordinate) -> Register:
        """The coordinate as a number to compute with, scalar or in lanes."""
        return self.scalar(a) if a.is_scalar else self.lanes(a)

    def divided(
        self, a: Coordinate, divisor: Register | int
    ) -> tuple[Coordinate, Coordinate]:
        """Quotient and rest of a coordinate that is not below 0."""
        b = self.builder
        if isinstance(divisor, Register) and divisor.literal is not None:
            divisor = int(divisor.literal)
        if divisor == 1:
            return a, Coordinate()
        if isinstance(divisor, int) and divisor <= 0:
            return Coordinate(), Coordinate()
        if a.known is not None and isinstance(divisor, int):
            known = divmod(a.known, divisor)
            return Coordinate(constant=known[0]), Coordinate(constant=known[1])
        x = self.number(a)
        unsigned = np.dtype(np.uint64 if x.dtype == INDEX else np.uint32)
        # Unsigned, for that takes fewer instructions.
        by = (
            b.literal(divisor, unsigned)
            if isinstance(divisor, int)
            else self._above_zero(b.cast(divisor, unsigned))
        )
        quotient = b.quotient(b.cast(x, unsigned), by)
        whole = b.cast(quotient, x.dtype)
        rest = b.subtract(x, b.multiply(whole, b.cast(by, x.dtype)))
        return self.of(whole), self.of(rest)

    def _above_zero(self, x: Register) -> Register:
        return self.builder.maximum(x, self.builder.constant(1, x))

    def clamp(self, a: Coordinate, extent: Register | int) -> Coordinate:
        """The nearest coordinate that is at least 0 and below `extent`."""
        b = self.builder
        x = self.number(a)
        top = (
            b.constant(max(extent - 1, 0), x)
            if isinstance(extent, int)
            else b.subtract(b.cast(extent, x.dtype), b.constant(1, x))
        )
        x = b.minimum(b.maximum(x, b.constant(0, x)), top)
        return self.of(x)

    def join(
        self, xs: Sequence[Coordinate], sizes: Sequence[Register | int]
    ) -> Coordinate:
        """Digits as one coordinate, the last of them counting ones."""
        found = Coordinate()
        for x, size in zip(xs, sizes, strict=True):
            found = self.add(self.times(found, size), x)
        return found
