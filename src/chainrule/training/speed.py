"""Where the time of training went, and how much of the machine it used.

A `Meter` is kept while training goes on; what it makes in the end is a `Speed`, which
prints as a table. Times are of the clock on the wall. What was multiplied and added is
counted for matrix products alone, which is where nearly all of it is.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from typing import Any, Final

import numpy as np

from chainrule.ir import Array, DType, Graph, dtype_name, dtype_of
from chainrule.native.ledger import Ledger, keeping
from chainrule.training.naming import Kind, names_of

__all__ = ["Meter", "Part", "Speed", "duration", "memory", "rate"]

KINDS: Final[Mapping[Kind, str]] = {
    "product": "matrix products",
    "loop": "fused loops",
    "update": "update",
}


@dataclass(frozen=True)
class Part:
    """A group of operations that run in one loop nest, in all steps together.

    `seconds` are those of a thread on average; `flops` are the multiplications and
    additions of a matrix product.
    """

    name: str
    kind: Kind
    seconds: float
    flops: float


@dataclass(frozen=True)
class Speed:
    """How long training took, what it spent its time on, and how fast that is.

    - `seconds`: all in all, of which `tracing`, `compiling` (or loading from the
      cache), `stepping` and `evaluating`; the rest went to Python: the order of the
      rows, callbacks, checkpoints.
    - `steps` and `rows` that were taken, on `threads` threads.
    - `compiled` programs, and those that were there already: `cached`, on disk or in
      memory.
    - `flops`: multiplications and additions of matrix products, in numbers of `dtype`.
    - `peak`: the bytes that a step needs beside weights and data, and the `bound` that
      no plan of the memory can be below.
    - `parts` of the steps, in the order in which they run, and the seconds of `waiting`
      for other threads: with `fit(..., profile=True)` alone.
    """

    seconds: float
    tracing: float
    compiling: float
    stepping: float
    evaluating: float
    steps: int
    rows: int
    threads: int
    compiled: int
    cached: int
    flops: float
    dtype: str
    peak: int
    bound: int
    parts: tuple[Part, ...] = ()
    waiting: float = 0.0
    measured: float | None = None

    @property
    def flops_per_second(self) -> float:
        """Multiplications and additions of products in a second of the steps."""
        return self.flops / self.stepping if self.stepping else 0.0

    @property
    def limit(self) -> float | None:
        """What this machine can do at most in a second, on as many threads.

        It is measured when somebody first asks, in some milliseconds. `None` where no
        step ran as machine code.
        """
        if self.measured is not None or not self.flops:
            return self.measured
        module = import_module("chainrule.native.limit")
        return float(module.flops_per_second(self.threads, dtype_of(self.dtype)))

    @property
    def of_limit(self) -> float | None:
        """The share of the machine's limit that the steps reach."""
        return self.flops_per_second / self.limit if self.limit else None

    @property
    def from_cache(self) -> bool:
        """Whether nothing had to be compiled."""
        return self.cached > 0 and self.compiled == 0

    def wall(self) -> dict[str, float]:
        """What the time on the wall went to, in seconds; it adds up to `seconds`."""
        spent = {
            "tracing": self.tracing,
            "compiling": self.compiling,
            "steps": self.stepping,
            "evaluation": self.evaluating,
        }
        return {**spent, "Python": max(self.seconds - sum(spent.values()), 0.0)}

    def inside(self) -> dict[str, float]:
        """What the time of the steps went to; nothing if it was not profiled."""
        if not self.parts:
            return {}
        spent = {
            words: sum(part.seconds for part in self.parts if part.kind == kind)
            for kind, words in KINDS.items()
        }
        spent["waiting"] = self.waiting
        return {**spent, "other": max(self.stepping - sum(spent.values()), 0.0)}

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain types, the limit of this machine included."""
        plain = asdict(replace(self, measured=self.limit))
        plain["parts"] = [asdict(part) for part in self.parts]
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Speed":
        """The inverse of `to_dict`."""
        parts = tuple(Part(**part) for part in plain["parts"])
        return cls(**{**plain, "parts": parts})

    def facts(self) -> dict[str, str]:
        """What there is to say in words, by topic."""
        found = {"steps": self._steps(), "threads": str(self.threads)}
        if self.flops:
            found["products"] = self._products()
        if self.peak:
            more = self.peak / self.bound - 1
            beside = "as low as can be" if more == 0 else f"{more:.1%} above the least"
            found["memory"] = f"{memory(self.peak)} in a step, {beside}"
        if self.compiled or self.cached:
            found["programs"] = self._programs()
        return found

    def _steps(self) -> str:
        if not self.steps or not self.stepping:
            return "none"
        each = self.stepping / self.steps
        return (
            f"{self.steps:,} of {duration(each)}: {rate(1 / each)} steps/s, "
            f"{rate(self.rows / self.stepping)} rows/s"
        )

    def _products(self) -> str:
        words = f"{self.flops_per_second / 1e9:.3g} GFLOP/s"
        if self.of_limit is None or self.limit is None:
            return words
        of = f"{self.limit / 1e9:.3g} that this machine can do"
        return f"{words}, {self.of_limit:.0%} of the {of}"

    def _programs(self) -> str:
        sources = []
        if self.compiled:
            sources.append(f"{self.compiled} compiled")
        if self.cached:
            sources.append(f"{self.cached} from the cache")
        return f"{', '.join(sources)}, in {duration(self.compiling)}"

    def __str__(self) -> str:
        lines = [f"{duration(self.seconds)} in all"]
        lines += _shares(self.wall(), self.seconds)
        if self.parts:
            lines += ["", f"{duration(self.stepping)} of steps"]
            lines += _shares(self.inside(), self.stepping)
            lines += ["", *self._table()]
        width = max(map(len, self.facts()))
        lines += ["", *(f"{k:<{width}}  {v}" for k, v in self.facts().items())]
        return "\n".join(lines)

    __repr__ = __str__

    def _table(self) -> list[str]:
        heading = "part of a step"
        width = max(len(name) for name in (heading, *(p.name for p in self.parts)))
        lines = [f"  {heading:<{width}}  {'time':>9}  share  GFLOP/s"]
        for part in self.parts:
            each = duration(part.seconds / max(self.steps, 1))
            share = part.seconds / self.stepping if self.stepping else 0.0
            fast = part.flops and part.seconds
            speed = f"{part.flops / part.seconds / 1e9:.3g}" if fast else ""
            row = f"  {part.name:<{width}}  {each:>9}  {share:>5.0%}  {speed:>7}"
            lines.append(row.rstrip())
        return lines


def _shares(spent: Mapping[str, float], whole: float) -> list[str]:
    """A bar for each entry that is there at all."""
    width = max(map(len, spent))
    lines = []
    for name, seconds in spent.items():
        share = seconds / whole if whole else 0.0
        bar = "█" * round(30 * share)
        if seconds > 0:
            row = f"  {name:<{width}}  {duration(seconds):>9}  {share:>5.0%}  {bar}"
            lines.append(row.rstrip())
    return lines


def duration(seconds: float) -> str:
    """A short time in three digits.

    >>> duration(12.3), duration(0.01234), duration(3.21e-6), duration(0)
    ('12.3 s', '12.3 ms', '3.21 us', '0 s')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= 0.9995 * size:
            return f"{_digits(seconds / size)} {unit}"
    return f"{_digits(seconds * 1e9)} ns" if seconds > 0 else "0 s"


