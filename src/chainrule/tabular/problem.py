"""What is to be learnt from a table: its rows in three parts, encoded."""

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from chainrule.ir import Array
from chainrule.tables import (
    Encoder,
    Schema,
    infer_schema,
    labelled_rows,
    read_table,
    split,
)
from chainrule.tabular.network import SettingError

__all__ = [
    "ENCODING",
    "Part",
    "Problem",
    "encode_part",
    "is_share",
    "labelled_part",
    "prepare",
    "shaped",
]

# The options of `train_table` that `Encoder.fit` takes.
ENCODING = ("scaling", "max_categories", "min_count", "embed", "target_transform")

LOSSES = {
    "binary": "binary_cross_entropy",
    "multiclass": "cross_entropy",
    "regression": "squared",
}


@dataclass(frozen=True)
class Part:
    """Some rows of the table, and the same encoded.

    `X` has shape `(rows, inputs)`. `y` is what the loss takes: class numbers of shape
    `(rows,)`, or 0 and 1, or standardised numbers, of shape `(rows, 1)`. `counts` is
    what each row counts, if they do not count alike.
    """

    table: pa.Table
    X: Array
    y: Array
    counts: Array | None = None

    def __len__(self) -> int:
        return len(self.X)

    def weights(self, by_class: Array | None) -> Array | None:
        """What each row counts, also by its class; `None` where all count alike."""
        if by_class is None:
            return self.counts
        weights: Array = by_class[self.y.ravel().astype(np.intp)]
        return weights if self.counts is None else weights * self.counts


@dataclass(frozen=True)
class Problem:
    """A table that is ready to be learnt from.

    `schema` tells what the whole table held; `encoder` has seen the training rows only.
    """

    schema: Schema
    encoder: Encoder
    train: Part
    validation: Part | None
    test: Part | None

    @property
    def loss(self) -> str:
        """The name of the loss that fits the task."""
        return LOSSES[self.schema.task]

    @property
    def outputs(self) -> int:
        """How many numbers a network has to give for a row."""
        return len(self.schema.classes) if self.schema.task == "multiclass" else 1

    @property
    def streamed(self) -> bool:
        """Whether the rows that are trained on are on disk, and `train` a sample."""
        return False

    @property
    def rows(self) -> int:
        """How many rows are trained on."""
        return len(self.train)

    @property
    def split(self) -> dict[str, int]:
        """The number of rows in each part."""
        parts = {"validation": self.validation, "test": self.test}
        held = {name: len(part) for name, part in parts.items() if part is not None}
        return {"training": self.rows, **held}

    @property
    def class_counts(self) -> Array:
        """How many of the rows that are trained on each class has, or their weight."""
        return np.bincount(self.train.y.ravel().astype(np.intp), self.train.counts)

    def learnt_from(self, class_weights: Array | None, batch: int) -> dict[str, Any]:
        """The rows that are trained on, as arguments of `fit`.

        Raises `SettingError` where memory does not hold batches of so many.
        """
        del batch
        return {
            "X": self.train.X,
            "y": self.train.y,
            "sample_weight": self.train.weights(class_weights),
            "columns": self.encoder.inputs,
        }

    def checksum(self) -> str:
        """A checksum of all encoded rows: to know whether a table is still the same."""
        checksum = zlib.crc32(repr(self.encoder.inputs).encode())
        for part in (self.train, self.validation, self.test):
            for array in () if part is None else (part.X, part.y):
                checksum = zlib.crc32(np.ascontiguousarray(array).data, checksum)
        return f"{checksum:08x}"

    def close(self) -> None:
        """Give back what is not memory."""


