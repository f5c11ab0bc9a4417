"""Networks with their compiled training step, kept so that fits can share them.

Compiling a step takes longer than many a fit. So what was compiled is kept for the next
estimator with the same layers: weights, moments and settings are put in, and taken out
when the work is done. Everything that users tune (`alpha`, rates, momenta) is read by
the program when it runs.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from scipy.sparse import issparse

from chainrule import functions as F
from chainrule import nn
from chainrule.compile import Traced, trace
from chainrule.ir import Array
from chainrule.nn.initializers import skipped
from chainrule.optim import Schedule
from chainrule.passes import interpret
from chainrule.sklearn.objectives import objective
from chainrule.sklearn.updates import Settings, Update, rule
from chainrule.tensor import State, Tensor
from chainrule.training import L2
from chainrule.training.data import Rows
from chainrule.training.program import Program, smallest_batch

OnStep: TypeAlias = Callable[[int, float], None]

# scikit-learn's names for what others call otherwise.
ALIASES = {"logistic": "sigmoid", "swish": "silu"}

# How many rows are predicted at once.
_ROWS = 4096
# For how many numbers of rows it is remembered what is to be computed.
_FORWARDS = 16
_SIZES = 64


@dataclass(frozen=True)
class Architecture:
    """The layers of a network, from how many numbers it takes to how many it gives."""

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    dtype: str
    dropout: float = 0.0
    normalization: str | None = None

    def network(self) -> nn.Sequential:
        """Such a network; its weights are zero."""
        net = nn.Sequential()
        with skipped():
            for i, width in enumerate(self.sizes[1:]):
                net.append(nn.Dense(self.sizes[i], width, dtype=self.dtype))
                if i < len(self.activations):
                    for layer in self._after(i, width):
                        net.append(layer)
        return net

    def _after(self, i: int, width: int) -> Iterator[nn.Module]:
        """What follows the weighted sums of hidden layer `i`."""
        if self.normalization == "batch":
            yield nn.BatchNorm(width, dtype=self.dtype)
        elif self.normalization == "layer":
            yield nn.LayerNorm(width, dtype=self.dtype)
        name = self.activations[i]
        if name != "identity":
            yield nn.activation(ALIASES.get(name, name))
        if self.dropout:
            yield nn.Dropout(self.dropout)


@dataclass
class Weights:
    """All numbers of a network: what a scikit-learn estimator keeps of it."""

    coefs: list[Array]
    intercepts: list[Array]
    others: dict[str, Array]


class Network:
    """A network that any estimator with its architecture can use for a while."""

    def __init__(self, architecture: Architecture) -> None:
        self.net = architecture.network()
        self.dtype = np.dtype(architecture.dtype)
        self._modules = list(self.net.modules().values())
        self._dense = [m for m in self.net if isinstance(m, nn.Dense)]
        own = {id(m.W) for m in self._dense} | {id(m.b) for m in self._dense}
        self._others: dict[str, State] = {
            path: state
            for path, state in self.net.states().items()
            if id(state) not in own
        }
        self._forwards: dict[tuple[int, str], Traced] = {}
        self._fresh = {path: s.held.copy() for path, s in self._others.items()}

    def load(self, weights: Weights) -> None:
        """Take copies of these weights; what they do not mention starts afresh."""
        for layer, W, b in zip(
            self._dense, weights.coefs, weights.intercepts, strict=True
        ):
            layer.W.hold(np.array(W, self.dtype, order="C"))
            if layer.b is not None:
                layer.b.hold(np.array(b, self.dtype, order="C"))
        for path, state in self._others.items():
            state.hold(weights.others.get(path, self._fresh[path]).copy())

    def weights(self) -> Weights:
        """Copies of the weights as they are now."""
        return Weights(
            [layer.W.held.copy() for layer in self._dense],
            [layer.b.held.copy() for layer in self._dense if layer.b is not None],
            {path: state.held.copy() for path, state in self._others.items()},
        )

    def outputs(self, X: Any, output: str) -> Array:
        """What it gives for rows, after the activation function of the output."""
        for module in self._modules:
            if module.training:
                module.training = False
        parts = []
        for first in range(0, max(X.shape[0], 1), _ROWS):
            part = X[first : first + _ROWS]
            rows = np.asarray(part.toarray() if issparse(part) else part, self.dtype)
            traced = self._traced(rows, output)
            parts += interpret(traced.graph, traced.inputs([rows]))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _traced(self, rows: Array, output: str) -> Traced:
        """What it computes for so many rows: to be run operation by operation.

        That costs less than machine code would, which is best where it runs often.
        """
        key = (len(rows), output)
        found = self._forwards.get(key)
        if found is None:
            if len(self._forwards) == _FORWARDS:
                self._forwards.clear()
            found = trace(lambda x: _OUTPUTS[output](self.net(x)), rows).simplified()
            self._forwards[key] = found
        return found


_OUTPUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "exp": F.exp,
    "logistic": F.sigmoid,
    "softmax": F.softmax,
}


@dataclass(frozen=True)
class Recipe:
    """What the program of a training step depends on."""

    architecture: Architecture
    objective: Any
    solver: str
    nesterov: bool = False
    clips: bool = False


class Trainer(Network):
    """A network, what it is to make small, and the program that does."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe.architecture)
        solver = "sgd" if recipe.solver == "lbfgs" else recipe.solver
        self.update: Update = rule(solver, nesterov=recipe.nesterov, clips=recipe.clips)
        self.update.initialize(self.net.parameters())
        self.smallest = smallest_batch(self.net)
        self._there = _weights_first(self.net)
        self._back = np.argsort(self._there)
        self.penalty = L2(0.0, by_rows=True)
        self._loss = objective(recipe.objective)
        self.program = self._new_program()
        self._sizes: set[int] = set()

    def _new_program(self) -> Program:
        return Program(self.net, self._loss, self.update, penalty=self.penalty)

    def start(self, weights: Weights, alpha: float, settings: Settings) -> None:
        """Get ready to train an estimator from where it is."""
        self.load(weights)
        self.penalty.alpha = alpha
        self.update.load(settings)
        if len(self._sizes) > _SIZES:
            # It remembers the step for every number of rows that it has seen.
            self.program, self._sizes = self._new_program(), set()
        self.program.restart()

    def epochs(
        self,
        data: Rows,
        orders: Sequence[Array],
        bounds: Array,
        rates: Sequence[float] | Schedule,
        on_step: OnStep | None = None,
    ) -> Array:
        """Train on all rows once for each order; the loss of each step, by epoch.

        If it is given, `on_step(step, loss)` is called after each step.
        """
        self.update.plan(rates, len(bounds) - 1)
        self._sizes |= {int(bounds[1]), int(bounds[-1] - bounds[-2])}
        if on_step is None:
            return self.program.epochs(data, orders, bounds)
        told = [self.program.epoch(data, order, bounds, on_step) for order in orders]
        return np.stack(told)

    def loss_of(self, data: Rows) -> float:
        """The mean loss of rows that are not trained on."""
        return self.program.loss_of(data)[0]

    def loss_and_gradient(self, data: Rows, x: Array) -> tuple[float, Array]:
        """The loss of all rows, and its gradient, where `x` are the weights."""
        self._sizes.add(len(data))
        loss, gradient = self.program.loss_and_gradient(data, x[self._back])
        return loss, gradient[self._there]

    @property
    def vector(self) -> Array:
        """All weights as one vector in scikit-learn's order: biases come last."""
        own = np.concatenate([p.held.ravel() for p in self.net.parameters().values()])
        return own[self._there]

    @vector.setter
    def vector(self, x: Array) -> None:
        own, start = x[self._back], 0
        for p in self.net.parameters().values():
            p.hold(own[start : start + p.size].reshape(p.shape).astype(p.dtype))
            start += p.size


