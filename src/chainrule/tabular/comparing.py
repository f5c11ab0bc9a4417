"""Runs side by side: what they were asked for, what came of it, where they differ."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.ir import Array
from chainrule.tables import TableError, TableWarning
from chainrule.tabular.answers import answers_for, place_of
from chainrule.tabular.errors import RunError
from chainrule.tabular.evaluation import Evaluation
from chainrule.tabular.run import TableRun

__all__ = ["Comparison", "Judged", "Row", "compare_runs"]

MOST_ROWS = 20  # that are named of those predicted differently


@dataclass(frozen=True)
class Row:
    """A row that runs do not agree on; the truth, and what each of them says.

    `number`: of the row in the table, from 0; those without a target count.

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
        table: rows with the target to judge all of them by, if any. Of a file, some
            thousand rows are read at a time, as in `TableRun.evaluate`.
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


@dataclass(frozen=True, eq=False)
class _Answered:
    """What is kept of the answers of each run: a number for each row, and the scores.

    `said` are numbers in the target's units, or those of classes.
    """

    scores: Evaluation
    said: Array
    skipped: Array
    warnings: tuple[str, ...]


def _judge(runs: Sequence[TableRun], table: Any, reading: Mapping[str, Any]) -> Judged:
    answered: list[_Answered] = []
    classes: dict[Any, int] = {}  # those of any run, numbered
    for run in runs:
        one, truth = _answered(run, table, reading, classes)
        answered.append(one)
    told = (warning for one in answered for warning in one.warnings)
    for warning in dict.fromkeys(told):
        warnings.warn(warning, TableWarning, stacklevel=3)
    skipped = answered[0].skipped
    if any(not np.array_equal(one.skipped, skipped) for one in answered):
        raise TableError(
            "the runs do not count the same cells as missing in the target"
        )
    said = [one.said for one in answered]
    distance = _distances(runs[0], said)
    labels = list(classes)

    def shown(value: Any) -> Any:
        return labels[value] if labels else float(value)

    most = tuple(
        Row(
            place_of(row, skipped),
            shown(truth[row]),
            tuple(shown(each[row]) for each in said),
            float(distance[row]),
        )
        for row in _largest(distance)
    )
    scores = tuple(one.scores for one in answered)
    return Judged(len(distance), scores, int(np.count_nonzero(distance)), most)


def _answered(
    run: TableRun, table: Any, reading: Mapping[str, Any], classes: dict[Any, int]
) -> tuple[_Answered, Array]:
    """The answers of a run and what was true; classes that are new get a number."""
    answers = answers_for(run.encoder, run.net, table, **reading)
    said, truth = answers.said(), answers.truth
    if run.encoder.classes is not None:
        known = run.encoder.classes.tolist()
        numbers = np.array([classes.setdefault(c, len(classes)) for c in known])
        numbers = numbers.astype(np.min_scalar_type(len(classes)))
        said, truth = numbers[said], numbers[truth]
    scores = answers.evaluation()
    return _Answered(scores, said, answers.skipped, answers.warnings), truth


def _largest(distance: Array) -> list[int]:
    """The rows of the largest distances above 0, of equal ones the first."""
    rest = max(len(distance) - MOST_ROWS, 0)
    least = np.partition(distance, rest)[rest]
    rows = np.flatnonzero((distance > 0) & (distance >= least))
    order = np.argsort(-distance[rows], kind="stable")[:MOST_ROWS]
    largest: list[int] = rows[order].tolist()
    return largest


def _distances(run: TableRun, said: Sequence[Array]) -> Array:
    """How far apart the predictions for each row are; for classes, 1 or 0."""
    if run.task != "regression":
        different = np.any([each != said[0] for each in said[1:]], axis=0)
        return np.asarray(different, np.int8)
    largest, smallest = said[0], said[0]
    for each in said[1:]:
        largest, smallest = np.maximum(largest, each), np.minimum(smallest, each)
    return np.asarray(largest - smallest)
