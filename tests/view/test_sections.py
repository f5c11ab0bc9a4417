"""The sections on the run itself."""

from dataclasses import replace

import pytest

from chainrule.tabular.evaluation import Influence
from chainrule.training.history import History
from chainrule.view.sections import sections


@pytest.fixture
def shown(read, binary_report):
    """The sections of a report with some of it changed, as pages."""

    def show(**changes):
        found = sections(replace(binary_report, **changes))
        return {anchor: read(html) for anchor, _, html in found}

    return show


def records(**columns):
    names, values = list(columns), list(columns.values())
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def test_sections_without_anything_to_say_are_left_out(shown):
    assert list(shown()) == [
        "result",
        "learning",
        "classes",
        "probabilities",
        "columns",
        "table",
        "network",
        "again",
        "next",
    ]
    bare = shown(history=History(), influence=(), layers=(), next_commands=())
    assert list(bare) == ["result", "classes", "probabilities", "table", "again"]


def test_a_run_without_test_rows_says_so(shown):
    pages = shown(test=None, baselines={})
    assert "No rows were set aside for a test" in pages["result"].text
    assert list(pages)[1:] == [
        "learning",
        "columns",
        "table",
        "network",
        "again",
        "next",
    ]


def test_learning_tells_of_epochs_weights_and_rate(shown):
    words = shown()["learning"].text
    assert "It saw every training row in each of 6 epochs." in words
    assert "The weights kept are those of epoch 6." in words
    assert "The learning rate was 0.001 throughout." in words
    assert "Accuracy on the validation rows" in words


def test_learning_without_validation(shown):
    history = History(records(epoch=[1, 2], loss=[0.9, 0.5], accuracy=[0.5, 0.7]))
    words = shown(history=history)["learning"].text
    assert "Accuracy on the training rows" in words
    assert "validation" not in words
    assert "weights kept" not in words


def test_learning_of_one_epoch_that_was_stopped(shown):
    history = History(records(epoch=[1], loss=[0.9]), stopped="interrupted")
    page = shown(history=history)["learning"]
    assert "once (one epoch)" in page.text
    assert "Training ended early: interrupted." in page.text
    assert page.tags.count("figure") == 1


def test_a_learning_rate_that_changes(shown):
    history = History(
        records(epoch=[1, 2, 3], loss=[3, 2, 1], learning_rate=[0.1, 0.3, 0.01])
    )
    words = shown(history=history)["learning"].text
    assert "went from 0.1 to 0.01, with 0.3 at its highest" in words


def test_the_metric_to_draw_can_be_chosen(shown):
    history = History(records(epoch=[1, 2], loss=[2, 1], a=[1, 2], val_auc=[0.5, 0.9]))
    assert "A on the training rows" in shown(history=history)["learning"].text
    chosen = shown(history=history, metric="val_auc")["learning"].text
    assert "ROC area on the validation rows" in chosen


def test_influence_has_bars_in_proportion(read, binary_report):
    report = replace(
        binary_report,
        influence=[
            Influence("long", 0.5, 0.01),
            Influence("half", 0.25, 0.02),
            Influence("none", -0.1, 0.2),
        ],
    )
    html = {anchor: html for anchor, _, html in sections(report)}["columns"]
    for width in ("100.0%", "50.0%", "0.0%"):
        assert f"width:{width}" in html
    assert "+0.5000 ± 0.0100" in read(html).text


@pytest.mark.parametrize("increase", [0.0, -0.3, 1e-12, 5e6])
def test_influence_of_any_size(shown, increase):
    page = shown(influence=[Influence("it", increase, 0.0)])["columns"]
    assert "it" in page.text


def test_many_columns_are_folded(shown):
    influence = [Influence(f"column {k}", 1 / (k + 1), 0.0) for k in range(500)]
    page = shown(influence=influence)["columns"]
    assert "The other 480 columns" in page.text
    assert "column 499" in page.text


def test_the_table_is_told_as_it_was_understood(shown):
    words = shown()["table"].text
    assert "flowers.csv" in words
    assert "60 (300 for training, 40 for validation, 60 for test)" in words
    assert "2 used (number: 1, category: 1), 1 left out" in words
    assert "1 in 1 of 2 columns" in words
    assert "always constant left out:" in words
    assert "2 different" in words


def test_a_target_of_numbers_has_no_classes(read, make_regression_report):
    found = {
        anchor: read(html) for anchor, _, html in sections(make_regression_report())
    }
    assert "Rows of each class" not in found["table"].text
    assert "Root mean squared error on the validation rows" in found["learning"].text
    assert "predictions" in found


def test_a_table_without_gaps(shown, binary_report):
    schema = binary_report.schema
    full = tuple(replace(column, missing=0) for column in schema.inputs)
    words = shown(schema=replace(schema, inputs=full, left_out=()))["table"].text
    assert "Missing values none" in words
    assert "left out" not in words


def test_the_network_counts_its_parameters(shown):
    words = shown()["network"].text
    assert "640 parameters" in words
    assert "ReLU 64 \N{EN DASH}" in words


def test_the_run_can_be_repeated(shown):
    words = shown()["again"].text
    for part in ("chainrule train flowers.csv", "Seed 7", "NumPy 2.4.6", "2 cores"):
        assert part in words
