"""A training step beside two programs that burn the cores, in every library.

The mnist case of `training_step.py`, measured by turns on the idle machine and beside
as many busy processes as there are cores. A library whose threads wait for each other
loses more than its share; one that gets half of each core takes twice the time. Shown
are, for each library at its better number of threads, the least time of all rounds,
idle and busy, the ratio of the two, and the same from the medians.

    python busy.py --case tiny --optimizer adam --rounds 7
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import machine
from cases import CASES
from libraries import LIBRARIES, installed
from workers import Worker, best, ready, records, started, taking_turns


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--case", choices=CASES, default="mnist")
    add("--optimizer", choices=["sgd", "adam"], default="sgd")
    add("--libraries", nargs="+", choices=LIBRARIES, default=list(LIBRARIES))
    add("--burning", type=int, default=machine.cores(), help="one per core")
    add("--rounds", type=int, default=5, help="idle and busy, each (%(default)s)")
    add("--seconds", type=float, default=0.5, help="of a measurement (%(default)s)")
    add("--rows", type=int, help="train on the first rows only, for a quick trial")
    add("--json", type=Path, help="write all measurements to this file")
    return parser.parse_args()


@contextmanager
def burning(count: int) -> Iterator[None]:
    """So many processes that do nothing but keep a core busy."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def measure(
    workers: list[Worker], rounds: int, count: int
) -> dict[str, list[dict[str, Any]]]:
    """All measurements, idle and busy, by turns."""
    found: dict[str, dict[Worker, list[float]]] = {
        state: {worker: [] for worker in workers} for state in ("idle", "busy")
    }
    for _ in range(rounds):
        for state, processes in (("idle", 0), ("busy", count)):
            with burning(processes):
                for worker, times in taking_turns(workers, 1).items():
                    found[state][worker] += times
    return {state: records(times) for state, times in found.items()}


def main() -> None:
    """Measure, and print one table."""
    chosen = options()
    print(machine.about())
    libraries = installed(chosen.libraries)
    with started(libraries) as workers:
        able = ready(
            workers, "prepare", case=chosen.case, optimizer=chosen.optimizer,
            seconds=chosen.seconds, rows=chosen.rows,
        )  # fmt: skip
        results = measure(able, chosen.rounds, chosen.burning)
    busy = f"beside {chosen.burning}"
    what = f"us/step, {chosen.case}, {chosen.optimizer}"
    print(machine.head([what, "idle", busy, "ratio", "ratio of medians"]))
    for library in libraries:
        idle, burned = (best(results[state], library) for state in ("idle", "busy"))
        if idle is None or burned is None:
            continue
        least = [r["us_per_step"] for r in (idle, burned)]
        median = [statistics.median(r["rounds"]) for r in (idle, burned)]
        ratios = [f"{after / before:.2f}" for before, after in (least, median)]
        print(machine.row([library, *(f"{time:,.1f}" for time in least), *ratios]))
    machine.save(chosen.json, results)


if __name__ == "__main__":
    main()
