"""The native functions that Python itself calls: those of `pool`, loaded once.

They stay for as long as the process, and so does their code.
"""

import ctypes
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module

from chainrule.native import ledger, pool
from chainrule.native.cache import fetch
from chainrule.native.image import Image, load
from chainrule.native.system import fill, system, words
from chainrule.native.target import host

# Seconds to spin for. To wake a thread may take 100 us in a virtual machine; were the
# others to fall asleep meanwhile, they would all go on waking one another for ever.
# Beside busy programs, who has lost its core is away for milliseconds.
_PATIENCE = 200e-6


class Services:
    """Functions of `pool.pool`, and the block of words that they share."""

    def __init__(self) -> None:
        began = time.perf_counter()
        self._code = load(Image.from_bytes(_image()))
        word, number = ctypes.c_void_p, ctypes.c_int64
        self.dispatch: Callable[[int, int, int, int], None] = ctypes.CFUNCTYPE(
            None, word, word, word, number
        )(self._code.address("dispatch"))
        self.work: Callable[[int], None] = ctypes.CFUNCTYPE(None, word)(
            self._code.address("work")
        )
        self.ticks: Callable[[], int] = ctypes.CFUNCTYPE(number)(
            self._code.address("ticks")
        )
        self._rest: Callable[[int], None] = ctypes.CFUNCTYPE(None, number)(
            self._code.address("rest")
        )
        self.began: tuple[int, float] = (self.ticks(), time.perf_counter())
        pauses = self._pauses_per_second()
        self.system = words(8)
        functions = {pool.WAIT: system().wait, pool.SIGNAL: system().signal}
        numbers = {pool.SPINS: round(_PATIENCE * pauses), pool.CORES: host().cores}
        fill(self.system, functions | numbers)
        ledger.spend(time.perf_counter() - began)

    def _pauses_per_second(self) -> float:
        # They take 10 to 50 ns, which differs between processors. The shortest of a few
        # measurements is the one that nothing came between.
        count, shortest = 200, 1.0
        for _ in range(5):
            start = time.perf_counter()
            self._rest(count)
            shortest = min(shortest, time.perf_counter() - start)
        return count / shortest


services = cache(Services)


def _image() -> bytes:
    target = host()
    text = pool.pool(target)

    def build() -> bytes:
        machine_code = import_module("chainrule.native.machine_code")
        made: Image = machine_code.image(text, target)
        return made.to_bytes()

    return fetch(text, build, target)
