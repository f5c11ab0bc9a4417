"""Newton's method, for losses that are smooth and for those with an l1 penalty."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chainrule.optim.line_search import Evaluate, Vector

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]
Linear = Callable[[Vector], Vector]

# The loss has to fall by this part of what its slope promises.
_DECREASE = 1e-4
# A loss that differs by less than this, relative to it, is the same loss rounded.
_ROUNDING = 16 * np.finfo(np.float64).eps
_MOST_HALVINGS = 40
# Conjugate gradients end once the residual is this part of what it was ...
_LOOSEST = 0.25
# ... and after so many products with the second derivative.
_MOST_PRODUCTS = 200
# A step of the l1 penalty is found once its slope is this part of what it was, or after
# so many faces: more where each is solved exactly than where each is itself a search.
_EXACT = 1e-3
_MOST_FACES = {True: 500, False: 15}
# So many elements may leave 0 at once, or as many as have left it; after so many
# choices that do not fit, one does.
_LEAVING = 16
_MOST_REFUSALS = 4
# What is added to the diagonal of a singular matrix: first, and at most.
_LEAST_DAMPING, _MOST_DAMPING = 1e-10, 1.0


@dataclass(frozen=True)
class Curvature:
    """The second derivative `H` at a point, in the ways in which it is asked for.

    `product(v)` is `H v` and `diagonal()` the diagonal of `H`. `matrix` is `H` itself,
    where somebody has made it; equations are solved exactly then.
    """

    product: Linear
    diagonal: Callable[[], Vector]
    matrix: Matrix | None = None


@dataclass(frozen=True)
class Progress:
    """Where an iteration ended, and how it came there.

    `loss` has the l1 penalty in it, `smooth` is the gradient without it. `gradient` is
    the one of steepest descent: its elements are 0 where the lowest point along an axis
    has been reached, at a kink of the penalty too. `step` leads here from the point
    before, `whole` says whether it is all of what Newton's method proposed, and
    `decrement` is how much lower the loss was expected to be; before the first
    iteration they are 0, no and infinite.
    """

    x: Vector
    loss: float
    smooth: Vector
    gradient: Vector
    step: Vector
    whole: bool = False
    decrement: float = np.inf


class SingularError(ValueError):
    """A second derivative has no inverse, or none that floating point can tell."""


class Newton:
    """`x := x + t d`, where `d` leads to the lowest point of a model of the loss.

    The model is `g d + d' H d / 2 + sum(lasso * |x + d|)`, with the gradient `g` and
    the second derivative `H` of the smooth part of the loss at `x`. Without a `lasso`
    its lowest point is at `d = -H^-1 g`. Equations with `H` are solved by its Cholesky
    factors where `curvature` gives the matrix, and by conjugate gradients where it does
    not, with a tolerance that falls with the gradient, so that convergence stays faster
    than linear. `t` is halved from 1 until the loss falls.

    With an l1 penalty this is the proximal Newton method: Lee, Sun and Saunders 2014,
    "Proximal Newton-type methods for minimizing composite functions". The lowest point
    of the model is looked for on one face after the other, where a face is a choice of
    elements that are 0 and of signs for the rest: Lee, Battle, Raina and Ng 2007,
    "Efficient sparse coding algorithms", section 3, but that several elements may
    leave 0 at once and that signs may change on the way.

    `preconditioner`, a function `g -> P g`, speeds conjugate gradients up where the
    loss is smooth. With `damped`, a matrix without an inverse gets something added to
    its diagonal; otherwise that raises `SingularError`.

    >>> def evaluate(x):
    ...     return float(((x - 3) ** 2).sum()), 2 * (x - 3)
    >>> def curvature(x):
    ...     return Curvature(lambda v: 2 * v, lambda: np.full(2, 2.0))
    >>> newton = Newton(lambda progress: abs(progress.gradient).max() < 1e-9)
    >>> newton.minimize(evaluate, curvature, np.zeros(2)).x
    array([3., 3.])
    >>> newton.minimize(evaluate, curvature, np.zeros(2), np.array([2.0, 9.0])).x
    array([2., 0.])

    `until` is asked after every iteration, and before the first, whether that is it.
    Afterwards `steps` is the number of iterations, and `converged` is true unless
    there were too few: where no lower point can be found there is nothing left to do.
    `latest` is where the last iteration began.
    """

    def __init__(
        self,
        until: Callable[[Progress], bool],
        *,
        iterations: int = 100,
        preconditioner: Linear | None = None,
        damped: bool = True,
    ) -> None:
        self.until = until
        self.iterations = iterations
        self.preconditioner = preconditioner
        self.damped = damped
        self.steps = 0
        self.converged = False
        self.latest: Progress | None = None

    def minimize(
        self,
        evaluate: Evaluate,
        curvature: Callable[[Vector], Curvature],
        x: Vector,
        lasso: Vector | None = None,
    ) -> Progress:
        """The lowest point near `x`.

        `evaluate(x)` gives the smooth part of the loss and its gradient, and
        `curvature(x)` its second derivative; `lasso` holds a number of at least 0 for
        each element of `x`.
        """
        problem = _Problem(evaluate, np.zeros_like(x) if lasso is None else lasso)
        here = problem.at(x)
        self.steps, self.converged = 0, bool(self.until(here))
        while not self.converged and self.steps < self.iterations:
            self.latest = here
            there = self._step(problem, here, curvature(here.x))
            if there is None:
                self.converged = True
                break
            here = there
            self.steps += 1
            self.converged = bool(self.until(here))
        return here

    def _step(
        self, problem: "_Problem", here: Progress, curvature: Curvature
    ) -> Progress | None:
        """The end of one iteration; `None` if no lower point can be found."""
        if not problem.lasso.any():
            everything = np.ones(here.x.shape, np.bool_)
            direction = -self._solve(curvature, everything, here.smooth)
        else:
            direction = self._over_faces(problem, here, curvature)
        there = problem.search(here, direction)
        if there is None:
            there = problem.search(here, problem.plain(here, curvature))
        return there

    def _over_faces(
        self, problem: "_Problem", here: Progress, curvature: Curvature
    ) -> Vector:
        """The lowest point of the model with an l1 penalty, as a step from here."""
        model = _Model(here.x, here.smooth, problem.lasso, curvature.product)
        # In units in which every element has the same curvature.
        units = 1 / np.sqrt(_positive(curvature.diagonal()))
        wanted = _EXACT * _largest(units * here.gradient)
        for _ in range(_MOST_FACES[curvature.matrix is not None]):
            if _largest(units * model.gradient) <= wanted:
                break
            if not model.move(self._on_face(model, curvature, units)):
                break
        return model.y - here.x

    def _on_face(self, model: "_Model", curvature: Curvature, units: Vector) -> Vector:
        """Down on this face if it is steep; else with some elements that leave 0."""
        pulls = units * np.abs(model.gradient)
        on_face = (model.y != 0) | (model.lasso == 0)
        outside = np.where(on_face, 0.0, pulls)
        if _largest(pulls[on_face]) > _largest(outside):
            return self._down(model, curvature, on_face)
        leaving = _strongest(outside, max(_LEAVING, int(on_face.sum())))
        for _ in range(_MOST_REFUSALS):
            direction = self._down(model, curvature, on_face | leaving)
            # What leaves 0 has to go the way that it is pulled.
            wrong = leaving & (direction * model.gradient > 0)
            if not wrong.any():
                return direction
            leaving &= ~wrong
        first = _strongest(outside, 1)
        direction = self._down(model, curvature, on_face | first)
        if (direction[first] * model.gradient[first] >= 0).any():
            direction = np.where(first, -(units**2) * model.gradient, 0.0)
        return direction

    def _down(self, model: "_Model", curvature: Curvature, free: Mask) -> Vector:
        """To the lowest point of the model if these elements move, and never bend."""
        direction = np.zeros_like(model.y)
        if free.any():
            direction[free] = -self._solve(curvature, free, model.gradient[free])
        return direction

    def _solve(self, curvature: Curvature, free: Mask, b: Vector) -> Vector:
        """`H^-1 b`, for the rows and columns of `H` that are `free`."""
        if curvature.matrix is None:
            return self._conjugate_gradients(curvature, free, b)
        matrix = curvature.matrix
        inside = matrix if free.all() else matrix[np.ix_(free, free)]
        return _solved(inside, b, damped=self.damped)

    def _conjugate_gradients(
        self, curvature: Curvature, free: Mask, b: Vector
    ) -> Vector:
        def product(v: Vector) -> Vector:
            whole = np.zeros(free.shape)
            whole[free] = v
            return np.asarray(curvature.product(whole)[free])

        if self.preconditioner is not None and free.all():
            return conjugate_gradients(curvature.product, b, self.preconditioner)
        weights = 1 / _positive(curvature.diagonal()[free])
        return conjugate_gradients(product, b, lambda v: weights * v)


@dataclass(frozen=True)
class _Problem:
    """`f(x) + sum(lasso * |x|)`, where `evaluate` gives `f` and its gradient."""

    evaluate: Evaluate
    lasso: Vector

    def at(self, x: Vector) -> Progress:
        loss, smooth = self.evaluate(x)
        whole = float(loss) + float(self.lasso @ np.abs(x))
        gradient = _steepest(x, smooth, self.lasso)
        return Progress(x, whole, smooth, gradient, np.zeros_like(x))

    def plain(self, here: Progress, curvature: Curvature) -> Vector:
        """The step where every element is taken for itself."""
        weights = 1 / _positive(curvature.diagonal())
        x = here.x - weights * here.smooth
        lowest = np.sign(x) * np.maximum(np.abs(x) - weights * self.lasso, 0)
        return np.asarray(lowest - here.x)

    def search(self, here: Progress, direction: Vector) -> Progress | None:
        """A lower point along the direction."""
        end = here.x + direction
        bend = self.lasso @ (np.abs(end) - np.abs(here.x))
        slope = float(here.smooth @ direction + bend)
        t = 1.0
        for _ in range(_MOST_HALVINGS):
            if not slope < 0:
                return None
            x = end if t == 1 else here.x + t * direction
            there = self.at(x)
            if _is_lower(there, here, t * slope):
                step = x - here.x
                return replace(there, step=step, whole=t == 1, decrement=-0.5 * slope)
            if -t * slope <= _ROUNDING * abs(here.loss):
                return None  # any shorter step is lost in rounding too
            t /= 2
        return None


class _Model:
    """`g d + d' H d / 2 + sum(lasso * |y|)`, where `y = x + d`."""

    def __init__(self, x: Vector, g: Vector, lasso: Vector, product: Linear) -> None:
        self.y = x.copy()
        self.lasso = lasso
        self._smooth = g.copy()
        self._product = product

    @property
    def gradient(self) -> Vector:
        """The gradient of steepest descent at `y`."""
        return _steepest(self.y, self._smooth, self.lasso)

    def move(self, direction: Vector) -> bool:
        """Go to a low point along the direction, and say whether there is one.

        That is the lowest, or, if it is at a kink, what comes of going on while
        elements that would change their sign stay at 0, so that many may become 0 at
        once.
        """
        along = self._product(direction)
        bend = float(direction @ along)
        slope = float(self._smooth @ direction)
        slope += float(
            self.lasso
            @ np.where(self.y != 0, np.sign(self.y) * direction, np.abs(direction))
        )
        if not slope < 0:
            return False
        crossing = np.flatnonzero((self.y * direction < 0) & (self.lasso > 0))
        at = -self.y[crossing] / direction[crossing]
        order = np.argsort(at)
        crossing, at = crossing[order], at[order]
        jumps = 2 * self.lasso[crossing] * np.abs(direction[crossing])
        # The derivative just before each kink, and just after it.
        before = slope + bend * at + np.concatenate([[0.0], np.cumsum(jumps)[:-1]])
        after = before + jumps
        kinks = np.flatnonzero(after >= 0)
        passed = int(kinks[0]) if len(kinks) else len(at)
        at_kink = passed < len(at) and before[passed] < 0
        if at_kink:
            t = float(at[passed])
        elif bend > 0:
            t = -(slope + float(jumps[:passed].sum())) / bend
        else:
            return False
        there = self.y + t * direction
        if at_kink:
            there[crossing[passed]] = 0.0
        self._choose(there, t * along, direction, t)
        return True

    def _choose(
        self, there: Vector, change: Vector, direction: Vector, least: float
    ) -> None:
        """Go there, or further along the direction, clipped at 0, if that is lower.

        `change` is how the derivative differs there.
        """
        lowest, t = self._rise(there, change), 1.0
        signs = np.where(self.lasso > 0, np.sign(self.y), 0.0)
        while t > least:
            end = self.y + t * direction
            end[signs * end < 0] = 0.0
            bent = self._product(end - self.y)
            rise = self._rise(end, bent)
            if rise < lowest:
                there, change = end, bent
                break
            t /= 2
        self.y = there
        self._smooth = self._smooth + change

    def _rise(self, there: Vector, change: Vector) -> float:
        """How much higher the model is there, where its derivative has changed so."""
        step = there - self.y
        bend = float(self.lasso @ (np.abs(there) - np.abs(self.y)))
        return float(self._smooth @ step + 0.5 * (change @ step)) + bend


def _strongest(pulls: Vector, most: int) -> Mask:
    """The largest numbers above 0, so many of them."""
    chosen = pulls > 0
    if np.count_nonzero(chosen) > most:
        chosen[np.argpartition(pulls, -most)[:-most]] = False
    return chosen


def _steepest(x: Vector, smooth: Vector, lasso: Vector) -> Vector:
    """The gradient of steepest descent where there is a penalty `sum(lasso * |x|)`."""
    at_kink = np.sign(smooth) * np.maximum(np.abs(smooth) - lasso, 0)
    return np.where(x != 0, smooth + lasso * np.sign(x), at_kink)


def _is_lower(there: Progress, here: Progress, promised: float) -> bool:
    """Whether the loss fell as it should; where rounding hides that, the gradient."""
    rounded = _ROUNDING * abs(here.loss)
    if -promised > rounded and there.loss <= here.loss + _DECREASE * promised:
        return True
    same = abs(there.loss - here.loss) <= rounded
    return bool(same and _largest(there.gradient) < 0.5 * _largest(here.gradient))


def _largest(x: Vector) -> float:
    return float(np.abs(x).max(initial=0.0))


def _positive(diagonal: Vector) -> Vector:
    """Without what is 0, for nothing that is 0 can be divided by."""
    floor = max(
        np.finfo(np.float64).eps * _largest(diagonal), np.finfo(np.float64).tiny
    )
    return np.maximum(diagonal, floor)


def _solved(matrix: Matrix, b: Vector, *, damped: bool) -> Vector:
    """`A^-1 b` for a symmetric positive definite `A`.

    Rows and columns are scaled first, so that units do not count.
    """
    scale = 1 / np.sqrt(_positive(np.diagonal(matrix)))
    scaled = matrix * scale * scale[:, None]
    damping = 0.0
    while damping <= _MOST_DAMPING:
        attempt = scaled + damping * np.eye(len(b)) if damping else scaled
        if _has_inverse(attempt):
            return np.asarray(scale * np.linalg.solve(attempt, scale * b))
        if not damped:
            break
        damping = max(_LEAST_DAMPING, 100 * damping)
    raise SingularError("the second derivative of the loss has no inverse")


def _has_inverse(matrix: Matrix) -> bool:
    try:
        pivots = np.diagonal(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        return False
    ratio = (pivots.min() / pivots.max()) ** 2
    return bool(ratio > len(matrix) * np.finfo(np.float64).eps)


def conjugate_gradients(
    product: Linear,
    b: Vector,
    preconditioner: Linear,
    *,
    tolerance: float | None = None,
    most: int = _MOST_PRODUCTS,
) -> Vector:
    """`x` with `A x = b` for a symmetric `A` that is positive; `product(v)` is `A v`.

    It ends when the residual, measured by the preconditioner, is the part `tolerance`
    of what it was; without one, when it is about the square root of the length of `b`,
    so that a method whose steps are found this way converges faster than linearly.
    Nocedal and Wright 2006, "Numerical optimization", algorithms 5.3 and 7.1. Where
    `A` is not positive along a direction, what was found until then is given back.

    >>> A = np.array([[4.0, 1.0], [1.0, 3.0]])
    >>> conjugate_gradients(lambda v: A @ v, A @ [1.0, 2.0], lambda v: v, tolerance=0)
    array([1., 2.])
    """
    x, residual = np.zeros_like(b), b.copy()
    scaled = preconditioner(residual)
    direction = scaled
    length = first = float(residual @ scaled)
    wanted = min(_LOOSEST, np.sqrt(_largest(b))) if tolerance is None else tolerance
    for i in range(most):
        if length <= wanted**2 * first or length == 0:
            break
        along = product(direction)
        curvature = float(direction @ along)
        if curvature <= 0:
            return x if i else scaled
        step = length / curvature
        x = x + step * direction
        residual = residual - step * along
        scaled = preconditioner(residual)
        before, length = length, float(residual @ scaled)
        direction = scaled + (length / before) * direction
    return x
