"""Kill trainings at random moments, go on with them, and compare the weights.

    python tests/robustness/kill_and_resume.py              # 50 moments
    python tests/robustness/kill_and_resume.py --kills 200 --seed 1

Each training is killed (SIGKILL, as by `kill -9`) at a moment drawn between its start
and its end, some of them again while they go on, and then gone on with to the end. The
weights file has to have the bits of that of a training nobody disturbed, the folder the
same files. Checkpoints are written after every epoch, or now and then; and it goes on
with another number of threads.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

START = """
import sys
from chainrule.tabular import learning
learning.CHECKPOINT_EVERY = float(sys.argv.pop(1))
from chainrule.cli import main
main()
"""
EVERY = (0.0, 0.1, 2.0)  # seconds between checkpoints
WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Training:
    """A training to disturb: in `place`, with these options."""

    place: Path
    options: tuple[str, ...]

    def start(self, folder: str, *, every: float, threads: int) -> subprocess.Popen:
        """Train afresh; or go on, if there is something to go on with."""
        options = ["table.csv", "--target", "y", *self.options, "--out", folder]
        if (self.place / folder / "unfinished" / "training.json").is_file():
            options = ["--resume", folder]
        elif (self.place / folder).exists():
            options.append("--overwrite")
        return subprocess.Popen(
            [sys.executable, "-c", START, str(every), "train", *options, "--quiet"],
            cwd=self.place,
            env={**os.environ, "CHAINRULE_THREADS": str(threads)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, folder: str, *, every: float, threads: int) -> None:
        """Train to the end."""
        process = self.start(folder, every=every, threads=threads)
        _, err = process.communicate(timeout=600)
        if process.returncode:
            raise AssertionError(f"{folder}: {err}")

    def kill(
        self, folder: str, after: float, *, every: float, threads: int, early: bool
    ) -> str:
        """Train and kill it after so many seconds; in what state it was.

        They count from the start of the process if that is to be `early`, and else from
        when training begins.
        """
        process = self.start(folder, every=every, threads=threads)
        if not early:
            self.wait_for_training(folder, process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=after)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        if process.returncode not in (0, -signal.SIGKILL):
            raise AssertionError(f"{folder}: {err}")
        return self.state(folder)

    def wait_for_training(self, folder: str, process: subprocess.Popen) -> float:
        """Wait until training begins, or goes on; when that was."""
        lock = self.place / folder / ".lock"
        request = self.place / folder / "unfinished" / "training.json"
        while process.poll() is None:
            with contextlib.suppress(OSError, ValueError):
                holder = json.loads(lock.read_text())["pid"]
                if holder == process.pid and request.is_file():
                    break
            time.sleep(0.005)
        return time.monotonic()

    def state(self, folder: str) -> str:
        """How far a training has come, in words."""
        place = self.place / folder
        if not (place / "unfinished" / "training.json").is_file():
            done = (place / "model.json").is_file()
            return "after its end" if done else "before training began"
        if not (place / "unfinished" / "checkpoint.safetensors").is_file():
            return "before the first checkpoint"
        return "after a checkpoint"


def write_table(path: Path, rows: int) -> None:
    """A table to learn from: numbers, a category, gaps, three classes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 4))
    y = (X @ rng.normal(size=(4, 3)) + rng.normal(size=(rows, 3))).argmax(axis=1)
    colour = rng.choice(["red", "green", "blue"], rows)
    lines = ["a,b,c,d,colour,y"]
    for x, name, label in zip(X, colour, y, strict=True):
        cells = [f"{v:.4f}" if v > -2 else "" for v in x]
        lines.append(",".join([*cells, name, f"class {label}"]))
    path.write_text("\n".join(lines) + "\n")


def disturb(
    place: Path, *, kills: int, seed: int, rows: int, epochs: int, talk: bool = False
) -> Counter[str]:
    """Kill `kills` trainings; in which states they were.

    Raises `AssertionError` where anything in the end is not as if nothing had happened.
    """
    rng = random.Random(seed)  # noqa: S311 - moments, no secrets
    write_table(place / "table.csv", rows)
    options = ("--epochs", str(epochs), "--patience", "0", "--dropout", "0.1")
    training = Training(place, options)
    training.finish("warm", every=2.0, threads=1)  # compiled once, kept in the cache
    process = training.start("whole", every=2.0, threads=1)
    began = training.wait_for_training("whole", process)
    if process.wait(timeout=600):
        raise AssertionError(process.stderr.read())
    process.stderr.close()
    seconds = time.monotonic() - began
    whole = place / "whole"
    states: Counter[str] = Counter()
    for number in range(kills):
        folder, every = f"run{number}", rng.choice(EVERY)
        for _ in range(rng.choice((1, 1, 2, 3))):
            state = training.kill(
                folder,
                rng.uniform(0, seconds),
                every=every,
                threads=rng.choice((1, 2)),
                early=rng.random() < 0.1,
            )
            states[state] += 1
            if talk:
                print(f"{folder}, a checkpoint every {every} s: killed {state}")
            if state == "after its end":
                break
        if state != "after its end":
            training.finish(folder, every=every, threads=rng.choice((1, 2)))
        check_same(place / folder, whole)
    return states


def check_same(run: Path, whole: Path) -> None:
    """Refuse a run that differs from the one that nobody disturbed."""
    if (run / WEIGHTS).read_bytes() != (whole / WEIGHTS).read_bytes():
        raise AssertionError(f"{run.name}: its weights differ")
    names = [sorted(p.name for p in folder.iterdir()) for folder in (run, whole)]
    # The lock of a process that was killed stays until the next one.
    if [n for n in names[0] if n != ".lock"] != names[1]:
        raise AssertionError(f"{run.name}: its files are {names[0]}, not {names[1]}")


def main() -> None:
    """Do it, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        states = disturb(
            Path(place),
            kills=given.kills,
            seed=given.seed,
            rows=given.rows,
            epochs=given.epochs,
            talk=True,
        )
    print(f"\n{given.kills} trainings, killed {states.total()} times:")
    for state, times in states.most_common():
        print(f"  {times:4} {state}")
    print("all weights have the bits of the training that nobody disturbed")


if __name__ == "__main__":
    main()
