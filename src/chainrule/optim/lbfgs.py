"""L-BFGS: Newton's method with a curvature that is guessed from the last few steps."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from chainrule.expressions.promote import Operand
from chainrule.ir import Array
from chainrule.optim.line_search import Evaluate, Point, Vector, strong_wolfe
from chainrule.optim.optimizer import Optimizer, Scalars, Slots
from chainrule.optim.schedules import Schedule
from chainrule.tensor import Tensor

# Steps along which the gradient changed by less than this, relative to both lengths,
# say nothing about the curvature.
_LEAST_CURVATURE = 1e-10


class LBFGS(Optimizer):
    """`x := x - a H g`, all weights `x` at once, `H` guessed from the last few steps.

    `g` is the gradient of the loss on all rows, so it takes no mini-batches: `fit`
    gives it the whole table in each epoch. `H`, an approximation of the inverse of the
    second derivative, is applied by the two-loop recursion, and `a` is found by a
    search along the line that tries `learning_rate` first. Nocedal and Wright 2006,
    "Numerical optimization", algorithms 7.4 and 7.5.

    `history` is how many steps are remembered. `preconditioner`, a function `g -> H0 g`
    of a symmetric positive definite `H0`, is what `H` is guessed from where nothing is
    remembered, and up to a factor what every guess begins with; it is the identity if
    none is given. `converged` becomes true, and
    iterations change nothing from then on, when no element of `g` is larger than
    `gradient_tolerance`, when the loss falls by no more than the part `loss_tolerance`
    of it, or when no lower point can be found; `reason` says which.

    Everything is computed in float64 on the host.

    >>> def evaluate(x):  # Rosenbrock's valley, with its lowest point at (1, 1)
    ...     a, b = 1 - x[0], x[1] - x[0] ** 2
    ...     return a**2 + 100 * b**2, np.array([-2 * a - 400 * x[0] * b, 200 * b])
    >>> x, loss = LBFGS().minimize(evaluate, [-1.2, 1.0])
    >>> x.round(6)
    array([1., 1.])
    """

    full_batch = True

    def __init__(
        self,
        learning_rate: float | Schedule = 1.0,
        *,
        history: int = 10,
        gradient_tolerance: float = 1e-8,
        loss_tolerance: float = 1e-12,
        preconditioner: Callable[[Vector], Vector] | None = None,
    ) -> None:
        super().__init__(learning_rate)
        if history < 1:
            raise ValueError(f"LBFGS: history is at least 1, not {history}")
        self.history = history
        self.gradient_tolerance = self.checked("gradient_tolerance", gradient_tolerance)
        self.loss_tolerance = self.checked("loss_tolerance", loss_tolerance)
        self.preconditioner = preconditioner
        self._reset()

    def _reset(self) -> None:
        self.converged = False
        self.reason = ""
        self._steps: list[Vector] = []
        self._changes: list[Vector] = []
        self._here: Point | None = None

    def forget(self) -> None:
        """Count from 0 again and forget the curvature."""
        super().forget()
        self._reset()

    def precondition(
        self, preconditioner: Callable[[Vector], Vector], *, anew: bool = False
    ) -> None:
        """Begin guesses with another `preconditioner` from here on.

        It may be nearer to the second derivative where the search has come to. `anew`
        says that it is so near that the steps taken before would only spoil it: they
        are forgotten, and the next step is Newton's.
        """
        self.preconditioner = preconditioner
        if anew:
            self._steps, self._changes = [], []

    # --- iterations ---------------------------------------------------------------

    def minimize(
        self, evaluate: Evaluate, x: ArrayLike, iterations: int = 1000
    ) -> tuple[Vector, float]:
        """The lowest point near `x`, and its loss: iterations until it has converged.

        `evaluate(x)` gives the loss and its gradient, for a vector `x`.
        """
        point, loss = np.array(x, np.float64), np.inf
        for _ in range(iterations):
            point, loss = self.iterate(evaluate, point)
            self.steps += 1
            if self.converged:
                break
        return point, loss

    def iterate(
        self, evaluate: Callable[[Array], tuple[float, Array]], x: Array
    ) -> tuple[Array, float]:
        """One iteration from `x`: the next point, and its loss.

        Raises `ValueError` where the loss at `x` is not finite.
        """
        here = self._arrive(evaluate, np.asarray(x, np.float64))
        if self.converged or self._is_flat(here):
            return here.x, here.loss
        there = self._search(evaluate, here)
        if there is None:
            return self._finish("no lower point was found along the gradient", here)
        self._remember(there.x - here.x, there.gradient - here.gradient)
        self._here = there
        if here.loss - there.loss <= self.loss_tolerance * abs(here.loss):
            return self._finish("the loss no longer falls", there)
        self._is_flat(there)
        return there.x, there.loss

    def _arrive(self, evaluate: Evaluate, x: Vector) -> Point:
        """The point `x`, which is known already if it is where the last one ended."""
        if self._here is not None and np.array_equal(x, self._here.x):
            return self._here
        self.converged, self.reason = False, ""
        loss, gradient = evaluate(x)
        if not (np.isfinite(loss) and np.isfinite(gradient).all()):
            raise ValueError(
                f"LBFGS: the loss {loss} or its gradient is not finite where it starts"
            )
        self._here = Point(0.0, x, float(loss), np.asarray(gradient, np.float64), 0.0)
        return self._here

    def _search(self, evaluate: Evaluate, here: Point) -> Point | None:
        """The end of a step along `-H g`; along `-g` if that leads nowhere."""
        found = None
        if self._steps:
            rate = self.schedule(self.steps)
            found = self._along(evaluate, here, -self._times_curvature(here), rate)
        if found is None:
            self._steps, self._changes = [], []
            found = self._from_scratch(evaluate, here)
        return found

    def _from_scratch(self, evaluate: Evaluate, here: Point) -> Point | None:
        """The end of a step where nothing is remembered."""
        if self.preconditioner is not None:
            return self._along(evaluate, here, -self.preconditioner(here.gradient), 1.0)
        # The first step has no scale of its own: at most 1 in all, as in PyTorch.
        length = min(1.0, 1 / float(np.abs(here.gradient).sum()))
        return self._along(evaluate, here, -here.gradient, length)

    def _along(
        self, evaluate: Evaluate, here: Point, direction: Vector, step: float
    ) -> Point | None:
        slope = float(here.gradient @ direction)
        if not slope < 0:
            return None
        start = Point(0.0, here.x, here.loss, here.gradient, slope)
        return strong_wolfe(evaluate, start, direction, step)

    def _times_curvature(self, here: Point) -> Vector:
        """`H g`, by the two-loop recursion."""
        q = here.gradient.copy()
        pairs = [
            (s, y, float(s @ y))
            for s, y in zip(self._steps, self._changes, strict=True)
        ]
        weights = []
        for s, y, product in reversed(pairs):
            weight = float(s @ q) / product
            q -= weight * y
            weights.append(weight)
        s, y, product = pairs[-1]
        guess = _same if self.preconditioner is None else self.preconditioner
        q = product / float(y @ guess(y)) * guess(q)
        for (s, y, product), weight in zip(pairs, reversed(weights), strict=True):
            q += (weight - float(y @ q) / product) * s
        return q

    def _remember(self, s: Vector, y: Vector) -> None:
        if s @ y <= _LEAST_CURVATURE * np.linalg.norm(s) * np.linalg.norm(y):
            return
        self._steps = [*self._steps, s][-self.history :]
        self._changes = [*self._changes, y][-self.history :]

    def _is_flat(self, point: Point) -> bool:
        largest = np.abs(point.gradient).max(initial=0.0)
        if largest <= self.gradient_tolerance:
            self._finish("the gradient is 0", point)
        return self.converged

    def _finish(self, reason: str, point: Point) -> tuple[Array, float]:
        self.converged, self.reason = True, reason
        return point.x, point.loss

    # --- as an optimizer ----------------------------------------------------------

    def update(
        self, gradients: Mapping[str, Tensor], scalars: Mapping[str, Operand]
    ) -> NoReturn:
        """It takes no steps on batches: raises `TypeError`."""
        del gradients, scalars
        raise TypeError(
            "LBFGS looks at the loss of all rows several times in each step, so a "
            "gradient is not enough: use cr.fit, or iterate with a function that gives "
            "loss and gradient"
        )

    def change(self, dW: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        """Never asked for."""
        raise NotImplementedError

    def slot_arrays(self) -> dict[str, Array]:
        """The steps it remembers, and where it is."""
        if self._here is None:
            return {}
        arrays = {
            "x": self._here.x.copy(),
            "gradient": self._here.gradient.copy(),
            "loss": np.array(self._here.loss),
        }
        if self._steps:
            arrays["steps"] = np.stack(self._steps)
            arrays["changes"] = np.stack(self._changes)
        return arrays

    def load_slot_arrays(self, arrays: Mapping[str, Array]) -> None:
        """The inverse of `slot_arrays`."""
        self._reset()
        if not arrays:
            return
        x, gradient = (np.array(arrays[k], np.float64) for k in ("x", "gradient"))
        self._here = Point(0.0, x, float(arrays["loss"]), gradient, 0.0)
        self._steps = [np.array(s, np.float64) for s in arrays.get("steps", ())]
        self._changes = [np.array(y, np.float64) for y in arrays.get("changes", ())]

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on."""
        reached = {"converged": self.converged, "reason": self.reason}
        return {**super().state_dict(), **reached}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state_dict`."""
        super().load_state_dict(state)
        self.converged, self.reason = state["converged"], state["reason"]


def _same(x: Vector) -> Vector:
    return x
