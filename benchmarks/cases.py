"""The networks that are timed, their data, and where their weights start."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Case:
    """The widths of a dense network's layers, rows per batch, rows in all."""

    widths: tuple[int, ...]
    batch: int
    rows: int

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.widths))}, {self.batch}"


CASES = {
    "tiny": Case((64, 32, 10), 32, 1_797),
    "mnist": Case((784, 128, 10), 64, 16_384),
    "medium": Case((784, 512, 512, 10), 128, 16_384),
    "tab": Case((30, 256, 256, 256, 2), 256, 65_536),
    "large": Case((1024, 2048, 2048, 2048, 10), 512, 4_096),
}


@lru_cache(maxsize=1)
def data(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels drawn at random, the same for every library."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((case.rows, case.widths[0])).astype(np.float32)
    return X, rng.integers(0, case.widths[-1], case.rows)


def start(widths: tuple[int, ...], seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights uniform within `sqrt(6 / (inputs + outputs))`, and biases of 0.

    Glorot and Bengio 2010, equation 16.
    """
    rng = np.random.default_rng(seed)
    layers = []
    for inputs, outputs in pairwise(widths):
        bound = np.sqrt(6 / (inputs + outputs))
        W = rng.uniform(-bound, bound, (inputs, outputs)).astype(np.float32)
        layers.append((W, np.zeros(outputs, np.float32)))
    return layers
