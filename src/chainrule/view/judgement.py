"""The sections that say what a network is worth on rows it has not seen."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from chainrule.tabular.evaluation import Evaluation
from chainrule.view import charts
from chainrule.view.blocks import (
    NOTHING,
    bar_row,
    bars,
    data_table,
    figure,
    folded,
    label,
    paragraph,
    row,
    scrolling,
)
from chainrule.view.markup import Content, Html, join, tag
from chainrule.view.numbers import number, percent, shorten
from chainrule.view.words import metric, result_words, show

__all__ = ["confusion", "curves", "predictions", "result"]

TABLE_CLASSES: Final = 15  # a confusion table of more cells than that cannot be read
MAP_CLASSES: Final = 200
SIDE_BY_SIDE_CLASSES: Final = 4  # a confusion table so small leaves room for words
SHOWN_MISTAKES: Final = 15
SHADES: Final = 5


# Result -------------------------------------------------------------------------------


def result(test: Evaluation, baselines: Mapping[str, Evaluation]) -> Html:
    """The headline in one number and in words, beside the baselines; all scores."""
    words = [paragraph(sentence) for sentence in result_words(test, baselines)]
    compared = {"the network": test, **baselines}
    return join(
        tag("div", _hero(test), tag("div", *words, class_="words"), class_="result"),
        _headline_bars(test.headline, compared),
        _metric_table(test, compared),
    )


def _hero(test: Evaluation) -> Html:
    what = metric(test.headline)
    return tag(
        "p",
        tag("strong", show(test.headline, test.metrics[test.headline])),
        tag("span", f"{what.name.lower()} on the test rows"),
        class_="hero",
    )


def _headline_bars(key: str, compared: Mapping[str, Evaluation]) -> Html:
    known = {name: e.metrics[key] for name, e in compared.items() if key in e.metrics}
    if len(known) < 2:
        return Html("")
    largest = 1.0 if (metric(key).style == "share") else max(*known.values(), 0) or 1.0
    rows = [
        bar_row(name, value / largest, show(key, value), "" if place == 0 else "other")
        for place, (name, value) in enumerate(known.items())
    ]
    better = "higher" if metric(key).higher_is_better else "lower"
    caption = f"{metric(key).name}, beside simpler predictors ({better} is better)"
    return tag("div", bars(caption, rows, "predictors"), class_="headline")


def _metric_table(test: Evaluation, compared: Mapping[str, Evaluation]) -> Html:
    positive = shorten(test.classes[1], 30) if test.task == "binary" else ""
    rows = []
    for key in test.metrics:
        what = metric(key)
        best = _best(key, compared)
        meaning = what.meaning.replace("{positive}", f"“{positive}”")
        cells = [
            _score(key, evaluation, best=name in best)
            for name, evaluation in compared.items()
        ]
        heading = join(what.name, tag("small", meaning))
        rows.append(row(cells, heading))
    return data_table(
        "All the scores on the test rows; the best of each is set in bold",
        ["Score", *compared],
        rows,
        "scores",
    )


def _score(key: str, evaluation: Evaluation, *, best: bool) -> Content:
    if key not in evaluation.metrics:
        return NOTHING
    shown = show(key, evaluation.metrics[key])
    return tag("strong", shown) if best else shown


def _best(key: str, compared: Mapping[str, Evaluation]) -> set[str]:
    """The names of those that score best, as far as the digits shown can tell."""
    known = {name: e.metrics[key] for name, e in compared.items() if key in e.metrics}
    pick = max if metric(key).higher_is_better else min
    best = show(key, pick(known.values()))
    return {name for name, value in known.items() if show(key, value) == best}


# Classes ------------------------------------------------------------------------------


def confusion(test: Evaluation) -> Html:
    """What was taken for what: a table, or a map and a list for many classes."""
    if test.task == "regression":
        return Html("")
    if len(test.classes) <= TABLE_CLASSES:
        shown = tag(
            "div",
            _confusion_table(test),
            tag("p", _CONFUSION_READING, class_="reading"),
            class_="result" if len(test.classes) <= SIDE_BY_SIDE_CLASSES else None,
        )
    elif len(test.classes) <= MAP_CLASSES:
        shown = join(_confusion_map(test), _mistakes(test))
    else:
        shown = _mistakes(test)
    return join(shown, _class_scores(test))


_CONFUSION_READING: Final = (
    "Each row of this table is one actual class; follow it to see what the network"
    " called its rows. The blue diagonal is right, anything orange beside it is a"
    " mistake. Percentages are shares of the row."
)


def _confusion_table(test: Evaluation) -> Html:
    C = test.confusion_matrix()
    names = [label(name, 24) for name in test.classes]
    corner = tag("td", tag("small", "actual ↓  predicted →"))
    head = tag("tr", corner, *(tag("th", name, scope="col") for name in names))
    rows = [
        tag(
            "tr",
            tag("th", names[j], scope="row"),
            *(
                _confusion_cell(int(n), int(C[j].sum()), j == k)
                for k, n in enumerate(C[j])
            ),
        )
        for j in range(len(names))
    ]
    caption = "Rows of each actual class by the class that was predicted"
    table = tag(
        "table",
        tag("caption", caption, class_="unseen"),
        tag("thead", head),
        tag("tbody", *rows),
        class_="confusion small" if len(names) <= SIDE_BY_SIDE_CLASSES else "confusion",
    )
    return scrolling(caption, table)


def _confusion_cell(rows: int, total: int, right: bool) -> Html:
    if rows == 0:
        return tag("td", "0", class_="none")
    share = rows / total
    return tag(
        "td",
        number(rows),
        tag("small", percent(share)),
        class_="right" if right else "wrong",
        style=f"--share:{share:.3f}",
    )


def _confusion_map(test: Evaluation) -> Html:
    """A square a pair of classes, in five shades: for more classes than fit a table."""
    C = test.confusion_matrix()
    share = C / np.maximum(C.sum(axis=1, keepdims=True), 1)
    shade = np.ceil(share * SHADES).astype(int)
    n = len(C)
    paths = []
    for level in range(1, SHADES + 1):
        for colour, right in (("blue", True), ("orange", False)):
            cells = np.argwhere((shade == level) & (np.eye(n, dtype=bool) == right))
            d = "".join(f"M{k} {j}h1v1h-1z" for j, k in cells.tolist())
            if d:
                paths.append(
                    f'<path d="{d}" fill="var(--cr-{colour})"'
                    f' fill-opacity="{level / SHADES:.1f}"/>'
                )
    svg = (
        f'<svg class="map" viewBox="0 0 {n} {n}" role="img"'
        f' aria-label="Confusion of {n} classes"><rect width="{n}" height="{n}"'
        f' fill="var(--cr-panel)"/>{"".join(paths)}</svg>'
    )
    return figure(
        f"All {n} classes",
        svg,
        "Each row of squares is one actual class, each column a predicted one, both in"
        " the order of the list below. The stronger its colour, the larger its share of"
        " the row: blue on the diagonal is right, orange beside it is a mistake.",
    )


def _mistakes(test: Evaluation) -> Html:
    wrong = [(n, j, k) for j, k, n in test.confusion if j != k]
    wrong.sort(key=lambda mistake: -mistake[0])
    if not wrong:
        return paragraph("It made no mistake on the test rows.")
    support = test.class_scores().support
    rows = [
        row(
            [label(test.classes[k]), number(n), percent(n / support[j])],
            label(test.classes[j]),
        )
        for n, j, k in wrong[:SHOWN_MISTAKES]
    ]
    caption = "The most frequent mistakes"
    return data_table(
        caption,
        ["Actual class", "Called", "Rows", "Share of the class"],
        rows,
        "mistakes",
    )


def _class_scores(test: Evaluation) -> Html:
    if test.task == "binary":
        return Html("")
    scores = test.class_scores()
    columns = (scores.recall, scores.precision)
    rows = [
        row(
            [
                number(scores.support[k]),
                *(percent(v[k]) if scores.support[k] else NOTHING for v in columns),
            ],
            label(name),
        )
        for k, name in enumerate(scores.classes)
    ]
    table = data_table(
        "Recall: the share of the class that is found. Precision: of the rows called by"
        " its name, the share that are.",
        ["Class", "Rows", "Recall", "Precision"],
        rows,
    )
    return folded(f"Scores of each of the {len(rows)} classes", table)


def curves(test: Evaluation) -> Html:
    """How well the probabilities rank, and whether they can be taken at their word."""
    figures = []
    if test.roc:
        figures.append(figure("ROC", charts.roc(test.roc), _roc_reading(test)))
    if test.calibration is not None:
        about = (
            f"the probability of “{shorten(test.classes[1], 30)}”"
            if test.task == "binary"
            else "the probability of the class that it named"
        )
        figures.append(
            figure(
                "Calibration",
                charts.calibration(test.calibration),
                f"When it says 80%, does it happen 80% of the time? Dots on the dashed"
                f" line say yes; below it the network is too sure, above it too"
                f" cautious. The bars show what few rows leave open. Drawn is {about}.",
            )
        )
    return tag("div", *figures, class_="pair") if figures else Html("")


def _roc_reading(test: Evaluation) -> str:
    shown = (
        f"Rows are sorted by the probability of “{shorten(test.classes[1], 30)}”."
        if test.task == "binary"
        else "Each curve is one class against all the others."
    )
    if 2 < len(test.classes) > len(test.roc):
        shown += f" Of {len(test.classes)} classes, {len(test.roc)} are drawn."
    return (
        f"{shown} The closer the curve to the top left corner, the fewer false alarms"
        " it takes to find the class; the dashed line is guessing. The area is the"
        " chance that a row of the class is ranked above one that is not."
    )


# Numbers ------------------------------------------------------------------------------


def predictions(test: Evaluation) -> Html:
    """Where the predicted numbers lie beside the actual ones."""
    if test.task != "regression" or not test.actual:
        return Html("")
    thinned = (
        f" Drawn are {number(len(test.actual))} of {number(test.rows)} rows, evenly"
        " spaced."
        if len(test.actual) < test.rows
        else ""
    )
    return tag(
        "div",
        figure(
            "Predicted and actual",
            charts.predicted_actual(test.actual, test.predicted),
            "Each dot is one row. On the dashed line the prediction is exactly right;"
            " the further from it, the more it is off." + thinned,
        ),
        figure(
            "What is left over",
            charts.residuals(test.actual, test.predicted),
            "The same rows with the prediction taken away: dots above the line were"
            " predicted too low, dots below it too high. A pattern here is something"
            " that the network has not learned yet.",
        ),
        class_="pair",
    )
