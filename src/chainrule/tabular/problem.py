"""What is to be learnt from a table: its rows in three parts, encoded."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
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

__all__ = ["Part", "Problem", "prepare"]

LOSSES = {
    "binary": "binary_cross_entropy",
    "multiclass": "cross_entropy",
    "regression": "squared",
}


@dataclass(frozen=True)
class Part:
    """Some rows of the table, and the same encoded.

    `X` has shape `(rows, inputs)`. `y` is what the loss takes: class numbers of shape
    `(rows,)`, or 0 and 1, or standardised numbers, of shape `(rows, 1)`.
    """

    table: pa.Table
    X: Array
    y: Array

    def __len__(self) -> int:
        return len(self.X)


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
    def split(self) -> dict[str, int]:
        """The number of rows in each part."""
        parts = {"validation": self.validation, "test": self.test}
        held = {name: len(part) for name, part in parts.items() if part is not None}
        return {"training": len(self.train), **held}


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
    max_categories: int = 50,
    reading: Mapping[str, Any],
) -> Problem:
    """Read, understand, part and encode a table: see `train_table` for the arguments.

    Raises `TableError` where the table, or what is asked of it, makes no sense.
    """
    table = read_table(source, **reading)
    schema = infer_schema(table, target, task=task, drop=drop, kinds=kinds)
    table = labelled_rows(table, target)
    parts = split(
        _strata(schema, table),
        validation=validation if _is_share(validation) else 0,
        test=test if _is_share(test) else 0,
        seed=seed,
    )
    train = table.take(parts.train)
    encoder = Encoder.fit(train, **schema.choices, max_categories=max_categories)

    def held_out(given: Any, rows: Array) -> Part | None:
        if _is_share(given):
            return _encode(encoder, table.take(rows)) if len(rows) else None
        own = labelled_rows(encoder.read(given, **_own(reading)), target)
        return _encode(encoder, own)

    return Problem(
        schema,
        encoder,
        _encode(encoder, train),
        held_out(validation, parts.validation),
        held_out(test, parts.test),
    )


def _is_share(given: Any) -> bool:
    return isinstance(given, (int, float)) and not isinstance(given, bool)


def _own(reading: Mapping[str, Any]) -> dict[str, Any]:
    """How a table beside the training table is read: what is missing is known."""
    return {name: option for name, option in reading.items() if name != "missing"}


def _strata(schema: Schema, table: pa.Table) -> int | Array:
    """The class of each row as a number; for a regression only how many rows."""
    if schema.task == "regression":
        rows: int = table.num_rows
        return rows
    number = {label: k for k, (label, _) in enumerate(schema.classes)}
    labels = table[schema.target.name].to_pylist()
    return np.array([number[label] for label in labels])


def _encode(encoder: Encoder, table: pa.Table) -> Part:
    # What is new in held-out rows is what they are held out for: no warning.
    X, y = encoder.encode(table).X, encoder.target(table)
    if encoder.task != "multiclass":
        y = y.astype(np.float32).reshape(-1, 1)
    return Part(table, X, y)
