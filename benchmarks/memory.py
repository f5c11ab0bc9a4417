"""The memory of a training step, beside what no plan can be below.

Everything that a step computes and somebody reads later has a place in one block of
memory, and what is read no more leaves its place to others. At the fullest moment of
the step, all that is still to be read has to be somewhere: that is the bound. Weights,
the optimizer's moments and the data are not part of it.

    python memory.py --batch 256
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import machine
import numpy as np

import chainrule as cr

WIDTH = 64
LENGTH = 32  # of a sequence


class Residual(cr.nn.Module):
    """`y = x + W2 gelu(W1 norm(x) + b1) + b2`."""

    def __init__(self, seed: int) -> None:
        """Layers with their first weights from `seed`."""
        super().__init__()
        self.norm = cr.nn.LayerNorm(WIDTH)
        self.wide = cr.nn.Dense(WIDTH, 4 * WIDTH, rng=seed)
        self.narrow = cr.nn.Dense(4 * WIDTH, WIDTH, rng=seed + 1)

    def forward(self, x: Any) -> Any:
        """What the layer adds, added."""
        return x + self.narrow(cr.gelu(self.wide(self.norm(x))))


class Attention(cr.nn.Module):
    """`y = x + softmax(q k' / sqrt(n)) v` over the places of a sequence."""

    def __init__(self, seed: int) -> None:
        """Layers with their first weights from `seed`."""
        super().__init__()
        self.q = cr.nn.Dense(WIDTH, WIDTH, rng=seed)
        self.k = cr.nn.Dense(WIDTH, WIDTH, rng=seed + 1)
        self.v = cr.nn.Dense(WIDTH, WIDTH, rng=seed + 2)

    def forward(self, x: Any) -> Any:
        """Every place looks at every other."""
        scores = self.q(x) @ self.k(x).transpose((0, 2, 1)) / WIDTH**0.5
        return x + cr.softmax(scores, axis=-1) @ self.v(x)


def dense() -> cr.nn.Module:
    """784-512-512-10."""
    return cr.nn.Sequential(
        cr.nn.Dense(784, 512, rng=0),
        cr.nn.ReLU(),
        cr.nn.Dense(512, 512, rng=1),
        cr.nn.ReLU(),
        cr.nn.Dense(512, 10, rng=2),
    )


def deep() -> cr.nn.Module:
    """Twenty layers of 128."""
    layers: list[cr.nn.Module] = [cr.nn.Dense(784, 128, rng=0)]
    for seed in range(1, 20):
        layers += [cr.nn.Tanh(), cr.nn.Dense(128, 128, rng=seed)]
    return cr.nn.Sequential(*layers, cr.nn.Dense(128, 10, rng=20))


def residual() -> cr.nn.Module:
    """Four residual blocks with LayerNorm, and dropout."""
    blocks = [Residual(seed) for seed in (2, 4, 6, 8)]
    first, last = cr.nn.Dense(784, WIDTH, rng=0), cr.nn.Dense(WIDTH, 10, rng=1)
    return cr.nn.Sequential(first, *blocks, cr.nn.Dropout(0.1), last)


def batch_norm() -> cr.nn.Module:
    """784-256-256-10 with BatchNorm."""
    layers: list[cr.nn.Module] = []
    for seed, (inputs, outputs) in enumerate([(784, 256), (256, 256)]):
        dense = cr.nn.Dense(inputs, outputs, rng=seed)
        layers += [dense, cr.nn.BatchNorm(outputs), cr.nn.ReLU()]
    return cr.nn.Sequential(*layers, cr.nn.Dense(256, 10, rng=2))


def attention() -> cr.nn.Module:
    """Two blocks of attention over 32 places of 64 numbers."""
    blocks = [block for seed in (0, 10) for block in (Attention(seed), Residual(seed))]
    return cr.nn.Sequential(
        *blocks, cr.nn.Flatten(), cr.nn.Dense(LENGTH * WIDTH, 10, rng=5)
    )


NETWORKS: dict[str, Callable[[], cr.nn.Module]] = {
    "dense": dense,
    "deep": deep,
    "residual": residual,
    "batch_norm": batch_norm,
    "attention": attention,
}


def measure(name: str, batch: int, optimizer: str) -> dict[str, Any]:
    """The plan for one network."""
    net = NETWORKS[name]()
    rng = np.random.default_rng(0)
    shape = (LENGTH, WIDTH) if name == "attention" else (784,)
    X = rng.standard_normal((batch, *shape)).astype(np.float32)
    y = rng.integers(0, 10, batch)
    chosen = cr.optim.Adam() if optimizer == "adam" else cr.optim.SGD(0.01)
    history = cr.fit(net, X, y, optimizer=chosen, batch_size=batch, epochs=1)
    speed = history.speed
    if speed is None:
        raise RuntimeError("fit always says how fast it was")
    weights = sum(p.size * p.dtype.itemsize for p in net.parameters().values())
    return {
        "network": name,
        "batch": batch,
        "optimizer": optimizer,
        "threads": speed.threads,
        "weights": weights,
        "peak": speed.peak,
        "bound": speed.bound,
    }


def row(found: dict[str, Any]) -> str:
    """One line of the table."""
    sizes = [f"{found[key] / 1e6:,.2f}" for key in ("weights", "peak", "bound")]
    above = f"{found['peak'] / found['bound'] - 1:.1%}"
    label = f"{found['network']}, {found['batch']}, {found['optimizer']}"
    return machine.row([label, *sizes, above])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="all by default")
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 256])
    parser.add_argument("--optimizers", nargs="+", default=["sgd", "adam"])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.networks if name not in NETWORKS]
    if unknown:
        known = ", ".join(NETWORKS)
        parser.error(f"no network is called {unknown[0]}: there are {known}")
    head = ["MB", "weights", "step's memory", "lower bound", "above it"]
    print(machine.head(head))
    results = []
    for name in chosen.networks or NETWORKS:
        for batch in chosen.batch:
            for optimizer in chosen.optimizers:
                results.append(measure(name, batch, optimizer))
                print(row(results[-1]), flush=True)
    print(f"\n{machine.about()}")
    machine.save(chosen.json, results)


if __name__ == "__main__":
    main()
