"""Helpers for operations that take axes."""

from collections.abc import Sequence
from string import ascii_lowercase
from typing import TypeVar

T = TypeVar("T")


def letters(rank: int) -> str:
    """The names of the axes of a tensor of rank `rank` in an access: `"ijk..."`."""
    if rank > len(ascii_lowercase):
        raise ValueError(f"a tensor of rank {rank} has more axes than there are names")
    return (ascii_lowercase[8:] + ascii_lowercase[:8])[:rank]


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
