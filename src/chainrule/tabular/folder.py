"""Run folders: made whole in one step, and never over something else."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

__all__ = ["MODEL_FILE", "RunError", "check_destination", "write_folder"]

MODEL_FILE = "model.json"  # what makes a folder a run


class RunError(ValueError):
    """A run folder that cannot be read or written; the message says why."""


def check_destination(
    folder: Path, *, overwrite: bool = False, rename: bool = False
) -> None:
    """Refuse, before any work is done, to write a run where it cannot be.

    An empty folder is fine. A run that is there already is replaced only with
    `overwrite`, and anything else never. With `rename`, whatever is there does not
    matter.

    Raises `RunError` which says what is in the way.
    """
    if folder.exists() and not rename:
        _check_replaceable(folder, overwrite)
    parent = next(p for p in folder.absolute().parents if p.exists())
    if not parent.is_dir():
        raise RunError(f"{folder} cannot be made: {parent} is a file")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise RunError(f"{folder} cannot be made: {parent} may not be written to")


def write_folder(
    folder: Path,
    write: Callable[[Path], None],
    *,
    overwrite: bool = False,
    rename: bool = False,
) -> Path:
    """Have `write(beside)` fill a folder, and call it `folder` once that is done.

    Until then it is a hidden folder beside it, and it is removed if anything fails: so
    `folder` is either as it was, or whole. With `rename`, a number is put behind the
    name where somebody else has taken it meanwhile. Returns the path it got.

    Raises `RunError` as `check_destination`, and `OSError` where nothing can be
    written.
    """
    whole = Path(os.path.abspath(folder))  # noqa: PTH100 - "." and ".." need names
    whole.parent.mkdir(parents=True, exist_ok=True)
    beside = whole.with_name(f".{whole.name}.unfinished-{uuid.uuid4().hex[:8]}")
    beside.mkdir()
    try:
        write(beside)
        _flush(beside)
        place = next(p for p in _names(whole) if not (rename and _is_taken(p)))
        check_destination(place, overwrite=overwrite)
        _put(beside, place)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return folder if place == whole else folder.with_name(place.name)


def _names(folder: Path) -> Iterator[Path]:
    yield folder
    for number in count(2):
        yield folder.with_name(f"{folder.name}-{number}")


def _is_taken(folder: Path) -> bool:
    return folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))


def _check_replaceable(folder: Path, overwrite: bool) -> None:
    if not folder.is_dir():
        raise RunError(f"{folder} is a file; a run is saved as a folder")
    if not _is_taken(folder):
        return
    if not (folder / MODEL_FILE).is_file():
        raise RunError(
            f"{folder} holds other files, and a run needs a folder of its own"
        )
    if not overwrite:
        raise RunError(
            f"{folder} holds a run already: choose another folder, or say that it may "
            "be replaced (overwrite=True, or --overwrite)"
        )


def _put(new: Path, folder: Path) -> None:
    """Rename `new` to `folder`; what was there before goes once that is done."""
    if not folder.exists():
        new.rename(folder)
        return
    old = folder.with_name(f".{folder.name}.replaced-{uuid.uuid4().hex[:8]}")
    folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _flush(folder: Path) -> None:
    """Bring the files onto the disk, so that no crash leaves a folder of empty ones."""
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