def _weights_first(net: nn.Module) -> Array:
    """Where in the vector of all parameters each number of scikit-learn's lies."""
    parameters = net.parameters()
    ends = np.cumsum([p.size for p in parameters.values()])
    places = {
        path: np.arange(end - p.size, end)
        for (path, p), end in zip(parameters.items(), ends, strict=True)
    }
    # Sorting is stable, so that layers stay in their order.
    return np.concatenate([places[k] for k in sorted(places, key=_is_no_matrix)])


def _is_no_matrix(path: str) -> bool:
    return not path.endswith(".W")


K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Pool(Generic[K, T]):
    """Things that are costly to make, lent to one user at a time; some are kept."""

    def __init__(self, make: Callable[[K], T], kept: int) -> None:
        self._make = make
        self._kept = kept
        self._idle: list[tuple[K, T]] = []  # the one that was used last comes last
        self._lock = Lock()

    @contextmanager
    def borrow(self, key: K) -> Iterator[T]:
        """One for `key`, which nobody else has meanwhile."""
        thing = self._take(key)
        if thing is None:
            thing = self._make(key)
        yield thing
        # One that was left in the middle of something is not used again.
        with self._lock:
            self._idle = [*self._idle, (key, thing)][-self._kept :]

    def _take(self, key: K) -> T | None:
        with self._lock:
            for i in reversed(range(len(self._idle))):
                if self._idle[i][0] == key:
                    return self._idle.pop(i)[1]
        return None


# The least recently used go first. Together they hold a few copies of weights.
TRAINERS: Pool[Recipe, Trainer] = Pool(Trainer, 12)
NETWORKS: Pool[Architecture, Network] = Pool(Network, 12)
