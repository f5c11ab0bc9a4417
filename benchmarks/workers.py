"""Processes that keep one library loaded each, wait, and compute only when asked to.

So libraries can take turns, and whatever slows the machine for a while slows all of
them. `python workers.py LIBRARY` obeys tasks that come as lines of JSON on its standard
input and answers each with one.
"""

import gc
import json
import math
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import machine
import numpy as np
from cases import CASES, data
from libraries import CHAINRULE, LIBRARIES

# What worker threads may still spin for after they have answered.
PAUSE = 0.1


class WorkerError(Exception):
    """A library could not do what it was asked; the message is its traceback."""


def environment(threads: int | None) -> dict[str, str]:
    """Variables under which a library runs so many threads; None leaves it to it.

    They are for OpenMP, for the libraries that multiply matrices, and for XLA.
    """
    if threads is None:
        return dict(os.environ)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
    return {**os.environ, **dict.fromkeys(names, str(threads))}


def thread_counts(library: str) -> list[int | None]:
    """Those to try: chainrule chooses for itself, a peer has one thread or all."""
    if library == CHAINRULE:
        return [None]
    return sorted({1, machine.cores()})


class Worker:
    """A process for one library with so many threads."""

    def __init__(self, library: str, threads: int | None) -> None:
        self.library, self.threads = library, threads
        # Or else torch.compile starts a pool, which is busy while others measure.
        alone = {"TORCHINDUCTOR_COMPILE_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, __file__, library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(threads) | alone,
        )

    def __str__(self) -> str:
        count = {None: "its own choice", 1: "1 thread"}
        return f"{self.library} ({count.get(self.threads, f'{self.threads} threads')})"

    def ask(self, task: str, **arguments: Any) -> Any:
        """The answer to a task: the name of a method of `Obey`."""
        self.process.stdin.write(json.dumps([task, arguments]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise WorkerError(f"{self} ended with {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self}: {answer['error']}")
        time.sleep(PAUSE)
        return answer["value"]

    def close(self) -> None:
        """End the process: it does when there is nothing left to read."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@contextmanager
def started(libraries: Iterable[str]) -> Iterator[list[Worker]]:
    """A worker for every library and number of threads, ended afterwards."""
    workers = [Worker(name, n) for name in libraries for n in thread_counts(name)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.close()


def ready(workers: list[Worker], task: str, **arguments: Any) -> list[Worker]:
    """Those workers that could do the task; says why the others could not."""
    able = []
    for worker in workers:
        try:
            worker.ask(task, **arguments)
        except WorkerError as error:
            print(f"Left out, for it failed: {error}", file=sys.stderr)
        else:
            able.append(worker)
    return able


def taking_turns(workers: list[Worker], rounds: int) -> dict[Worker, list[float]]:
    """Microseconds per step that each worker measured, one measurement each a round."""
    found: dict[Worker, list[float]] = {worker: [] for worker in workers}
    for _ in range(rounds):
        for worker in workers:
            found[worker].append(worker.ask("measure"))
    return found


def records(
    found: dict[Worker, list[float]], **about: Any
) -> list[dict[str, str | int | float | list[float] | None]]:
    """The measurements of each worker, as plain data."""
    return [
        {
            **about,
            "library": worker.library,
            "threads": worker.threads,
            "us_per_step": min(times),
            "rounds": times,
        }
        for worker, times in found.items()
    ]


def best(results: list[dict[str, Any]], library: str) -> dict[str, Any] | None:
    """The result with the number of threads at which the library was fastest."""
    own = [result for result in results if result["library"] == library]
    return min(own, key=lambda result: result["us_per_step"], default=None)


class Obey:
    """What a worker can be asked to do."""

    def __init__(self, library: str) -> None:
        self.library = LIBRARIES[library]

    def prepare(
        self, case: str, optimizer: str, seconds: float, rows: int | None = None
    ) -> int:
        """Warm a network up; how many epochs a measurement of `seconds` takes."""
        self.net = None  # the former one goes before there is a new one
        X, y = data(CASES[case])
        widths, batch = CASES[case].widths, CASES[case].batch
        self.net = self.library(widths, batch, X[:rows], y[:rows], optimizer)
        self.epochs = 1
        self.net.train(1)
        while (taken := self._seconds()) < seconds:
            more = math.ceil(self.epochs * 1.1 * seconds / taken)
            self.epochs = min(more, 20 * self.epochs)
        return self.epochs

    def measure(self) -> float:
        """Microseconds per step over all epochs of one measurement."""
        return self._seconds() / (self.epochs * self.net.steps) * 1e6

    def load(self, path: str, widths: list[int], batch: int, rows: int | None) -> None:
        """Read MNIST, and warm a network up on it."""
        self.widths, self.batch = tuple(widths), batch
        with np.load(path) as file:
            self.X, self.X_test = (
                (file[name] / np.float32(255)).astype(np.float32)
                for name in ("x_train", "x_test")
            )
            self.y, self.y_test = (
                file[name].astype(np.int64) for name in ("y_train", "y_test")
            )
        self.X, self.y = self.X[:rows], self.y[:rows]
        self.reach(seed=999, goal=0, most=1)

    def reach(self, seed: int, goal: float, most: int) -> dict[str, float]:
        """Train a new network to a test error; seconds, epochs and the error."""
        net = self.library(self.widths, self.batch, self.X, self.y, "adam", seed)
        gc.collect()
        began = time.perf_counter()
        epochs, error = net.train_until(self.X_test, self.y_test, goal, most)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "epochs": epochs, "error": error}

    def _seconds(self) -> float:
        gc.collect()
        began = time.perf_counter()
        self.net.train(self.epochs)
        return time.perf_counter() - began


def main() -> None:
    """Obey until there is nothing more to read."""
    # Answers have the standard output to themselves: what libraries print goes beside.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    obey = Obey(sys.argv[1])
    for line in sys.stdin:
        task, arguments = json.loads(line)
        try:
            answer = {"value": getattr(obey, task)(**arguments)}
        except Exception:  # noqa: BLE001 - whatever it is, it is said
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
