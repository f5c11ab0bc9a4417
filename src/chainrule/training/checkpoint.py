"""Everything that training needs to go on, in one file."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from chainrule.files import write_bytes
from chainrule.ir import Array
from chainrule.training.history import History
from chainrule.training.run import Run

_FORMAT = 1


class CheckpointError(ValueError):
    """A checkpoint cannot be read, or belongs to another training run."""


def save_checkpoint(run: Run, path: Path) -> None:
    """Write weights, moments, counters, history and callbacks of `run` to `path`."""
    parts = {
        "net": run.net.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        **{f"callback{i}": c.state_dict() for i, c in enumerate(run.callbacks)},
    }
    arrays, plain = _separate(parts)
    about = {
        "format": _FORMAT,
        "settings": run.settings,
        "history": run.history.to_dict(),
        "plain": plain,
    }
    content = safetensors.numpy.save(arrays, {"chainrule": json.dumps(about)})
    write_bytes(path, content)


def load_checkpoint(run: Run, path: Path) -> None:
    """Put `run` where it was when `path` was written.

    Raises `CheckpointError` if the file cannot be read, or was written by a run with
    other settings, in which case nothing has changed.
    """
    about, arrays = _read(path)
    for name, setting in run.settings.items():
        if about["settings"].get(name) != setting:
            raise CheckpointError(
                f"{path} is of a run with {name}={about['settings'].get(name)!r}, and "
                f"this one has {name}={setting!r}: use the same settings to go on, or "
                "another checkpoint file to start afresh"
            )
    parts = _join(arrays, about["plain"])
    run.net.load_state_dict(parts.get("net", {}))
    run.optimizer.load_state_dict(parts.get("optimizer", {}))
    for i, callback in enumerate(run.callbacks):
        callback.load_state_dict(parts.get(f"callback{i}", {}))
    run.history = History.from_dict(about["history"])


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
        about = json.loads(metadata["chainrule"])
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is not a checkpoint: {error}") from error
    if about.get("format") != _FORMAT:
        raise CheckpointError(f"{path} has the format of another version of chainrule")
    return about, arrays


def _separate(parts: Mapping[str, Any]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays by their path, and everything else by its path."""
    arrays: dict[str, Array] = {}
    plain: dict[str, Any] = {}
    for part, items in parts.items():
        for name, item in items.items():
            path = f"{part}/{name}"
            if isinstance(item, np.ndarray):
                arrays[path] = np.ascontiguousarray(item)
            else:
                plain[path] = _to_json(item)
    return arrays, plain


def _join(arrays: Mapping[str, Array], plain: Mapping[str, Any]) -> dict[str, Any]:
    parts: dict[str, dict[str, Any]] = {}
    for path, item in {**plain, **arrays}.items():
        part, _, name = path.partition("/")
        parts.setdefault(part, {})[name] = _from_json(item)
    return parts


def _to_json(item: Any) -> Any:
    # JSON proper has no infinity, which is what "best so far" begins with.
    return str(item) if isinstance(item, float) and not math.isfinite(item) else item


def _from_json(item: Any) -> Any:
    return float(item) if item in ("inf", "-inf", "nan") else item
