"""Run folders: made whole in one step, and never over something else."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from chainrule.tabular.errors import RunError
from chainrule.tabular.lock import LOCK_FILE, check_unlocked

__all__ = [
    "MODEL_FILE",
    "UNFINISHED",
    "check_destination",
    "free_folder",
    "is_taken",
    "move_files",
    "write_folder",
]

MODEL_FILE = "model.json"  # what makes a folder a run
UNFINISHED = "unfinished"  # where a training that is not over keeps what it needs


def check_destination(
    folder: Path, *, overwrite: bool = False, rename: bool = False, held: bool = False
) -> None:
    """Refuse, before any work is done, to write a run where it cannot be.

    An empty folder is fine. A run that is there already is replaced only with
    `overwrite`, one that is being trained and anything else never. With `rename`,
    whatever is there does not matter; `held` says that it is us who train in it.

    Raises `RunError` which says what is in the way.
    """
    if folder.exists() and not rename:
        _check_replaceable(folder, overwrite=overwrite, held=held)
    parent = next(p for p in folder.absolute().parents if p.exists())
    if not parent.is_dir():
        raise RunError(f"{folder} cannot be made: {parent} is a file")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise RunError(f"{folder} cannot be made: {parent} may not be written to")


def free_folder(folder: Path) -> Path:
    """Make `folder`, or where that is taken, the first of the name with a number.

    Whoever makes a folder has it: no two processes get the same one.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for place in _names(folder):
        try:
            place.mkdir()
        except FileExistsError:
            continue
        return place
    raise AssertionError


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
        place = next(p for p in _names(whole) if not (rename and is_taken(p)))
        check_destination(place, overwrite=overwrite)
        _put(beside, place)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return folder if place == whole else folder.with_name(place.name)


def move_files(source: Path, folder: Path, last: tuple[str, ...]) -> None:
    """Move the files of `source`, once all are on disk, into `folder`, one by one.

    Those that are named `last` come last, in this order; then `source` is removed.
    """
    _flush(source)
    names = sorted(path.name for path in source.iterdir())
    ordered = [n for n in names if n not in last] + [n for n in last if n in names]
    for name in ordered:
        (source / name).replace(folder / name)
    source.rmdir()


def is_taken(folder: Path) -> bool:
    """Whether there is something by this name, other than an empty folder."""
    if not folder.is_dir():
        return folder.exists()
    return any(path.name != LOCK_FILE for path in folder.iterdir())


def _names(folder: Path) -> Iterator[Path]:
    yield folder
    for number in count(2):
        yield folder.with_name(f"{folder.name}-{number}")


def _check_replaceable(folder: Path, *, overwrite: bool, held: bool) -> None:
    if not folder.is_dir():
        raise RunError(f"{folder} is a file; a run is saved as a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RunError(f"{folder} may not be written to")
    if not held:
        check_unlocked(folder)
    if not is_taken(folder):
        return
    finished = (folder / MODEL_FILE).is_file()
    if not finished and not (folder / UNFINISHED).is_dir():
        raise RunError(
            f"{folder} holds other files, and a run needs a folder of its own"
        )
    if overwrite:
        return
    if finished:
        raise RunError(
            f"{folder} holds a run already: choose another folder, or say that it may "
            "be replaced (overwrite=True, or --overwrite)"
        )
    raise RunError(
        f"{folder} holds a training that was interrupted: go on with it "
        "(resume_run, or --resume), or say that it may be replaced (overwrite=True, "
        "or --overwrite)"
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
