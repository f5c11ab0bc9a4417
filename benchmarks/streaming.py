"""Training on a folder of Parquet that memory does not hold: flat memory, linear time?

A table of 40 numbers, 5 small integers and 5 columns of text is written as a folder of
Parquet files, chunk by chunk. A network is then trained on the first part of it, on
twice as much, and so on, each time in a process of its own that may take so much
memory. Shown are the most memory that the process had, the seconds until training began
(the table is read twice: once to learn how it is encoded, once to encode it) and the
rows per second of the epochs, beside those of epochs whose rows are all in memory:
these are measured before and after each of the others, for machines are not always
equally fast, and their mean is what the share is of.
With `--packed`, rows are kept as where the system has too little memory for the file.

    python streaming.py --rows 5_000_000 10_000_000 20_000_000
    python streaming.py --rows 500_000 1_000_000 --in-memory 250_000 --memory 400MB
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import machine
import numpy as np
import pyarrow as pa
from pyarrow import parquet

import chainrule as cr
from chainrule.tabular import TableCallback, train_table
from chainrule.tabular.network import Architecture
from chainrule.tabular.problem import Problem
from chainrule.training import stream_disk

NUMBERS, INTEGERS, TEXTS = 40, 5, 5
WORDS = np.array([f"word {k}" for k in range(10)])
TARGET = "clicked"
CHUNK = 250_000  # rows of a file, and as many are in memory while it is written
ROW_GROUP = 50_000
VALIDATION = 10_000


def chunk(number: int, rows: int = CHUNK) -> pa.Table:
    """Some rows of the table: 50 columns, and a target that a few of them decide."""
    rng = np.random.default_rng(number)
    X = rng.standard_normal((rows, NUMBERS), np.float32)
    columns: dict[str, Any] = {f"number {k}": X[:, k] for k in range(NUMBERS)}
    for k in range(INTEGERS):
        columns[f"integer {k}"] = rng.integers(0, 1000, rows).astype(np.int32)
    codes = rng.integers(0, len(WORDS), (rows, TEXTS)).astype(np.int32)
    for k in range(TEXTS):
        # A few cells are missing.
        there = pa.array(codes[:, k], mask=rng.random(rows) < 0.001)
        columns[f"text {k}"] = pa.DictionaryArray.from_arrays(there, pa.array(WORDS))
    score = X[:, 0] + X[:, 1] * X[:, 2] + 0.3 * (codes[:, 0] - 4.5)
    noise = rng.standard_normal(rows)
    columns[TARGET] = np.where(score + noise > 0, "yes", "no")
    return pa.table(columns)


def write(folder: Path, rows: int) -> None:
    """The table as a folder of Parquet files."""
    folder.mkdir(parents=True)
    for number in range(-(-rows // CHUNK)):
        size = min(CHUNK, rows - number * CHUNK)
        file = folder / f"{number:05}.parquet"
        parquet.write_table(chunk(number, size), file, row_group_size=ROW_GROUP)


def part(folder: Path, whole: Path, rows: int) -> Path:
    """A folder of the first files of the table, until there are so many rows."""
    folder.mkdir()
    files = sorted(whole.iterdir())[: -(-rows // CHUNK)]
    for file in files:
        os.link(file, folder / file.name)
    return folder


def read(folder: Path) -> pa.Table:
    """All of it."""
    files = sorted(folder.iterdir())
    return pa.concat_tables([parquet.ParquetFile(file).read() for file in files])


class Clock(TableCallback):
    """Notes when training begins."""

    def __init__(self) -> None:
        """Start the clock."""
        self.began = time.perf_counter()
        self.prepared = 0.0

    def on_table(self, problem: Problem, architecture: Architecture, net: Any) -> None:
        """The table is encoded."""
        del problem, architecture, net
        self.prepared = time.perf_counter() - self.began


def measure(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Train in this process; the times, and the most memory it had."""
    clock = Clock()
    if asked.packed:
        stream_disk.available = lambda: 0
    streamed = asked.memory is not None
    run = train_table(
        str(folder) if streamed else read(folder),
        TARGET,
        memory=asked.memory if streamed else "1TB",
        scratch=asked.folder,
        validation=chunk(10**6, VALIDATION),
        test=0,
        hidden=asked.hidden,
        batch_size=256,
        # Epochs in memory are short.
        epochs=asked.epochs if streamed else 3 * asked.epochs,
        patience=None,
        callbacks=[clock],
    )
    seconds = [record["seconds"] for record in run.history.records]
    return {
        "rows": run.split["training"],
        "streamed": streamed,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "prepared": clock.prepared,
        # The first epoch also compiles.
        "epoch": statistics.median(seconds[1:] or seconds),
        "accuracy": run.history.last["val_accuracy"],
    }


