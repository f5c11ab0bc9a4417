"""Axes: helpers for operations that take them, and the notation of `access`.

An operation that is not elementwise says with `access(*input_types)` which input
elements each output element is made of. Every axis is named by a letter:

    matmul              ik,kj->ij       a letter that the output lacks is reduced over
    sum, max, argmax    ij->i
    broadcast           j->ij           a letter that no input has repeats them
    transpose           ij->ji
    reshape             (ij)->(kl)      the same elements in row-major order
    iota                #j->ij          no input: the coordinate along `j`

What stands for an axis is one of

    i           the coordinate `i`, which runs over the whole extent
    {a+bi}      the coordinate `a + b i`: slice `{1+2i}j->ij`, flip `{4-1i}j->ij`; in
                the output of pad `ij->{1+2i}j`, where no input reaches the rest
    {p|q}       any of several such: concatenate `ij,kj->{0+1i|3+1k}j`
    {<=i}       every coordinate up to `i`, or from it with `>=`: cumulative sum
                `{<=i}j->ij`
    [k]         the coordinate that an integer input has at `k`, the n-th bracket that
                of the input n after the first: take `i[k]j,k->ikj`, of two axes
                `[k][k]j,k,k->kj`, gather `i[ij],ij->ij`, and in the output of their
                adjoints index_add `ikj,k->i[k]j` and scatter_add `ij,ij->i[ij]`
    :           all coordinates, in a way that only the operation knows: argsort along
                the last axis `i:->ij`

The elements that `access` names are all that an output element depends on; extents
never say anything of it.
"""

from collections.abc import Sequence
from string import ascii_lowercase
from typing import TypeVar

T = TypeVar("T")

_IDEOGRAPHS = 0x4E00


def letters(rank: int) -> str:
    """The names of so many axes in an access: `"ijk..."`.

    Where the alphabet ends, as when a hundred tensors are concatenated, ideographs
    follow, of which there are twenty thousand.
    """
    names = ascii_lowercase[8:] + ascii_lowercase[:8]
    more = range(_IDEOGRAPHS, _IDEOGRAPHS + max(0, rank - len(names)))
    return names[:rank] + "".join(map(chr, more))


def check_axes(rank: int, axes: tuple[int, ...], operation: str) -> None:
    """Refuse axes that are not distinct, sorted and within the rank."""
    if tuple(sorted(set(axes))) != axes or any(not 0 <= a < rank for a in axes):
        raise ValueError(
            f"{operation}: {axes} are not distinct axes, in order, of {rank}"
        )


def without(items: Sequence[T], axes: tuple[int, ...], operation: str) -> tuple[T, ...]:
    """What `items`, one for each axis, says of the axes that are not in `axes`."""
    check_axes(len(items), axes, operation)
    return tuple(item for axis, item in enumerate(items) if axis not in axes)


def strided(letter: str, start: int, step: int) -> str:
    """The coordinate `start + step i` in an access, for the letter `i`."""
    return f"{{{start}{step:+}{letter}}}"