def memory(size: int) -> str:
    """Bytes in three digits.

    >>> memory(512), memory(1_480_000), memory(3_100_000_000)
    ('512 bytes', '1.48 MB', '3.1 GB')
    """
    for unit, bytes_ in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= bytes_:
            return f"{_digits(size / bytes_)} {unit}"
    return f"{size} bytes"


def rate(each_second: float) -> str:
    """How many in a second, in three digits.

    >>> rate(213.4), rate(1_234_567)
    ('213', '1,230,000')
    """
    if each_second >= 1000:
        digits = len(str(int(each_second))) - 3
        return f"{round(each_second, -digits):,.0f}"
    return _digits(each_second)


def _digits(number: float) -> str:
    return f"{number:.0f}" if number >= 999.5 else f"{number:.3g}"


@dataclass
class Meter:
    """Adds up what training takes, while it goes on."""

    profile: bool = False
    tracing: float = 0.0
    stepping: float = 0.0
    evaluating: float = 0.0
    steps: int = 0
    rows: int = 0
    threads: int = 0
    flops: float = 0.0
    waiting: float = 0.0
    peak: int = 0
    bound: int = 0
    dtype: str = "f32"
    ledger: Ledger = field(default_factory=Ledger)
    parts: dict[tuple[str, Kind], Part] = field(default_factory=dict)
    _started: float = field(default_factory=time.perf_counter)

    @contextmanager
    def compiling(self) -> Iterator[None]:
        """What is compiled inside counts as that."""
        with keeping(self.ledger):
            yield

    @contextmanager
    def during(self, what: str) -> Iterator[None]:
        """The time inside is that of `what`, an attribute, apart from compiling."""
        began, compiling = time.perf_counter(), self.ledger.seconds
        try:
            yield
        finally:
            took = time.perf_counter() - began - (self.ledger.seconds - compiling)
            setattr(self, what, getattr(self, what) + took)

    def clocks(self, program: Any) -> Array | None:
        """Where a program notes the times of its groups, if it does."""
        if not self.profile:
            return None
        available = import_module("chainrule.native.threads").available()
        return np.zeros((available, len(program.layout.groups) + 2), np.int64)

    def ran(
        self,
        program: Any,
        graphs: Sequence[Graph],
        which: Array,
        ran: Any,
        clocks: Array | None,
    ) -> None:
        """A program has run: steps `which[:ran.steps]` of these graphs."""
        counts = np.bincount(which[: ran.steps], minlength=len(graphs))
        self.steps += ran.steps
        batches = np.asarray([graph.inputs[0].shape[0] for graph in graphs])
        self.rows += int(counts @ batches)
        self.threads = max(self.threads, ran.threads)
        if ran.plan.peak >= self.peak:
            self.peak, self.bound = ran.plan.peak, ran.plan.bound
        accounts = program.layout.accounts
        flops = np.zeros(len(accounts))
        for graph, count in zip(graphs, counts.tolist(), strict=True):
            flops += [2.0 * count * products(graph, one) for one in accounts]
        self.flops += float(flops.sum())
        self._note_dtype(graphs[0], accounts)
        if clocks is not None:
            self._note_parts(graphs[0], accounts, flops, clocks[: ran.threads])

    def _note_dtype(self, graph: Graph, accounts: Sequence[Any]) -> None:
        for account in accounts:
            if account.multiplies:
                self.dtype = dtype_name(_dtype(graph, account.values[0]))
                return

    def _note_parts(
        self, graph: Graph, accounts: Sequence[Any], flops: Array, clocks: Array
    ) -> None:
        rate_ = import_module("chainrule.native.clock").ticks_per_second()
        seconds = clocks.mean(axis=0) / rate_
        self.waiting += float(seconds[len(accounts)])
        for i, key in enumerate(names_of(graph, accounts)):
            part = self.parts.get(key, Part(*key, 0.0, 0.0))
            self.parts[key] = Part(
                *key, part.seconds + float(seconds[i]), part.flops + float(flops[i])
            )

    def report(self) -> Speed:
        """What there is to say so far."""
        return Speed(
            seconds=time.perf_counter() - self._started,
            tracing=self.tracing,
            compiling=self.ledger.seconds,
            stepping=self.stepping,
            evaluating=self.evaluating,
            steps=self.steps,
            rows=self.rows,
            threads=max(self.threads, 1),
            compiled=self.ledger.compiled,
            cached=self.ledger.cached,
            flops=self.flops,
            dtype=self.dtype,
            peak=self.peak,
            bound=self.bound,
            parts=tuple(self.parts.values()),
            waiting=self.waiting,
        )


def products(graph: Graph, account: Any) -> float:
    """How many multiplications a group does for a graph: none, if it is no product."""
    if not account.multiplies:
        return 0.0
    measure = import_module("chainrule.native.sizes").measure
    count = 1.0
    for source in account.multiplies:
        count *= measure(source, graph)
    return count


def _dtype(graph: Graph, position: int) -> DType:
    return graph.order[position].type.dtype
