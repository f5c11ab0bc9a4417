"""Several fits at once beside the same fits one after the other.

Fits are run one after the other (each with the threads chainrule gives it), in a pool
of threads, in a pool of processes and, where joblib is installed, by `joblib.Parallel`:
as a grid search does. None should be slower than one after the other, and all should
end with the same losses to the last bit: the script says where they do not. The pools
are warm: what their processes take to start is not counted.

    python side_by_side.py tiny mnist --fits 8 --rounds 3
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import machine
from cases import CASES, data
from libraries import Chainrule

SERIAL = "one after the other"
# A function of the number of an experiment, and its results for all numbers.
Fit: TypeAlias = Callable[[int], float]
Way: TypeAlias = Callable[[Fit, int], list[float]]


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; tiny, mnist")
    add("--fits", type=int, default=8, help="in all (%(default)s)")
    add("--jobs", type=int, default=machine.cores(), help="at once; one per core")
    add("--seconds", type=float, default=0.5, help="of one fit, about (%(default)s)")
    add("--rounds", type=int, default=3, help="of which the least (%(default)s)")
    add("--rows", type=int, help="train on the first rows only, for a quick trial")
    add("--json", type=Path, help="write all measurements to this file")
    chosen = parser.parse_args()
    unknown = [case for case in chosen.cases if case not in CASES]
    if unknown:
        parser.error(f"no case is called {unknown[0]}: there are {', '.join(CASES)}")
    chosen.cases = chosen.cases or ["tiny", "mnist"]
    return chosen


def fit(case: str, rows: int | None, epochs: int, seed: int) -> float:
    """Train a new network, and give the last loss."""
    X, y = data(CASES[case])
    widths, batch = CASES[case].widths, CASES[case].batch
    net = Chainrule(widths, batch, X[:rows], y[:rows], "adam", seed)
    return net.fit(epochs).last["loss"]


def epochs_for(case: str, rows: int | None, seconds: float) -> int:
    """How many epochs fill so many seconds; the network is compiled afterwards."""
    fit(case, rows, 1, 0)
    epochs, taken = 1, 0.0
    while taken < seconds:
        epochs = 2 * epochs if taken else 1
        began = time.perf_counter()
        fit(case, rows, epochs, 0)
        taken = time.perf_counter() - began
    return epochs


def one_after_the_other(fit: Fit, fits: int) -> list[float]:
    """No two at once."""
    return [fit(seed) for seed in range(fits)]


def pooled(pool: Executor) -> Way:
    """As many at once as the pool has workers."""
    return lambda fit, fits: list(pool.map(fit, range(fits)))


def joblib(jobs: int) -> Way:
    """`joblib.Parallel`, which keeps its processes for the next call."""
    from joblib import Parallel, delayed  # noqa: PLC0415 - only if installed

    return lambda fit, fits: Parallel(jobs)(delayed(fit)(seed) for seed in range(fits))


@contextmanager
def ways(jobs: int) -> Iterator[dict[str, Way]]:
    """The ways to run several fits, by name."""
    spawn = multiprocessing.get_context("spawn")
    with (
        ThreadPoolExecutor(jobs) as threads,
        ProcessPoolExecutor(jobs, mp_context=spawn) as processes,
    ):
        found = {
            SERIAL: one_after_the_other,
            f"{jobs} threads": pooled(threads),
            f"{jobs} processes": pooled(processes),
        }
        if find_spec("joblib"):
            found[f"joblib, n_jobs={jobs}"] = joblib(jobs)
        yield found


def measure(
    ways: dict[str, Way], fit: Fit, fits: int, rounds: int
) -> dict[str, list[float]]:
    """Seconds of each round, by way. Says so if two ways train differently."""
    losses = {name: way(fit, fits) for name, way in ways.items()}  # which warms them up
    other = [name for name, found in losses.items() if found != losses[SERIAL]]
    if other:
        print(f"Not the same losses as {SERIAL}: {', '.join(other)}.", file=sys.stderr)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            way(fit, fits)
            seconds[name].append(time.perf_counter() - began)
    return seconds


def main() -> None:
    """Measure, and print one table."""
    chosen = options()
    print(machine.about())
    if not find_spec("joblib"):
        print("Not installed, so left out: joblib.")
    results = []
    with ways(chosen.jobs) as all_ways:
        print(machine.head([f"seconds for {chosen.fits} fits", *all_ways]))
        for case in chosen.cases:
            epochs = epochs_for(case, chosen.rows, chosen.seconds)
            seconds = measure(
                all_ways, partial(fit, case, chosen.rows, epochs),
                chosen.fits, chosen.rounds,
            )  # fmt: skip
            least = {name: min(times) for name, times in seconds.items()}
            cells = [f"{s:.2f} ({s / least[SERIAL]:.2f})" for s in least.values()]
            print(machine.row([f"{case}, {epochs} epochs", *cells]), flush=True)
            results.append({"case": case, "epochs": epochs, "seconds": seconds})
    print(f"\nIn brackets: over {SERIAL}.")
    machine.save(chosen.json, results)


if __name__ == "__main__":
    main()
