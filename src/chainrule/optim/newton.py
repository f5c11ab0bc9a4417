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
# What is added to the diagonal of a singular matrix: first, and at most.
_LEAST_DAMPING, _MOST_DAMPING = 1e-12, 1.0


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

    `loss` has the l1 penalty in it. `gradient` is the one of steepest descent: its
    elements are 0 where the lowest point along an axis has been reached, at a kink of
    the penalty too. `step` leads here from the point before, `whole` says whether it
    is all of what Newton's method proposed, and `decrement` is how much lower the loss
    was expected to be; before the first iteration they are 0, no and infinite.
    """

    x: Vector
    loss: float
    gradient: Vector
    step: Vector
    whole: bool = False
    decrement: float = np.inf


class SingularError(ValueError):
    """A second derivative has no inverse, or none that floating point can tell."""


class Newton:
    """`x := x - t H^-1 g`, where `H` is the second derivative of the loss and `g` its
    gradient; with a penalty `sum(lasso * |x|)`, `x` never jumps over a kink.

    Equations with `H` are solved by its Cholesky factors where `curvature` gives the
    matrix, and by conjugate gradients where it does not, with a tolerance that falls
    with the gradient, so that convergence stays faster than linear. `t` is halved from
    1 until the loss falls.

    Where `lasso` is above 0 the method is the two-metric projection: elements that are
    0 and want to stay there are left out, elements that a plain step would bring to 0
    take that step alone, the rest takes Newton's, and whatever would change its sign
    stops at 0. Bertsekas 1982, "Projected Newton methods for optimization problems with
    simple constraints"; Schmidt, Fung and Rosales 2007, "Fast optimization methods for
    L1 regularization", section 3.2.

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
        direction = self._direction(problem, here, curvature)
        there = problem.search(here, direction)
        if there is None:
            plain = -here.gradient / _positive(curvature.diagonal())
            there = problem.search(here, plain)
        return there

    def _direction(
        self, problem: "_Problem", here: Progress, curvature: Curvature
    ) -> Vector:
        if not problem.lasso.any():
            everything = np.ones(here.x.shape, np.bool_)
            return -self._solve(curvature, everything, here.gradient)
        plain = here.gradient / _positive(curvature.diagonal())
        to_zero = (here.x != 0) & (here.x * (here.x - plain) <= 0) & (problem.lasso > 0)
        free = ~to_zero & ((here.x != 0) | (here.gradient != 0) | (problem.lasso == 0))
        direction = np.where(to_zero, -plain, 0.0)
        if free.any():
            direction[free] = -self._solve(curvature, free, here.gradient[free])
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
        smooth, dx = self.evaluate(x)
        loss = float(smooth) + float(self.lasso @ np.abs(x))
        at_kink = np.sign(dx) * np.maximum(np.abs(dx) - self.lasso, 0)
        gradient = np.where(x != 0, dx + self.lasso * np.sign(x), at_kink)
        return Progress(x, loss, gradient, np.zeros_like(x))

    def search(self, here: Progress, direction: Vector) -> Progress | None:
        """A lower point along the direction, bent where a sign would change."""
        side = np.where(here.x != 0, np.sign(here.x), -np.sign(here.gradient))
        bent = self.lasso > 0
        t = 1.0
        for _ in range(_MOST_HALVINGS):
            x = here.x + t * direction
            x[bent & (x * side <= 0)] = 0.0
            promised = float(here.gradient @ (x - here.x))
            if not promised < 0:
                return None
            there = self.at(x)
            if _is_lower(there, here, promised):
                step = x - here.x
                decrement = -0.5 * float(here.gradient @ direction)
                return replace(there, step=step, whole=t == 1, decrement=decrement)
            if -promised <= _ROUNDING * abs(here.loss):
                return None  # any shorter step is lost in rounding too
            t /= 2
        return None


def _is_lower(there: Progress, here: Progress, promised: float) -> bool:
    """Whether the loss fell as it should; where rounding hides that, the gradient."""
    rounded = _ROUNDING * abs(here.loss)
    if -promised > rounded and there.loss <= here.loss + _DECREASE * promised:
        return True
    same = abs(there.loss - here.loss) <= rounded
    return same and _largest(there.gradient) < 0.5 * _largest(here.gradient)


def _largest(x: Vector) -> float:
    return float(np.abs(x).max(initial=0.0))


def _positive(diagonal: Vector) -> Vector:
    """Without what is 0, for nothing that is 0 can be divided by."""
    floor = max(np.finfo(np.float64).eps * _largest(diagonal), np.finfo(np.float64).tiny)
    return np.maximum(diagonal, floor)


def _solved(matrix: Matrix, b: Vector, *, damped: bool) -> Vector:
    """`A^-1 b` for a symmetric positive definite `A`.

    Rows and columns are scaled first, so that units do not count.
    """
    scale = 1 / np.sqrt(_positive(np.diagonal(matrix)))
    scaled = matrix * scale * scale[:, None]
    damping = 0.0
    while damping <= _MOST_DAMPING:
        attempt = scaled + damping * np.eye(len(b))
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
