"""What every table of figures has to say: the machine and the versions."""

import json
import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "chainrule", "numpy", "llvmlite", "scikit-learn", "torch", "jax", "optax", "joblib",
)  # fmt: skip


def processor() -> str:
    """The processor's name, as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def versions() -> dict[str, str]:
    """The installed versions of chainrule and its peers."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def about() -> str:
    """One paragraph: processor, cores, system, versions."""
    listed = ", ".join(f"{name} {v}" for name, v in versions().items())
    return f"{processor()}, {cores()} cores, {platform.system()}; {listed}"


def row(cells: Iterable[object]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def head(cells: list[str]) -> str:
    """The head of a Markdown table, and the line below it."""
    return f"\n{row(cells)}\n{row(['---'] * len(cells))}"


def save(path: Path | None, results: Any) -> None:
    """Write results with machine and versions as JSON, if a path was given."""
    if path is None:
        return
    found = {
        "processor": processor(),
        "cores": cores(),
        "system": platform.platform(),
        "versions": versions(),
        "results": results,
    }
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(found, indent=1) + "\n")
    beside.replace(path)
