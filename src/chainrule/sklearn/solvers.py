"""What scikit-learn's solvers of logistic regression stand for here.

The names choose a method, and what its `tol` means, when it stops and how it warns.
All find the same lowest point for the same penalty, so all use one of two methods:

- L-BFGS, preconditioned by what the second derivative is about: `lbfgs`. Where that is
  a small matrix and exact there is a new one for each step, which makes it Newton's
  method: 5 to 10 steps, where guessing takes 20 to 100. Else it is made again after 2
  steps, 7, 22 ..., as the curvature has changed by then.
- Newton's method, for the l1 penalty too: `newton-cholesky` with the matrix of second
  derivatives, `newton-cg` without it; `sag`, `saga` and `liblinear` with it where it is
  small. None of them draws random numbers.
"""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController

from chainrule.optim import LBFGS
from chainrule.optim.line_search import Vector
from chainrule.optim.newton import Curvature, Newton, Progress, SingularError
from chainrule.sklearn.one_layer import OneLayer

SOLVERS = ("lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga")

# Up to so many weights the matrix of second derivatives is made if one may choose.
_SMALL = 2048
# Up to so many columns, more threads of BLAS wait for each other longer than they work:
# many times as long where other programs run.
_SMALL_MATRIX = 512
# With a preconditioner few steps are taken, and the last one before `tol` is reached
# may leave more of an error than many small ones would: lbfgs goes a little further.
_STRICTER = 0.3
# The loss no longer falls where it falls by less than this part of it: scikit-learn's.
_ROUNDED_LOSS = 64 * np.finfo(np.float64).eps

_ADVICE = (
    "You might also want to scale the data as shown in:\n"
    "    https://scikit-learn.org/stable/modules/preprocessing.html\n"
    "and look at the other solvers:\n"
    "    https://scikit-learn.org/stable/modules/linear_model.html#logistic-regression"
)


@dataclass(frozen=True)
class Request:
    """How to look for the lowest point: scikit-learn's parameters of these names.

    `fewest` is the number of rows of the class that has fewest: liblinear's tolerance
    depends on it. `watch(x)` is called after each iteration of `lbfgs`, and stops it by
    giving true.
    """

    solver: str
    tol: float
    max_iter: int
    verbose: int = 0
    fewest: int = 1
    watch: Callable[[Vector], bool] | None = None


def solve(problem: OneLayer, x: Vector, request: Request) -> tuple[Vector, int]:
    """The lowest point, starting from `x`, and after how many iterations.

    Warns with scikit-learn's `ConvergenceWarning` if there were too few.
    """
    with _alone() if problem.form[0] <= _SMALL_MATRIX else nullcontext():
        x, steps = _METHODS[request.solver](problem, x, request)
    return problem.centred(x), steps


def _alone() -> AbstractContextManager[Any]:
    """NumPy's and SciPy's products and factors stay in this thread."""
    limited: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limited


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def _lbfgs(problem: OneLayer, x: Vector, request: Request) -> tuple[Vector, int]:
    optimizer = LBFGS(
        gradient_tolerance=_STRICTER * request.tol,
        loss_tolerance=_ROUNDED_LOSS,
        preconditioner=problem.preconditioner,
    )
    steps, stopped = 0, False
    exact = problem.is_bent_exactly
    due = 1 if exact else max(2.0, problem.patience)
    while not (optimizer.converged or stopped) and steps < request.max_iter:
        if steps >= due:
            # What it takes of the time stays less than what evaluations do.
            due = due + 1 if exact else 3 * due + 1
            optimizer.precondition(problem.preconditioner_at(x), anew=exact)
        there, loss = optimizer.iterate(problem.evaluate, x)
        if np.array_equal(there, x):
            break  # where it has converged, it stays
        x, steps = there, steps + 1
        if request.verbose:
            print(f"[lbfgs] iteration {steps}: loss {loss:.8g}")  # noqa: T201 - asked for
        stopped = request.watch is not None and request.watch(x)
    if not (optimizer.converged or stopped):
        _warn(
            f"lbfgs failed to converge after {steps} iteration(s).\n\nIncrease the "
            f"number of iterations to improve the convergence "
            f"(max_iter={request.max_iter}).\n{_ADVICE}"
        )
    return x, steps


