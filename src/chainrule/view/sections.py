"""The sections of a report, from the facts to HTML."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from chainrule.tabular.evaluation import Influence
from chainrule.training.history import History
from chainrule.view import charts, timing
from chainrule.view.blocks import (
    NOTHING,
    bar_row,
    bars,
    data_table,
    definitions,
    figure,
    folded,
    label,
    paragraph,
    row,
)
from chainrule.view.facts import Layer, Provenance, Report
from chainrule.view.judgement import confusion, curves, predictions, result
from chainrule.view.markup import Content, Html, join, tag
from chainrule.view.numbers import number, percent
from chainrule.view.words import metric

if TYPE_CHECKING:
    from chainrule.tables.schema import Column, Schema  # charts alone need no tables

__all__ = ["sections"]

SHOWN_COLUMNS: Final = 12
NOT_METRICS: Final = {"epoch", "loss", "val_loss", "learning_rate", "seconds"}


def sections(report: Report) -> list[tuple[str, str, Html]]:
    """`(anchor, heading, content)` of every section that has something to say."""
    first, *others = _tested(report)
    found = [
        first,
        ("learning", "How it learned", _learning(report.history, report.metric)),
        *others,
        ("columns", "Which columns it leans on", _influence(report.influence)),
        ("table", "The table", _table(report)),
        ("network", "The network", _network(report.layers)),
        ("speed", "How fast it was", timing.speed(report.history.speed)),
        ("again", "How to run it again", _provenance(report.provenance)),
        ("next", "What to try next", _next_commands(report.next_commands)),
    ]
    return [(anchor, heading, html) for anchor, heading, html in found if html]


def _tested(report: Report) -> list[tuple[str, str, Html]]:
    test = report.test
    if test is None:
        return [("result", "Result", paragraph(_UNTESTED))]
    return [
        ("result", "Result", result(test, report.baselines)),
        ("classes", "Which classes it mixes up", confusion(test)),
        ("probabilities", "What its probabilities are worth", curves(test)),
        ("predictions", "Where its predictions lie", predictions(test)),
    ]


_UNTESTED: Final = (
    "No rows were set aside for a test, so nothing can be said of rows that the network"
    " has not seen. Train again with some set aside to find out."
)


# Learning -----------------------------------------------------------------------------


def _learning(history: History, shown_metric: str | None) -> Html:
    if not len(history):
        return Html("")
    metrics = [column for column in history.columns if column not in NOT_METRICS]
    figures = [_loss_figure(history)]
    if shown_metric or metrics:
        figures.append(_metric_figure(history, shown_metric or metrics[0]))
    return join(_learning_words(history), tag("div", *figures, class_="pair"))


def _recorded(history: History, column: str) -> list[float]:
    """A value an epoch; not a number where nothing was recorded."""
    return [record.get(column, math.nan) for record in history]


def _loss_figure(history: History) -> Html:
    validated = "val_loss" in history.columns
    reading = "The loss measures how wrong the network is, and learning makes it fall."
    if validated:
        reading += (
            " Where the validation loss (rows it does not learn from) rises while the"
            " training loss still falls, it has begun to learn by heart."
        )
    chart = charts.loss_curves(
        _recorded(history, "epoch"),
        _recorded(history, "loss"),
        _recorded(history, "val_loss") if validated else None,
        best_epoch=history.best_epoch,
    )
    return figure("Loss", chart, reading)


def _metric_figure(history: History, column: str) -> Html:
    what = metric(column.removeprefix("val_"))
    rows = "validation" if column.startswith("val_") else "training"
    chart = charts.epoch_curve(
        _recorded(history, "epoch"),
        _recorded(history, column),
        what.name,
        best_epoch=history.best_epoch,
        share=what.style == "share",
    )
    return figure(
        f"{what.name} on the {rows} rows",
        chart,
        "The same story as a score that people use: where the curve is flat, more"
        " epochs bring nothing.",
    )


def _learning_words(history: History) -> Html:
    epochs = len(history)
    words = [
        "It saw every training row once (one epoch)."
        if epochs == 1
        else f"It saw every training row in each of {number(epochs)} epochs."
    ]
    if history.best_epoch is not None:
        words.append(f"The weights kept are those of epoch {history.best_epoch}.")
    if history.stopped:
        words.append(f"Training ended early: {history.stopped}.")
    rates = [
        rate for rate in _recorded(history, "learning_rate") if math.isfinite(rate)
    ]
    if rates and min(rates) == max(rates):
        words.append(f"The learning rate was {number(rates[0])} throughout.")
    elif rates:
        words.append(
            f"The learning rate went from {number(rates[0])} to {number(rates[-1])},"
            f" with {number(max(rates))} at its highest."
        )
    return paragraph(" ".join(words))


# Columns ------------------------------------------------------------------------------


def _influence(influence: Sequence[Influence]) -> Html:
    if not influence:
        return Html("")
    largest = max(found.increase for found in influence)
    decimals = _decimals(largest)
    return join(
        paragraph(
            "Shuffle the values of one column among the rows and see how much worse the"
            " predictions get: the longer the bar, the more the network leans on that"
            " column; near zero it makes no difference. Columns that say the same share"
            " their influence, and a long bar is no proof of a cause."
        ),
        bars(
            "Rise of the loss when a column is shuffled",
            [_influence_row(found, largest, decimals) for found in influence],
            "columns",
        ),
    )


def _decimals(largest: float) -> int:
    """Decimals that show four digits of the largest number."""
    if largest <= 0:
        return 3
    return min(max(3 - math.floor(math.log10(largest)), 0), 8)


def _influence_row(found: Influence, largest: float, decimals: int) -> Html:
    value = join(
        f"{found.increase:+,.{decimals}f}",
        tag("small", f" ± {found.deviation:,.{decimals}f}"),
    )
    share = found.increase / largest if largest > 0 else 0
    return bar_row(label(found.column), share, value)


# The table, the network, the run ------------------------------------------------------


def _table(report: Report) -> Html:
    schema = report.schema
    parts = ", ".join(f"{number(n)} for {part}" for part, n in report.split.items())
    rows = number(schema.rows)
    facts: dict[str, Content] = {
        "Read from": tag("code", report.provenance.source),
        "Rows": f"{rows} ({parts})" if parts else rows,
        "Target": label(schema.target.name, 80),
        "Columns": _column_words(schema),
        "Missing values": _missing_words(schema.inputs),
    }
    notes = tag("ul", *(tag("li", note) for note in schema.notes))
    return join(
        definitions(facts),
        notes if schema.notes else "",
        _class_rows({str(name): rows for name, rows in schema.classes}),
        _columns([*schema.inputs, *schema.left_out]),
    )


def _column_words(schema: "Schema") -> str:
    kinds = Counter(column.kind for column in schema.inputs)
    used = ", ".join(f"{kind}: {n}" for kind, n in kinds.items())
    words = f"{len(schema.inputs)} used ({used})"
    return words + (f", {len(schema.left_out)} left out" if schema.left_out else "")


def _missing_words(columns: "Sequence[Column]") -> str:
    lacking = [column for column in columns if column.missing]
    if not lacking:
        return "none"
    values = number(sum(column.missing for column in lacking))
    return f"{values} in {len(lacking)} of {len(columns)} columns"


def _class_rows(class_rows: Mapping[str, int]) -> Html:
    if not class_rows:
        return Html("")
    total, largest = sum(class_rows.values()), max(class_rows.values())
    rows = [
        bar_row(
            label(name),
            n / largest,
            join(number(n), tag("small", f" {percent(n / total)}")),
            "other",
        )
        for name, n in class_rows.items()
    ]
    return bars("Rows of each class", rows, "classes")


def _columns(columns: "Sequence[Column]") -> Html:
    rows = [
        row(
            [
                column.kind,
                _column_values(column),
                number(column.missing) if column.missing else NOTHING,
            ],
            label(column.name, 60),
        )
        for column in columns
    ]
    headings = ["Column", "Type", "Values", "Missing"]
    caption = "The columns as they were understood"
    table = data_table(caption, headings, rows, "columns")
    return (
        table
        if len(rows) <= SHOWN_COLUMNS
        else folded(f"All {len(rows)} columns", table)
    )


def _column_values(column: "Column") -> str:
    if column.why:
        return f"left out: {column.why}"
    if column.low is not None and column.high is not None:
        return f"{number(column.low)} to {number(column.high)}"
    return f"{number(column.distinct)} different"


def _network(layers: Sequence[Layer]) -> Html:
    if not layers:
        return Html("")
    total = sum(layer.parameters for layer in layers)
    rows = [
        row(
            [layer.output, number(layer.parameters) if layer.parameters else NOTHING],
            layer.name,
        )
        for layer in layers
    ]
    return join(
        paragraph(
            f"{number(total)} parameters (weights and biases), all learned from the"
            " training rows."
        ),
        data_table("Layer by layer", ["Layer", "Output", "Parameters"], rows, "layers"),
    )


def _provenance(run: Provenance) -> Html:
    return join(
        tag("pre", tag("code", run.command)),
        definitions(
            {
                "Date": run.date,
                "Seed": run.seed,
                "chainrule": run.version,
                "Python": run.python,
                "NumPy": run.numpy,
                "Machine": run.machine,
            }
        ),
    )


def _next_commands(commands: Sequence[tuple[str, str]]) -> Html:
    return join(
        *(
            join(paragraph(what), tag("pre", tag("code", command)))
            for command, what in commands
        )
    )
