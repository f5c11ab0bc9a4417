"""Microseconds per training step, beside the peers.

Softmax cross-entropy, ReLU, float32, data in memory, a fresh permutation each epoch,
the last batch dropped; the time of a whole epoch over its steps, best of three after
one to warm up. Each library runs in a process of its own, one after the other.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise

import machine
import numpy as np

# The widths of the layers, rows per batch, rows in all.
CASES = {
    "tiny": ([64, 32, 10], 32, 1_792),
    "mnist": ([784, 128, 10], 64, 16_384),
    "medium": ([784, 512, 512, 10], 128, 8_192),
    "tab": ([30, 256, 256, 256, 2], 256, 16_384),
    "large": ([1024, 2048, 2048, 2048, 10], 512, 2_048),
}
RATE = 0.01


def data(case: str) -> tuple[list[int], int, np.ndarray, np.ndarray]:
    """Widths, batch size, inputs and labels of a case, the same for every library."""
    widths, batch, rows = CASES[case]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, widths[0])).astype(np.float32)
    return widths, batch, X, rng.integers(0, widths[-1], rows)


def chainrule(case: str) -> Callable[[], int]:
    """`cr.fit`, one epoch at a time, as users call it."""
    import chainrule as cr  # noqa: PLC0415 - each library only in its own process

    widths, batch, X, y = data(case)
    layers = []
    for inputs, outputs in pairwise(widths):
        layers += [cr.nn.Dense(inputs, outputs, rng=0), cr.nn.ReLU()]
    net, optimizer = cr.nn.Sequential(*layers[:-1]), cr.optim.SGD(RATE)

    def epoch() -> int:
        cr.fit(net, X, y, optimizer=optimizer, batch_size=batch, epochs=1)
        return len(X) // batch

    return epoch


def scikit_learn(case: str) -> Callable[[], int]:
    """`MLPClassifier.partial_fit`: one pass over the rows, without its set-up."""
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415 - likewise

    widths, batch, X, y = data(case)
    net = MLPClassifier(
        widths[1:-1], solver="sgd", batch_size=batch, momentum=0, alpha=0,
        nesterovs_momentum=False, learning_rate_init=RATE,
    )  # fmt: skip
    net.partial_fit(X[:batch], y[:batch], classes=np.arange(widths[-1]))

    def epoch() -> int:
        net.partial_fit(X, y)
        return len(X) // batch

    return epoch


def pytorch(case: str) -> Callable[[], int]:
    """Eager PyTorch, batches taken by index from tensors in memory."""
    import torch  # noqa: PLC0415 - likewise

    widths, batch, X, y = data(case)
    layers = []
    for inputs, outputs in pairwise(widths):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    net, loss = torch.nn.Sequential(*layers[:-1]), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    X_, y_ = torch.from_numpy(X), torch.from_numpy(y)

    def epoch() -> int:
        order = torch.randperm(len(X_))
        for start in range(0, len(X_) - batch + 1, batch):
            rows = order[start : start + batch]
            optimizer.zero_grad(set_to_none=True)
            loss(net(X_[rows]), y_[rows]).backward()
            optimizer.step()
        return len(X_) // batch

    return epoch


def jax(case: str) -> Callable[[], int]:
    """JAX with `jit` and `scan`: a whole epoch compiled, its fastest form."""
    import jax as j  # noqa: PLC0415 - likewise
    import jax.numpy as jnp  # noqa: PLC0415 - likewise

    widths, batch, X, y = data(case)
    rng = np.random.default_rng(0)
    weights = [
        (jnp.asarray(rng.normal(size=(a, b)) * np.sqrt(2 / a), "float32"), jnp.zeros(b))
        for a, b in pairwise(widths)
    ]
    X_, y_, steps = jnp.asarray(X), jnp.asarray(y), len(X) // batch

    def loss(weights, x, y):  # noqa: ANN001, ANN202 - pytrees
        for W, b in weights[:-1]:
            x = j.nn.relu(x @ W + b)
        W, b = weights[-1]
        chosen = j.nn.log_softmax(x @ W + b)[jnp.arange(len(y)), y]
        return -chosen.mean()

    @j.jit
    def run(weights, order):  # noqa: ANN001, ANN202 - likewise
        def step(weights, rows):  # noqa: ANN001, ANN202 - likewise
            value, grads = j.value_and_grad(loss)(weights, X_[rows], y_[rows])
            new = j.tree.map(lambda w, g: w - RATE * g, weights, grads)
            return new, value

        return j.lax.scan(step, weights, order)

    def epoch() -> int:
        nonlocal weights
        order = rng.permutation(len(X))[: steps * batch].reshape(steps, batch)
        weights, values = run(weights, jnp.asarray(order))
        values.block_until_ready()
        return steps

    return epoch


LIBRARIES = {
    "chainrule": (chainrule, "chainrule"),
    "scikit-learn": (scikit_learn, "sklearn"),
    "PyTorch": (pytorch, "torch"),
    "JAX (jit + scan)": (jax, "jax"),
}


def measure(library: str, case: str) -> float:
    """Microseconds per step of one library on one case, in this process."""
    epoch = LIBRARIES[library][0](case)
    epoch()
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        steps = epoch()
        best = min(best, (time.perf_counter() - start) / steps)
    return best * 1e6


def main() -> None:
    """Measure every library on the cases named, and print one table."""
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(*sys.argv[2:])))
        return
    cases = sys.argv[1:] or list(CASES)
    libraries = [name for name, (_, m) in LIBRARIES.items() if find_spec(m)]
    print(machine.about())
    missing = [name for name in LIBRARIES if name not in libraries]
    if missing:
        print(f"not installed, so left out: {', '.join(missing)}")
    print(f"\n| us/step | {' | '.join(libraries)} |\n|---|{'---|' * len(libraries)}")
    for case in cases:
        row = []
        for library in libraries:
            command = [sys.executable, __file__, "--measure", library, case]
            done = subprocess.run(command, capture_output=True, check=True, text=True)
            row.append(f"{json.loads(done.stdout):,.0f}")
        print(f"| {case} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