def _newton_cg(problem: OneLayer, x: Vector, request: Request) -> tuple[Vector, int]:
    newton = _newton(problem, request, _flat(request))
    there = newton.minimize(problem.evaluate, problem.curvature, x)
    if not newton.converged:
        _warn(
            f"newton-cg failed to converge at loss = {there.loss}. Increase the number "
            "of iterations."
        )
    return there.x, newton.steps


def _newton_cholesky(
    problem: OneLayer, x: Vector, request: Request
) -> tuple[Vector, int]:
    flat = _flat(request)

    def until(progress: Progress) -> bool:
        return flat(progress) and progress.decrement <= request.tol

    newton = _newton(problem, request, until, damped=False)
    try:
        there = newton.minimize(problem.evaluate, problem.exact_curvature, x)
    except SingularError:
        return _without_inverse(problem, x, request, newton)
    if not newton.converged:
        _warn(f"Newton solver did not converge after {newton.steps} iterations.")
    return there.x, newton.steps


def _without_inverse(
    problem: OneLayer, x: Vector, request: Request, newton: Newton
) -> tuple[Vector, int]:
    """Go on by L-BFGS; the iteration that failed counts as one of `max_iter`."""
    warnings.warn(
        "newton-cholesky: the matrix of second derivatives is singular or very "
        f"ill-conditioned at iteration {newton.steps}, so lbfgs goes on from there. "
        "Remove columns of X that others add up to, increase the penalty, or choose "
        "another solver.",
        LinAlgWarning,
        stacklevel=2,
    )
    start = x if newton.latest is None else newton.latest.x
    left = Request(
        "lbfgs", request.tol, request.max_iter - newton.steps - 1, request.verbose
    )
    there, steps = _lbfgs(problem, start, left)
    return there, newton.steps + steps


def _stochastic(problem: OneLayer, x: Vector, request: Request) -> tuple[Vector, int]:
    """`sag` and `saga`: `tol` bounds how far the weights move, relative to them."""

    def until(progress: Progress) -> bool:
        moved, size = np.abs(progress.step).max(), np.abs(progress.x).max()
        return progress.whole and bool(moved <= request.tol * size)

    newton = _newton(problem, request, until)
    there = newton.minimize(problem.evaluate, _either(problem), x, problem.lasso)
    if not newton.converged:
        _warn("The max_iter was reached which means the coef_ did not converge")
    return there.x, newton.steps


def _liblinear(problem: OneLayer, x: Vector, request: Request) -> tuple[Vector, int]:
    """`tol` bounds the length of the gradient, relative to where it begins."""
    order = 1 if problem.lasso.any() else 2
    part = request.tol * max(request.fewest, 1) / problem.rows.shape[0]
    first: list[float] = []

    def until(progress: Progress) -> bool:
        length = float(np.linalg.norm(progress.gradient, order))
        first.append(length)
        return len(first) > 1 and length <= part * first[0]

    newton = _newton(problem, request, until)
    there = newton.minimize(problem.evaluate, _either(problem), x, problem.lasso)
    if not newton.converged:
        _warn("Liblinear failed to converge, increase the number of iterations.")
    return there.x, newton.steps


_METHODS = {
    "lbfgs": _lbfgs,
    "newton-cg": _newton_cg,
    "newton-cholesky": _newton_cholesky,
    "sag": _stochastic,
    "saga": _stochastic,
    "liblinear": _liblinear,
}


def _newton(
    problem: OneLayer,
    request: Request,
    until: Callable[[Progress], bool],
    *,
    damped: bool = True,
) -> Newton:
    def told(progress: Progress) -> bool:
        if request.verbose:
            largest = np.abs(progress.gradient).max()
            print(  # noqa: T201 - asked for
                f"[{request.solver}] loss {progress.loss:.8g}, "
                f"largest derivative {largest:.3g}"
            )
        return until(progress)

    return Newton(
        told,
        iterations=request.max_iter,
        preconditioner=problem.preconditioner,
        damped=damped,
    )


def _flat(request: Request) -> Callable[[Progress], bool]:
    """No element of the gradient is larger than `tol`."""
    return lambda progress: bool(np.abs(progress.gradient).max() <= request.tol)


def _either(problem: OneLayer) -> Callable[[Vector], Curvature]:
    """The second derivative as a matrix where that is small."""
    return problem.exact_curvature if problem.size <= _SMALL else problem.curvature


def _warn(message: str) -> None:
    warnings.warn(message, ConvergenceWarning, stacklevel=2)
