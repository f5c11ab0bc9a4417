"""A step length along a direction that goes down, by the strong Wolfe conditions.

Nocedal and Wright 2006, "Numerical optimization", algorithms 3.5 and 3.6.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Evaluate = Callable[[Vector], tuple[float, Vector]]

# The loss has to fall by this part of what its slope promises ...
_DECREASE = 1e-4
# ... and its slope has to flatten to this part: the values for quasi-Newton methods.
_CURVATURE = 0.9

_MOST_EVALUATIONS = 30


@dataclass(frozen=True)
class Point:
    """A point on the line: how far, where, the loss, its gradient and its slope."""

    step: float
    x: Vector
    loss: float
    gradient: Vector
    slope: float


class _Line:
    """The loss along `start + step * direction`."""

    def __init__(self, evaluate: Evaluate, start: Point, direction: Vector) -> None:
        self.evaluate = evaluate
        self.start = start
        self.direction = direction
        self.left = _MOST_EVALUATIONS

    def at(self, step: float) -> Point:
        """The point after `step`."""
        self.left -= 1
        x = self.start.x + step * self.direction
        loss, gradient = self.evaluate(x)
        return Point(step, x, float(loss), gradient, float(gradient @ self.direction))

    def too_high(self, point: Point) -> bool:
        """Whether the loss has not fallen enough; so too where it is not finite."""
        allowed = self.start.loss + _DECREASE * point.step * self.start.slope
        return not point.loss <= allowed

    def flat(self, point: Point) -> bool:
        """Whether the slope has become flat enough."""
        return abs(point.slope) <= -_CURVATURE * self.start.slope


def strong_wolfe(
    evaluate: Evaluate, start: Point, direction: Vector, step: float
) -> Point | None:
    """A point along `direction` that satisfies both conditions.

    `start` has step 0 and a slope below 0, `step` is tried first. If no such point is
    found in 30 evaluations, the lowest one that fell enough is taken; `None` if there
    is none.
    """
    line = _Line(evaluate, start, direction)
    before = start
    while line.left > 0:
        point = line.at(step)
        if line.too_high(point) or (before is not start and point.loss >= before.loss):
            return _between(line, before, point)
        if line.flat(point):
            return point
        if point.slope >= 0:
            return _between(line, point, before)
        before, step = point, 2 * step
    return before if before is not start else None


def _between(line: _Line, low: Point, high: Point) -> Point | None:
    """A point between the two; `low` is the lowest so far and falls towards `high`."""
    while line.left > 0 and not _indistinguishable(low, high):
        point = line.at(_lowest(low, high))
        if line.too_high(point) or point.loss >= low.loss:
            high = point
            continue
        if line.flat(point):
            return point
        if point.slope * (high.step - low.step) >= 0:
            high = low
        low = point
    return low if low is not line.start else None


def _indistinguishable(low: Point, high: Point) -> bool:
    return bool(np.array_equal(low.x, high.x))


def _lowest(low: Point, high: Point) -> float:
    """Where the cubic through both points with their slopes is lowest.

    Equation 3.59 of the book; the middle if that is too near to an end, or where a
    loss is not finite.
    """
    width = high.step - low.step
    middle = low.step + width / 2
    if not (math.isfinite(high.loss) and math.isfinite(high.slope)):
        return middle
    d1 = low.slope + high.slope - 3 * (low.loss - high.loss) / (low.step - high.step)
    under_root = d1 * d1 - low.slope * high.slope
    if under_root < 0:
        return middle
    d2 = math.copysign(math.sqrt(under_root), width)
    denominator = high.slope - low.slope + 2 * d2
    if denominator == 0:
        return middle
    part = 1 - (high.slope + d2 - d1) / denominator
    return low.step + part * width if 0.1 <= part <= 0.9 else middle
