"""Networks on disk: a folder with `model.safetensors` and `model.json`.

| file | holds |
|---|---|
| `model.safetensors` | the numbers of all states, by path, and a copy of `model.json` |
| `model.json` | the classes and arguments that make the network, and what came along |

Loading runs no code that the files bring: classes are looked up among those that are
defined, and anything but a `Module` cannot be named. Saving over a network replaces
`model.safetensors` last and at once. Whatever happens before that, the old network is
still there: the copy in the old `model.safetensors` says how it is made.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from chainrule.files import BAD_CONTENT, write_together
from chainrule.ir import Array
from chainrule.nn import initializers
from chainrule.nn.architecture import ModelFileError, from_json, to_json
from chainrule.nn.module import Module
from chainrule.version import __version__

FORMAT = "chainrule network"
FORMAT_VERSION = 1

_DESCRIPTION = "model.json"
_WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class _Saved:
    """What is in a folder."""

    description: Mapping[str, Any]
    numbers: Mapping[str, Array]


def save(net: Module, folder: str | Path, **extra: Any) -> Path:
    """Write `net` to `folder`, which is made if it is not there; returns the folder.

    `extra` is kept with it, for `read_extra`: where it comes from, how its input was
    prepared. It consists of what JSON knows: text, finite numbers, lists, dicts. Only
    what is given as `provenance`, which tells when and how, is not copied into
    `model.safetensors`: so the same network and extra make the same file.

    A module of your own can be saved too, if what its constructor takes is as simple,
    or other modules. Raises `TypeError` or `ValueError` for what cannot be saved, and
    then nothing has been written.

    >>> import chainrule as cr, tempfile
    >>> net = cr.nn.Sequential(cr.nn.Dense(4, 3), cr.nn.Tanh())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = cr.save(net, folder, data="iris.csv")
    ...     print(cr.load(folder))
    Sequential(
      0: Dense(4, 3)  W (4, 3), b (3,): 15
      1: Tanh()
    )  15 parameters
    """
    folder = Path(folder)
    numbers = net.state_dict()
    architecture = to_json(net)
    _check_rebuilt(net, architecture)
    dtypes = [p.dtype.name for p in net.parameters().values()]
    description = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "chainrule": __version__,
        "id": _digest(numbers),
        "dtype": dtypes[0] if dtypes else None,
        "architecture": architecture,
        "extra": extra,
    }
    text = _dumps(description)
    lasting = {name: item for name, item in extra.items() if name != "provenance"}
    copy = _dumps({**description, "extra": lasting})
    weights = safetensors.numpy.save(numbers, {_DESCRIPTION: copy})
    write_together({folder / _DESCRIPTION: text.encode(), folder / _WEIGHTS: weights})
    return folder


def load(folder: str | Path) -> Module:
    """The network that was saved to `folder`, in evaluation mode.

    Raises `ModelFileError` if there is none, if it is damaged, from a newer version of
    chainrule, or made of classes that are not defined here: import or define your own
    modules first.
    """
    folder = Path(folder)
    saved = _read(folder)
    try:
        with initializers.skipped():
            net = from_json(saved.description["architecture"])
        net.load_state_dict(saved.numbers)
    except ModelFileError as error:
        raise ModelFileError(f"{folder}: {error}") from None
    except BAD_CONTENT as error:
        raise _damaged(folder, f"{type(error).__name__}: {error}") from error
    return net.eval()


def read_extra(folder: str | Path) -> dict[str, Any]:
    """What was given to `save` along with the network.

    Raises `ModelFileError` as `load` does.
    """
    extra = _read(Path(folder)).description["extra"]
    return dict(extra)


def _check_rebuilt(net: Module, architecture: Any) -> None:
    """Refuse to save what could not be loaded: build the network anew and compare."""
    with initializers.skipped():
        rebuilt = from_json(architecture)
    own, other = net.states(), rebuilt.states()
    differing = [name for name in own if name not in other]
    differing += [name for name in other if name not in own]
    differing += [
        f"{name} {own[name].shape}"
        for name in own
        if name in other and own[name].value.type != other[name].value.type
    ]
    if differing:
        raise ValueError(
            f"{net.title()} cannot be saved: made anew with the same arguments, it "
            f"differs in {', '.join(differing)}. Make all parameters and modules in "
            "__init__, of its arguments, or override the method arguments"
        )


def _digest(numbers: Mapping[str, Array]) -> str:
    """What ties `model.json` to its weights."""
    found = hashlib.sha256()
    for name, array in sorted(numbers.items()):
        found.update(f"{name} {array.dtype} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def _dumps(description: Mapping[str, Any]) -> str:
    try:
        return json.dumps(
            description, indent=1, ensure_ascii=False, allow_nan=False, default=_plain
        )
    except (TypeError, ValueError) as error:
        raise TypeError(f"save: what is kept with a network is JSON: {error}") from None


def _plain(x: Any) -> Any:
    if isinstance(x, np.generic):
        return x.item()
    raise TypeError(f"{x!r} is no text, number, list or dict")


def _read(folder: Path) -> _Saved:
    if not folder.is_dir():
        raise ModelFileError(f"{folder} is no folder, so no network was saved there")
    for name in (_DESCRIPTION, _WEIGHTS):
        if not (folder / name).is_file():
            raise ModelFileError(f"{folder} holds no saved network: no {name} is in it")
    try:
        with safetensors.safe_open(folder / _WEIGHTS, framework="numpy") as file:
            copy = (file.metadata() or {}).get(_DESCRIPTION)
            numbers = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
    except (safetensors.SafetensorError, ValueError, OSError) as error:
        raise _damaged(folder, f"{_WEIGHTS}: {error}") from error
    if copy is None:
        raise ModelFileError(f"{folder}: {_WEIGHTS} was not written by chainrule.save")
    embedded = _parsed(folder, _WEIGHTS, copy)
    if _digest(numbers) != embedded["id"]:
        raise _damaged(folder, f"{_WEIGHTS} is not the one that was saved")
    text = (folder / _DESCRIPTION).read_text("utf-8", errors="replace")
    beside = _parsed(folder, _DESCRIPTION, text)
    # They differ if saving was cut short after the one and before the other.
    chosen = beside if beside["id"] == embedded["id"] else embedded
    return _Saved(chosen, numbers)


def _parsed(folder: Path, name: str, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(folder, f"{name} is no JSON: {error}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ModelFileError(f"{folder}: {name} does not describe a saved network")
    version = found.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ModelFileError(
            f"{folder} was saved by chainrule {found.get('chainrule')}, in the format "
            f"{version!r}, which this version does not know: update chainrule"
        )
    missing = {"id", "architecture", "extra"} - set(found)
    if missing:
        raise _damaged(folder, f"{name} has no {', '.join(sorted(missing))}")
    return found


def _damaged(folder: Path, why: str) -> ModelFileError:
    return ModelFileError(f"the network in {folder} is damaged: {why}")
