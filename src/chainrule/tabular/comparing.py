"""Runs side by side: what they were asked for, what came of it, where they differ."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.ir import Array
from chainrule.tables import TableError, labelled_rows
from chainrule.tabular.errors import RunError
from chainrule.tabular.evaluation import Evaluation
from chainrule.tabular.run import TableRun, judge
from chainrule.training.program import predict

__all__ = ["Comparison", "Judged", "Row", "compare_runs"]

MOST_ROWS = 20  # that are named of those predicted differently


@dataclass(frozen=True)
class Row:
    """A row, from 0, that runs do not agree on; the truth, and what each of them says.

    `distance`: for numbers, between the largest and the smallest of them.
    """

    number: int
    actual: Any
    predicted: tuple[Any, ...]
    distance: float


@dataclass(frozen=True)
class Judged:
    """Runs on the rows of one table.

    - `scores` of each run.
    - `rows` in all, of which `differing` are predicted differently; `most` of these,
      those that differ most first.
    """

    rows: int
    scores: tuple[Evaluation, ...]
    differing: int
    most: tuple[Row, ...]


@dataclass(frozen=True)
class Comparison:
    """What `compare_runs` found.

    - `settings` that differ, by name, with the value in each run.
    - `same_rows`: whether the scores of their own test rows are of the same rows.
    - `judged`: all of them on the rows of one table, if one was given.
    """

    runs: tuple[TableRun, ...]
    settings: Mapping[str, tuple[Any, ...]]
    same_rows: bool
    judged: Judged | None


def compare_runs(
    runs: Sequence[TableRun], table: Any = None, **reading: Any
) -> Comparison:
    """Put runs side by side.

    Args:
        runs: two or more, which predict the same target.
        table: rows with the target to judge all of them by, if any.
        reading: `delimiter` and `encoding`, as for `read_table`.

    Raises:
        RunError: if they do not predict the same.
        TableError: where the table does not fit them.
    """
    first = runs[0]
    for run in runs[1:]:
        if (run.target, run.task) != (first.target, first.task):
            raise RunError(
                f"{_what(first)} and {_what(run)}: only runs that predict the same can "
                "be compared"
            )
    judged = None if table is None else _judge(runs, table, reading)
    return Comparison(tuple(runs), _differing(runs), _same_rows(runs), judged)


def _what(run: TableRun) -> str:
    return f"{run.folder or 'one run'} predicts {run.target!r} ({run.task})"


def _differing(runs: Sequence[TableRun]) -> dict[str, tuple[Any, ...]]:
    asked = [
        {"table": run.provenance.source, "rows": run.schema.rows, **run.settings,
         "columns": len(run.encoder.columns)}
        for run in runs
    ]  # fmt: skip
    names = dict.fromkeys(name for settings in asked for name in settings)
    found = {name: tuple(s.get(name) for s in asked) for name in names}
    return {n: values for n, values in found.items() if len(_distinct(values)) > 1}


def _distinct(values: Iterable[Any]) -> set[str]:
    return {repr(value) for value in values}


def _same_rows(runs: Sequence[TableRun]) -> bool:
    """Whether the same rows of the same table were kept for the test."""
    parts = ("seed", "test", "validation")
    drawn = [
        (run.schema.rows, run.schema.target, *(run.settings.get(n) for n in parts))
        for run in runs
    ]
    return len(_distinct(drawn)) == 1


def _judge(runs: Sequence[TableRun], table: Any, reading: Mapping[str, Any]) -> Judged:
    scores, said = [], []
    for run in runs:
        rows = labelled_rows(run.encoder.read(table, **reading), run.target)
        X = run.encoder.transform(rows)
        scores.append(judge(run.encoder, run.net, X, rows))
        named = run.predictions(predict(run.net, X))[f"predicted_{run.target}"]
        said.append(named.to_numpy())
        actual = run.encoder.target_values(rows)
    if len({len(each) for each in said}) > 1:
        raise TableError(
            "the runs do not count the same cells as missing in the target"
        )
    distance = _distances(runs[0], said)
    differing = np.flatnonzero(distance > 0)
    order = differing[np.argsort(-distance[differing], kind="stable")][:MOST_ROWS]
    most = tuple(
        Row(
            int(number),
            _plain(actual[number]),
            tuple(_plain(each[number]) for each in said),
            float(distance[number]),
        )
        for number in order
    )
    return Judged(len(distance), tuple(scores), len(differing), most)


def _distances(run: TableRun, said: Sequence[Array]) -> Array:
    """How far apart the predictions for each row are; for classes, 1 or 0."""
    if run.task == "regression":
        stacked = np.stack(said)
        return np.asarray(stacked.max(axis=0) - stacked.min(axis=0))
    different = np.any([each != said[0] for each in said[1:]], axis=0)
    return np.asarray(different, np.float64)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
