"""Seconds until a network has a test error of 0.0224 on MNIST, beside the peers.

784-100-100-10, ReLU, batches of 200, Adam at 1e-3, pixels over 255 in float32, no decay
of weights: the network and the error of scikit-learn's `bench_mnist.py`. The error on
the 10,000 test rows is looked at after every epoch; training and looking both count,
for all alike; reading the data and compiling do not (`start.py` measures those). The
median of five seeds, at the better number of threads; inf if most runs gave up.

The data is `mnist.npz` with `x_train, y_train, x_test, y_test`: `--data`, or else in
the folder that `CHAINRULE_DATA` names.

    python mnist_error.py --data mnist.npz --seeds 5 --json found.json
"""

import argparse
import math
import os
import statistics
from pathlib import Path
from typing import Any

import machine
from libraries import LIBRARIES, installed
from workers import Worker, ready, started

WIDTHS, BATCH = (784, 100, 100, 10), 200
USUAL = [name for name in LIBRARIES if name != "torch.compile"]


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    folder = os.environ.get("CHAINRULE_DATA")
    default = None if folder is None else Path(folder) / "mnist.npz"
    add("--data", type=Path, default=default, required=default is None)
    add("--libraries", nargs="+", choices=USUAL, default=USUAL)
    add("--seeds", type=int, default=5, help="how many runs (%(default)s)")
    add("--error", type=float, default=0.0224, help="on the test rows (%(default)s)")
    add("--most", type=int, default=60, help="epochs, then give up (%(default)s)")
    add("--rows", type=int, help="train on the first rows only, for a quick trial")
    add("--json", type=Path, help="write all measurements to this file")
    chosen = parser.parse_args()
    if not chosen.data.exists():
        parser.error(f"there is no file {chosen.data}")
    return chosen


def measure(
    workers: list[Worker], chosen: argparse.Namespace
) -> dict[Worker, list[dict[str, float]]]:
    """Every seed in every worker, by turns."""
    able = ready(
        workers, "load", path=str(chosen.data.resolve()), widths=WIDTHS, batch=BATCH,
        rows=chosen.rows,
    )  # fmt: skip
    found: dict[Worker, list[dict[str, float]]] = {worker: [] for worker in able}
    for seed in range(chosen.seeds):
        for worker, runs in found.items():
            runs.append(
                worker.ask("reach", seed=seed, goal=chosen.error, most=chosen.most)
            )
    return found


def summary(runs: list[dict[str, float]], goal: float) -> tuple[float, float, float]:
    """Median seconds, and of epochs and of seconds an epoch; inf where it gave up."""

    def median(name: str) -> float:
        return statistics.median(
            run[name] if run["error"] <= goal else math.inf for run in runs
        )

    epoch = statistics.median(run["seconds"] / run["epochs"] for run in runs)
    return median("seconds"), median("epochs"), epoch


def main() -> None:
    """Measure, and print one table."""
    chosen = options()
    print(machine.about())
    libraries = installed(chosen.libraries)
    with started(libraries) as workers:
        found = measure(workers, chosen)
    goal = f"seconds to {chosen.error}"
    print(machine.head(["", goal, "epochs", "seconds/epoch", "threads", "all runs"]))
    for library in libraries:
        own = {
            worker.threads: (summary(runs, chosen.error), runs)
            for worker, runs in found.items()
            if worker.library == library
        }
        if not own:
            continue
        threads = min(own, key=lambda count: own[count][0])
        (seconds, epochs, epoch), runs = own[threads]
        each = ", ".join(f"{run['seconds']:.2f}" for run in runs)
        count = "its own choice" if threads is None else threads
        print(
            machine.row(
                [library, f"{seconds:.2f}", f"{epochs:g}", f"{epoch:.3f}", count, each]
            )
        )
    results: list[dict[str, Any]] = [
        {"library": worker.library, "threads": worker.threads, "runs": runs}
        for worker, runs in found.items()
    ]
    machine.save(chosen.json, results)


if __name__ == "__main__":
    main()
