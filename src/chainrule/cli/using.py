"""Predicts with a run, and judges it on another table."""

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.text import Text

from chainrule.cli.console import new_console, say_json, say_note
from chainrule.cli.errors import Failure, expecting
from chainrule.cli.scores import score_table
from chainrule.tables import TableError, TableWarning
from chainrule.tables.errors import count
from chainrule.tabular import RunError, load_run
from chainrule.tabular.predicting import (
    FileKindError,
    Predicted,
    check_suffix,
    predict_file,
)

__all__ = ["check_out", "evaluate_and_show", "predict_and_write"]


def predict_and_write(
    folder: Path,
    table: str,
    out: Path | None,
    *,
    with_inputs: bool,
    as_json: bool,
    reading: Mapping[str, Any],
) -> None:
    """Write the predictions to `out`, or to stdout."""
    if out is not None:
        with expecting(FileKindError, code=2):
            check_suffix(out)
        check_out(out, Path(table))
    with expecting(TableError, RunError):
        run = load_run(folder)
        found = predict_file(
            run,
            table,
            sys.stdout.buffer if out is None else out,
            kind=".jsonl" if as_json else ".csv",
            with_inputs=with_inputs,
            **reading,
        )
    if not as_json:
        for note in found.notes:
            say_note(note)
    if out is None:
        return
    if as_json:
        say_json(_told(folder, table, out, found))
        return
    line = f"{count(found.rows, 'row')} written to {out}"
    new_console(stderr=True).print(line, markup=False, soft_wrap=True)


def _told(folder: Path, table: str, out: Path, found: Predicted) -> dict[str, Any]:
    return {
        "run": str(folder),
        "table": table,
        "out": str(out),
        "rows": found.rows,
        "columns": list(found.columns),
        "notes": list(found.notes),
    }


def evaluate_and_show(
    folder: Path, table: str, *, as_json: bool, reading: Mapping[str, Any]
) -> None:
    """Print the scores of a run on a table."""
    with expecting(TableError, RunError), told_warnings() as notes:
        run = load_run(folder)
        evaluation = run.evaluate(table, **reading)
    if as_json:
        scores = {"run": str(folder), "table": table, **evaluation.to_json()}
        say_json({**scores, "notes": notes})
        return
    for note in notes:
        say_note(note)
    console = new_console()
    title = Text(f"On the {count(evaluation.rows, 'row')} of {table}", style="bold")
    console.print(title, soft_wrap=True)
    console.print(score_table({"network": evaluation}))


def check_out(out: Path, *sources: Path) -> None:
    """Refuse, before any work is done, a file that cannot be written."""
    for source in sources:
        if out.exists() and source.exists() and out.samefile(source):
            raise Failure(f"{out} is the table itself; name another file", code=2)
    if out.is_dir():
        raise Failure(f"{out} is a folder; name a file in it")
    if not out.absolute().parent.is_dir():
        raise Failure(f"{out} cannot be written: there is no folder {out.parent}")


@contextmanager
def told_warnings() -> Iterator[list[str]]:
    """What is new in a table, once it has been read."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TableWarning)
        yield notes
    said = (w.message for w in caught if issubclass(w.category, TableWarning))
    notes.extend(map(str, said))
