"""The processor that machine code is written for: its vectors, registers, caches.

Everything that generated code may depend on stands in one record, so that the code for
another processor can be made and looked at on this one.
"""

import ctypes
import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike


@dataclass(frozen=True)
class Target:
    """A kind of processor, as far as the code written for it can tell.

    `triple`, `cpu` and `features` are LLVM's words; `vector_bytes` and
    `vector_registers` are the width and the number of the vector registers, and the
    cache sizes are in bytes, of what one core sees. `cores` is how many this process
    may use: machine code never depends on it, so it takes no part in `key`.
    """

    name: str
    triple: str
    cpu: str
    features: str
    vector_bytes: int
    vector_registers: int
    has_fma: bool
    l1_bytes: int = 32 * 1024
    l2_bytes: int = 512 * 1024
    l3_bytes: int = 8 * 1024 * 1024
    cores: int = field(default=1, compare=False)

    @property
    def estimates_roots(self) -> int:
        """The bytes of a vector whose `1 / sqrt(x)` is known to 14 bits at once."""
        return 64 if self.name == "x86-64-v4" else 0

    def lanes(self, dtype: DTypeLike) -> int:
        """How many numbers of `dtype` one vector register holds.

        Example:
        >>> named("x86-64-v3").lanes("float32")
        8
        """
        return self.vector_bytes // np.dtype(dtype).itemsize

    @property
    def architecture(self) -> str:
        """`x86_64` or `aarch64`."""
        return self.triple.split("-")[0]

    @property
    def key(self) -> str:
        """Text that differs if the machine code for two targets may."""
        caches = f"{self.l1_bytes} {self.l2_bytes} {self.l3_bytes}"
        return f"{self.name} {self.triple} {self.cpu} {self.features} {caches}"


class TargetError(RuntimeError):
    """There is no machine code for this processor, or none by that name."""


# 512-bit vectors are asked for by name, as LLVM would otherwise split them in two.
_TARGETS = {
    target.name: target
    for target in (
        Target("x86-64", "x86_64", "x86-64", "", 16, 16, has_fma=False),
        Target("x86-64-v3", "x86_64", "x86-64-v3", "", 32, 16, has_fma=True),
        Target(
            "x86-64-v4", "x86_64", "x86-64-v4", "-prefer-256-bit", 64, 32, has_fma=True
        ),
        Target("aarch64", "aarch64", "generic", "+neon", 16, 32, has_fma=True),
    )
}

# What /proc/cpuinfo must list for each, the most able first.
_REQUIRED = {
    "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    "x86-64-v3": {"avx2", "fma", "bmi1", "bmi2", "f16c", "movbe"},
    "x86-64": set[str](),
}


def named(name: str, system: str | None = None) -> Target:
    """The target called `name`, on the operating system `system` (this one's).

    `x86-64` has SSE2 only, `x86-64-v3` AVX2 and FMA, `x86-64-v4` AVX-512, `aarch64`
    NEON. The caches are of a common size.

    Raises:
        TargetError: if there is no such target; the message lists those there are.

    Example:
    >>> named("x86-64-v4").vector_bytes
    64
    """
    if name not in _TARGETS:
        names = ", ".join(_TARGETS)
        raise TargetError(f"there is no target called {name!r}; there are {names}")
    target = _TARGETS[name]
    triple, reserved = _binary_interface(target.triple, system or sys.platform)
    features = ",".join(filter(None, (target.features, reserved)))
    return replace(target, triple=triple, features=features)


def _binary_interface(architecture: str, system: str) -> tuple[str, str]:
    """The triple and the features that make code callable on an operating system.

    Objects are ELF everywhere, which one loader reads; what differs is how arguments
    are passed, and that x18 belongs to the system on Windows and macOS.
    """
    if architecture == "aarch64":
        reserved = "+reserve-x18" if system in {"win32", "darwin"} else ""
        return "aarch64-unknown-linux-gnu", reserved
    if system == "win32":
        return "x86_64-pc-windows-msvc-elf", ""
    return "x86_64-unknown-linux-gnu", ""


