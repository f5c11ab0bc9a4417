"""A training step as one graph, and whole epochs of it.

This is the only place that knows how a step is executed. It asks `compile` for the
step as a graph and runs it batch after batch; callers hand it an epoch and get the
losses back.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np

from chainrule.compile import compile
from chainrule.ir import Array
from chainrule.nn import Module
from chainrule.optim import Optimizer
from chainrule.tensor import State, Tensor, tensor
from chainrule.training.data import Rows
from chainrule.training.diagnose import NonFiniteError, explain_non_finite
from chainrule.transforms import value_and_grad

Loss = Callable[..., Tensor]


@dataclass(frozen=True, slots=True)
class _Before:
    """A step as it was before it was taken, with which it can be taken again."""

    step: int
    name: str
    arguments: tuple[Any, ...]
    states: list[tuple[State, Array]]


# How many rows are evaluated at once where nothing depends on the batch.
EVALUATION_BATCH = 2048


class Program:
    """The training step of `net` under `loss` and `optimizer`."""

    def __init__(self, net: Module, loss: Loss, optimizer: Optimizer) -> None:
        self.net = net
        self.loss = loss
        self.optimizer = optimizer
        self._step = compile(self._traced_step)
        self._loss_and_gradient = compile(self._traced_loss_and_gradient)
        self._forward = compile(self._traced_forward)
        # The last two steps as they were before they were taken: numbers that go
        # wrong in one step may show in the loss of the next.
        self._recent: deque[_Before] = deque(maxlen=2)
        self._states = [*net.states().values(), *optimizer.states().values()]

    def epoch(
        self,
        data: Rows,
        order: Array,
        bounds: Array,
        on_step: Callable[[int, float], None] | None = None,
    ) -> Array:
        """Train on all rows once, in `order`; the loss of each step.

        `bounds` says where in `order` each batch begins, and where the last one ends.
        `on_step(step, loss)` is called after each step if given. Raises
        `NonFiniteError` with the weights as they were before the step that went wrong.
        """
        self.net.train()
        losses: list[float] = []
        for start, stop in pairwise(bounds):
            batch = data.take(order[start:stop])
            scalars = _as_float64(self.optimizer.scalars(self.optimizer.steps))
            # Arrays in states are replaced, never written: keeping them is free.
            before = [(state, state.data) for state in self._states]
            arguments = (*batch.parts, scalars)
            name = f"step {len(losses) + 1} of the epoch"
            self._recent.append(_Before(self.optimizer.steps, name, arguments, before))
            loss = self._step(*arguments).item()
            if not np.isfinite(loss):
                self._explain(f"{name} gave the loss {loss}")
            self.optimizer.steps += 1
            losses.append(loss)
            if on_step is not None:
                on_step(self.optimizer.steps, loss)
        # What the last step did to the weights is in no loss yet.
        if not _all_finite(state.data for state in self._states):
            self._explain("the last step of the epoch made a weight infinite")
        return np.asarray(losses)

    def full_batch_iteration(self, data: Rows) -> float:
        """One iteration of an optimizer that looks at all rows before it moves."""
        self.net.train()
        parameters = self.net.parameters()

        def evaluate(x: Array) -> tuple[float, Array]:
            _unflatten(parameters.values(), x)
            return self._mean_loss_and_gradient(data)

        before = _flatten(p.data for p in parameters.values())
        try:
            after, loss = self.optimizer.iterate(evaluate, before)
        except ValueError:
            _unflatten(parameters.values(), before)
            for batch in self._full_batches(data):
                when = f"step {self.optimizer.steps + 1}"
                explain_non_finite(self._traced_loss_and_gradient, batch.parts, when)
            raise
        _unflatten(parameters.values(), after)
        self.optimizer.steps += 1
        return loss

    def loss_of(self, data: Rows) -> tuple[float, Array]:
        """The mean loss of rows in evaluation mode, and the predictions.

        Raises `NonFiniteError` if the loss is not finite.
        """
        self.net.eval()
        total, predictions = 0.0, []
        for batch in data.batches(EVALUATION_BATCH):
            loss, prediction = self._forward(*batch.parts)
            if not np.isfinite(loss.item()):
                explain_non_finite(self._traced_forward, batch.parts, "evaluation")
                raise NonFiniteError(f"evaluation gave the loss {loss.item()}")
            total += loss.item() * batch.total_weight()
            predictions.append(prediction.numpy())
        return total / data.total_weight(), np.concatenate(predictions)

    # --- what is traced -----------------------------------------------------------

    def _traced_step(self, x: Any, y: Any, weights: Any, scalars: Any) -> Tensor:
        loss, dws = self._traced_loss_and_gradient(x, y, weights)
        self.optimizer.update(dws, scalars)
        return loss

    def _traced_loss_and_gradient(
        self, x: Any, y: Any, weights: Any
    ) -> tuple[Tensor, dict[str, Tensor]]:
        def objective(net: Module) -> Tensor:
            return self.loss(net(x), y, sample_weight=weights)

        loss, dws = value_and_grad(objective)(self.net)
        return loss, dws

    def _traced_forward(self, x: Any, y: Any, weights: Any) -> tuple[Tensor, Tensor]:
        prediction = self.net(x)
        return self.loss(prediction, y, sample_weight=weights), prediction

    # --- helpers ------------------------------------------------------------------

    def _mean_loss_and_gradient(self, data: Rows) -> tuple[float, Array]:
        total, gradient = 0.0, np.zeros(0)
        for batch in self._full_batches(data):
            loss, dws = self._loss_and_gradient(*batch.parts)
            share = batch.total_weight() / data.total_weight()
            flat = share * _flatten(dw.numpy() for dw in dws.values())
            gradient = flat if gradient.size == 0 else gradient + flat
            total += share * loss.item()
        return total, gradient

    def _full_batches(self, data: Rows) -> Iterator[Rows]:
        return data.batches(EVALUATION_BATCH, smallest_batch(self.net))

    def _explain(self, symptom: str) -> NoReturn:
        """Go back to before the step whose numbers went wrong, and say why they did.

        It is the last one, unless it had been handed weights that were wrong already.
        """
        before = self._recent[-1]
        if not _all_finite(data for _, data in before.states):
            before = self._recent[0]
        for state, data in before.states:
            state.hold(data)
        self.optimizer.steps = before.step
        explain_non_finite(self._traced_step, before.arguments, before.name)
        raise NonFiniteError(symptom)


def smallest_batch(net: Module) -> int:
    """How many rows a batch needs, so that every layer can be trained on it."""
    return max(module.smallest_batch for module in net.modules().values())


def predict(net: Module, X: Any, batch_size: int = EVALUATION_BATCH) -> Array:
    """What `net` gives for each row of `X`, in evaluation mode, as an array.

    >>> import chainrule as cr
    >>> cr.predict(cr.nn.ReLU(), [[1.0], [-1.0]])
    array([[1.],
           [0.]], dtype=float32)
    """
    modes = {module: module.training for module in net.modules().values()}
    net.eval()
    try:
        inputs = tensor(X).numpy()
        forward = compile(net.__call__)
        parts = [
            forward(inputs[start : start + batch_size]).numpy()
            for start in range(0, max(len(inputs), 1), batch_size)
        ]
    finally:
        for module, was_training in modes.items():
            module.training = was_training
    return np.concatenate(parts)


def _all_finite(arrays: Iterable[Array]) -> bool:
    return all(np.isfinite(array).all() for array in arrays)


def _as_float64(scalars: dict[str, float]) -> dict[str, np.float64]:
    return {name: np.float64(scalar) for name, scalar in scalars.items()}


def _flatten(arrays: Any) -> Array:
    return np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays])


def _unflatten(states: Any, flat: Array) -> None:
    start = 0
    for state in states:
        part = flat[start : start + state.size].reshape(state.shape)
        state.assign(part.astype(state.dtype))
        start += state.size
