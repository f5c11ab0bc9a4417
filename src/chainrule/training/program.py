"""A training step as a program, and whole epochs of it.

This is the only place that knows how a step is executed: callers hand it the orders of
the rows in one or more epochs, and get the losses back.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from chainrule.compile import compile, replay
from chainrule.expressions.promote import as_value
from chainrule.ir import Array, scope
from chainrule.nn import Module
from chainrule.optim import Optimizer
from chainrule.taps import tap, tapped
from chainrule.tensor import State, Tensor, tensor
from chainrule.training.causes import Story, reach
from chainrule.training.data import Batches, Rows
from chainrule.training.diagnose import NonFiniteError, explain_non_finite
from chainrule.training.naming import LOSS, OPTIMIZER
from chainrule.training.penalties import Penalty
from chainrule.training.speed import Meter
from chainrule.training.steps import CompiledSteps, Steps
from chainrule.transforms import value_and_grad

Loss = Callable[..., Tensor]


# How many rows are evaluated at once where nothing depends on the batch.
EVALUATION_BATCH = 2048


class Program:
    """The training step of `net` under `loss`, `penalty` and `optimizer`."""

    def __init__(
        self,
        net: Module,
        loss: Loss,
        optimizer: Optimizer,
        *,
        penalty: Penalty | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.net = net
        self.loss = loss
        self.optimizer = optimizer
        self.penalty = penalty
        # Finding them takes longer than a step of a small network.
        self._modules = list(net.modules().values())
        self._parameters = list(net.parameters().values())
        self._smallest = smallest_batch(net)
        self.meter = Meter() if meter is None else meter
        self._step = CompiledSteps(self._traced_step, self.meter)
        self._loss_and_gradient = compile(self._traced_loss_and_gradient)
        self._forward = compile(self._traced_forward)
        self._losses: Array = np.zeros(0)
        # The data of the step that was taken last, and which rows of it.
        self._latest_step: tuple[Rows, Array] | None = None
        # To tell a learning rate that is too high: where training began, how it went.
        self._began: dict[str, float] = {}
        self._first = optimizer.steps
        self._latest: deque[float] = deque(maxlen=20)

    def restart(self) -> None:
        """Forget what came before: what follows is another training run."""
        self._latest_step = None
        self._began = {}
        self._first = self.optimizer.steps
        self._latest.clear()

    @property
    def latest_batch(self) -> Rows | None:
        """The rows of the step that was taken last."""
        if self._latest_step is None:
            return None
        data, rows = self._latest_step
        return data.take(rows)

    def epochs(self, data: Rows, orders: Sequence[Array], bounds: Array) -> Array:
        """Train on all rows once for each of `orders`; the loss of each step, by epoch.

        `bounds` says where in an order each batch begins, and where the last one ends.
        Raises `NonFiniteError` with the weights as they were before the step that went
        wrong.
        """
        self._switch(training=True)
        steps = self._steps(orders, bounds)
        self._take(data, steps, len(bounds) - 1)
        return self._losses.reshape(len(orders), -1)

    def epoch(
        self,
        data: Rows,
        order: Array,
        bounds: Array,
        on_step: Callable[[int, float], None] | None = None,
        *,
        before: int = 0,
    ) -> Array:
        """One epoch; `on_step(step, loss)` is called after each step if given.

        Or the part of one that comes after `before` steps.
        """
        self._switch(training=True)
        steps = self._steps([order], bounds)
        whole = before + len(steps)
        if on_step is None:
            self._take(data, steps, whole, before)
            return self._losses
        losses = []
        for i in range(len(steps)):
            self._take(data, steps.part(i, i + 1), whole, before + i)
            losses.append(float(self._losses[0]))
            on_step(self.optimizer.steps, losses[-1])
        return np.asarray(losses)

    def _steps(self, orders: Sequence[Array], bounds: Array) -> Steps:
        count = len(orders) * (len(bounds) - 1)
        steps = self.optimizer.steps + np.arange(count)
        return Steps.of(orders, bounds, self.optimizer.scalars_of(steps))

    def _take(self, data: Rows, steps: Steps, epoch: int, before: int = 0) -> None:
        """Take steps, of which `before` were taken in their epoch of `epoch` steps."""
        self._began = self._began or reach(self.net.parameters())
        self._latest_step = data, steps.rows(len(steps) - 1)
        try:
            outcome = self._step.run(data, steps)
        except IndexError:
            self._step.interpret(data, steps)  # which says what index it was
            raise
        finite = np.isfinite(outcome.losses).all()
        if not finite or not _all_finite(outcome.states.values()):
            self._explain(data, steps, outcome.losses, epoch, before)
        for state, array in outcome.states.items():
            state.hold(array)
        self.optimizer.steps += len(steps)
        self._losses = outcome.losses
        self._latest.extend(outcome.losses[-20:].tolist())

    def full_batch_iteration(self, data: Batches) -> float:
        """One iteration of an optimizer that looks at all rows before it moves."""

        def evaluate(x: Array) -> tuple[float, Array]:
            return self.loss_and_gradient(data, x)

        before = _flatten(p.data for p in self._parameters)
        try:
            with self.meter.compiling(), self.meter.during("stepping"):
                after, loss = self.optimizer.iterate(evaluate, before)
        except ValueError:
            _unflatten(self._parameters, before)
            for batch in self._full_batches(data):
                when = f"step {self.optimizer.steps + 1}"
                story = self._story(data if isinstance(data, Rows) else batch)
                explain_non_finite(self._traced_loss_and_gradient, batch, when, story)
            raise
        _unflatten(self._parameters, after)
        self.optimizer.steps += 1
        self.meter.steps += 1
        self.meter.rows += len(data)
        return loss

    def loss_and_gradient(self, data: Batches, x: Array) -> tuple[float, Array]:
        """The mean loss of all rows, penalty included, and its gradient.

        They are those for the weights `x`: all parameters in their order, as one
        vector, which the network has from then on.
        """
        self._switch(training=True)
        _unflatten(self._parameters, x)
        return self._mean_loss_and_gradient(data)

    def loss_of(self, data: Rows) -> tuple[float, Array]:
        """The mean loss of rows in evaluation mode, and the predictions.

        Raises `NonFiniteError` if the loss is not finite.
        """
        self._switch(training=False)
        total, predictions = 0.0, []
        for batch in data.batches(EVALUATION_BATCH):
            with self.meter.compiling(), self.meter.during("evaluating"):
                loss, prediction = self._forward(*batch.parts)
            if not np.isfinite(loss.item()):
                story = self._story(data)
                explain_non_finite(self._traced_forward, batch, "evaluation", story)
                raise NonFiniteError(f"evaluation gave the loss {loss.item()}")
            total += loss.item() * batch.total_weight()
            predictions.append(prediction.numpy())
        return total / data.total_weight(), np.concatenate(predictions)

    def look(self, batch: Rows, names: Iterable[str] | None) -> dict[str, Array]:
        """Values and gradients of a step with `batch`, which is not taken.

        It runs in NumPy from the weights as they are, like one in training.
        """

        def step(x: Any, y: Any, weights: Any) -> Tensor:
            return self._traced_loss_and_gradient(x, y, weights)[0]

        with modes_kept(self.net):
            self.net.train()
            _, seen = replay(tapped(step, names), *batch.parts)
        return {name: x.numpy() for name, x in seen.items()}

    # --- what is traced -----------------------------------------------------------

    def _traced_step(self, x: Any, y: Any, weights: Any, scalars: Any) -> Tensor:
        loss, dws = self._traced_loss_and_gradient(x, y, weights)
        with scope(OPTIMIZER):
            self.optimizer.update(dws, scalars)
        return loss

    def _traced_loss_and_gradient(
        self, x: Any, y: Any, weights: Any, counted: Any = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        def objective(net: Module) -> Tensor:
            prediction = net(x)
            with scope(LOSS):
                loss = self.loss(prediction, y, sample_weight=weights)
                if self.penalty is not None:
                    n = _counted(x, weights) if counted is None else counted
                    loss = loss + self.penalty(net, n).astype(loss.dtype)
            return tap(loss, "loss")

        loss, dws = value_and_grad(objective)(self.net)
        return loss, dws

    def _traced_forward(self, x: Any, y: Any, weights: Any) -> tuple[Tensor, Tensor]:
        prediction = self.net(x)
        with scope(LOSS):
            return self.loss(prediction, y, sample_weight=weights), prediction

    def _switch(self, *, training: bool) -> None:
        for module in self._modules:
            if module.training != training:
                module.training = training

    # --- helpers ------------------------------------------------------------------

    def _mean_loss_and_gradient(self, data: Batches) -> tuple[float, Array]:
        total, gradient = 0.0, np.zeros(0)
        counted = np.float64(data.total_weight())
        for batch in self._full_batches(data):
            # A penalty counts once for all rows, however they are cut.
            loss, dws = self._loss_and_gradient(*batch.parts, counted)
            share = batch.total_weight() / data.total_weight()
            flat = share * _flatten(dw.numpy() for dw in dws.values())
            gradient = flat if gradient.size == 0 else gradient + flat
            total += share * loss.item()
        return total, gradient

    def _full_batches(self, data: Batches) -> Iterator[Rows]:
        return data.batches(EVALUATION_BATCH, self._smallest)

    def _explain(
        self, data: Rows, steps: Steps, losses: Array, epoch: int, before: int
    ) -> NoReturn:
        """Go back to before the step whose numbers went wrong, and say why they did.

        All steps until then are taken once more, which gives the same bits. It is the
        last step, unless it was handed weights that were wrong already.
        """
        good = len(losses) - 1
        states = self._states_after(data, steps, good)
        while good > 0 and not _all_finite(states.values()):
            good -= 1
            states = self._states_after(data, steps, good)
        for state, array in states.items():
            state.hold(array)
        self.optimizer.steps += good
        name = f"step {(before + good) % epoch + 1} of the epoch"
        batch = data.take(steps.rows(good))
        scalars = {k: np.float64(s[good]) for k, s in steps.scalars.items()}
        self._latest.extend(losses[max(good - 20, 0) : good].tolist())
        story = self._story(data, scalars.get("learning_rate"))
        explain_non_finite(self._traced_step, batch, name, story, scalars)
        raise NonFiniteError(f"{name} gave a loss or a weight that is not finite")

    def _story(self, data: Rows, learning_rate: Any = None) -> Story:
        """What came before something that went wrong."""
        return Story(
            data,
            None if learning_rate is None else float(learning_rate),
            self.optimizer.steps - self._first,
            self._began,
            reach(self.net.parameters()),
            list(self._latest),
        )

    def _states_after(
        self, data: Rows, steps: Steps, count: int
    ) -> Mapping[State, Array]:
        if count == 0:
            return {}
        return self._step.run(data, steps.part(0, count)).states


def _counted(x: Any, weights: Any) -> Tensor:
    """How many rows a batch counts for: their number, or the sum of their weights."""
    return tensor(float(len(x))) if weights is None else Tensor(as_value(weights)).sum()


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
    with modes_kept(net):
        net.eval()
        inputs = tensor(X).numpy()
        forward = compile(net.__call__)
        parts = [
            forward(inputs[start : start + batch_size]).numpy()
            for start in range(0, max(len(inputs), 1), batch_size)
        ]
    return np.concatenate(parts)


@contextmanager
def modes_kept(net: Module) -> Iterator[None]:
    """Afterwards every layer trains, or does not, as it did before."""
    modes = {module: module.training for module in net.modules().values()}
    try:
        yield
    finally:
        for module, was_training in modes.items():
            module.training = was_training


def _all_finite(arrays: Iterable[Array]) -> bool:
    return all(np.isfinite(array).all() for array in arrays)


def _flatten(arrays: Any) -> Array:
    return np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays])


def _unflatten(states: Any, flat: Array) -> None:
    start = 0
    for state in states:
        part = flat[start : start + state.size].reshape(state.shape)
        state.hold(part.astype(state.dtype))
        start += state.size
