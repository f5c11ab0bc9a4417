"""What native code needs of the operating system: semaphores, giving up the core.

The functions of each system are called with the same arguments from native code, which
in every C calling convention may be more than they take.
"""

import ctypes
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class System:
    """Addresses of C functions.

    `wait(semaphore, -1)` returns after a signal, or for no reason at all;
    `signal(semaphore, 1, 0)` lets one waiter go; `give_way()` lets others run.
    """

    wait: int
    signal: int
    give_way: int


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


if sys.platform == "win32":

    @cache
    def system() -> System:
        """The functions of this operating system."""
        kernel = ctypes.WinDLL("kernel32")
        return System(
            _address(kernel.WaitForSingleObject),
            _address(kernel.ReleaseSemaphore),
            _address(kernel.SwitchToThread),
        )

    def semaphore() -> int:
        """A new semaphore, which stays for as long as the process."""
        create: Any = ctypes.WinDLL("kernel32").CreateSemaphoreW
        create.restype = ctypes.c_void_p
        return int(create(None, 0, 2**31 - 1, None))

elif sys.platform == "darwin":

    @cache
    def system() -> System:
        """The functions of this operating system."""
        library = ctypes.CDLL(None)
        return System(
            _address(library.dispatch_semaphore_wait),
            _address(library.dispatch_semaphore_signal),
            _address(library.sched_yield),
        )

    def semaphore() -> int:
        """A new semaphore, which stays for as long as the process."""
        create: Any = ctypes.CDLL(None).dispatch_semaphore_create
        create.restype = ctypes.c_void_p
        return int(create(ctypes.c_long(0)))

else:

    @cache
    def system() -> System:
        """The functions of this operating system."""
        library = ctypes.CDLL(None)
        return System(
            _address(library.sem_wait),
            _address(library.sem_post),
            _address(library.sched_yield),
        )

    def semaphore() -> int:
        """A new semaphore, which stays for as long as the process."""
        place = words(16)
        ctypes.CDLL(None).sem_init(ctypes.c_void_p(place), 0, 0)
        return place


def words(count: int) -> int:
    """The address of `count` new 64-bit words, all 0, at the start of a cache line.

    They stay for as long as the process: a thread may still look at them when
    everything that Python holds is gone.
    """
    block = ctypes.create_string_buffer(8 * count + 64)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(block))
    return -(-ctypes.addressof(block) // 64) * 64


def fill(block: int, values: Mapping[int, int]) -> None:
    """Write each of `values` into the word of its number of the block at `block`."""
    for word, value in values.items():
        ctypes.c_int64.from_address(block + 8 * word).value = value
