"""How much memory there is, and how much somebody allows."""

import os
import re
from pathlib import Path
from typing import Final

_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def bytes_of(memory: int | str) -> int:
    """An amount of memory in bytes: a number, or text such as `"2GB"` or `"500 MiB"`.

    Raises `ValueError` where it is none, or less than 1 MB, and `TypeError` where it
    is neither a whole number nor text.

    >>> bytes_of("2GB"), bytes_of("64 MiB"), bytes_of(10**9)
    (2000000000, 67108864, 1000000000)
    """
    if isinstance(memory, bool) or not isinstance(memory, (int, str)):
        raise TypeError(f"memory={memory!r} is neither bytes nor text such as '2GB'")
    amount = memory if isinstance(memory, int) else _parsed(memory)
    if amount < _LEAST:
        raise ValueError(f"memory={memory!r} is too little: give 1MB at least")
    return amount


_LEAST: Final = 10**6


def _parsed(text: str) -> int:
    found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([kmgt]?)(i?)b?\s*", text.lower())
    if found is None:
        raise ValueError(f"memory={text!r} is no amount of memory such as '2GB'")
    number, unit, binary = found.groups()
    size = 1024 ** "kmgt".index(unit) * 1024 if binary and unit else _UNITS[unit]
    return int(float(number) * size)


def available() -> int:
    """The bytes that this process could take now without others having to give way.

    What the system says is free or easily freed, and no more than a container allows.
    """
    free = _available_in_system()
    limit = _container_limit()
    return free if limit is None else min(free, limit)


def _available_in_system() -> int:
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        return int(text.split("MemAvailable:")[1].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):
        return 4 * 10**9  # systems that do not say have that much nowadays


def _container_limit() -> int | None:
    """What a Linux control group leaves, if it sets a limit."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = int((folder / "memory.max").read_text(encoding="ascii"))
        used = int((folder / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):  # none, or "max"
        return None
    return max(limit - used, 0)
