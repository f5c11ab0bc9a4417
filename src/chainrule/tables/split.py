"""Training, validation and test rows: drawn once, the same for the same seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.random import permutation
from chainrule.tables.errors import TableError, count


@dataclass(frozen=True, slots=True)
class Split:
    """The row indices of each part, ascending; no row is in two parts.

    Args:
        train: the rows that the weights are learnt from.
        validation: those that decide when to stop.
        test: those that are looked at once, at the end.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(
    n_or_labels: int | Sequence[Any] | np.ndarray,
    validation: float = 0.15,
    test: float = 0.15,
    seed: int = 0,
    stratify: Sequence[Any] | np.ndarray | None = None,
) -> Split:
    """Part rows at random into training, validation and test rows.

    With labels, each part gets the share of every class that it gets of all rows, as
    nearly as whole rows allow; a class of three rows or more is in every part. A class
    of one row is in training only.

    Args:
        n_or_labels: how many rows there are, or the class of each.
        validation: the share of rows for validation; 0 for none.
        test: the share of rows for the test; 0 for none.
        seed: a whole number; the same rows for the same seed, on every machine.
        stratify: the class of each row, where the first argument is a number.

    Raises:
        TableError: if the shares leave nothing to train on, or there are too few rows.

    >>> parts = split(["a"] * 6 + ["b"] * 4, validation=0.2, test=0.2)
    >>> len(parts.train), len(parts.validation), len(parts.test)
    (6, 2, 2)
    """
    rows, codes = _classes(n_or_labels, stratify)
    _check_shares(validation, test)
    # at least one row for each part that is asked for
    wanted = {
        "test": max(round(rows * test), 1) if test else 0,
        "validation": max(round(rows * validation), 1) if validation else 0,
    }
    dealt = _deal(np.bincount(codes), wanted)
    parts = _assign(codes, dealt, _random_order(rows, seed))
    for name, indices in parts.items():
        if not indices.size and (name == "train" or wanted[name]):
            raise TableError(
                f"{count(rows, 'row')} {'is' if rows == 1 else 'are'} too few to part: "
                f"none is left for {name}; add rows, or do without a part "
                "(validation=0 or test=0)"
            )
    return Split(**parts)


def _classes(
    n_or_labels: int | Sequence[Any] | np.ndarray,
    stratify: Sequence[Any] | np.ndarray | None,
) -> tuple[int, np.ndarray]:
    """Give the number of rows, and the class of each as a code from 0."""
    if isinstance(n_or_labels, int | np.integer):
        rows, labels = int(n_or_labels), stratify
    else:
        rows = len(n_or_labels)
        labels = n_or_labels if stratify is None else stratify
    if rows < 1:
        raise TableError(f"there are no rows to part ({rows})")
    if labels is None:
        return rows, np.zeros(rows, np.int64)
    values = np.asarray(labels)
    if values.shape != (rows,):
        raise TableError(
            f"one label per row is needed to stratify {count(rows, 'row')}, not labels "
            f"of shape {values.shape}"
        )
    if values.dtype.kind == "f" and not np.array_equal(values, np.floor(values)):
        raise TableError(
            "the labels to stratify by are measured numbers, or missing, not classes; "
            "pass the number of rows instead"
        )
    try:
        return rows, np.unique(values, return_inverse=True)[1]
    except TypeError:  # they cannot be put in order
        raise TableError("the labels to stratify by are of several types") from None


def _check_shares(validation: float, test: float) -> None:
    for name, share in (("validation", validation), ("test", test)):
        if not 0 <= share < 1:  # NaN too
            raise TableError(
                f"{name}={share!r} is not a share of the rows; it lies between 0 and "
                "1, such as 0.15"
            )
    if validation + test >= 1:
        raise TableError(
            f"validation={validation!r} and test={test!r} leave no rows to train on; "
            "together they must stay below 1"
        )


def _random_order(rows: int, seed: int) -> np.ndarray:
    """Shuffle the row indices.

    The order comes from a hash of the seed, not from NumPy's stream of that seed: a
    table that was itself drawn with `default_rng(0)` would be parted by its own values.
    """
    if seed < 0:
        raise TableError(f"seed={seed} must not be negative")
    return permutation(seed, "split", rows)


def _deal(counts: np.ndarray, wanted: dict[str, int]) -> dict[str, np.ndarray]:
    """Decide how many rows of each class every part but training gets.

    Each class gives its exact share rounded down, and one row at least if it has one
    for every part; then the classes with the largest remainders give one more, until
    the part is full. One row of each class stays for training.
    """
    parts = 1 + sum(number > 0 for number in wanted.values())
    needed = (counts >= parts).astype(np.int64)  # in each part
    reserved = np.ones_like(counts)  # for training
    reserved += needed * (parts - 1)  # and for the parts that are still to come
    dealt = {}
    for part, number in wanted.items():
        if not number:
            dealt[part] = np.zeros_like(counts)
            continue
        reserved -= needed
        room = np.maximum(counts - reserved, 0)
        exact = counts * (number / counts.sum())
        given = np.minimum(np.maximum(np.floor(exact).astype(np.int64), needed), room)
        for wish in np.argsort(given - exact, kind="stable"):
            if given.sum() < number and given[wish] < room[wish]:
                given[wish] += 1
        reserved += given
        dealt[part] = given
    return dealt


def _assign(
    codes: np.ndarray, dealt: dict[str, np.ndarray], order: np.ndarray
) -> dict[str, np.ndarray]:
    """Take the first rows of each class, in random order, for each part in turn."""
    by_class = order[np.argsort(codes[order], kind="stable")]
    sorted_codes = codes[by_class]
    starts = np.searchsorted(sorted_codes, np.arange(codes.max() + 1))
    rank = np.arange(codes.size) - starts[sorted_codes]
    parts, taken = {}, np.zeros_like(starts)
    for part, given in dealt.items():
        inside = (rank >= taken[sorted_codes]) & (rank < (taken + given)[sorted_codes])
        parts[part] = np.sort(by_class[inside])
        taken = taken + given
    parts["train"] = np.sort(by_class[rank >= taken[sorted_codes]])
    return parts
