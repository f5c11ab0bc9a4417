"""Memory that the processor may execute: written first, then closed to writing."""

import ctypes
import mmap
import os
import sys
import weakref
from functools import cache
from typing import Any

_READ, _WRITE, _EXECUTE = 1, 2, 4
_PRIVATE = 2


class MappingError(OSError):
    """The system grants no executable memory."""


class Mapping:
    """A copy of `code` at `address`, for as long as this object or the process lives.

    It is never both writable and executable. At the end of the process it stays:
    threads may still be in it.
    """

    def __init__(self, code: bytes) -> None:
        self.size = -(-max(len(code), 1) // mmap.PAGESIZE) * mmap.PAGESIZE
        self.address = _reserve(self.size)
        release = weakref.finalize(self, _release, self.address, self.size)
        release.atexit = False
        ctypes.memmove(self.address, code, len(code))
        _make_executable(self.address, self.size)


if sys.platform == "win32":
    _COMMIT, _READ_WRITE, _EXECUTE_READ, _FREE = 0x3000, 0x04, 0x20, 0x8000

    @cache
    def _kernel() -> Any:
        library = ctypes.WinDLL("kernel32", use_last_error=True)
        library.VirtualAlloc.restype = ctypes.c_void_p
        return library

    def _reserve(size: int) -> int:
        address = _kernel().VirtualAlloc(
            None, ctypes.c_size_t(size), _COMMIT, _READ_WRITE
        )
        return int(address) if address else _refuse(ctypes.get_last_error())

    def _make_executable(address: int, size: int) -> None:
        place, length = ctypes.c_void_p(address), ctypes.c_size_t(size)
        before = ctypes.c_ulong()
        if not _kernel().VirtualProtect(
            place, length, _EXECUTE_READ, ctypes.byref(before)
        ):
            _refuse(ctypes.get_last_error())
        _kernel().FlushInstructionCache(ctypes.c_void_p(-1), place, length)

    def _release(address: int, size: int) -> None:
        del size
        _kernel().VirtualFree(ctypes.c_void_p(address), ctypes.c_size_t(0), _FREE)

else:

    @cache
    def _libc() -> Any:
        library = ctypes.CDLL(None, use_errno=True)
        library.mmap.restype = ctypes.c_void_p
        library.mmap.argtypes = [
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_size_t,
        ]
        library.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        return library

    def _reserve(size: int) -> int:
        flags = _PRIVATE | mmap.MAP_ANONYMOUS
        address = _libc().mmap(None, size, _READ | _WRITE, flags, -1, 0)
        failed = address in {None, ctypes.c_void_p(-1).value}
        return _refuse(ctypes.get_errno()) if failed else int(address)

    def _make_executable(address: int, size: int) -> None:
        if _libc().mprotect(address, size, _READ | _EXECUTE):
            _refuse(ctypes.get_errno())
        if sys.platform == "darwin":
            _libc().sys_icache_invalidate(
                ctypes.c_void_p(address), ctypes.c_size_t(size)
            )
        # Linux itself makes instructions of fresh pages visible when they are mapped.

    def _release(address: int, size: int) -> None:
        _libc().munmap(address, size)


def _refuse(code: int) -> int:
    raise MappingError(
        code,
        f"the system grants no executable memory ({os.strerror(code)}), "
        f"so compiled programs cannot run in this process",
    )
