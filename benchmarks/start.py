"""From start to exit of a fresh process, and the first step of a network.

Three tables, each the median of several rounds in which the programs take turns:

- what importing takes;
- one step of the mnist network by `cr.fit` in a fresh process: compiled, with an empty
  folder in `CHAINRULE_CACHE`, and from the cache; then once more in the same process,
  and with batches of another size, which has to compile nothing;
- digits, 64-64-10, batches of 32, 20 epochs of Adam: seconds from start to exit and the
  most memory, beside the peers with one thread and with all. The rows are read from a
  file, for all alike.

    python start.py --rounds 5 --libraries chainrule scikit-learn
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import machine
from libraries import CHAINRULE, LIBRARIES, installed
from workers import environment, thread_counts

HERE = Path(__file__).parent
IMPORTS = {"python itself": "", "numpy": "import numpy", CHAINRULE: "import chainrule"}
FIRST_STEP = """
import json, time
import numpy as np, chainrule as cr
from cases import CASES
from libraries import Chainrule
case = CASES["mnist"]
X, y = np.zeros((64, 784), np.float32), np.arange(64) % 10
net = Chainrule(case.widths, 64, X, y, "adam")
cr.fit  # imports what trains
def seconds(batch):
    net.batch, net.X, net.y = batch, X[:batch], y[:batch]
    began = time.perf_counter()
    net.train(1)
    return time.perf_counter() - began
print(json.dumps([seconds(64), seconds(64), seconds(48)]))
"""
WRITE_DIGITS = """
import sys, numpy as np
from sklearn.datasets import load_digits
X, y = load_digits(return_X_y=True)
np.savez(sys.argv[1], X=(X / 16).astype(np.float32), y=y)
"""
FIT_DIGITS = "import sys, libraries; libraries.fit_file(*sys.argv[1:])"
# chainrule as it is the first time, and ever after.
COMPILED, CACHED = "chainrule, compiled", "chainrule, from its cache"


class Run(NamedTuple):
    """What a process took: seconds from start to exit, MB at most, what it printed."""

    seconds: float
    megabytes: float
    printed: str


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    usual = [name for name in LIBRARIES if name != "torch.compile"]
    add("--libraries", nargs="+", choices=LIBRARIES, default=usual)
    add("--rounds", type=int, default=5, help="of which the median (%(default)s)")
    add("--json", type=Path, help="write all measurements to this file")
    return parser.parse_args()


def run(program: str, *arguments: str, env: dict[str, str] | None = None) -> Run:
    """Run a program in a fresh process. Raises if it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE,
        env=env,
    )
    printed = process.stdout.read()
    # Linux counts memory of this process, from which it was forked, as a least: ours
    # is small, for no library is imported here.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes or kB
    return Run(seconds, usage.ru_maxrss * unit / 1e6, printed)


def in_turn(
    programs: dict[str, Callable[[], Run]], rounds: int
) -> dict[str, list[Run]]:
    """What each program took in each round."""
    found: dict[str, list[Run]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            found[name].append(program())
    return found


def with_cache(folder: str | Path, threads: int | None = None) -> dict[str, str]:
    """The environment of a process that keeps what it compiles in `folder`."""
    return {**environment(threads), "CHAINRULE_CACHE": str(folder)}


def with_empty_cache(program: str, *arguments: str) -> Run:
    """Run a program that has to compile."""
    with TemporaryDirectory() as folder:
        return run(program, *arguments, env=with_cache(folder))


def show_imports(rounds: int) -> dict[str, list[float]]:
    """The first table."""
    programs = {name: partial(run, program) for name, program in IMPORTS.items()}
    in_turn(programs, 1)  # the files are in memory then
    found = {
        name: [one.seconds for one in runs]
        for name, runs in in_turn(programs, rounds).items()
    }
    print(machine.head(["import", "seconds from start to exit"]))
    for name, seconds in found.items():
        print(machine.row([name, f"{statistics.median(seconds):.3f}"]), flush=True)
    return found


def show_first_step(rounds: int) -> dict[str, list[list[float]]]:
    """The second table."""
    with TemporaryDirectory() as folder:
        programs = {
            COMPILED: partial(with_empty_cache, FIRST_STEP),
            CACHED: partial(run, FIRST_STEP, env=with_cache(folder)),
        }
        in_turn(programs, 1)  # the cache is filled then
        found = {
            name: [json.loads(one.printed) for one in runs]
            for name, runs in in_turn(programs, rounds).items()
        }
    columns = ["one step, in seconds", "first", "again", "another batch size"]
    print(machine.head(columns))
    for name, runs in found.items():
        medians = [f"{statistics.median(each):.4f}" for each in zip(*runs, strict=True)]
        print(machine.row([name, *medians]), flush=True)
    return found


def digits_programs(
    libraries: list[str], file: str, cache: str
) -> dict[str, Callable[[], Run]]:
    """Who trains on the digits; peers with each number of threads."""
    programs: dict[str, Callable[[], Run]] = {}
    for name in libraries:
        if name == CHAINRULE:
            programs[COMPILED] = partial(with_empty_cache, FIT_DIGITS, name, file)
            programs[CACHED] = partial(
                run, FIT_DIGITS, name, file, env=with_cache(cache)
            )
            continue
        for threads in thread_counts(name):
            env = environment(threads)
            label = f"{name}, {threads} thread{'s' if threads > 1 else ''}"
            programs[label] = partial(run, FIT_DIGITS, name, file, env=env)
    return programs


def show_digits(libraries: list[str], rounds: int) -> dict[str, list[Run]]:
    """The third table."""
    if not find_spec("sklearn"):
        print("\nscikit-learn, from which the digits come, is not installed.")
        return {}
    with TemporaryDirectory() as folder:
        file = str(Path(folder) / "digits.npz")
        run(WRITE_DIGITS, file)
        programs = digits_programs(libraries, file, str(Path(folder) / "cache"))
        in_turn(programs, 1)  # files in memory, the cache filled
        found = in_turn(programs, rounds)
    print(machine.head(["digits, from start to exit", "seconds", "MB", "right"]))
    for name, runs in found.items():
        seconds = statistics.median(one.seconds for one in runs)
        megabytes = statistics.median(one.megabytes for one in runs)
        right = statistics.median(float(one.printed) for one in runs)
        print(machine.row([name, f"{seconds:.2f}", f"{megabytes:.0f}", f"{right:.3f}"]))
    return found


def main() -> None:
    """Measure, and print the tables."""
    chosen = options()
    print(machine.about())
    libraries = installed(chosen.libraries)
    results = {
        "imports": show_imports(chosen.rounds),
        "first step": show_first_step(chosen.rounds),
        "digits": show_digits(libraries, chosen.rounds),
    }
    machine.save(chosen.json, results)


if __name__ == "__main__":
    main()
