"""Everything that training needs to go on, in one file."""

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from chainrule.files import BAD_CONTENT, write_bytes
from chainrule.ir import Array
from chainrule.training.history import History
from chainrule.training.run import Callback, Run

_FORMAT = 2


class CheckpointError(ValueError):
    """A checkpoint cannot be read, or belongs to another training run."""


class Checkpoints:
    """One file that is brought up to date as training goes on.

    It is written after an epoch that ends `every` seconds after the last one or more,
    and at most a twentieth of the time is spent on it. Where it is taken up again does
    not matter: the epochs in between are trained once more, to the same bits.
    """

    def __init__(self, path: Path, every: float = 0.0) -> None:
        self.path = path
        self.every = every
        self._latest = time.monotonic()
        self._cost = 0.0

    def after_epoch(self, run: Run) -> None:
        """Write it, if it is time to or training is over."""
        now = time.monotonic()
        over = run.history.stopped is not None or run.epoch >= run.epochs
        due = max(self.every, 20 * self._cost) if self.every else 0.0
        if not over and now - self._latest < due:
            return
        save_checkpoint(run, self.path)
        self._latest = time.monotonic()
        self._cost = self._latest - now


def save_checkpoint(run: Run, path: Path) -> None:
    """Write weights, moments, counters, history and callbacks of `run` to `path`."""
    parts = {
        "net": run.net.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "callbacks": {name: c.state_dict() for name, c in _keeping(run).items()},
    }
    arrays: dict[str, Array] = {}
    plain = _without_arrays(parts, "", arrays)
    about = {
        "format": _FORMAT,
        "settings": {**run.settings, "callbacks": list(_keeping(run))},
        "history": _without_arrays(run.history.to_dict(), "", {}),
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
    keeping = _keeping(run)
    settings = {**run.settings, "callbacks": list(keeping)}
    for name, setting in settings.items():
        if about["settings"].get(name) != setting:
            raise CheckpointError(
                f"{path} is of a run with {name}={about['settings'].get(name)!r}, and "
                f"this one has {name}={setting!r}: use the same settings to go on, or "
                "another checkpoint file to start afresh"
            )
    with _damage_named(path):
        parts = _with_arrays(about["plain"], arrays)
        run.net.load_state_dict(parts["net"])
        run.optimizer.load_state_dict(parts["optimizer"])
        for name, callback in keeping.items():
            callback.load_state_dict(parts["callbacks"][name])
        run.history = History.from_dict(_with_arrays(about["history"], {}))


def read_history(path: Path) -> History:
    """What had happened in training when a checkpoint was written.

    Raises `CheckpointError` if it cannot be read.
    """
    about, _ = _read(path)
    with _damage_named(path):
        return History.from_dict(_with_arrays(about["history"], {}))


def _keeping(run: Run) -> dict[str, Callback]:
    """The callbacks that have something to keep, by name.

    Whoever only shows how training goes may be another one when it goes on.
    """
    named: dict[str, Callback] = {}
    for callback in run.callbacks:
        if callback.state_dict():
            kind = type(callback).__name__
            many = sum(type(c) is type(callback) for c in named.values())
            named[f"{kind} {many + 1}" if many else kind] = callback
    return named


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Say of which file what is loaded does not fit."""
    try:
        yield
    except BAD_CONTENT as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise CheckpointError(f"{path} is damaged: {what}") from error


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
        about = json.loads(metadata["chainrule"])
    except (safetensors.SafetensorError, OSError, *BAD_CONTENT) as error:
        raise CheckpointError(f"{path} is not a checkpoint: {error}") from error
    parts = ("settings", "plain", "history")
    if not isinstance(about, dict) or about.get("format") != _FORMAT:
        raise CheckpointError(f"{path} has the format of another version of chainrule")
    if not all(isinstance(about.get(part), dict) for part in parts):
        raise CheckpointError(f"{path} is not a checkpoint: it lacks a part")
    return about, arrays


# A place in the JSON part where an array, or a float that JSON lacks, belongs.
_ARRAY, _FLOAT = "$array", "$float"


def _without_arrays(item: Any, path: str, arrays: dict[str, Array]) -> Any:
    """`item` in JSON's types; its arrays go to `arrays`, under their paths."""
    if isinstance(item, np.ndarray):
        arrays[path] = np.array(item, order="C")
        return {_ARRAY: path}
    if isinstance(item, Mapping):
        return {k: _without_arrays(v, f"{path}/{k}", arrays) for k, v in item.items()}
    if isinstance(item, (list, tuple)):
        return [_without_arrays(v, f"{path}/{i}", arrays) for i, v in enumerate(item)]
    if isinstance(item, np.generic):
        item = item.item()
    if isinstance(item, float) and not math.isfinite(item):
        return {_FLOAT: str(item)}
    return item


def _with_arrays(item: Any, arrays: Mapping[str, Array]) -> Any:
    """The inverse of `_without_arrays`."""
    if isinstance(item, list):
        return [_with_arrays(v, arrays) for v in item]
    if not isinstance(item, dict):
        return item
    if _ARRAY in item:
        return arrays[item[_ARRAY]]
    if _FLOAT in item:
        return float(item[_FLOAT])
    return {k: _with_arrays(v, arrays) for k, v in item.items()}
