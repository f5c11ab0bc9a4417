"""Scores: as a table for the terminal, and for `--json`."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from chainrule.tabular.evaluation import Evaluation
from chainrule.tabular.run import TableRun
from chainrule.view.words import metric, show

__all__ = ["score_facts", "score_table", "training_facts"]


def score_table(judged: Mapping[str, Evaluation]) -> Table:
    """A row for each metric, a column for each of those that were judged, by name.

    The best figure of a row is bold.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    for name in judged:
        table.add_column(Text(name), justify="right")
    for key in dict.fromkeys(key for found in judged.values() for key in found.metrics):
        values = [e.metrics.get(key) for e in judged.values()]
        shown = [Text("-") if v is None else Text(show(key, v)) for v in values]
        known = [v for v in values if v is not None]
        best = max(known) if metric(key).higher_is_better else min(known)
        for text, value in zip(shown, values, strict=True):
            if value == best and len(known) > 1:
                text.stylize("bold")
        table.add_row(Text(metric(key).name), *shown)
    return table


def training_facts(run: TableRun) -> dict[str, Any]:
    """What `--json` says of how a run was trained."""
    history = run.history
    return {
        "settings": dict(run.settings),
        "split": dict(run.split),
        "epochs": len(history),
        "best_epoch": history.best_epoch,
        "stopped": history.stopped,
        "seconds": round(sum(record["seconds"] for record in history), 3),
    }


def score_facts(run: TableRun) -> dict[str, Any]:
    """What `--json` says of how good a run turned out to be."""
    test = run.evaluation
    return {
        "test": None if test is None else {"rows": test.rows, **test.metrics},
        "baselines": {name: dict(b.metrics) for name, b in run.baselines.items()},
        "influence": {found.column: found.increase for found in run.influence},
    }
