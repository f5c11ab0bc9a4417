"""The charts: what they show, and what they must survive."""

import re
import subprocess
import sys
from statistics import NormalDist
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from chainrule.tabular.evaluation import CalibrationBins, RocPoints
from chainrule.view import charts


def parsed(svg):
    return ET.fromstring(svg)  # noqa: S314 (our own output)


def described(svg):
    """Title and description of a well-formed chart."""
    root = parsed(svg)
    return root[0].text, root[1].text


def texts(svg):
    return [e.text for e in parsed(svg).iter() if e.tag.endswith("text")]


def dots(svg):
    return len(re.findall("<use ", svg))


# Over the epochs


def test_loss_curves_name_both_lines_and_the_best_epoch():
    svg = charts.loss_curves([1, 2, 3], [0.9, 0.5, 0.4], [0.9, 0.6, 0.7], best_epoch=2)
    assert {"training", "validation", "best: epoch 2", "Loss", "Epoch"} <= set(
        texts(svg)
    )
    title, words = described(svg)
    assert title == "Loss over 3 epochs"
    assert "training from 0.9 to 0.4; validation from 0.9 to 0.7" in words
    assert words.endswith("The best epoch is 2.")


def test_one_line_needs_no_legend():
    assert "training" not in texts(charts.loss_curves([1, 2], [0.9, 0.5]))


def test_one_epoch_is_a_dot_and_not_an_invisible_line():
    svg = charts.loss_curves([1], [0.5], [0.6], best_epoch=1)
    assert dots(svg) >= 2
    assert described(svg)[0] == "Loss over 1 epoch"


def test_a_loss_that_falls_far_is_logarithmic():
    assert "Loss (logarithmic)" in texts(charts.loss_curves([1, 2], [1.0, 0.001]))
    assert "Loss" in texts(charts.loss_curves([1, 2], [1.0, 0.5]))
    assert "Loss" in texts(charts.loss_curves([1, 2], [1.0, 0.0])), "0 has no logarithm"
    assert "Loss" in texts(charts.loss_curves([1, 2], [1.0, -0.5])), "nor has -0.5"


def test_a_long_fall_has_few_ticks():
    svg = charts.loss_curves([1, 2], [1.0, 1e-20])
    assert len(texts(svg)) < 20


def test_losses_that_are_not_finite_are_left_out():
    svg = charts.loss_curves([1, 2, 3], [0.9, np.inf, np.nan], best_epoch=3)
    assert "from 0.9 to 0.9" in described(svg)[1]
    assert "never finite" in described(charts.loss_curves([1], [np.nan]))[1]


def test_many_epochs_stay_a_small_chart_with_every_peak():
    loss = np.full(50_000, 0.5)
    loss[31_234] = 9.0
    svg = charts.loss_curves(np.arange(50_000), loss)
    assert len(svg) < 30_000
    assert "8" in texts(svg), "the axis must reach the peak"
    x, y = charts._thin(np.arange(50_000.0), loss)
    assert len(x) <= 1000
    assert 9.0 in y


def test_a_share_is_written_in_percent():
    svg = charts.epoch_curve([1, 2], [0.8, 0.9], "accuracy", share=True)
    assert "80%" in texts(svg)
    assert "Accuracy" in texts(svg)


@pytest.mark.parametrize(("score", "at_top"), [([0.1, 0.9], False), ([0.9, 0.1], True)])
def test_the_label_of_the_best_epoch_keeps_clear_of_the_curve(score, at_top):
    svg = charts.epoch_curve([1, 2], score, "score", best_epoch=2)
    label = next(e for e in parsed(svg).iter() if (e.text or "").startswith("best"))
    assert (float(label.get("y")) < 140) is at_top


def test_no_epoch_is_an_error():
    with pytest.raises(ValueError, match="there is no epoch yet whose loss"):
        charts.loss_curves([], [])


# Classes


