"""A table run as a model: raw columns in, predictions out."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from chainrule import functions as F
from chainrule.compile import Traced, trace
from chainrule.export.encodings import (
    class_probabilities,
    codes_of,
    encoded,
    example,
    in_units,
    side_by_side,
)
from chainrule.export.errors import ExportError
from chainrule.export.model import ROWS, Codes, Input, Model, assemble, predicting
from chainrule.export.names import Names
from chainrule.ir import scope
from chainrule.tables.dates import DateColumn
from chainrule.tables.targets import ClassTarget, NumberTarget
from chainrule.tabular.run import TableRun
from chainrule.tensor import Tensor


def model_of_run(run: TableRun, name: str) -> Model:
    """The model of a run, with the encoding of its table.

    Raises `ExportError` for a column, or a target, that has no rule.
    """
    columns = run.encoder.columns
    forms = {column.name: column.form for column in run.schema.inputs}
    spellings = [cell for cell in run.encoder.missing if cell]
    codes = [codes_of(c, forms[c.name], spellings) for c in columns]
    with predicting(run.net.modules().values()):
        traced = [_traced(run, codes, rows) for rows in ROWS]
    names = Names()
    inputs = [
        Input(names.new(c.name, "column"), c.name, value, code, _kind(c, code))
        for c, code, value in zip(
            columns, codes, traced[0].graph.inputs[: len(columns)], strict=True
        )
    ]
    classes = run.encoder.classes
    labels = {} if classes is None else {"label": tuple(classes.tolist())}
    facts = _facts(run)
    return assemble(
        name, traced, inputs, facts=facts, labels=labels, missing=tuple(spellings)
    )


def _kind(column: Any, codes: Codes | None) -> str:
    if isinstance(column, DateColumn):
        return column.written
    return "number" if codes is None else "text"


def _traced(run: TableRun, codes: Sequence[Codes | None], rows: int) -> Traced:
    raw = [example(code, rows) for code in codes]

    def predict(*columns: Tensor) -> dict[str, Tensor]:
        parts = []
        for column, values in zip(run.encoder.columns, columns, strict=True):
            with scope(column.name):
                parts += encoded(column, values)
        with scope("inputs"):
            X = side_by_side(parts)
        with scope("network"):
            y = run.net(X)
        with scope("prediction"):
            return _predictions(run, y)

    return trace(predict, *raw)


def _predictions(run: TableRun, y: Tensor) -> dict[str, Tensor]:
    match run.encoder.goal:
        case ClassTarget():
            p = class_probabilities(y)
            return {"label": F.argmax(p, 1), "probabilities": p}
        case NumberTarget() as goal:
            return {"prediction": in_units(goal, y[:, 0])}
    raise ExportError(
        f"the target {run.target!r} is of a kind that cannot be exported; export the "
        "network alone (run.net)"
    )


def _facts(run: TableRun) -> dict[str, Any]:
    """What the file says of where it comes from."""
    facts: dict[str, Any] = {
        "title": f"Predicts {run.target}",
        "task": run.task,
        "target": run.target,
    }
    classes = run.encoder.classes
    if classes is not None:
        facts["classes"] = classes.tolist()
    facts["network"] = str(asdict(run.architecture))
    facts["trained"] = asdict(run.provenance)
    return facts