@cache
def host() -> Target:
    """The processor that this process runs on.

    The environment variable `CHAINRULE_TARGET` names a less able one to write code for.

    Raises:
        TargetError: if the processor is of another kind, or cannot run that target.
    """
    able = _able(platform.machine().lower())
    name = os.environ.get("CHAINRULE_TARGET") or able[0]
    target = named(name)
    if name not in able:
        raise TargetError(
            f"CHAINRULE_TARGET={name} asks for instructions that this processor lacks; "
            f"it can run {', '.join(able)}"
        )
    l1, l2, l3 = _caches(target)
    return replace(target, l1_bytes=l1, l2_bytes=l2, l3_bytes=l3, cores=_cores())


def _able(machine: str) -> list[str]:
    if machine in {"aarch64", "arm64"}:
        return ["aarch64"]
    if machine in {"x86_64", "amd64"} and sys.maxsize > 2**32:
        flags = _x86_flags()
        return [name for name, needed in _REQUIRED.items() if needed <= flags]
    raise TargetError(
        f"chainrule writes machine code for 64-bit x86 and ARM processors only; "
        f"this one is {machine!r}"
    )


def _x86_flags() -> set[str]:
    """The names, as in /proc/cpuinfo, of those instruction sets that matter here."""
    if sys.platform == "linux":
        with Path("/proc/cpuinfo").open() as lines:
            found = (line for line in lines if line.startswith("flags"))
            return set(next(found, "").partition(":")[2].split())
    if sys.platform == "darwin":
        asked = {flag for needed in _REQUIRED.values() for flag in needed}
        spelt = {"avx2": "avx2_0"}
        return {
            flag
            for flag in asked
            if _sysctl(f"hw.optional.{spelt.get(flag, flag)}")
            # Every Mac that has AVX2 has these, which have no entry of their own.
            or (flag == "movbe" and _sysctl("hw.optional.avx2_0"))
        }
    return _windows_flags()


def _windows_flags() -> set[str]:
    # Windows tells of AVX2 and AVX-512 as wholes: processors have all the rest with
    # them, except Knights Landing, on which Windows does not run.
    avx2, avx512 = 40, 41
    kernel: Any = ctypes.CDLL("kernel32")
    has: Callable[[int], int] = kernel.IsProcessorFeaturePresent
    flags = set[str]()
    if has(avx2):
        flags |= _REQUIRED["x86-64-v3"]
    if has(avx512):
        flags |= _REQUIRED["x86-64-v4"]
    return flags


def _sysctl(name: str) -> int:
    """A number that macOS knows under `name`, or 0."""
    value = ctypes.c_int64(0)
    size = ctypes.c_size_t(ctypes.sizeof(value))
    library: Any = ctypes.CDLL(None)
    failed = library.sysctlbyname(
        name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0
    )
    return 0 if failed else value.value


def _caches(target: Target) -> tuple[int, int, int]:
    """The sizes of the three levels as the system tells, or else the target's own."""
    sizes = {1: target.l1_bytes, 2: target.l2_bytes, 3: target.l3_bytes}
    sizes |= _mac_caches() if sys.platform == "darwin" else _linux_caches()
    return sizes[1], sizes[2], sizes[3]


def _mac_caches() -> dict[int, int]:
    names = {1: "hw.l1dcachesize", 2: "hw.l2cachesize", 3: "hw.l3cachesize"}
    sizes = {level: _sysctl(name) for level, name in names.items()}
    return {level: size for level, size in sizes.items() if size}


def _linux_caches(
    folder: Path = Path("/sys/devices/system/cpu/cpu0/cache"),
) -> dict[int, int]:
    sizes = {}
    for index in sorted(folder.glob("index*")):
        try:
            kind, level, size = (
                (index / entry).read_text().strip()
                for entry in ("type", "level", "size")
            )
        except OSError:
            continue
        number = re.fullmatch(r"(\d+)([KM]?)", size)
        if kind != "Instruction" and number and level in {"1", "2", "3"}:
            unit = {"": 1, "K": 1024, "M": 1024**2}[number[2]]
            sizes[int(level)] = int(number[1]) * unit
    return sizes


def _cores() -> int:
    """How many cores this process may run on, at the same time."""
    if sys.platform == "linux":
        return min(len(os.sched_getaffinity(0)), _quota(Path("/sys/fs/cgroup")))
    return os.cpu_count() or 1


def _quota(folder: Path) -> int:
    """How many cores' time a container may use: the whole number above it."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            time, period = " ".join(
                (folder / name).read_text() for name in names
            ).split()
        except (OSError, ValueError):
            continue
        if time.isdecimal():  # not `max` or -1, which are no limit
            return max(1, -(-int(time) // int(period)))
    return sys.maxsize