def prepare(
    source: Any,
    target: str,
    *,
    validation: Any,
    test: Any,
    seed: int,
    task: str | None = None,
    drop: Collection[str] = (),
    kinds: Mapping[str, str] | None = None,
    encoding: Mapping[str, Any] | None = None,
    reading: Mapping[str, Any],
    sample_weight: Any = None,
    validation_weight: Any = None,
) -> Problem:
    """Read, understand, part and encode a table: see `train_table` for the arguments.

    `encoding` are options of `Encoder.fit`, `reading` of `read_table`. Raises
    `TableError` where the table, or what is asked of it, makes no sense.
    """
    table = read_table(source, **reading)
    counts = None if sample_weight is None else _counts(sample_weight, table.num_rows)
    if counts is not None and not counts.all():
        counted = np.flatnonzero(counts)
        table, counts = table.take(counted), counts[counted]
    schema = infer_schema(table, target, task=task, drop=drop, kinds=kinds)
    if counts is not None:
        counts = counts[table[target].is_valid().to_numpy()]
    table = labelled_rows(table, target)
    parts = split(
        _strata(schema, table),
        validation=validation if is_share(validation) else 0,
        test=test if is_share(test) else 0,
        seed=seed,
    )
    train = table.take(parts.train)
    weights = None if counts is None else counts[parts.train]
    encoder = Encoder.fit(train, **schema.choices, **(encoding or {}), weights=weights)

    def drawn(rows: Array) -> Part:
        part = encode_part(encoder, table.take(rows))
        return part if counts is None else replace(part, counts=counts[rows])

    def held_out(given: Any, rows: Array, weights: Any = None) -> Part | None:
        if is_share(given):
            return drawn(rows) if len(rows) else None
        return labelled_part(encoder, given, target, reading, weights)

    return Problem(
        schema,
        encoder,
        drawn(parts.train),
        held_out(validation, parts.validation, validation_weight),
        held_out(test, parts.test),
    )


def _counts(weights: Any, rows: int, name: str = "sample_weight") -> Array:
    """What each row counts, as an array; `SettingError` where that makes no sense."""
    try:
        counts = np.asarray(weights, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise SettingError(f"{name} is a number for each row") from None
    if counts.shape != (rows,):
        raise SettingError(
            f"{name} has shape {counts.shape}, and the table has {rows} rows"
        )
    wrong = np.flatnonzero(~(np.isfinite(counts) & (counts >= 0)))
    if wrong.size:
        raise SettingError(
            f"{name} is {counts[wrong[0]]:g} in row {wrong[0] + 1}: a weight is a "
            "number from 0 up"
        )
    if not counts.any():
        raise SettingError(f"{name} is 0 in every row: some have to count")
    return counts


def is_share(given: Any) -> bool:
    """Whether held-out rows are a share of the table, not a table of their own."""
    return isinstance(given, (int, float)) and not isinstance(given, bool)


def labelled_part(
    encoder: Encoder,
    source: Any,
    target: str,
    reading: Mapping[str, Any],
    weights: Any = None,
) -> Part:
    """Read and encode a table beside the training table."""
    # What is missing is known already.
    own = {name: option for name, option in reading.items() if name != "missing"}
    table = encoder.read(source, **own)
    part = encode_part(encoder, labelled_rows(table, target))
    if weights is None:
        return part
    counts = _counts(weights, table.num_rows, "validation_weight")
    return replace(part, counts=counts[table[target].is_valid().to_numpy()])


def _strata(schema: Schema, table: pa.Table) -> int | Array:
    """The class of each row as a number; for a regression only how many rows."""
    if schema.task == "regression":
        rows: int = table.num_rows
        return rows
    number = {label: k for k, (label, _) in enumerate(schema.classes)}
    labels = table[schema.target.name].to_pylist()
    return np.array([number[label] for label in labels])


def encode_part(encoder: Encoder, table: pa.Table) -> Part:
    """Encode rows that have a target."""
    # What is new in held-out rows is what they are held out for: no warning.
    X, y = encoder.encode(table).X, encoder.target(table)
    return Part(table, X, shaped(encoder, y))


def shaped(encoder: Encoder, y: Array) -> Array:
    """Encoded targets as the loss takes them: see `Part`."""
    return y if encoder.task == "multiclass" else y.astype(np.float32).reshape(-1, 1)
