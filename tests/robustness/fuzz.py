"""Spoil files in thousands of ways, read them, and accept nothing but a clear refusal.

    python tests/robustness/fuzz.py                 # 4000 files
    python tests/robustness/fuzz.py --cases 20000 --seed 1
    python tests/robustness/fuzz.py --only 1234     # one of them, with its traceback

Each case takes a file that is right (CSV, Parquet, Arrow, packed or not, or one of a
run folder), spoils it (bits, cuts, splices, numbers, nesting, types, offsets, bombs) as
the seed and its number say, and hands it to everything that reads such a file. What
comes out is a result, or one of the errors that chainrule documents: no traceback, no
hang, no file that is half-written, no more memory than allowed, no code run, no crash.
"""

import argparse
import contextlib
import gzip
import io
import json
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

import chainrule as cr
from chainrule.nn.architecture import ModelFileError
from chainrule.tables import TableError, TableWarning, read_table
from chainrule.tables.stream import open_stream
from chainrule.tabular import RunError, SettingError, load_run, resume_run, train_table
from chainrule.tabular.predicting import predict_file
from chainrule.training import CheckpointError, NonFiniteError

DOCUMENTED = (
    *(TableError, RunError, SettingError, ModelFileError, CheckpointError),
    NonFiniteError,
)
SECONDS = 120  # for one case, on a machine that does something else as well
ALLOWANCE = 3 << 29  # bytes that a case may take
AT_ONCE = 60  # cases in one process

RUN_FILES = (
    *("model.json", "model.safetensors", "training.json", "checkpoint.safetensors"),
    *("history.jsonl", "evaluation.json"),
)


# --- files that are right -------------------------------------------------------------


def write_good(place: Path) -> None:
    """Files of every kind, and a run."""
    rng = np.random.default_rng(0)
    size = rng.uniform(20, 200, 60).round(2)
    town = rng.choice(["Ulm", "Köln", "Aarhus, DK"], 60)
    price = (2 * size + rng.normal(0, 5, 60)).round(2)
    sold = np.array("2024-01-01", "datetime64[D]") + rng.integers(0, 400, 60)
    gap = [None if k % 7 == 0 else float(k) for k in range(60)]
    table = pa.table(
        {"size": size, "town": town, "sold": sold, "gap": gap, "price": price}
    )
    text = io.BytesIO()
    csv.write_csv(table, text)
    (place / "homes.csv").write_bytes(text.getvalue())
    (place / "homes.tsv").write_bytes(text.getvalue().replace(b",", b"\t"))
    (place / "homes.csv.gz").write_bytes(gzip.compress(text.getvalue(), mtime=0))
    packed = pa.compress(text.getvalue(), "zstd", asbytes=True)
    (place / "homes.csv.zst").write_bytes(packed)
    parquet.write_table(table, place / "homes.parquet", row_group_size=20)
    with pa.ipc.new_file(place / "homes.arrow", table.schema) as file:
        file.write_table(table)
    options = {"hidden": (4,), "epochs": 2, "dropout": 0.1}
    train_table(place / "homes.csv", "price", **options, out=place / "run")


# --- ways to spoil --------------------------------------------------------------------


Rng = random.Random
Mutation = Callable[[Rng, bytes], bytes]


