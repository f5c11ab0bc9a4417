"""One dense network in every library, trained as that library's users train it.

ReLU, softmax cross-entropy, float32, data in memory, a fresh permutation each epoch.
Each library is imported only where its class is used: in a process of its own.
"""
# ruff: noqa: D102 - what the methods of each library do is said in `Library`

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from cases import start

RATES = {"sgd": 0.01, "adam": 1e-3}


class Library(ABC):
    """A network of dense layers of these `widths`, and the rows it is trained on.

    The weights start where `seed` says, in every library at the same place, but in
    scikit-learn, which draws its own by the same rule.
    """

    needs: tuple[str, ...]

    def __init__(
        self,
        widths: tuple[int, ...],
        batch: int,
        X: np.ndarray,
        y: np.ndarray,
        optimizer: str,
        seed: int = 0,
    ) -> None:
        self.widths, self.batch, self.X, self.y = widths, batch, X, y
        self.optimizer, self.seed = optimizer, seed
        self.rng = np.random.default_rng(seed)
        self.build()

    @property
    def steps(self) -> float:
        """Steps per epoch; a last batch that is smaller counts by its rows."""
        return len(self.X) / self.batch

    @abstractmethod
    def build(self) -> None:
        """Make the network and its optimizer."""

    @abstractmethod
    def train(self, epochs: int) -> None:
        """Go over all rows so many times."""

    def train_on(self) -> None:
        """Go over all rows once more, with the optimizer's moments as they were."""
        self.train(1)

    @abstractmethod
    def predict(self, X: np.ndarray) -> np.ndarray:
        """The likeliest label of each row."""

    def error(self, X: np.ndarray, y: np.ndarray) -> float:
        """The share of rows that are given the wrong label."""
        return float(np.mean(self.predict(X) != y))

    def train_until(
        self, X: np.ndarray, y: np.ndarray, goal: float, most: int
    ) -> tuple[int, float]:
        """Train until the error on `X, y`, known after each epoch, is at most `goal`.

        The epochs that took, at `most` so many, and the error.
        """
        epochs, error = 0, 1.0
        while epochs < most and error > goal:
            self.train_on()
            error = self.error(X, y)
            epochs += 1
        return epochs, error


class Chainrule(Library):
    """`cr.fit`, all epochs in one call."""

    needs = ("chainrule",)

    def build(self) -> None:
        import chainrule as cr  # noqa: PLC0415 - only in this library's process

        layers: list[cr.nn.Module] = []
        for (inputs, outputs), (W, b) in zip(
            pairwise(self.widths), start(self.widths, self.seed), strict=True
        ):
            dense = cr.nn.Dense(inputs, outputs, W_init="zeros")
            dense.W.assign(W)
            dense.b.assign(b)
            layers += [dense, cr.nn.ReLU()]
        self.cr, self.net = cr, cr.nn.Sequential(*layers[:-1])
        make = {"sgd": cr.optim.SGD, "adam": cr.optim.Adam}[self.optimizer]
        self.optimizer_ = make(RATES[self.optimizer])

    def fit(self, epochs: int, **options: Any) -> Any:
        return self.cr.fit(
            self.net, self.X, self.y, optimizer=self.optimizer_, seed=self.seed,
            batch_size=self.batch, epochs=epochs, **options,
        )  # fmt: skip

    def train(self, epochs: int) -> None:
        self.fit(epochs)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.cr.predict(self.net, X).argmax(axis=1)

    def train_until(
        self, X: np.ndarray, y: np.ndarray, goal: float, most: int
    ) -> tuple[int, float]:
        def error(record: dict[str, float]) -> float:
            return round(1 - record["val_accuracy"], 9)  # 1 - 0.9776 is not 0.0224

        class Stop(self.cr.Callback):
            def on_epoch(self, run: Any) -> None:
                if error(run.history.last) <= goal:
                    run.stop(f"the error is at most {goal}")

        history = self.fit(
            most, validation=(X, y), metrics=["accuracy"], callbacks=[Stop()]
        )
        return len(history), error(history.last)


class ScikitLearn(Library):
    """`MLPClassifier.fit` from where it was, without drawing its weights again."""

    needs = ("sklearn",)

    def build(self) -> None:
        import warnings  # noqa: PLC0415 - only in this library's process

        from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415
        from sklearn.neural_network import MLPClassifier  # noqa: PLC0415

        warnings.simplefilter("ignore", ConvergenceWarning)  # we say how many epochs
        self.net = MLPClassifier(
            self.widths[1:-1], solver=self.optimizer, batch_size=self.batch,
            learning_rate_init=RATES[self.optimizer], momentum=0, alpha=0, tol=0,
            nesterovs_momentum=False, n_iter_no_change=10**9, warm_start=True,
            random_state=self.seed,
        )  # fmt: skip

    def train(self, epochs: int) -> None:
        self.net.set_params(max_iter=epochs).fit(self.X, self.y)

    def train_on(self) -> None:
        # `fit` forgets Adam's moments; `partial_fit` is one epoch that keeps them.
        self.net.partial_fit(self.X, self.y, classes=np.arange(self.widths[-1]))

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.net.predict(X)


