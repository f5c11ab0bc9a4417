"""The charts of the report and the documentation, each as one SVG element.

An SVG holds its own colours for light and dark and a description for those who cannot
see it; see `chainrule.view.theme`. All charts need matplotlib (`chainrule[plot]`) and
raise `ModuleNotFoundError` with the way to install it where it is missing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.tabular.evaluation import CalibrationBins, RocPoints
from chainrule.view.numbers import number, round_ticks, shorten, tick_labels
from chainrule.view.theme import PALETTE, Labels, new_figure, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

__all__ = [
    "calibration",
    "epoch_curve",
    "loss_curves",
    "predicted_actual",
    "residuals",
    "roc",
]

WIDE: Final = (460, 280)
SQUARE: Final = (420, 400)
INK, MUTED, BLUE, ORANGE = (PALETTE[n][0] for n in ("ink", "muted", "blue", "orange"))
SERIES: Final = [PALETTE[n][0] for n in ("blue", "orange", "green", "purple", "slate")]
DASHES: Final = ["-", (0, (4, 1.6)), ":"]  # told apart without colour, too
MAX_EPOCHS = 1000
LOG_RATIO = 50  # a loss that falls further than this is drawn on a logarithmic scale


# Over the epochs ----------------------------------------------------------------------


def loss_curves(
    epochs: ArrayLike,
    loss: ArrayLike,
    validation_loss: ArrayLike | None = None,
    *,
    best_epoch: int | None = None,
) -> str:
    """The loss after every epoch, on the training and on the validation rows.

    All have shape `(epochs,)`; values that are not finite are left out. A loss that
    falls a long way is drawn on a logarithmic scale.

    Example:
        >>> svg = loss_curves([1, 2, 3], [0.7, 0.4, 0.3], [0.7, 0.5, 0.6], best_epoch=2)
        >>> svg.startswith("<svg")
        True
    """
    lines = {"training": _floats(loss)}
    if validation_loss is not None:
        lines["validation"] = _floats(validation_loss)
    described = "; ".join(f"{name} {_change(line)}" for name, line in lines.items())
    return _over_epochs(epochs, lines, "Loss", described, best_epoch, may_be_log=True)


def epoch_curve(
    epochs: ArrayLike,
    values: ArrayLike,
    name: str,
    *,
    best_epoch: int | None = None,
    share: bool = False,
) -> str:
    """Anything that has one value after every epoch: a metric, the learning rate.

    A `share` is written in percent.

    Example:
        >>> svg = epoch_curve([1, 2], [0.8, 0.9], "validation accuracy")
        >>> "from 0.8 to 0.9" in svg
        True
    """
    line = _floats(values)
    described = f"it goes {_change(line)}"
    if share:
        described = f"in percent, {_change(100 * line)}"
    return _over_epochs(epochs, {"": line}, name, described, best_epoch, share=share)


def _over_epochs(
    epochs: ArrayLike,
    lines: dict[str, NDArray[np.float64]],
    name: str,
    described: str,
    best_epoch: int | None,
    *,
    may_be_log: bool = False,
    share: bool = False,
) -> str:
    x, labels = _floats(epochs), Labels()
    if len(x) == 0:
        raise ValueError(f"there is no epoch yet whose {name.lower()} could be drawn")
    heading = shorten(name[:1].upper() + name[1:], 40)
    shown = np.concatenate(list(lines.values()))
    shown = shown[np.isfinite(shown)]
    log = may_be_log and len(shown) > 0 and shown.max() > LOG_RATIO * shown.min() > 0
    with new_figure(*WIDE) as figure:
        axes = figure.subplots()
        for (line_name, y), colour, dashes in zip(
            lines.items(), SERIES, DASHES, strict=False
        ):
            marker = "o" if len(x) < 10 else ""
            drawn = _thin(x, y)
            axes.plot(*drawn, ls=dashes, c=colour, marker=marker, ms=4, label=line_name)
        axes.set_title(labels(heading + (" (logarithmic)" if log else "")))
        axes.set_xlabel("Epoch")
        axes.margins(x=0.02 if len(x) > 1 else 0.5)
        if best_epoch is not None:
            _mark_epoch(axes, best_epoch, x, list(lines.values())[-1])
        ticks = round_ticks(x.min(), x.max(), 8, smallest_step=1)
        axes.set_xticks(ticks, tick_labels(ticks))
        _log_ticks(axes, shown) if log else _ticks(axes.yaxis, share=share)
        if len(lines) > 1:
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(lines))
        best = f" The best epoch is {best_epoch}." if best_epoch is not None else ""
        return to_svg(
            figure,
            f"{heading} over {len(x)} epoch{'s' if len(x) != 1 else ''}",
            f"{heading} after every epoch: {described}.{best}",
            labels,
        )


def _change(line: NDArray[np.float64]) -> str:
    finite = line[np.isfinite(line)]
    if len(finite) == 0:
        return "never finite"
    return f"from {number(finite[0])} to {number(finite[-1])}"


def _thin(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A line of a thousand points at most that keeps every peak and dip."""
    if len(x) <= MAX_EPOCHS:
        return x, y
    pieces = np.array_split(np.arange(len(x)), MAX_EPOCHS // 2)
    high, low = np.nan_to_num(y, nan=-np.inf), np.nan_to_num(y, nan=np.inf)
    kept = [
        i for p in pieces for i in sorted({p[low[p].argmin()], p[high[p].argmax()]})
    ]
    return x[kept], y[kept]


def _mark_epoch(
    axes: "Axes", epoch: int, x: NDArray[np.float64], y: NDArray[np.float64]
) -> None:
    """A line at `epoch` whose label keeps clear of the curve."""
    axes.axvline(epoch, color=MUTED, linewidth=1, linestyle=(0, (3, 3)), zorder=1)
    right = len(x) < 2 or epoch < (x.min() + x.max()) / 2
    at_epoch, finite = y[x == epoch], y[np.isfinite(y)]
    above = not (len(at_epoch) and at_epoch[0] > (finite.min() + finite.max()) / 2)
    axes.annotate(
        f"best: epoch {epoch}",
        (epoch, 1 if above else 0),
        (6 if right else -6, -4 if above else 4),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        horizontalalignment="left" if right else "right",
        verticalalignment="top" if above else "bottom",
        color=INK,
    )


# Classes ------------------------------------------------------------------------------


def roc(curves: Sequence[RocPoints]) -> str:
    """The share of a class that is found against the share of false alarms.

    One curve, or one a class; the area under each stands beside its name.

    Example:
        >>> from chainrule.tabular.evaluation import RocPoints
        >>> svg = roc([RocPoints("malignant", (0, 0, 1), (0, 0.9, 1), 0.95)])
        >>> "malignant, area 0.95" in svg
        True
    """
    labels = Labels()
    with new_figure(*SQUARE) as figure:
        axes = _unit_square(figure.subplots())
        for place, curve in enumerate(curves):
            x, y = curve.false_positive_rate, curve.true_positive_rate
            colour = SERIES[place % len(SERIES)]
            dashes = DASHES[place // len(SERIES) % len(DASHES)]
            name = labels(f"{shorten(curve.name, 20)}, area {curve.area:.3f}")
            axes.plot(x, y, linestyle=dashes, color=colour, label=name, zorder=3)
            if len(curves) == 1:
                axes.fill_between(x, y, color=colour, alpha=0.1, linewidth=0)
        axes.set_title("Share of the class that is found")
        axes.set_xlabel("Share of the others taken for it (false alarms)")
        axes.legend(loc="lower right", fontsize=11, labelspacing=0.3, borderaxespad=1)
        found = "; ".join(
            f"{shorten(c.name, 60)}, area {number(round(c.area, 4))}" for c in curves
        )
        return to_svg(
            figure,
            "ROC curve" + ("s" if len(curves) > 1 else ""),
            f"Share found against share of false alarms: {found}. Guessing: area 0.5.",
            labels,
        )


def calibration(bins: CalibrationBins) -> str:
    """The probabilities that were given against how often they came true.

    Each dot is one bin, with the range in which its true frequency lies (95 %, Wilson
    1927); the bars below count its rows.

    Example:
        >>> from chainrule.tabular.evaluation import CalibrationBins
        >>> calibration(CalibrationBins((0.1, 0.9), (0.2, 0.8), (10, 20)))[:4]
        '<svg'
    """
    predicted, observed, rows = (
        _floats(values) for values in (bins.predicted, bins.observed, bins.rows)
    )
    low, high = wilson_interval(observed, rows)
    with new_figure(*SQUARE) as figure:
        upper, lower = figure.subplots(2, sharex=True, height_ratios=[5, 1])
        axes = _unit_square(upper)
        axes.vlines(predicted, low, high, color=BLUE, linewidth=2, alpha=0.45)
        axes.plot(predicted, observed, "o", color=BLUE, ms=7)
        axes.set_title("How often it came true")
        lower.bar(predicted, rows, width=0.05, color=BLUE, alpha=0.45)
        lower.set_xlabel("Probability that was given")
        lower.set_title("Rows")
        lower.set_ylim(0, 1.05 * max(rows, default=1))
        _ticks(lower.yaxis, 2)
        gaps = ", ".join(
            f"{p:.2f} came true {o:.2f} of the time ({n:.0f} rows)"
            for p, o, n in zip(predicted, observed, rows, strict=True)
        )
        return to_svg(
            figure, "Calibration curve", f"Probability given and what happened: {gaps}."
        )


def wilson_interval(
    share: ArrayLike, rows: ArrayLike, z: float = 1.96
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The range in which a frequency lies that was seen in so many rows.

    `(p + z^2/2n -+ z sqrt(p (1-p)/n + z^2/4n^2)) / (1 + z^2/n)` (Wilson 1927), at the
    default `z` for 95 %.

    Example:
        >>> low, high = wilson_interval(0.5, 100)
        >>> round(float(low), 3), round(float(high), 3)
        (0.404, 0.596)
    """
    p, n = _floats(share), _floats(rows)
    centre = p + z**2 / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


def _unit_square(axes: "Axes") -> "Axes":
    """Axes from 0 to 1 with the diagonal."""
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    shares = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(shares, [f"{share:.0%}" for share in shares])
    axes.set_yticks(shares, [f"{share:.0%}" for share in shares])
    return axes


# Numbers ------------------------------------------------------------------------------


def predicted_actual(actual: ArrayLike, predicted: ArrayLike) -> str:
    """What was predicted against what was true, one dot a row; both `(rows,)`.

    Example:
        >>> predicted_actual([1.0, 2.0, 3.0], [1.1, 1.9, 3.2])[:4]
        '<svg'
    """
    x, y = _floats(predicted), _floats(actual)
    ends = [min(x.min(), y.min()), max(x.max(), y.max())]
    with new_figure(*SQUARE) as figure:
        axes = figure.subplots()
        axes.plot(ends, ends, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        _dots(axes, x, y)
        axes.set_title("Actual")
        _ticks(axes.yaxis)
        return to_svg(
            figure,
            "Predicted and actual values",
            f"{len(x)} rows. Predictions lie between {number(x.min())} and"
            f" {number(x.max())}, actual values between {number(y.min())} and"
            f" {number(y.max())}.",
        )


def residuals(actual: ArrayLike, predicted: ArrayLike) -> str:
    """What is left over, `actual - predicted`, against the prediction; both `(rows,)`.

    Example:
        >>> residuals([1.0, 2.0, 3.0], [1.1, 1.9, 3.2])[:4]
        '<svg'
    """
    x = _floats(predicted)
    left = _floats(actual) - x
    with new_figure(*SQUARE) as figure:
        axes = figure.subplots()
        _dots(axes, x, left)
        axes.axhline(0, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        axes.set_title("Actual \N{MINUS SIGN} predicted")
        _ticks(axes.yaxis)
        low, middle, high = np.quantile(left, [0.05, 0.5, 0.95])
        return to_svg(
            figure,
            "Residuals",
            f"{len(x)} rows. Nine in ten residuals lie between {number(low)} and"
            f" {number(high)}; their median is {number(middle)}.",
        )


def _dots(axes: "Axes", x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    few = len(x) < 300
    axes.plot(
        x, y, "o", color=BLUE, alpha=0.6 if few else 0.35, ms=5 if few else 3.6, mew=0
    )
    axes.set_xlabel("Predicted")
    _ticks(axes.xaxis)


# Axes ---------------------------------------------------------------------------------


def _floats(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def _ticks(axis: "Axis", most: int = 6, *, share: bool = False) -> None:
    """Ticks at round values inside the axis, with short labels."""
    low, high = sorted(axis.get_view_interval())
    ticks = round_ticks(low, high, most)
    scaled = (
        tick_labels([100 * tick for tick in ticks]) if share else tick_labels(ticks)
    )
    axis.set_ticks(ticks, labels=[f"{label}%" for label in scaled] if share else scaled)


def _log_ticks(axes: "Axes", shown: NDArray[np.float64]) -> None:
    axes.set_yscale("log")
    decades = np.arange(
        np.floor(np.log10(shown.min())), np.ceil(np.log10(shown.max())) + 1
    )
    steps = (1, 2, 5) if len(decades) < 4 else (1,)
    decades = decades[:: 1 + len(decades) // 8]
    low, high = axes.get_ylim()
    ticks = [s * 10.0**d for d in decades for s in steps if low <= s * 10.0**d <= high]
    axes.set_yticks(ticks, [number(tick) for tick in ticks], minor=False)
    axes.minorticks_off()