def test_one_roc_curve_names_its_class_and_area():
    svg = charts.roc([RocPoints("yes", (0, 0.1, 1), (0, 0.8, 1), 0.8765)])
    assert "yes, area 0.876" in texts(svg) or "yes, area 0.877" in texts(svg)
    assert described(svg)[0] == "ROC curve"
    assert "yes, area 0.8765" in described(svg)[1]


def test_ten_roc_curves_differ_in_colour_or_dashes():
    curve = RocPoints("c", (0.0, 0.5, 1.0), (0.0, 0.7, 1.0), 0.7)
    svg = charts.roc([curve] * 10)
    styles = re.findall(r'style="fill: none; ([^"]*stroke-width: 2[^"]*)"', svg)
    lines = styles[::2]  # each line is followed by its copy in the legend
    assert len(set(styles)) == 10
    assert len(lines) == 10


def test_long_class_names_are_cut_in_the_legend():
    svg = charts.roc([RocPoints("x" * 500, (0, 1), (0, 1), 0.5)])
    assert "x" * 19 + "…, area 0.500" in texts(svg)


def test_a_class_name_may_hold_anything():
    svg = charts.roc([RocPoints("a\x00b\n<i>", (0, 1), (0, 1), 0.5)])
    assert "a\ufffdb <i>, area 0.500" in texts(svg)
    assert "a\ufffdb <i>, area 0.5" in described(svg)[1]


def test_calibration_shows_a_dot_and_a_bar_for_every_bin():
    bins = CalibrationBins((0.1, 0.5, 0.9), (0.0, 0.4, 1.0), (10, 5, 20))
    svg = charts.calibration(bins)
    assert dots(svg) == 3
    assert "0.50 came true 0.40 of the time (5 rows)" in described(svg)[1]


def test_wilson_interval_holds_the_true_share_as_often_as_it_says():
    share, rows = 0.9, 50
    seen = np.random.default_rng(0).binomial(rows, share, 20_000) / rows
    low, high = charts.wilson_interval(seen, np.full(20_000, rows))
    assert np.mean((low <= share) & (share <= high)) == pytest.approx(0.95, abs=0.025)
    assert low.min() >= 0
    assert high.max() <= 1
    z = NormalDist().inv_cdf(0.975)
    low, high = charts.wilson_interval(0.5, 100, z)
    # Newcombe 1998: the ends p solve |seen - p| = z sqrt(p (1 - p) / n).
    for end in (low, high):
        assert abs(0.5 - end) == pytest.approx(z * np.sqrt(end * (1 - end) / 100))


# Numbers


@pytest.mark.parametrize("chart", [charts.predicted_actual, charts.residuals])
def test_every_row_is_a_dot(chart):
    rng = np.random.default_rng(0)
    y = 1e6 * rng.normal(3, 1, 2000)
    svg = chart(y, y + 1e5 * rng.normal(size=2000))
    assert dots(svg) == 2000
    assert len(svg) < 150_000
    assert any(label.endswith(("M", "k")) for label in texts(svg))
    assert described(svg)[1].startswith("2000 rows.")


def test_residuals_are_actual_minus_predicted():
    svg = charts.residuals([3.0, 3.0], [1.0, 1.0])
    assert "their median is 2" in described(svg)[1]


@pytest.mark.parametrize("chart", [charts.predicted_actual, charts.residuals])
@pytest.mark.parametrize("value", [0.0, 3.0, 1e-30, 1e140])
def test_one_row_and_constant_values(chart, value):
    assert dots(chart([value], [value])) == 1


def test_matplotlib_waits_until_something_is_drawn_and_pyplot_never_comes():
    code = (
        "import sys, chainrule.view.report\n"
        "from chainrule.view import charts\n"
        "assert 'matplotlib' not in sys.modules\n"
        "charts.loss_curves([1, 2], [2.0, 1.0])\n"
        "assert 'matplotlib' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 (own code)
