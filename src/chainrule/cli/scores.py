"""Scores as a table for the terminal."""

from collections.abc import Mapping

from rich import box
from rich.table import Table
from rich.text import Text

from chainrule.tabular.evaluation import Evaluation
from chainrule.view.words import metric, show

__all__ = ["score_table"]


def score_table(judged: Mapping[str, Evaluation]) -> Table:
    """A row for each metric, a column for each of those that were judged, by name.

    The best figure of a row is bold.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("")
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
