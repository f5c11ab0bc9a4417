"""The pictures of networks as circles and arrows, one column for each layer."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import matplotlib as mpl
import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

INK, MUTED, BLUE, ORANGE, PAPER = (
    style.LIGHT[name] for name in ("ink", "muted", "blue", "orange", "paper")
)
Point = tuple[float, float]
RADIUS: Final = 0.3


def neuron() -> str:
    """The picture of one neuron with two inputs."""
    inputs, total, output = [(0.0, 1.4), (0.0, 0.0)], (2.4, 0.7), (4.4, 0.7)
    with mpl.rc_context(style.SETTINGS):
        figure, axes = _canvas(6.2, 2.4, (-0.6, 5.4), (-0.65, 1.85))
        for i, point in enumerate(inputs, 1):
            _arrow(axes, point, total, label=f"× w{_low(i)}")
            _circle(axes, point, f"x{_low(i)}", INK)
        _arrow(axes, (2.4, -0.55), total)
        axes.text(2.52, -0.45, "+ b", color=MUTED, ha="left", va="center")
        _arrow(axes, total, output, label="f")
        _circle(axes, total, "z", BLUE)
        _circle(axes, output, "y", ORANGE)
        return style.to_svg(
            figure,
            "A neuron: two inputs, each times its weight, and the bias add up to z; "
            "the function f makes the output y of it",
        )


def network(widths: Sequence[int], names: Sequence[str], title: str) -> str:
    """The picture of a network: `widths` circles a column, `names` below them."""
    tallest = max(widths)
    columns = [
        [(2.0 * i, (tallest - 1) / 2 - (width - 1) / 2 + j) for j in range(width)]
        for i, width in enumerate(widths)
    ]
    with mpl.rc_context(style.SETTINGS):
        right = 2.0 * (len(widths) - 1)
        limits = (-0.7, right + 0.7), (-1.15, tallest - 0.55)
        figure, axes = _canvas(1.75 * len(widths) + 0.5, 0.72 * tallest + 0.6, *limits)
        for left, following in pairwise(columns):
            for start in left:
                for end in following:
                    _arrow(axes, start, end)
        colours = [INK, *[BLUE] * (len(widths) - 2), ORANGE]
        for column, colour, name in zip(columns, colours, names, strict=True):
            for point in column:
                _circle(axes, point, "", colour)
            axes.text(column[0][0], -0.85, name, color=colour, ha="center", va="center")
        return style.to_svg(figure, title)


PICTURES: Final[dict[str, Callable[[], str]]] = {
    "neuron-circles.svg": neuron,
    "three-classes-circles.svg": lambda: network(
        (2, 3), ("x (2)", "z (3)"), "Two inputs and three neurons, one for each class"
    ),
    "two-layers-circles.svg": lambda: network(
        (2, 4, 1),
        ("x (2)", "h (4)", "y (1)"),
        "Two inputs, a hidden layer of four neurons, one output",
    ),
    "three-layers-circles.svg": lambda: network(
        (2, 5, 5, 2),
        ("x", "h₁", "h₂", "y"),
        "Two inputs, two hidden layers, two outputs: five of the hidden neurons "
        "of each layer are drawn",
    ),
}


def _canvas(width: float, height: float, x: Point, y: Point) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height))
    axes = figure.subplots()
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    axes.set_aspect("equal")
    axes.axis("off")
    return figure, axes


def _circle(axes: Axes, center: Point, text: str, colour: str) -> None:
    axes.add_patch(Circle(center, RADIUS, facecolor=PAPER, edgecolor=colour, lw=1.8))
    axes.text(*center, text, color=colour, ha="center", va="center", size=13)


def _arrow(axes: Axes, start: Point, end: Point, label: str = "") -> None:
    """An arrow from the rim of one circle to the rim of another."""
    length = ((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5
    unit = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    first = start[0] + RADIUS * unit[0], start[1] + RADIUS * unit[1]
    last = end[0] - 1.1 * RADIUS * unit[0], end[1] - 1.1 * RADIUS * unit[1]
    arrow = FancyArrowPatch(
        first,
        last,
        arrowstyle="->",
        mutation_scale=9,
        color=MUTED,
        lw=0.9,
        shrinkA=0,
        shrinkB=0,
    )
    axes.add_patch(arrow)
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 0.2
    axes.text(*middle, label, color=MUTED, ha="center", va="center")


def _low(i: int) -> str:
    return "₀₁₂₃₄₅₆₇₈₉"[i]
