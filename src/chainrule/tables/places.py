"""Which files make one table: a file, those in a folder, or those of a pattern."""

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from chainrule.tables.errors import TableError, did_you_mean, names

__all__ = ["Place", "places"]

NO_PARTITION: Final = "__HIVE_DEFAULT_PARTITION__"  # as Hive and Spark write it

_TABLES: Final = (".parquet", ".pq", ".arrow", ".feather", ".csv", ".tsv", ".txt")
_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst")


@dataclass(frozen=True, slots=True)
class Place:
    """A file that holds rows of a table.

    Args:
        path: where it is.
        name: what to call it in messages.
        partition: the columns that its folders name, as in ``year=2024/part.parquet``,
            with their value; ``None`` where that is missing.
    """

    path: Path
    name: str
    partition: tuple[tuple[str, str | None], ...] = ()


def places(source: str | os.PathLike[str]) -> tuple[Place, ...]:
    """Find the files of a table, in the order of their names.

    In a folder those count that are named as tables are, also in folders in it, and
    without those whose name begins with a dot or an underscore.

    Raises:
        TableError: where there is no such file, or files do not belong together.
    """
    name = os.fspath(source)
    if "://" in name:
        raise TableError(f"{name} is a web address; download the file first")
    if "\0" in name:
        raise TableError(f"{name!r} is not a path: there is a zero byte in it")
    path = Path(name).expanduser()
    try:
        if path.is_dir():
            return _in_folder(path, name)
        if not path.exists() and glob.has_magic(name):
            return _matching(path, name)
    except OSError as error:
        raise TableError(f"{name} cannot be read: {error.strerror or error}") from None
    if not path.exists():
        raise TableError(f"there is no file {name}{_nearby(path)}")
    return (Place(path, name),)


def _in_folder(folder: Path, name: str) -> tuple[Place, ...]:
    inside = sorted(p.relative_to(folder) for p in folder.rglob("*"))
    seen = [p for p in inside if not any(part[0] in "._" for part in p.parts)]
    found = [p for p in seen if _suffix(p) in _TABLES and (folder / p).is_file()]
    if not found:
        others = [str(p) for p in seen if (folder / p).is_file()]
        held = f"; it holds {names(others)}" if others else ""
        raise TableError(
            f"{name} is a folder without a Parquet, Arrow or CSV file{held}"
        )
    return _of_one_kind(
        [Place(folder / p, str(Path(name) / p), _partition(p)) for p in found], name
    )


def _matching(pattern: Path, name: str) -> tuple[Place, ...]:
    found: list[Place] = []
    for match in sorted(glob.glob(str(pattern), recursive=True)):  # noqa: PTH207 - absolute patterns too
        path = Path(match)
        if path.is_dir():
            continue
        found.append(Place(path, match, _partition(path)))
    if not found:
        raise TableError(f"no file matches {name}")
    return _of_one_kind(found, name)


def _of_one_kind(found: Sequence[Place], name: str) -> tuple[Place, ...]:
    kinds = sorted({_suffix(place.path) or "without a suffix" for place in found})
    if len(kinds) > 1:
        raise TableError(
            f"{name} holds files of several kinds ({', '.join(kinds)}): files are one "
            "table if all are of one kind; name them with a pattern such as "
            f"'{Path(name) / '*'}{kinds[0]}'"
        )
    first = [column for column, _ in found[0].partition]
    for place in found:
        columns = [column for column, _ in place.partition]
        if columns != first:
            raise TableError(
                f"the folders of {place.name} name {_columns(columns)}, but those of "
                f"{found[0].name} name {_columns(first)}"
            )
    return tuple(found)


def _columns(found: Sequence[str]) -> str:
    return names(found) if found else "no column"


def _partition(path: Path) -> tuple[tuple[str, str | None], ...]:
    """Read the columns that folders such as ``year=2024`` name."""
    found = []
    for part in path.parts[:-1]:
        column, equals, value = part.partition("=")
        if equals and column:
            missing = value == NO_PARTITION
            found.append((unquote(column), None if missing else unquote(value)))
    return tuple(found)


def _suffix(path: Path) -> str:
    """Name the kind of a file, whether or not it is compressed."""
    known = path.with_suffix("") if path.suffix.lower() in _COMPRESSED else path
    return known.suffix.lower()


def _nearby(file: Path) -> str:
    try:
        there = [path.name for path in file.parent.iterdir()]
    except OSError:
        return f": there is no folder {file.parent}"
    suggestion = did_you_mean(file.name, there)
    return f"; {suggestion}" if suggestion.startswith("did") else ""
