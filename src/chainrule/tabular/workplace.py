"""A training that goes on in a run folder, and what it needs to go on after a crash.

Until it is over, all of it is in a folder of its own in the run folder:

| file in `unfinished` | holds |
|---|---|
| `training.json` | what was asked for: the table, its target, all options |
| `checkpoint.safetensors` | weights, moments, counters, early stopping, history |

A run that was there before stays as it is. In the end the new one is written beside
these files, and all of them move up: from the two, a finished run can be trained more.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

from chainrule.files import write_bytes, write_text
from chainrule.tables.errors import count
from chainrule.tables.records import from_plain, to_plain
from chainrule.tabular.errors import RunError
from chainrule.tabular.folder import (
    MODEL_FILE,
    UNFINISHED,
    check_destination,
    free_folder,
    move_files,
)
from chainrule.tabular.lock import LOCK_FILE, locked
from chainrule.tabular.run import WEIGHTS_FILE, Document, TableRun, write_files
from chainrule.tabular.settings import Settings
from chainrule.training.checkpoint import read_history
from chainrule.training.history import History

__all__ = [
    "CHECKPOINT_FILE",
    "REQUEST_FILE",
    "Request",
    "Workplace",
    "claimed",
    "nothing_left",
    "reopened",
    "unfinished",
]

REQUEST_FILE: Final = "training.json"
CHECKPOINT_FILE: Final = "checkpoint.safetensors"

_FORMAT: Final = 1
_PARTS: Final = ("validation", "test")

# What stands for a table that was in memory.
_IN_MEMORY: Final = "in memory"


@dataclass(frozen=True)
class Request:
    """What a training was asked for, as plain data.

    - `source`: the table as it was named, and `path`, where it is; `None` if that was
      in memory.
    - `options`: those of `train_table`, by name.
    - `data`: a checksum of the encoded rows.
    - `command`: how it was started.
    """

    source: str
    path: str | None
    target: str
    options: Mapping[str, Any]
    data: str
    command: str

    @classmethod
    def of(
        cls,
        source: Any,
        target: str,
        options: Mapping[str, Any],
        data: str,
        command: str,
    ) -> "Request":
        """What `train_table` was given."""
        plain = {name: _plain(option) for name, option in options.items()}
        for part in _PARTS:
            plain[part] = _kept_table(options[part])
        return cls(named(source), _path(source), target, plain, data, command)

    def given(self, **parts: Any) -> dict[str, Any]:
        """The options as `train_table` takes them, with the tables that files are not.

        Raises `RunError` where one of them was in memory, and is not given again.
        """
        options = dict(self.options)
        for part, table in parts.items():
            if table is not None:
                options[part] = table
            elif isinstance(options[part], dict):
                if options[part].get(_IN_MEMORY):
                    raise _not_kept(f"the {part} rows were", f"{part}=")
                options[part] = options[part]["path"]
        return options

    def part(self, name: str) -> float | str:
        """The validation or test rows: a share, or a name."""
        kept = self.options[name]
        if not isinstance(kept, dict):
            return float(kept) if kept else 0
        return str(kept.get("name", kept.get(_IN_MEMORY)))

    def table(self, given: Any) -> Any:
        """The table, which may be given again.

        Raises `RunError` where it was in memory, and is not.
        """
        if given is not None:
            return given
        if self.path is None:
            raise _not_kept("the rows of the table were", "source=")
        return self.path

    def changed(
        self,
        *,
        epochs: int | None,
        patience: int | None,
        max_time: float | None,
        command: str,
    ) -> "Request":
        """The same with other options; a `patience` of 0 means without end."""
        options = dict(self.options)
        if epochs is not None:
            options["epochs"] = epochs
        if max_time is not None:
            options["max_time"] = max_time
        if patience is not None:
            options["patience"] = patience or None
        both = f"{self.command} && {command}" if command else self.command
        changed = options != self.options
        return replace(self, options=options, command=both if changed else self.command)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        about = {"format": _FORMAT, **self.__dict__, "options": dict(self.options)}
        write_text(path, json.dumps(about, indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Request":
        """The inverse of `save`; raises `RunError` if the file is damaged."""
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            found = from_plain(_Kept, {**about, "options": []})
            options = dict(about["options"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
            raise RunError(f"{path} is damaged: {e}") from None
        if found.format != _FORMAT:
            raise RunError(
                f"{path} is of format {found.format}, which this chainrule cannot go "
                "on with"
            )
        rest = {k: v for k, v in to_plain(found).items() if k != "format"}
        return cls(**{**rest, "options": options})


@dataclass(frozen=True)
class _Kept:
    """The fields of a request in its file, for their types to be checked."""

    format: int
    source: str
    path: str | None
    target: str
    options: tuple[str, ...]
    data: str
    command: str


class Workplace:
    """The folder of a run that is being trained; made by `claimed` and `reopened`."""

    def __init__(self, folder: Path, *, finished: bool) -> None:
        self.folder = folder
        self.unfinished = folder / UNFINISHED
        self.finished = finished
        self.replaces = False
        self.moving = False

    @property
    def checkpoint(self) -> Path:
        """Where training saves how far it is."""
        return self.unfinished / CHECKPOINT_FILE

    def request(self) -> Request:
        """What training was asked for."""
        return Request.load(
            (self.folder if self.finished else self.unfinished) / REQUEST_FILE
        )

    def begin(self, request: Request) -> None:
        """Note what is asked for: from now on it can be gone on with."""
        self.unfinished.mkdir(exist_ok=True)
        if self.finished:
            saved = (self.folder / CHECKPOINT_FILE).read_bytes()
            write_bytes(self.checkpoint, saved)
        request.save(self.unfinished / REQUEST_FILE)

    def finish(self, run: TableRun, documents: Mapping[str, Document]) -> TableRun:
        """Save the run; the run, with its place."""
        placed = replace(run, folder=self.folder)
        write_files(placed, self.unfinished, documents)
        if self.replaces:
            self._drop_others()
        self.moving = True
        last = (MODEL_FILE, WEIGHTS_FILE, REQUEST_FILE, CHECKPOINT_FILE)
        move_files(self.unfinished, self.folder, last)
        return placed

    def give_up(self, error: BaseException) -> None:
        """Leave nothing behind that is of no use.

        A training that was interrupted can be gone on with, and so can one that had no
        room to save; one that went wrong would only go wrong again.
        """
        may_go_on = isinstance(error, (KeyboardInterrupt, OSError, MemoryError))
        if self.moving:
            return
        if not (may_go_on and self.checkpoint.exists()):
            shutil.rmtree(self.unfinished, ignore_errors=True)

    def tidy(self) -> None:
        """Remove what a process that was killed had half-written.

        If it had no more to do than to move the last file up, that is done.
        """
        for path in self.unfinished.glob(".*"):
            with suppress(OSError):
                path.unlink()
        if self.finished and self.unfinished.is_dir():
            move_files(self.unfinished, self.folder, (CHECKPOINT_FILE,))

    def _drop_others(self) -> None:
        """Remove the files of the run that is replaced, which the new one lacks."""
        new = {path.name for path in self.unfinished.iterdir()} | {LOCK_FILE}
        for path in self.folder.iterdir():
            if path.is_file() and path.name not in new:
                path.unlink()


def unfinished(folder: Path) -> tuple[Request, History]:
    """What a training that is not over was asked for, and how far it is saved.

    Raises `RunError` or `CheckpointError` where that cannot be read.
    """
    place = Workplace(folder, finished=False)
    saved = place.checkpoint.exists()
    return place.request(), read_history(place.checkpoint) if saved else History()


@contextmanager
def claimed(folder: Path, *, overwrite: bool, rename: bool) -> Iterator[Workplace]:
    """Take `folder` for a new run, so that nobody else can.

    Raises `RunError` as `check_destination`. Afterwards there is the run, or a training
    that can be gone on with; or everything is as it was.
    """
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    if rename:
        folder = free_folder(folder)
        missing = [folder, *missing[1:]] if missing else [folder]
    else:
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder):
            place = Workplace(folder, finished=False)
            if not rename:
                check_destination(folder, overwrite=overwrite, held=True)
                shutil.rmtree(place.unfinished, ignore_errors=True)
            place.replaces = overwrite
            with _giving_up(place):
                yield place
    finally:
        for path in missing:
            with suppress(OSError):
                path.rmdir()  # where nothing is in it


@contextmanager
def reopened(folder: Path) -> Iterator[Workplace]:
    """Take a run folder to go on with what is in it.

    Raises `RunError` where nothing is, or where somebody else trains in it.
    """
    _check_resumable(folder)
    with locked(folder):
        finished = not (folder / UNFINISHED / REQUEST_FILE).is_file()
        place = Workplace(folder, finished=finished)
        place.tidy()
        if finished:
            with _giving_up(place):
                yield place
        else:
            yield place


@contextmanager
def _giving_up(place: Workplace) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        place.give_up(error)
        raise


def _check_resumable(folder: Path) -> None:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise RunError(f"{folder} {what}: give the folder of a run")
    if (folder / UNFINISHED / REQUEST_FILE).is_file():
        return
    if not (folder / MODEL_FILE).is_file():
        raise RunError(f"{folder} is not a run: there is no {MODEL_FILE} in it")
    for name in (REQUEST_FILE, CHECKPOINT_FILE):
        if not any((place / name).is_file() for place in (folder, folder / UNFINISHED)):
            raise RunError(
                f"{folder} cannot be trained more: there is no {name} in it, which "
                "train_table(..., out=) and the command line save"
            )


def nothing_left(history: History, settings: Settings) -> str:
    """Why a finished run would not be trained any more; empty if it would be.

    That is up to the epochs that are asked for, and to the patience: training from the
    start with these settings would have ended where it did.
    """
    done = count(len(history), "epoch")
    if settings.epochs < len(history):
        return f"it has had {done}, more than the {settings.epochs} asked for"
    if settings.epochs == len(history):
        return f"it has had its {done}"
    if not history.stopped or history.best_epoch is None or settings.patience is None:
        return ""
    waited = len(history) - history.best_epoch
    if waited < settings.patience:
        return ""
    return (
        f"it stopped after {done}, the last {waited} of them without a better "
        "validation loss"
    )


def named(source: Any) -> str:
    """A file by its name, anything else by its type.

    >>> named("homes.csv"), named({"x": [1]})
    ('homes.csv', 'a dict')
    """
    if isinstance(source, (str, PathLike)):
        return str(source)
    return f"a {type(source).__name__}"


def _path(source: Any) -> str | None:
    if not isinstance(source, (str, PathLike)):
        return None
    return str(Path(source).expanduser().absolute())


def _kept_table(part: Any) -> Any:
    """A share as it is, a file by where it is."""
    if isinstance(part, (int, float)):
        return part
    path = _path(part)
    if path is None:
        return {_IN_MEMORY: named(part)}
    return {"name": named(part), "path": path}


def _plain(option: Any) -> Any:
    """An option as JSON has it."""
    if isinstance(option, Mapping):
        return {str(name): _plain(item) for name, item in option.items()}
    if isinstance(option, (list, tuple, set, frozenset)):
        items = sorted(option, key=str) if isinstance(option, set) else option
        return [_plain(item) for item in items]
    if isinstance(option, np.generic):
        return option.item()
    return option


def _not_kept(what: str, argument: str) -> RunError:
    return RunError(f"{what} in memory, and are not kept: give them again, {argument}")