def measured_apart(folder: Path, asked: argparse.Namespace, memory: str | None) -> Any:
    """Have another process measure, so that memory is that of one training."""
    options = ["--epochs", asked.epochs, "--folder", asked.folder]
    options += ["--hidden", *asked.hidden, *["--packed"] * asked.packed]
    options += [] if memory is None else ["--memory", memory]
    command = [sys.executable, __file__, "--measure", folder, *options]
    done = subprocess.run(
        [str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def rate(found: dict[str, Any]) -> float:
    """The rows per second of an epoch."""
    return float(found["rows"] / found["epoch"])


def line(found: dict[str, Any], rate_in_memory: float | None = None) -> str:
    """One line of the table."""
    return machine.row(
        [
            f"{found['rows']:,}" + ("" if found["streamed"] else ", in memory"),
            f"{found['peak'] / 1e6:,.0f}",
            f"{found['prepared']:,.1f}",
            f"{found['epoch']:,.2f}",
            f"{rate(found):,.0f}",
            "" if rate_in_memory is None else f"{rate(found) / rate_in_memory:.0%}",
            f"{found['accuracy']:.3f}",
        ]
    )


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = [5_000_000, 10_000_000, 20_000_000]
    parser.add_argument("--rows", type=int, nargs="+", default=sizes)
    parser.add_argument("--in-memory", type=int, default=1_000_000, metavar="ROWS")
    parser.add_argument("--memory", help="what a process may take, 1GB by default")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--hidden", type=int, nargs="+", default=[64, 64])
    parser.add_argument(
        "--folder", default=tempfile.gettempdir(), help="where to write"
    )
    parser.add_argument(
        "--packed", action="store_true", help="unpack rows as they come"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    asked = arguments()
    if asked.measure is not None:
        print(json.dumps(measure(asked.measure, asked)))
        return
    place = Path(tempfile.mkdtemp(prefix="streaming-", dir=asked.folder))
    try:
        whole = place / "whole"
        write(whole, max(*asked.rows, asked.in_memory))
        size = sum(file.stat().st_size for file in whole.iterdir()) / 1e9
        print(f"{size:.2f} GB of Parquet, {NUMBERS + INTEGERS + TEXTS} columns")
        reference = part(place / "in memory", whole, asked.in_memory)
        head = ["rows", "peak MB", "preparing s", "epoch s", "rows/s", "of in-memory"]
        print(machine.head([*head, "accuracy"]))
        results = [measured_apart(reference, asked, None)]
        print(line(results[0]), flush=True)
        for rows in asked.rows:
            folder = part(place / f"{rows}", whole, rows)
            results.append(measured_apart(folder, asked, asked.memory or "1GB"))
            results.append(measured_apart(reference, asked, None))
            beside = statistics.mean(map(rate, (results[-3], results[-1])))
            print(line(results[-2], beside), line(results[-1]), sep="\n", flush=True)
    finally:
        shutil.rmtree(place)
    machine.save(asked.json, results)
    print(f"\n{machine.about()}; chainrule {cr.__version__}")


if __name__ == "__main__":
    main()