def flip_bits(rng: Rng, data: bytes) -> bytes:
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def truncate(rng: Rng, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def cut_start(rng: Rng, data: bytes) -> bytes:
    return data[rng.randrange(1, min(len(data), 64)) :]


def delete(rng: Rng, data: bytes) -> bytes:
    start, stop = piece(rng, data)
    return data[:start] + data[stop:]


def duplicate(rng: Rng, data: bytes) -> bytes:
    start, stop = piece(rng, data)
    return data[:stop] + data[start:stop] * rng.choice((1, 3, 200)) + data[stop:]


def splice(rng: Rng, data: bytes) -> bytes:
    start, stop = piece(rng, data)
    place = rng.randrange(len(data))
    return data[:place] + data[start:stop] + data[place + stop - start :]


def insert(rng: Rng, data: bytes) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + rng.choice(INSERTED) + data[place:]


def blank(rng: Rng, data: bytes) -> bytes:
    start, stop = piece(rng, data)
    return (
        data[:start] + rng.choice((b"\0", b"\xff", b" ")) * (stop - start) + data[stop:]
    )


def huge_word(rng: Rng, data: bytes) -> bytes:
    place = rng.randrange(max(len(data) - 8, 1))
    word = struct.pack("<q", rng.choice((-1, 2**31 - 1, 2**62, -(2**63), 2**40)))
    return data[:place] + word[: rng.choice((4, 8))] + data[place + 8 :]


INSERTED = (
    *(b"\0", b"\xff\xfe", b'"', b"\n", b"\r", b",", b";", b"\xef\xbb\xbf", b"'"),
    *(b"1e999", b"-1e999", b"NaN", b"inf", b"9" * 400, b"0x1p-1074", b"1_000"),
    *("\u2028".encode(), "\u0661".encode(), "🦆".encode(), b"\x1a", b"=cmd()"),
    *(b"," * 5000, b"x" * 100_000, b'"' * 999, b"\n" * 3000, b"a\tb;c|d"),
)

ANY: tuple[Mutation, ...] = (
    *(flip_bits, truncate, cut_start, delete, duplicate, splice, insert, blank),
    huge_word,
)


def piece(rng: Rng, data: bytes) -> tuple[int, int]:
    start = rng.randrange(len(data))
    length = rng.choice((1, 4, 16, 100, len(data)))
    return start, min(start + rng.randrange(1, length + 1), len(data))


# --- text that is still JSON

WRONG: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**64), 10**400, 0.5, -0.0, 1e308),
    *(
        "",
        "x",
        "\0",
        "../../etc/passwd",
        "os.system",
        "__import__",
        "número",
        "a" * 9999,
    ),
    *([], {}, [[]], [None], {"": None}, {"class": "os.system"}, [1, "a", None]),
)


LONG = 1_000_000  # characters: what is longer is not made longer still


