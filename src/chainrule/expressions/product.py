"""Products of vectors, matrices and tensors: `matmul`, `dot`, `outer`, `einsum`.

All of them end in transposes, reshapes, sums, elementwise products, and `ops.matmul`
wherever it can do the summing.
"""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np

from chainrule import ops
from chainrule.expressions.promote import (
    Operand,
    broadcast_to,
    broadcast_together,
    check_axis,
    promote,
)
from chainrule.expressions.shape import ravel, reshaped, transposed
from chainrule.ir import Value

# The name of an axis in a product: a letter, or a number for an axis without one.
Label: TypeAlias = str | int


def matmul(a: Operand, b: Operand) -> Value:
    """`y[..., i, j] = sum over k of a[..., i, k] b[..., k, j]`: the matrix product.

    Matrices are the last two axes, and the axes in front of them broadcast. A vector
    on the left is one row, a vector on the right is one column, and `y` lacks that
    axis. Raises `ValueError` if the extents along `k` differ.

    >>> import chainrule as cr
    >>> cr.matmul(cr.tensor([[1., 2.], [3., 4.]]), cr.tensor([1., 1.]))
    tensor([3., 7.])
    """
    left, right = promote(a, b)
    _check_matmul(left, right)
    is_row, is_column = left.type.rank == 1, right.type.rank == 1
    if is_row and is_column:
        return ops.sum_(ops.multiply(left, right), (0,))
    y = _matmul(
        reshaped(left, (1, *left.shape)) if is_row else left,
        reshaped(right, (*right.shape, 1)) if is_column else right,
    )
    rows = () if is_row else y.shape[-2:-1]
    columns = () if is_column else y.shape[-1:]
    return reshaped(y, (*y.shape[:-2], *rows, *columns))


def _matmul(a: Value, b: Value) -> Value:
    if b.type.rank == 2:
        # One product, however many axes the batch has.
        rows = reshaped(a, (math.prod(a.shape[:-1]), a.shape[-1]))
        return reshaped(ops.matmul(rows, b), (*a.shape[:-1], b.shape[-1]))
    try:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ValueError(
            f"matmul: the stacks of matrices {a.shape} and {b.shape} do not broadcast: "
            "before the last two axes, each pair of extents has to be equal, or one "
            "of them 1"
        ) from None
    return ops.matmul(
        broadcast_to(a, (*batch, *a.shape[-2:]), "matmul"),
        broadcast_to(b, (*batch, *b.shape[-2:]), "matmul"),
    )


def _check_matmul(a: Value, b: Value) -> None:
    if a.type.rank == 0 or b.type.rank == 0:
        raise ValueError(
            f"matmul takes vectors and matrices, not shapes {a.shape} and {b.shape}; "
            "a number is multiplied with *"
        )
    summed = b.shape[-2] if b.type.rank > 1 else b.shape[0]
    if a.shape[-1] != summed:
        what = "rows" if b.type.rank > 1 else "elements"
        raise ValueError(
            f"matmul: {a.shape} times {b.shape}: the left has "
            f"{a.shape[-1]} {'columns' if a.type.rank > 1 else 'elements'}, the right "
            f"{summed} {what}"
        )


def dot(a: Operand, b: Operand) -> Value:
    """`y = sum over k of a[..., k] b[..., k, j]`: NumPy's dot product.

    Of two vectors the inner product, of matrices their product, with a number the
    multiple; of stacks every matrix of `a` with every matrix of `b`. Raises
    `ValueError` if the extents along `k` differ.

    >>> import chainrule as cr
    >>> cr.dot(cr.tensor([1., 2.]), cr.tensor([3., 4.]))
    tensor(11.)
    """
    left, right = promote(a, b)
    if left.type.rank == 0 or right.type.rank == 0:
        return ops.multiply(*broadcast_together("dot", left, right))
    if right.type.rank <= 2:
        return matmul(left, right)
    return tensordot(left, right, ([-1], [-2]))


