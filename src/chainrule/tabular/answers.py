"""What a network gives for the rows of a table that have a target, and its scores."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from chainrule.ir import Array
from chainrule.nn import Module
from chainrule.tables import Encoder, TableError
from chainrule.tables.columns import labelled_rows
from chainrule.tables.errors import numbered
from chainrule.tables.stream import is_file
from chainrule.tabular.evaluation import (
    Evaluation,
    evaluate_classes,
    evaluate_regression,
)
from chainrule.tabular.forward import Forward
from chainrule.training.program import predict
from chainrule.training.scores import probabilities

__all__ = ["Answers", "answers_for", "judge", "place_of", "said"]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network gave for rows, beside what was true.

    - `truth`, of shape `(rows,)`: class indices in as few bytes as hold them, or
      numbers in their own units.
    - `y`, of shape `(rows, outputs)`: what the network gave.
    - `skipped`: the rows of the table, from 0, that are not among them, for they have
      no target.
    - `warnings`: of what is new in the table since training.
    """

    encoder: Encoder
    truth: Array
    y: Array
    skipped: Array
    warnings: tuple[str, ...]

    def evaluation(self) -> Evaluation:
        """The scores of the network on these rows."""
        return _judged(self.encoder, self.truth, self.y)

    def said(self) -> Array:
        """What the network says of each row, of the dtype of `truth`."""
        return said(self.encoder, self.y).astype(self.truth.dtype, copy=False)


def answers_for(encoder: Encoder, net: Module, source: Any, **reading: Any) -> Answers:
    """What `net` gives for the rows of a table that have a target.

    Of a file, some thousand rows are read at a time, and no more than the `Answers` is
    kept of them.

    Args:
        encoder: what was learnt of the columns in training.
        net: the network that was trained.
        source: whatever `chainrule.tables.read_table` takes.
        reading: `delimiter` and `encoding`, as for `read_table`.

    Raises:
        TableError: where the table lacks columns, they hold something else, or no row
            has a target.
    """
    if is_file(source):
        return _of_file(encoder, net, source, reading)
    whole = encoder.read(source, **reading)
    target = encoder.schema.target.name
    table = labelled_rows(whole, target)
    kept = whole[target].is_valid().to_numpy()
    with numbered(np.flatnonzero(kept)):
        encoded = encoder.encode(table)
        truth = _truth(encoder, table)
    warnings = tuple(str(found) for found in encoded.findings if not found.learned)
    y = predict(net, encoded.X)
    return Answers(encoder, truth, y, np.flatnonzero(~kept), warnings)


def _of_file(
    encoder: Encoder, net: Module, source: Any, reading: dict[str, Any]
) -> Answers:
    forward, target = Forward(encoder, net), encoder.schema.target.name

    def kept(table: pa.Table, y: Array) -> tuple[Array, Array]:
        return _truth(encoder, table), y

    parts = list(forward.over(source, kept, columns=[target], target=target, **reading))
    if not parts:
        raise TableError(f"the target {target!r} has no value in any row")
    truth, y = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Answers(encoder, truth, y, forward.skipped, forward.warnings)


def said(encoder: Encoder, y: Array) -> Array:
    """What the network says: the likeliest class's index, or a number in its units."""
    if encoder.classes is None:
        return encoder.decode(y[:, 0])
    return np.asarray(probabilities(y).argmax(axis=1))


def place_of(row: int, skipped: Array) -> int:
    """Where the row of that number stands in a table that has some that were skipped.

    >>> [place_of(row, np.array([0, 3])) for row in range(3)]
    [1, 2, 4]
    """
    # So many of the rows that were kept stand before each that was not.
    before = skipped - np.arange(len(skipped))
    return row + int(np.searchsorted(before, row, side="right"))


def judge(encoder: Encoder, net: Module, X: Array, table: pa.Table) -> Evaluation:
    """The scores of `net` on the rows of `table`, which are encoded as `X`."""
    return _judged(encoder, _truth(encoder, table), predict(net, X))


def _truth(encoder: Encoder, table: pa.Table) -> Array:
    """The class index of each row, in as few bytes as hold it; or the number."""
    if encoder.classes is None:
        return encoder.target_values(table)
    return encoder.target(table).astype(np.min_scalar_type(len(encoder.classes)))


def _judged(encoder: Encoder, truth: Array, y: Array) -> Evaluation:
    try:
        if encoder.classes is None:
            return evaluate_regression(truth, said(encoder, y))
        return evaluate_classes(truth, probabilities(y), encoder.classes.tolist())
    except TableError:
        raise
    except ValueError as error:  # numbers that are too large to be squared
        raise TableError(f"the predictions cannot be judged: {error}") from None