class PyTorch(Library):
    """Eager PyTorch, batches taken by index from tensors in memory."""

    needs = ("torch",)

    def build(self) -> None:
        import torch  # noqa: PLC0415 - only in this library's process

        layers: list[torch.nn.Module] = []
        for W, b in start(self.widths, self.seed):
            linear = torch.nn.Linear(*W.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(W.T))
                linear.bias.copy_(torch.from_numpy(b))
            layers += [linear, torch.nn.ReLU()]
        self.torch, self.net = torch, torch.nn.Sequential(*layers[:-1])
        weights, rate = self.net.parameters(), RATES[self.optimizer]
        if self.optimizer == "adam":
            self.optimizer_ = torch.optim.Adam(weights, lr=rate, fused=True)
        else:
            self.optimizer_ = torch.optim.SGD(weights, lr=rate)  # fused is slower
        cross_entropy = torch.nn.CrossEntropyLoss()
        self.loss = lambda x, y: cross_entropy(self.net(x), y)
        self.X_, self.y_ = torch.from_numpy(self.X), torch.from_numpy(self.y)

    @property
    def steps(self) -> float:
        return len(self.X) // self.batch

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            order = self.torch.randperm(len(self.X_))
            for first in range(0, len(order) - self.batch + 1, self.batch):
                rows = order[first : first + self.batch]
                self.optimizer_.zero_grad(set_to_none=True)
                self.loss(self.X_[rows], self.y_[rows]).backward()
                self.optimizer_.step()

    def predict(self, X: np.ndarray) -> np.ndarray:
        with self.torch.inference_mode():
            return self.net(self.torch.from_numpy(X)).argmax(dim=1).numpy()


class CompiledPyTorch(PyTorch):
    """PyTorch with `torch.compile` over network and loss."""

    def build(self) -> None:
        super().build()
        self.torch.compiler.reset()  # it gives up silently after a few networks
        self.loss = self.torch.compile(self.loss)


@cache
def compiled_by_jax(
    optimizer: str,
) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """First moments, an epoch, and labels: for all networks of the same shapes."""
    import jax  # noqa: PLC0415 - only in this library's process
    import optax  # noqa: PLC0415

    tx = {"sgd": optax.sgd, "adam": optax.adam}[optimizer](RATES[optimizer])

    def logits(weights: Any, x: Any) -> Any:
        for W, b in weights[:-1]:
            x = jax.nn.relu(x @ W + b)
        W, b = weights[-1]
        return x @ W + b

    def loss(weights: Any, x: Any, y: Any) -> Any:
        z = logits(weights, x)
        return optax.softmax_cross_entropy_with_integer_labels(z, y).mean()

    def epoch(state: Any, X: Any, y: Any, order: Any) -> Any:
        def step(state: Any, rows: Any) -> Any:
            weights, moments = state
            value, dws = jax.value_and_grad(loss)(weights, X[rows], y[rows])
            changes, moments = tx.update(dws, moments, weights)
            return (optax.apply_updates(weights, changes), moments), value

        return jax.lax.scan(step, state, order)

    labels = jax.jit(lambda weights, x: logits(weights, x).argmax(axis=1))
    return tx.init, jax.jit(epoch, donate_argnums=0), labels


class JAX(Library):
    """JAX with `jit` and `scan`: a whole epoch compiled, its fastest form."""

    needs = ("jax", "optax")

    def build(self) -> None:
        import jax  # noqa: PLC0415 - only in this library's process
        import jax.numpy as jnp  # noqa: PLC0415

        self.jnp = jnp
        moments, self.epoch, self.labels = compiled_by_jax(self.optimizer)
        weights = jax.tree.map(jnp.array, start(self.widths, self.seed))
        self.state = weights, moments(weights)
        self.X_, self.y_ = jnp.asarray(self.X), jnp.asarray(self.y)

    @property
    def steps(self) -> float:
        return len(self.X) // self.batch

    def train(self, epochs: int) -> None:
        steps = int(self.steps)
        for _ in range(epochs):
            order = self.rng.permutation(len(self.X))[: steps * self.batch]
            rows = self.jnp.asarray(order.reshape(steps, self.batch))
            self.state, losses = self.epoch(self.state, self.X_, self.y_, rows)
            losses.block_until_ready()

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(self.labels(self.state[0], X))


CHAINRULE = "chainrule"
BEST_PEER = "JAX jit + scan"
LIBRARIES: dict[str, type[Library]] = {
    CHAINRULE: Chainrule,
    BEST_PEER: JAX,
    "PyTorch": PyTorch,
    "torch.compile": CompiledPyTorch,
    "scikit-learn": ScikitLearn,
}


def installed(names: list[str]) -> list[str]:
    """Those libraries that are here; says which are not."""
    here = [n for n in names if all(find_spec(m) for m in LIBRARIES[n].needs)]
    missing = [name for name in names if name not in here]
    if missing:
        print(f"Not installed, so left out: {', '.join(missing)}.")
    return here


def fit_file(name: str, path: str | Path) -> None:
    """All of a small program: read digits, train 20 epochs, print the share right."""
    with np.load(path) as file:
        X, y = file["X"], file["y"]
    net = LIBRARIES[name]((64, 64, 10), 32, X, y, "adam")
    net.train(20)
    print(1 - net.error(X, y))
