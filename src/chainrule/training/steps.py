"""Training steps as machine code: many of them, of several epochs, in one call.

The step is traced for the batch sizes that there are, and compiled once for all. The
rows stay where they are: the program reads them through the order in which they are
visited. States are copied once a call and updated in place; the arrays from before stay
as they were, so that a run which went wrong can be taken up again from there.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from chainrule.compile import Traced, trace
from chainrule.ir import Array
from chainrule.passes import interpret
from chainrule.tensor import State
from chainrule.training.data import Rows
from chainrule.training.speed import Meter

# How long a call may keep Python from hearing of Ctrl-C, and how many operations a
# second are to be expected before the first call has been measured.
_CALL_SECONDS = 0.25
_LEAST_SPEED = 1e10

Scalars = Mapping[str, Array]


@dataclass(frozen=True)
class Steps:
    """Consecutive steps: which rows each one has, and its scalars.

    Step `i` has the rows `order[starts[i] : starts[i] + sizes[i]]`.
    """

    order: Array
    starts: Array
    sizes: Array
    scalars: Scalars

    @staticmethod
    def of(orders: Sequence[Array], bounds: Array, scalars: Scalars) -> "Steps":
        """The steps of several epochs, each in an order of its own."""
        rows = len(orders[0])
        order = np.concatenate(orders).astype(np.int64, copy=False)
        starts = np.concatenate([bounds[:-1] + rows * i for i in range(len(orders))])
        return Steps(
            order,
            starts.astype(np.int64),
            np.tile(np.diff(bounds), len(orders)),
            scalars,
        )

    def __len__(self) -> int:
        return len(self.starts)

    def part(self, first: int, stop: int) -> "Steps":
        """Some of the steps."""
        scalars = {name: s[first:stop] for name, s in self.scalars.items()}
        return Steps(
            self.order, self.starts[first:stop], self.sizes[first:stop], scalars
        )

    def rows(self, i: int) -> Array:
        """The rows of a step."""
        start = int(self.starts[i])
        return self.order[start : start + int(self.sizes[i])]


@dataclass(frozen=True)
class Outcome:
    """What steps gave: a loss each, and the states afterwards.

    There are fewer losses than steps if one was not finite: that is the last one.
    """

    losses: Array
    states: Mapping[State, Array]
    threads: int


class CompiledSteps:
    """A training step `f(X, y, weights, scalars) -> loss` as a program."""

    def __init__(self, step: Callable[..., Any], meter: Meter | None = None) -> None:
        self._step = step
        self._meter = Meter() if meter is None else meter
        self._traced: dict[Any, list[Traced]] = {}
        self._families: dict[Any, Any] = {}  # by what the trace depends on
        self._seconds: dict[Any, float] = {}  # for a step of each program

    def run(
        self,
        data: Rows,
        steps: Steps,
        states: Mapping[State, Array] | None = None,
    ) -> Outcome:
        """Take the steps from the states as they are, or as `states` says.

        Nothing is assigned: the new states are in the outcome.
        """
        sizes = sorted(set(steps.sizes.tolist()), reverse=True)
        with self._meter.compiling(), self._meter.during("tracing"):
            traced = {n: self._trace(data, n, steps.scalars) for n in sizes}
            programs = {n: self._program(data, traced[n], steps, sizes) for n in sizes}
        now: dict[State, Array] = dict(states or {})
        for one in traced.values():
            for state in one.assigned:
                now[state] = now.get(state, state.data).copy()
        losses: list[Array] = [np.zeros(0)]
        threads, first = 1, 0
        ends = iter(self._segments(steps, programs))
        end = next(ends)
        while first < len(steps):
            program = programs[int(steps.sizes[first])]
            pace = program.pace()
            limit, seconds = pace.choose(_CALL_SECONDS)
            stop = min(end, first + self._at_once(program, seconds))
            part = steps.part(first, stop)
            here = [n for n in sizes if programs[n] is program]
            began = time.perf_counter()
            found, ran = self._run(
                data, part, [traced[n] for n in here], program, now, limit
            )
            took = time.perf_counter() - began
            self._seconds[program] = took / len(part)
            pace.note(limit, ran.threads, took, len(part))
            losses.append(found[: ran.steps])
            threads, first = max(threads, ran.threads), stop
            if ran.steps < len(part) or not np.isfinite(found[-1:]).all():
                break
            if first == end:
                end = next(ends, end)
        return Outcome(np.concatenate(losses), now, threads)

    def _at_once(self, program: Any, seconds: float) -> int:
        """How many steps to take in one call that may take so long."""
        each = self._seconds.get(program, program.layout.work / _LEAST_SPEED)
        return max(1, int(seconds / max(each, 1e-9)))

    def _segments(self, steps: Steps, programs: Mapping[int, Any]) -> list[int]:
        """Where runs of steps end that one program can take."""
        different = list(dict.fromkeys(programs.values()))
        if len(different) == 1:
            return [len(steps)]
        number = {n: different.index(program) for n, program in programs.items()}
        each = np.asarray([number[int(n)] for n in steps.sizes])
        return [*(np.flatnonzero(np.diff(each)) + 1).tolist(), len(each)]

    def _run(
        self,
        data: Rows,
        steps: Steps,
        traced: Sequence[Traced],
        program: Any,
        now: Mapping[State, Array],
        limit: int,
    ) -> tuple[Array, Any]:
        """Let a program take steps; the states in `now` are overwritten."""
        sizes = np.asarray([_rows_of(t) for t in traced])
        which = np.searchsorted(-sizes, -steps.sizes).astype(np.int64)
        parts = [np.asarray(p, order="C") for p in data.present]
        scalars = [np.asarray(s, np.float64) for s in steps.scalars.values()]
        resident = [
            now[s] if s in now else np.asarray(s.data, order="C")
            for s in traced[0].states
        ]
        losses = np.empty(len(steps), traced[0].graph.outputs[0].type.dtype)
        clocks = self._meter.clocks(program)
        with self._meter.compiling(), self._meter.during("stepping"):
            ran = program.run(
                [program.bound(t.graph) for t in traced],
                which,
                [*parts, *scalars, *resident],
                [losses],
                order=steps.order,
                starts=steps.starts,
                times=clocks,
                limit=limit,
            )
        self._meter.ran(program, [t.graph for t in traced], which, ran, clocks)
        return losses.astype(np.float64), ran

    def interpret(self, data: Rows, steps: Steps) -> None:
        """Take each of the steps from the states as they are, and forget what it gave.

        Whatever an operation has to say against its inputs, it says.
        """
        for i in range(len(steps)):
            batch = data.take(steps.rows(i))
            traced = self._trace(data, len(batch), steps.scalars)
            parts = [np.asarray(part) for part in batch.parts if part is not None]
            numbers = [np.asarray(s[i], np.float64) for s in steps.scalars.values()]
            interpret(traced.graph, traced.inputs([*parts, *numbers]))

    def _trace(self, data: Rows, count: int, scalars: Scalars) -> Traced:
        parts = data.take(slice(0, 0)).parts
        kinds = tuple(None if p is None else (p.shape[1:], p.dtype) for p in parts)
        key = (count, kinds, tuple(scalars))
        known = self._traced.setdefault(key, [])
        for traced in known:
            if traced.holds():
                return traced
        arrays = [
            None if p is None else np.zeros((count, *p.shape[1:]), p.dtype)
            for p in parts
        ]
        numbers = {name: np.float64(0) for name in scalars}
        known.append(trace(self._step, *arrays, numbers).simplified())
        return known[-1]

    def _program(
        self, data: Rows, traced: Traced, steps: Steps, sizes: Sequence[int]
    ) -> Any:
        module = import_module("chainrule.native.families")
        # A program is good for rows that lie in memory in one way.
        lies = tuple(None if p is None else p.dtype for p in data.arrays)
        key = (traced.switches, lies)
        families = self._families.setdefault(key, module.Families())
        wide = any(p.size >= 2**31 for p in data.present)
        known = families.find(traced.graph, wide=wide)
        if known is not None:
            return known
        inputs = [
            *(f"rows:{p.dtype.str}" for p in data.present),
            *["step"] * len(steps.scalars),
            *["state"] * len(traced.states),
        ]
        # The second sample: a size that comes up as well, or one more row.
        second = next((n for n in sizes[1:] if n > 1), sizes[0] + 1)
        other = self._trace(data, second, steps.scalars).graph
        return families.program(
            traced.graph,
            inputs,
            ["step"],
            other=other,
            watched=0,
            timed=self._meter.profile,
            wide=wide,
        )


def _rows_of(traced: Traced) -> int:
    """How many rows a step was traced for."""
    return int(traced.graph.inputs[0].shape[0])
