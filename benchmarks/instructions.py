"""Processor instructions per training step, counted by callgrind: the same every time.

`cr.fit` of some epochs and of more, each in a fresh process under
`valgrind --tool=callgrind`, which counts while Python is in native code; the
difference, over the steps of the epochs more, is what a step is made of. One thread,
for spinning is not work. The step is compiled once before, without valgrind, and read
from the cache.

valgrind has to know the instructions: 3.19 knows AVX2 and not AVX-512, so the step is
compiled for x86-64-v3. The counts are kept in `instructions.json` beside this file, and
shown beside the former ones.

    python instructions.py tiny --optimizers sgd
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import machine
from cases import CASES

HERE = Path(__file__).parent
# What Python calls native code with: only there instructions are counted.
CALL = "ffi_call"
# Epochs in the longer run more than in the shorter one.
EXTRA = {"tiny": 20, "mnist": 1}
# Rows that are trained on where there are more: counts need no long runs.
MOST_ROWS = 4096
PROGRAM = """
import sys
from cases import CASES, Case, data
from libraries import Chainrule
name, optimizer, rows, epochs = sys.argv[1:]
case = Case(CASES[name].widths, CASES[name].batch, int(rows))
Chainrule(case.widths, case.batch, *data(case), optimizer).train(int(epochs))
"""


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("cases", nargs="*", metavar="CASE", help=f"of {', '.join(EXTRA)}; all")
    add("--optimizers", nargs="+", choices=["sgd", "adam"], default=["sgd", "adam"])
    add("--target", default="x86-64-v3", help="to compile for (%(default)s)")
    add("--rows", type=int, help="train on so many rows only, for a quick trial")
    add("--json", type=Path, default=HERE / "instructions.json", help="%(default)s")
    chosen = parser.parse_args()
    unknown = [case for case in chosen.cases if case not in EXTRA]
    if unknown:
        parser.error(f"no case is called {unknown[0]}: there are {', '.join(EXTRA)}")
    chosen.cases = chosen.cases or list(EXTRA)
    if shutil.which("valgrind") is None:
        parser.error("valgrind is not installed")
    return chosen


def train(
    arguments: list[str], environment: dict[str, str], under: tuple[str, ...] = ()
) -> None:
    """Run the program in a process, perhaps under another one."""
    subprocess.run(
        [*under, sys.executable, "-c", PROGRAM, *arguments],
        check=True,
        cwd=HERE,
        env=environment,
    )


def counted(arguments: list[str], environment: dict[str, str], folder: Path) -> int:
    """All instructions of one run of the program."""
    out = folder / "callgrind.out"
    valgrind = (
        shutil.which("valgrind"), "--tool=callgrind", "--quiet",
        f"--callgrind-out-file={out}", f"--toggle-collect={CALL}",
    )  # fmt: skip
    train(arguments, environment, valgrind)
    lines = out.read_text().splitlines()
    return int(next(s for s in lines if s.startswith("totals:")).split()[1])


def per_step(case: str, optimizer: str, rows: int, target: str) -> int:
    """Instructions per step of `cr.fit`."""
    with TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "CHAINRULE_CACHE": str(Path(folder) / "cache"),
            "CHAINRULE_TARGET": target,
            "CHAINRULE_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
        }
        arguments = [case, optimizer, str(rows)]
        train([*arguments, "1"], environment)
        fewer, more = (
            counted([*arguments, str(epochs)], environment, Path(folder))
            for epochs in (2, 2 + EXTRA[case])
        )
    return round((more - fewer) / (EXTRA[case] * rows / CASES[case].batch))


def former(path: Path) -> dict[str, int]:
    """The counts that are kept, by case and optimizer."""
    if not path.exists():
        return {}
    found: dict[str, int] = json.loads(path.read_text())["results"]
    return found


def main() -> None:
    """Count, print one table, and keep the counts."""
    chosen = options()
    print(machine.about())
    kept = former(chosen.json)
    new = {}
    print(machine.head(["instructions per step", "now", "before", "change"]))
    for case in chosen.cases:
        for optimizer in chosen.optimizers:
            rows = chosen.rows or min(CASES[case].rows, MOST_ROWS)
            name = f"{case}, {optimizer}, {chosen.target}"
            new[name] = per_step(case, optimizer, rows, chosen.target)
            before = kept.get(name)
            change = "" if before is None else f"{new[name] / before - 1:+.2%}"
            shown = "" if before is None else f"{before:,}"
            print(machine.row([name, f"{new[name]:,}", shown, change]), flush=True)
    if chosen.rows is None:
        machine.save(chosen.json, kept | new)


if __name__ == "__main__":
    main()
