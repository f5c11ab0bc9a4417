"""Comparisons, logic, and the choice that follows from them."""

from collections.abc import Iterator

import numpy as np

from chainrule.ir import Array, DType, Operation, Rng, Value
from chainrule.ops.builder import Builder, S
from chainrule.ops.constant import full_like, literal
from chainrule.ops.elementwise import (
    BOOLEANS,
    NUMBERS,
    REALS,
    Elementwise,
    Gradients,
    Interval,
    Predicate,
)

# Tests draw from here what is true where it is positive.
_SIGNED: Interval = (-1.0, 1.0)


class Less(Predicate):
    """`y = a < b`; false where either is NaN."""

    domain = (REALS, REALS)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's comparison."""
        a, b = inputs
        return np.less(a, b)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One comparison."""
        a, b = inputs
        return builder.less(a, b)


class LessEqual(Predicate):
    """`y = a <= b`; false where either is NaN."""

    domain = (REALS, REALS)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's comparison."""
        a, b = inputs
        return np.less_equal(a, b)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One comparison."""
        a, b = inputs
        return builder.less_equal(a, b)


class Equal(Predicate):
    """`y = a == b`; false where either is NaN, even if both are."""

    domain = (REALS, REALS)
    kinds = BOOLEANS + NUMBERS

    def forward(self, *inputs: Array) -> Array:
        """NumPy's comparison."""
        a, b = inputs
        return np.equal(a, b)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One comparison."""
        a, b = inputs
        return builder.equal(a, b)


class NotEqual(Predicate):
    """`y = a != b`; true where either is NaN. Of booleans: exclusive or."""

    domain = (REALS, REALS)
    kinds = BOOLEANS + NUMBERS

    def forward(self, *inputs: Array) -> Array:
        """NumPy's comparison."""
        a, b = inputs
        return np.not_equal(a, b)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """What equality is not."""
        a, b = inputs
        return builder.logical_not(builder.equal(a, b))


class _Logic(Predicate, abstract=True):
    """Booleans from booleans."""

    kinds = BOOLEANS

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Random booleans."""
        for operation, inputs in super().samples(rng):
            yield operation, tuple(np.greater(x, 0) for x in inputs)


class LogicalAnd(_Logic):
    """`y = a and b`, of booleans."""

    domain = (_SIGNED, _SIGNED)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's and."""
        a, b = inputs
        return np.logical_and(a, b)

    def simplify(self, *inputs: Value) -> Value | None:
        """`a and true` is `a`, `a and false` is false."""
        a, b = inputs
        if literal(a) is not None:
            return b if literal(a) else a
        if literal(b) is not None:
            return a if literal(b) else b
        return None

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        a, b = inputs
        return builder.logical_and(a, b)


class LogicalOr(_Logic):
    """`y = a or b`, of booleans."""

    domain = (_SIGNED, _SIGNED)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's or."""
        a, b = inputs
        return np.logical_or(a, b)

    def simplify(self, *inputs: Value) -> Value | None:
        """`a or false` is `a`, `a or true` is true."""
        a, b = inputs
        if literal(a) is not None:
            return a if literal(a) else b
        if literal(b) is not None:
            return b if literal(b) else a
        return None

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        a, b = inputs
        return builder.logical_or(a, b)


class LogicalNot(_Logic):
    """`y = not x`, of booleans."""

    domain = (_SIGNED,)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's not."""
        return np.logical_not(*inputs)

    def simplify(self, *inputs: Value) -> Value | None:
        """`not not x` is `x`."""
        (x,) = inputs
        return x.inputs[0] if isinstance(x.operation, LogicalNot) else None

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.logical_not(*inputs)


class Where(Elementwise):
    """`y = a` where `condition` holds, else `b`.

    The gradient is chosen in the same way, never multiplied by the condition, so an
    infinity or NaN of the branch not taken stays out of it.
    """

    domain = (_SIGNED, REALS, REALS)
    kinds = BOOLEANS + NUMBERS

    def result(self, *dtypes: DType) -> DType:
        """The dtype that both branches have; the condition is boolean."""
        condition, a, b = dtypes
        if condition.kind != "b":
            raise TypeError(f"where takes a boolean condition, not {condition}")
        return super().result(a, b)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's choice."""
        return np.where(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`da = dy` where the condition holds, else 0; `db` the other way round."""
        del y
        condition = inputs[0]
        zero = full_like(dy, 0)
        return None, where(condition, dy, zero), where(condition, zero, dy)

    def simplify(self, *inputs: Value) -> Value | None:
        """A known condition, or two equal branches, leave one of them."""
        condition, a, b = inputs
        known = literal(condition)
        if a is b or known:
            return a
        return b if known is not None else None

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        condition, a, b = inputs
        return builder.select(condition, a, b)

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Random conditions and branches."""
        for operation, (condition, a, b) in super().samples(rng):
            yield operation, (np.greater(condition, 0), a, b)


less = Less()
less_equal = LessEqual()
equal = Equal()
not_equal = NotEqual()
logical_and = LogicalAnd()
logical_or = LogicalOr()
logical_not = LogicalNot()
where = Where()
