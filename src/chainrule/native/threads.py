"""Threads that stay alive between calls of native code, and how many to use.

Workers are Python threads that never come back from one native function: it waits for
tasks, runs them, and takes no part in Python's lock. Several Python threads may call at
once, each with workers of its own.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from chainrule import settings
from chainrule.native import pool
from chainrule.native.seats import Seats
from chainrule.native.services import services
from chainrule.native.system import fill, semaphore, words
from chainrule.native.target import host


def call(address: int, context: int, threads: int) -> None:
    """Run the function at `address` on several threads at once, until all are done.

    Thread i of `threads` calls it with `(context, i)`; this thread is number 0. Python
    goes on meanwhile in other threads.
    """
    team = _POOL.team(threads - 1)
    try:
        services().dispatch(team.address, address, context, threads)
    finally:
        _POOL.give_back(team)


def available() -> int:
    """How many threads this process may use.

    `cr.config` or `CHAINRULE_THREADS` says so; otherwise it is the cores that the
    process may run on, or fewer if `OMP_NUM_THREADS` or `LOKY_MAX_CPU_COUNT` is less:
    joblib sets the first in its workers, so that together they take no more than there
    are.

    Raises:
        ValueError: if `CHAINRULE_THREADS` is not a whole number above 0.
    """
    asked = settings.threads()
    if asked is not None:
        return asked
    limits = (_whole(os.environ.get(name, "")) for name in _LIMITS)
    return min([host().cores, *(limit for limit in limits if limit)])


@contextmanager
def claim(wanted: int) -> Iterator[int]:
    """Reserve up to `wanted` of the available threads; gives how many there are.

    At least one, for whoever asks has a thread already. All threads of the process
    share what is available, and so do all processes of the user, unless
    `cr.config` or `CHAINRULE_THREADS` says how many there are. To be asked before each
    call, so that programs side by side come to share alike.
    """
    count, places = _BUDGET.take(wanted)
    try:
        yield count
    finally:
        _BUDGET.give_back(count, places)


_LIMITS = ("OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


def _whole(text: str) -> int | None:
    first = text.partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else None


class _Team:
    """The threads of one call: a block of words, and its workers' blocks."""

    def __init__(self, size: int) -> None:
        self.address = words(pool.MEMBERS + size)
        self.size = size
        self.workers: list[int] = []
        blocks = {pool.SEMAPHORE: semaphore(), pool.SYSTEM: services().system}
        barriers = {pool.BARRIERS: semaphore(), pool.BARRIERS + 1: semaphore()}
        fill(self.address, blocks | barriers)


class _Pool:
    """Workers that have nothing to do, and teams that stand for no call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[int] = []
        self._teams: list[_Team] = []
        self._count = 0

    def team(self, size: int) -> _Team:
        with self._lock:
            team = self._teams.pop() if self._teams else None
            if team is None or team.size < size:
                team = _Team(max(size, 16))
            try:
                for place in range(pool.MEMBERS, pool.MEMBERS + size):
                    team.workers.append(self._worker())
                    fill(team.address, {place: team.workers[-1]})
            except BaseException:
                self._take_back(team)
                raise
            return team

    def give_back(self, team: _Team) -> None:
        with self._lock:
            self._take_back(team)

    def _take_back(self, team: _Team) -> None:
        self._idle += team.workers
        team.workers.clear()
        self._teams.append(team)

    def _worker(self) -> int:
        if self._idle:
            return self._idle.pop()
        self._count += 1
        block = words(16)
        fill(block, {pool.SEMAPHORE: semaphore(), pool.SYSTEM: services().system})
        threading.Thread(
            target=services().work,
            args=(block,),
            name=f"chainrule-{self._count}",
            daemon=True,
        ).start()
        return block


class _Budget:
    """How many threads are at work in this process, and beside it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0
        self._seats: Seats | None = None

    def take(self, wanted: int) -> tuple[int, list[int]]:
        """How many threads may work, and the seats that tell others of them."""
        with self._lock:
            count = min(wanted, available() - self._taken) if wanted > 1 else 1
            if self._seats is None:
                self._seats = Seats(host().cores)
            places = self._seats.take(max(1, count))
            if count > len(places) and settings.threads() is None:
                count = len(places)
            count = max(1, count)
            self._taken += count
            return count, places

    def give_back(self, count: int, places: list[int]) -> None:
        with self._lock:
            self._taken -= count
            if self._seats is not None:
                self._seats.leave(places)

    def forget(self) -> None:
        """Close what a forked child shares with its parent."""
        if self._seats is not None:
            self._seats.close()


_POOL = _Pool()
_BUDGET = _Budget()


def _forget() -> None:
    """A forked child has none of its parent's threads, nor its seats."""
    global _POOL, _BUDGET
    _BUDGET.forget()
    _POOL, _BUDGET = _Pool(), _Budget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
