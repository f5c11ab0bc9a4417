"""The sections on what the network is worth."""

import numpy as np
import pytest

from chainrule.tabular.evaluation import evaluate_classes
from chainrule.view.judgement import confusion, curves, predictions, result

ONE = [f"class {k}" for k in range(300)]


def test_result_shows_every_score_of_everyone_and_marks_the_best(read, binary_report):
    html = result(binary_report.test, binary_report.baselines)
    page = read(html)
    assert "accuracy on the test rows" in page.text
    assert page.text.count("majority class") >= 2
    for words in ("Balanced accuracy", "Brier score", "ROC area", "Calibration error"):
        assert words in page.text
    assert "of the rows named “yes”, the share that are" in page.text
    assert html.count("<strong>") == len(binary_report.test.metrics) + 1  # the headline


def test_result_without_baselines_has_no_bars(read, binary_report):
    assert "simpler predictors" not in read(result(binary_report.test, {})).text


def test_a_score_that_a_baseline_lacks_is_a_dash(read, binary_report):
    lacking = evaluate_classes([1, 1], [0.9, 0.8], ["no", "yes"])
    page = read(result(binary_report.test, {"lacking": lacking}))
    assert "\N{EN DASH}" in page.text


def test_few_classes_are_a_table_with_headers_and_shares(read):
    test = evaluate_classes([0, 0, 0, 1], [0.1, 0.2, 0.9, 0.8], ["no", "yes"])
    html = confusion(test)
    page = read(html)
    assert '<th scope="row"><span class="name">no</span></th>' in html
    assert '<th scope="col"><span class="name">yes</span></th>' in html
    assert "2 66.7% 1 33.3%" in page.text
    assert 'class="wrong" style="--share:0.333"' in html
    assert "<caption" in html


def test_a_class_that_is_absent_has_an_empty_row(read):
    test = evaluate_classes([0, 0], [0.1, 0.2], ["no", "yes"])
    assert "nan" not in read(confusion(test)).text


@pytest.mark.parametrize(
    ("classes", "has_table", "has_map"),
    [(2, True, False), (15, True, False), (16, False, True), (300, False, False)],
)
def test_many_classes_become_a_map_and_then_a_list(
    read, make_class_report, classes, has_table, has_map
):
    html = confusion(make_class_report(ONE[:classes], rows=2000).test)
    page = read(html)
    assert ('class="confusion' in html) is has_table
    assert ('class="map"' in html) is has_map
    assert ("The most frequent mistakes" in page.text) is not has_table
    assert len(html) < 200_000


def test_the_map_has_every_pair_that_occurs(make_class_report):
    test = make_class_report(ONE[:20], rows=2000).test
    assert confusion(test).count("h1v1h-1z") == len(test.confusion)


def test_no_mistakes_at_all(read):
    perfect = evaluate_classes(np.arange(20), np.eye(20), ONE[:20])
    assert "It made no mistake" in read(confusion(perfect)).text


def test_class_scores_are_there_for_more_than_two(read, make_class_report):
    assert "Scores of each of the 3 classes" in confusion(
        make_class_report(["a", "b", "c"]).test
    )
    assert "<details>" not in confusion(make_class_report(["a", "b"]).test)


def test_curves_say_how_to_read_them(read, make_class_report):
    two = read(curves(make_class_report(["no", "yes"]).test))
    assert "Rows are sorted by the probability of “yes”" in two.text
    assert "When it says 80%" in two.text
    many = read(curves(make_class_report(ONE[:12]).test))
    assert "Of 12 classes, 10 are drawn." in many.text


def test_one_class_only_has_no_roc_but_calibration(read):
    page = read(curves(evaluate_classes([1, 1], [0.9, 0.8], ["no", "yes"])))
    assert "Calibration" in page.text
    assert "guessing is" not in page.text
    assert "ROC" not in page.text


def test_predictions_are_drawn_for_numbers_only(
    read, binary_report, make_regression_report
):
    assert predictions(binary_report.test) == ""
    report = make_regression_report()
    page = read(predictions(report.test))
    assert "Drawn are 2,000 of 3,000 rows" in page.text
    few = read(predictions(make_regression_report(rows=50).test))
    assert "Drawn are" not in few.text
    assert curves(report.test) == ""
    assert confusion(report.test) == ""