def spoil_json(rng: Rng, data: bytes) -> bytes:
    """Change a value somewhere in a JSON document."""
    if len(data) > LONG:
        raise ValueError("it is spoilt enough")
    document = json.loads(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        holders = list(walk(document))
        holder, key = rng.choice(holders)
        change(rng, holder, key)
    return json.dumps(document, ensure_ascii=rng.random() < 0.5).encode()


def walk(item: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in a document: what holds it, and where."""
    waiting = [item]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            yield holder, key
            if isinstance(holder[key], (dict, list)):
                waiting.append(holder[key])


def change(rng: Rng, holder: Any, key: Any) -> None:
    value = holder[key]
    match rng.randrange(8):
        case 0 if isinstance(holder, dict):
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rng.choice(("", "x", "class", "__class__", str(key).upper()))] = (
                value
            )
        case 2 if isinstance(value, list) and value:
            holder[key] = value * rng.choice((0, 2, 1000 if len(value) < 100 else 3))
        case 3 if isinstance(value, (int, float)) and not isinstance(value, bool):
            holder[key] = rng.choice((value + 1, -value, value * 10**9, value / 3))
        case 4:
            holder[key] = nested(rng.choice((3, 60, 900)))
        case 5 if isinstance(value, str):
            holder[key] = rng.choice(
                (value.upper(), value * 2, value[:-1], value + "\0")
            )
        case _:
            holder[key] = deepcopy(rng.choice(WRONG))


def nested(depth: int) -> Any:
    item: Any = 1
    for k in range(depth):
        item = [item] if k % 2 else {"a": item}
    return item


def deep_json(rng: Rng, data: bytes) -> bytes:
    """Text that is nested a hundred thousand times."""
    del data
    return rng.choice((b"[", b'{"a":', b'[{"x":')) * 100_000


def json_words(rng: Rng, data: bytes) -> bytes:
    """Words that JSON does not have, and some that Python's reader takes."""
    words = (b"NaN", b"Infinity", b"-Infinity", b"1e99999", b"0" * 50, b"9" * 5000)
    digits = [k for k, byte in enumerate(data) if byte in b"0123456789"]
    place = rng.choice(digits)
    return data[:place] + rng.choice(words) + data[place + 1 :]


def spoil_lines(rng: Rng, data: bytes) -> bytes:
    """Change a value in one of the lines, each of which is JSON."""
    lines = data.splitlines()
    k = rng.randrange(len(lines))
    lines[k] = spoil_json(rng, lines[k])
    return b"\n".join(lines)


def spoil_header(rng: Rng, data: bytes) -> bytes:
    """Change what a safetensors file says of its arrays."""
    (length,) = struct.unpack("<Q", data[:8])
    header = spoil_json(rng, data[8 : 8 + length])
    said = rng.choice((len(header), len(header), len(header), 0, 2**63 - 1, len(data)))
    return struct.pack("<Q", said) + header + data[8 + length :]


def spoil_metadata(rng: Rng, data: bytes) -> bytes:
    """Change the JSON that a safetensors file carries along."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    name = rng.choice(list(header["__metadata__"]))
    about = header["__metadata__"][name].encode()
    header["__metadata__"][name] = spoil_json(rng, about).decode()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def spoil_numbers(rng: Rng, data: bytes) -> bytes:
    """Change the numbers at the end, of which there are as many as before."""
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 10))):
        place = rng.randrange(len(data) * 3 // 4, len(data) - 4) & ~3
        word = rng.choice((b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff\xff\x7f\xff"))
        spoilt[place : place + 4] = word
    return bytes(spoilt)


def bomb(rng: Rng, data: bytes) -> bytes:
    """A few kilobytes that become 20 GB."""
    del data
    line = b"1,Ulm,2024-01-01,1,1\n" if rng.random() < 0.5 else b"\0" * 20
    block = line * (10_000_000 // len(line))
    if rng.random() < 0.5:
        return gzip.compress(block, mtime=0) * 2000
    return pa.compress(block, "zstd", asbytes=True) * 2000


JSON: tuple[Mutation, ...] = (*[spoil_json] * 6, deep_json, json_words, json_words)
SAFE: tuple[Mutation, ...] = (*[spoil_header] * 6, *[spoil_metadata] * 4, spoil_numbers)

# Each file, and the ways to spoil it besides those that spoil any.
FILES: dict[str, tuple[Mutation, ...]] = {
    "homes.csv": (insert, insert, bomb),
    "homes.tsv": (insert,),
    "homes.csv.gz": (bomb,),
    "homes.csv.zst": (bomb,),
    "homes.parquet": (),
    "homes.arrow": (),
    "run/model.json": JSON,
    "run/model.safetensors": SAFE,
    "run/training.json": JSON,
    "run/checkpoint.safetensors": SAFE,
    "run/history.jsonl": (*[spoil_lines] * 4, deep_json),
    "run/evaluation.json": JSON,
}


# Where a file is spoilt so far that the next mutation finds nothing to change.
NOT_SPOILT = (ValueError, LookupError, ArithmeticError, RecursionError, struct.error)


@dataclass(frozen=True)
class Case:
    """A file that is spoilt."""

    number: int
    file: str
    how: str
    content: bytes


def case(good: Path, seed: int, number: int) -> Case:
    """The case of this number; the same one for the same seed."""
    rng = Rng(f"{seed} {number}")
    file = list(FILES)[number % len(FILES)]
    special = FILES[file]
    ways = special if special and rng.random() < 0.6 else ANY
    chosen = [rng.choice(ways) for _ in range(rng.choice((1, 1, 1, 2)))]
    if bomb in chosen and rng.random() < 0.97:
        chosen = [flip_bits]  # one bomb after the other would take an hour
    content = (good / file).read_bytes()
    for mutate in chosen:
        with contextlib.suppress(*NOT_SPOILT):
            content = mutate(rng, content) or b"\0"
    names = " and ".join(mutate.__name__ for mutate in chosen)
    return Case(number, file, names, content)


# --- readers --------------------------------------------------------------------------


def read_spoilt(found: Case, good: Path, place: Path) -> None:
    """Let everything read a case that reads such a file.

    Raises whatever comes out that should not, and `AssertionError`.
    """
    name = Path(found.file).name
    if found.file.startswith("run/"):
        run = place / "run"
        shutil.copytree(good / "run", run)
        (run / name).write_bytes(found.content)
        read_run(run, good / "homes.csv", place)
    else:
        path = place / name
        path.write_bytes(found.content)
        readers: list[Callable[[], Any]] = [
            lambda: read_table(path),
            lambda: list(open_stream(path).batches()),
            lambda: load_run(good / "run").predict(path),
            lambda: load_run(good / "run").evaluate(path),
            lambda: write_predictions(good / "run", path, place / "out.csv"),
            lambda: train_table(path, "price", hidden=(2,), epochs=1,
                                out=place / "new"),
        ]  # fmt: skip
        if "bomb" in found.how:  # all of it would take minutes, and no more memory
            readers = [
                lambda: read_table(path),
                lambda: list(islice(open_stream(path).batches(), 20)),
            ]
        for read in readers:
            expect(read)
        whole = [*(p.name for p in place.iterdir() if p.name.startswith("."))]
        assert not whole, f"left half-written: {whole}"


def read_run(run: Path, table: Path, place: Path) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    expect(lambda: cr.load(run))
    expect(lambda: load_run(run).predict(table))
    expect(lambda: write_predictions(run, table, place / "out.parquet"))
    expect(lambda: resume_run(run, table, epochs=3))
    after = {path.name for path in run.iterdir()}
    assert after == set(before), f"left behind: {after ^ set(before)}"


def write_predictions(run: Path, table: Path, out: Path) -> None:
    try:
        predict_file(load_run(run), table, out)
    except BaseException:
        assert not out.exists(), "a file of predictions is there, half-written"
        raise


def expect(read: Callable[[], Any]) -> None:
    """Accept a result, and errors that are documented and say something."""
    said = "a result"
    try:
        read()
    except DOCUMENTED as error:
        said = str(error)
    assert said.strip(), "an error that says nothing"


# --- running --------------------------------------------------------------------------


class HangError(Exception):
    """A case that takes too long."""


def watch(event: str, arguments: Any) -> None:
    """Refuse what reading a file has no business with."""
    if event in {"pickle.find_class", "os.system", "os.exec", "subprocess.Popen"}:
        raise AssertionError(f"reading a file ran code: {event} {arguments}")


def attempt(found: Case, good: Path) -> str:
    """What is wrong with how a case is read; empty if nothing is."""

    def hang(*_: Any) -> None:
        raise HangError(f"it took more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(SECONDS)
    try:
        with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", TableWarning)
            read_spoilt(found, good, Path(place))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        return f"{type(error).__name__} at {where}: {str(error)[:300]}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return ""


def limit_memory() -> None:
    """Let this process have so much more memory than it has now."""
    with Path("/proc/self/statm").open() as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + ALLOWANCE, resource.RLIM_INFINITY))


def work(good: Path, seed: int, numbers: range) -> None:
    """Try cases in this process; each line it writes is about one of them."""
    for number in numbers[:1]:  # whatever is imported late, and compiled
        attempt(case(good, seed, number), good)
        expect(lambda: load_run(good / "run").predict(good / "homes.csv"))
    if sys.platform == "linux":
        limit_memory()
    sys.addaudithook(watch)
    for number in numbers:
        print(json.dumps({"began": number}), flush=True)
        wrong = attempt(case(good, seed, number), good)
        print(json.dumps({"ended": number, "wrong": wrong}), flush=True)


@dataclass(frozen=True)
class Ended:
    """How a process that tried cases has ended.

    - `wrong`: what it found, by case; `last`: the case that it began last.
    - `code` as of `Popen.returncode`; `said` is what it wrote besides.
    """

    wrong: dict[int, str]
    last: int
    code: int
    said: str

    @property
    def death(self) -> str:
        """What it died of; empty if it went through all its cases."""
        if not self.code:
            return ""
        last = (self.said.strip().splitlines() or ["nothing"])[-1][:200]
        if self.code > 0:
            return f"the process ended with {self.code}: {last}"
        name = signal.Signals(-self.code).name
        if self.by_system:
            return f"{name} from outside, as the system's out-of-memory killer sends it"
        if self.by_limit:
            return f"{name} at the limit of its memory: {last}"
        return f"the process crashed with {name}: {last}"

    @property
    def by_system(self) -> bool:
        """Whether somebody else ended it: no limit of its own does that."""
        return self.code == -signal.SIGKILL

    @property
    def by_limit(self) -> bool:
        """Whether memory was refused to something that then gave up.

        Under `RLIMIT_AS` nothing is killed: to ask for more fails. Python raises
        `MemoryError`, which is fine; C++ and LLVM say so, and abort.
        """
        said = self.said.lower()
        return self.code == -signal.SIGABRT and any(word in said for word in _REFUSED)


_REFUSED = ("out of memory", "bad_alloc", "cannot allocate memory", "memoryerror")


def run_worker(good: Path, seed: int, numbers: range) -> Ended:
    """Try cases in a process of their own."""
    command = (
        sys.executable, __file__, "--work", str(good), "--seed", str(seed),
        "--first", str(numbers.start), "--cases", str(len(numbers)),
    )  # fmt: skip
    environment = {**os.environ, "CHAINRULE_THREADS": "1"}
    wrong: dict[int, str] = {}
    number = numbers.start
    with (
        tempfile.TemporaryFile("w+", errors="replace") as besides,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=besides, env=environment, text=True
        ) as process,
    ):
        for line in process.stdout or ():
            try:
                said = json.loads(line)
            except ValueError:  # cut off in the middle, or no word of ours
                besides.write(line)
                continue
            number = said.get("began", number)
            if said.get("wrong"):
                wrong[number] = said["wrong"]
        code = process.wait()
        besides.seek(0)
        return Ended(wrong, number, code, besides.read())


def fuzz(good: Path, *, cases: int, seed: int, first: int = 0) -> dict[int, str]:
    """What is wrong, by the number of the case; empty if nothing is.

    Cases are tried in processes of their own, some at a time, so that the memory of one
    is not counted against the others: one that crashes is one that is wrong. Where a
    process is killed from outside, or gives up for memory that others before it took as
    well, the case is tried again alone, with all the memory that one case may take.
    """
    wrong: dict[int, str] = {}
    number, stop = first, first + cases
    while number < stop:
        ended = run_worker(good, seed, range(number, min(number + AT_ONCE, stop)))
        wrong |= ended.wrong
        number = ended.last + 1
        if not ended.death:
            continue
        if ended.by_system or ended.by_limit:
            print(f"case {ended.last}: {ended.death}; once more", file=sys.stderr)
            ended = run_worker(good, seed, range(ended.last, ended.last + 1))
            wrong |= ended.wrong
        if ended.death:
            wrong[ended.last] = ended.death
    return wrong


def main() -> None:
    """Do it, and say what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    numbers = range(given.first, given.first + given.cases)
    if given.work is not None:
        work(given.work, given.seed, numbers)
        return
    with tempfile.TemporaryDirectory() as folder:
        good = Path(folder)
        write_good(good)
        if given.only is not None:
            found = case(good, given.seed, given.only)
            print(found.file, found.how, found.content[:200])
            with tempfile.TemporaryDirectory() as place:
                read_spoilt(found, good, Path(place))
            return
        wrong = fuzz(good, cases=given.cases, seed=given.seed, first=given.first)
        kinds = Counter(case(good, given.seed, n).file for n in numbers)
        for number, why in wrong.items():
            found = case(good, given.seed, number)
            print(f"case {number}: {found.file}, {found.how}: {why}")
    print(f"{given.cases} files, {len(wrong)} of them read wrongly")
    for file, times in sorted(kinds.items()):
        print(f"  {times:5} {file}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