def outer(a: Operand, b: Operand) -> Value:
    """`y[i, j] = a[i] b[j]`; both are raveled first.

    >>> import chainrule as cr
    >>> cr.outer(cr.tensor([1., 2.]), cr.tensor([3., 4.]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    left, right = (ravel(x) for x in promote(a, b))
    shape = (*left.shape, *right.shape)
    columns, rows = ops.broadcast(left, shape, (1,)), ops.broadcast(right, shape, (0,))
    return ops.multiply(columns, rows)


def tensordot(
    a: Operand, b: Operand, axes: int | tuple[Sequence[int], Sequence[int]] = 2
) -> Value:
    """The sum of products over pairs of axes: `axes[0]` of `a`, `axes[1]` of `b`.

    The result has the other axes of `a`, then those of `b`. A number `n` pairs the
    last `n` axes of `a` with the first `n` of `b`. Raises `ValueError` if the extents
    of a pair differ.

    >>> import chainrule as cr
    >>> import numpy as np
    >>> cr.tensordot(np.ones((2, 3, 4)), np.ones((3, 4, 5))).shape
    (2, 5)
    """
    left, right = promote(a, b)
    ranks = left.type.rank, right.type.rank
    if isinstance(axes, int):
        pairs = list(zip(range(-axes, 0), range(axes), strict=True))
    elif len(axes) == 2 and len(axes[0]) == len(axes[1]):
        pairs = list(zip(*axes, strict=True))
    else:
        raise ValueError(f"tensordot: {axes} does not pair axes of one and the other")
    of_left: list[Label] = list(range(ranks[0]))
    of_right: list[Label] = list(range(ranks[0], ranks[0] + ranks[1]))
    for pair in pairs:
        i = check_axis(pair[0], ranks[0], "tensordot")
        j = check_axis(pair[1], ranks[1], "tensordot")
        if left.shape[i] != right.shape[j]:
            raise ValueError(
                f"tensordot: axis {i} of {left.shape} and axis {j} of {right.shape} "
                "have different extents"
            )
        of_right[j] = of_left[i]
    kept = [label for label in of_left if label not in of_right]
    kept += [label for label in of_right if label not in of_left]
    terms = _Term(left, tuple(of_left)), _Term(right, tuple(of_right))
    return _ordered(_contract(*terms, kept), kept)


def einsum(subscripts: str, *operands: Operand) -> Value:
    """The Einstein sum: `"ij,jk->ik"` is `y[i, k] = sum over j of a[i, j] b[j, k]`.

    A letter names an axis; letters that the output lacks are summed over; a letter
    that comes twice in one operand takes its diagonal; `...` stands for further axes,
    which broadcast. Without `->` the output has the axes of `...`, then every letter
    that comes once, in alphabetical order. Several operands are multiplied two at a
    time, the cheapest pair first.

    Raises `ValueError` for subscripts that do not fit the operands, and where a letter
    stands for different extents.

    >>> import chainrule as cr
    >>> cr.einsum("ij,j->i", cr.tensor([[1., 2.], [3., 4.]]), cr.tensor([1., 1.]))
    tensor([3., 7.])
    >>> cr.einsum("ii", cr.tensor([[1., 2.], [3., 4.]]))
    tensor(5.)
    """
    if not isinstance(subscripts, str) or not operands:
        raise TypeError("einsum takes subscripts such as 'ij,jk->ik', then tensors")
    values = promote(*operands)
    inputs, output = _parse(subscripts, [value.type.rank for value in values])
    terms = [_Term(value, of) for value, of in zip(values, inputs, strict=True)]
    terms = [_diagonal(term) for term in _broadcast_ellipsis(terms, subscripts)]
    while len(terms) > 1:
        a, b = min(combinations(terms, 2), key=_cost)
        terms.remove(a)
        terms.remove(b)
        needed = {*output, *(label for term in terms for label in term.labels)}
        terms.append(_contract(a, b, needed))
    return _ordered(_summed(terms[0], output), output)


# --- terms ------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Term:
    """A value with a name for each of its axes."""

    value: Value
    labels: tuple[Label, ...]

    @property
    def extents(self) -> dict[Label, int]:
        return dict(zip(self.labels, self.value.shape, strict=True))


def _cost(pair: tuple[_Term, _Term]) -> int:
    """How many products the sum of two terms has."""
    a, b = pair
    return math.prod((a.extents | b.extents).values())


def _summed(term: _Term, needed: Collection[Label]) -> _Term:
    """The sum over all labels that are not needed."""
    axes = tuple(a for a, label in enumerate(term.labels) if label not in needed)
    if not axes:
        return term
    labels = tuple(label for label in term.labels if label in needed)
    return _Term(ops.sum_(term.value, axes), labels)


def _ordered(term: _Term, labels: Sequence[Label]) -> Value:
    return transposed(term.value, [term.labels.index(label) for label in labels])


def _contract(a: _Term, b: _Term, needed: Collection[Label]) -> _Term:
    """The product of two terms, summed over the labels that are not needed."""
    a = _summed(a, {*needed, *b.labels})
    b = _summed(b, {*needed, *a.labels})
    shared = [label for label in a.labels if label in b.labels]
    batch = [label for label in shared if label in needed]
    summed = [label for label in shared if label not in needed]
    rows = [label for label in a.labels if label not in shared]
    columns = [label for label in b.labels if label not in shared]
    if not summed or not (rows or columns):
        together = (*a.labels, *columns)
        extents = a.extents | b.extents
        product = ops.multiply(
            _aligned(a, together, extents), _aligned(b, together, extents)
        )
        return _summed(_Term(product, together), needed)
    y = ops.matmul(
        _grouped(a, batch, rows, summed), _grouped(b, batch, summed, columns)
    )
    labels = (*batch, *rows, *columns)
    extents = a.extents | b.extents
    return _Term(reshaped(y, tuple(extents[label] for label in labels)), labels)


def _aligned(term: _Term, labels: Sequence[Label], extents: dict[Label, int]) -> Value:
    """The term with all of `labels`, repeated along those that it lacks."""
    value = _ordered(term, [label for label in labels if label in term.labels])
    new = tuple(a for a, label in enumerate(labels) if label not in term.labels)
    shape = tuple(extents[label] for label in labels)
    return ops.broadcast(value, shape, new) if new else value


def _grouped(term: _Term, *groups: Sequence[Label]) -> Value:
    """The term with one axis for each group of labels; none for an empty first one."""
    value = _ordered(term, [label for group in groups for label in group])
    extents = term.extents
    shape = [math.prod(extents[label] for label in group) for group in groups]
    return reshaped(value, tuple(shape if groups[0] else shape[1:]))


def _diagonal(term: _Term) -> _Term:
    """The term with each label once: where it came several times, the diagonal."""
    counts = Counter(term.labels)
    for label, count in counts.items():
        if count == 1:
            continue
        extent = term.extents[label]
        others = [a for a, other in enumerate(term.labels) if other != label]
        same = [a for a, other in enumerate(term.labels) if other == label]
        shape = tuple(term.value.shape[a] for a in others)
        value = transposed(term.value, others + same)
        value = reshaped(value, (*shape, extent**count))
        # One step further along each of the axes at once.
        step = sum(extent**power for power in range(count))
        stop = (extent - 1) * step + 1 if extent else 0
        value = ops.slice_along(value, len(shape), 0, stop, step)
        term = _Term(value, (*(term.labels[a] for a in others), label))
    return term


def _broadcast_ellipsis(terms: list[_Term], subscripts: str) -> list[_Term]:
    """Check that labels agree in their extents; drop the axes to be repeated.

    An axis of an ellipsis that has extent 1 where another has more is dropped: the
    product repeats what lacks an axis.
    """
    extents: dict[Label, int] = {}
    for term in terms:
        for label, extent in zip(term.labels, term.value.shape, strict=True):
            known = extents.setdefault(label, extent)
            if isinstance(label, int) and 1 in {known, extent}:
                extents[label] = extent if known == 1 else known
            elif known != extent:
                what = "an axis of '...'" if isinstance(label, int) else repr(label)
                raise ValueError(
                    f"einsum: {what} in {subscripts!r} has extent {known} in one "
                    f"place and {extent} in another"
                )
    return [_without_repeated(term, extents) for term in terms]


def _without_repeated(term: _Term, extents: dict[Label, int]) -> _Term:
    axes = [
        (label, extent)
        for label, extent in zip(term.labels, term.value.shape, strict=True)
        if extent == extents[label]
    ]
    value = reshaped(term.value, tuple(extent for _, extent in axes))
    return _Term(value, tuple(label for label, _ in axes))


# --- subscripts -------------------------------------------------------------------

_Labels: TypeAlias = tuple[Label, ...]


def _parse(subscripts: str, ranks: Sequence[int]) -> tuple[list[_Labels], _Labels]:
    """The labels of each operand and of the output. Raises `ValueError`."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        raise ValueError(
            f"einsum: {subscripts!r} is for {len(parts)} operands, not {len(ranks)}"
        )
    inputs = [
        _labels(part, rank, subscripts) for part, rank in zip(parts, ranks, strict=True)
    ]
    found = Counter(label for labels in inputs for label in labels)
    among = tuple(sorted(label for label in found if isinstance(label, int)))
    if not arrow:
        once = (x for x, n in found.items() if n == 1 and isinstance(x, str))
        return inputs, (*among, *sorted(once))
    letters = right.replace("...", "", 1)
    output = _labels(right, len(letters) + len(among) * ("..." in right), subscripts)
    _check_output(output, found, subscripts)
    if among and "..." not in right:
        raise ValueError(f"einsum: the output of {subscripts!r} lacks '...'")
    return inputs, output


def _check_output(output: _Labels, found: Collection[Label], subscripts: str) -> None:
    for label in output:
        if label not in found:
            raise ValueError(
                f"einsum: the output of {subscripts!r} has {label!r}, which is in no "
                "operand"
            )
    if len(set(output)) != len(output):
        raise ValueError(f"einsum: the output of {subscripts!r} has a letter twice")


def _labels(part: str, rank: int, subscripts: str) -> _Labels:
    """The labels of one operand: letters, and numbers for the axes of an ellipsis.

    Numbers count from the end, as broadcasting does: -1 is the last axis.
    """
    before, dots, after = part.partition("...")
    letters = before + after
    if letters and not (letters.isascii() and letters.isalpha()):
        raise ValueError(
            f"einsum: {part!r} in {subscripts!r} has more than letters and one '...'"
        )
    hidden = rank - len(letters)
    if hidden < 0 or (hidden and not dots):
        raise ValueError(
            f"einsum: {part!r} in {subscripts!r} names {len(letters)} axes of a tensor "
            f"that has {rank}"
        )
    return (*before, *range(-hidden, 0), *after)
