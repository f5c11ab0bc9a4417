"""Predicts with a run, and judges it on another table."""

import csv
import io
import json
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import typer
from pyarrow import parquet
from rich.text import Text

from chainrule.cli.console import new_console, say_note
from chainrule.cli.errors import Failure, expecting
from chainrule.cli.scores import score_table
from chainrule.files import write_bytes
from chainrule.tables import TableError, TableWarning
from chainrule.tabular import RunError, load_run

__all__ = ["evaluate_and_show", "predict_and_write"]


def predict_and_write(
    folder: Path,
    table: str,
    out: Path | None,
    *,
    with_inputs: bool,
    reading: Mapping[str, Any],
) -> None:
    """Write the predictions to `out`, or to stdout."""
    if out is not None:
        _check_out(out, Path(table))
    with expecting(TableError, RunError), _told_warnings():
        run = load_run(folder)
        found = run.predict(table, with_inputs=with_inputs, **reading)
    if out is None:
        # UTF-8 like all tables, whatever the terminal speaks.
        sys.stdout.buffer.write(_csv(found))
        sys.stdout.buffer.flush()
        return
    with expecting():
        write_bytes(out, _parquet(found) if out.suffix == ".parquet" else _csv(found))
    rows = f"{found.num_rows:,} row{'' if found.num_rows == 1 else 's'}"
    new_console(stderr=True).print(
        f"{rows} written to {out}", markup=False, soft_wrap=True
    )


def evaluate_and_show(
    folder: Path, table: str, *, as_json: bool, reading: Mapping[str, Any]
) -> None:
    """Print the scores of a run on a table."""
    with expecting(TableError, RunError), _told_warnings():
        run = load_run(folder)
        evaluation = run.evaluate(table, **reading)
    if as_json:
        scores = {"run": str(folder), "table": table, **evaluation.to_json()}
        typer.echo(json.dumps(scores, indent=1, ensure_ascii=False))
        return
    console = new_console()
    title = Text(f"On the {evaluation.rows:,} rows of {table}", style="bold")
    console.print(title, soft_wrap=True)
    console.print(score_table(evaluation, {}))


def _check_out(out: Path, table: Path) -> None:
    if out.suffix not in {".csv", ".parquet"}:
        raise Failure(f"{out}: its name has to end in .csv or .parquet", code=2)
    if out.exists() and table.exists() and out.samefile(table):
        raise Failure(f"{out} is the table itself; name another file", code=2)
    if out.is_dir():
        raise Failure(f"{out} is a folder; name a file in it")
    if not out.absolute().parent.is_dir():
        raise Failure(f"{out} cannot be written: there is no folder {out.parent}")


def _csv(table: pa.Table) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(zip(*(c.to_pylist() for c in table.columns), strict=True))
    return text.getvalue().encode()


def _parquet(table: pa.Table) -> bytes:
    buffer = pa.BufferOutputStream()
    parquet.write_table(table, buffer)
    return bytes(buffer.getvalue())


@contextmanager
def _told_warnings() -> Iterator[None]:
    """Say what is new in a table on stderr, one line each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TableWarning)
        yield
    for warning in caught:
        if issubclass(warning.category, TableWarning):
            say_note(str(warning.message))
