"""Nested lists, tuples and dicts of tensors, taken apart and put together again.

A list of nothing but numbers, nested or not, is one leaf: it is how an array is
written down.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Structure:
    """What is left of a nested container when its leaves are taken out.

    `kind` is `list`, `tuple`, `dict`, or `None` for a leaf. It is hashable, so two
    calls with arguments of one structure can share a compiled program.
    """

    kind: type | None
    keys: tuple[Any, ...] = ()
    children: "tuple[Structure, ...]" = ()


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of `tree` in order, and the structure that puts them back.

    >>> flatten({"W": 1, "b": (2, [3, 4])})[0]
    [1, 2, [3, 4]]
    """
    if isinstance(tree, list) and _is_array(tree):
        return [tree], Structure(None)
    if isinstance(tree, dict):
        keys, items = tuple(tree), list(tree.values())
    elif type(tree) in (list, tuple):
        keys, items = (), list(tree)
    else:
        return [tree], Structure(None)
    parts = [flatten(item) for item in items]
    leaves = [leaf for part, _ in parts for leaf in part]
    kind = dict if isinstance(tree, dict) else type(tree)
    return leaves, Structure(kind, keys, tuple(child for _, child in parts))


def unflatten(structure: Structure, leaves: Iterator[Any]) -> Any:
    """The container of `structure` around the next of `leaves`.

    >>> leaves, structure = flatten({"W": 1, "b": (2, 3)})
    >>> unflatten(structure, iter(leaves))
    {'W': 1, 'b': (2, 3)}
    """
    if structure.kind is None:
        return next(leaves)
    items = [unflatten(child, leaves) for child in structure.children]
    if structure.kind is dict:
        return dict(zip(structure.keys, items, strict=True))
    return structure.kind(items)


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """`tree` with each leaf replaced by what `function` makes of it."""
    leaves, structure = flatten(tree)
    return unflatten(structure, iter([function(leaf) for leaf in leaves]))


def _is_array(items: list[Any]) -> bool:
    return bool(items) and all(
        _is_array(item) if isinstance(item, list) else type(item) in (int, float, bool)
        for item in items
    )
