"""Tells what is in a run, and what a table looks like."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chainrule.cli.console import command, new_console, say_json
from chainrule.cli.errors import expecting
from chainrule.cli.progress import described, duration, sparkline
from chainrule.cli.scores import score_facts, score_table, training_facts
from chainrule.tables import TableError
from chainrule.tables.errors import count
from chainrule.tables.schema import Column
from chainrule.tabular import RunError, TableRun, load_run
from chainrule.tabular.folder import MODEL_FILE, UNFINISHED
from chainrule.tabular.overview import ColumnOverview, TableOverview, overview
from chainrule.tabular.workplace import Request, unfinished
from chainrule.training import CheckpointError, History
from chainrule.view.numbers import number, size
from chainrule.view.words import show as in_words

__all__ = ["show"]

NARROW = 72  # columns of a terminal, on which less is shown of each row


def show(what: Path, *, as_json: bool, reading: Mapping[str, Any]) -> None:
    """Tell what is in a run, or what a table looks like."""
    with expecting(TableError, RunError, CheckpointError):
        if (what / MODEL_FILE).is_file():
            _show_run(load_run(what), as_json=as_json)
        elif (what / UNFINISHED).is_dir():
            _show_unfinished(what, as_json=as_json)
        else:
            _show_table(what, overview(str(what), **reading), as_json=as_json)


# --- runs -----------------------------------------------------------------------------


def _show_run(run: TableRun, *, as_json: bool) -> None:
    if as_json:
        say_json(_run_facts(run))
        return
    console = new_console()
    console.print(Text(str(run.folder), style="bold"), soft_wrap=True)
    _print_facts(console, dict(_about(run)))
    if run.evaluation is not None:
        console.print()
        title = f"On {count(run.evaluation.rows, 'test row')} it has not seen"
        console.print(Text(title, style="bold"))
        baselines = dict(reversed([*run.baselines.items()]))
        console.print(score_table({"network": run.evaluation, **baselines}))
    console.print()
    console.print(_columns_of(run, console.width))


def _about(run: TableRun) -> Iterator[tuple[str, str]]:
    made, history = run.provenance, run.history
    if run.encoder.classes is None:
        yield "predicts", f"{run.target}, a number"
    else:
        classes = [str(label) for label in run.encoder.classes.tolist()]
        yield "predicts", f"{run.target}: {_few(classes)}"
    parts = [f"{number(rows)} {name}" for name, rows in run.split.items()]
    yield "learnt from", f"{made.source}: {', '.join(parts)} rows"
    weights = sum(p.size for p in run.net.parameters().values())
    yield "network", described(run.architecture, weights)
    yield "settings", ", ".join(_settings(run))
    yield "trained", _trained(history)
    if "val_loss" in history.columns:
        losses = history["val_loss"]
        yield (
            "validation",
            f"{sparkline(losses, 40)} loss {in_words('log_loss', losses[-1])}",
        )
    yield "made", f"{made.date} by chainrule {made.version}, Python {made.python}"
    yield "command", made.command
    yield "on disk", size(sum(_files(run).values()))


def _settings(run: TableRun) -> Iterator[str]:
    said = ("hidden", "activation", "dropout", "validation", "test", "epochs")
    for name, value in run.settings.items():
        if name not in said and value not in (None, False, "none", [], {}):
            word = f"{value:.4g}" if isinstance(value, float) else str(value)
            yield f"{name.replace('_', ' ')} {word}"


def _trained(history: History) -> str:
    seconds = sum(record["seconds"] for record in history)
    words = f"{count(len(history), 'epoch')} in {duration(seconds)}"
    if history.best_epoch is not None:
        words += f", the weights are those of epoch {history.best_epoch}"
    return f"{words}; {history.stopped}" if history.stopped else words


def _columns_of(run: TableRun, width: int) -> Table:
    """The columns, those first that it leans on; on a narrow terminal, less of each."""
    influence = {found.column: found.increase for found in run.influence}
    shown = ["column", "kind", "inputs", "missing", "values", "influence"]
    if not any(column.missing for column in run.schema.inputs):
        shown.remove("missing")
    if width < NARROW:
        shown = [name for name in shown if name not in ("kind", "inputs")]
    table = _table(*shown)
    for column in sorted(
        run.schema.inputs, key=lambda c: -influence.get(c.name, float("-inf"))
    ):
        inputs = len(run.encoder.groups.get(column.name, ()))
        weight = influence.get(column.name)
        cells = {
            "column": column.name,
            "kind": column.kind,
            "inputs": number(inputs),
            "missing": number(column.missing) if column.missing else "",
            "values": _values(column),
            "influence": "" if weight is None else in_words("log_loss", weight),
        }
        table.add_row(*(Text(cells[name]) for name in shown))
    for column in run.schema.left_out:
        why = column.why if "kind" in shown else f"left out: {column.why}"
        cells = {"column": column.name, "kind": "left out", "values": why}
        table.add_row(*(Text(cells.get(name, "")) for name in shown))
    return table


def _values(column: Column) -> str:
    if column.low is not None and column.high is not None:
        return f"{number(column.low)} to {number(column.high)}"
    return f"{number(column.distinct)} different"


def _run_facts(run: TableRun) -> dict[str, Any]:
    shape = run.architecture
    return {
        "run": str(run.folder),
        "finished": True,
        "target": run.target,
        "task": run.task,
        "classes": None
        if run.encoder.classes is None
        else run.encoder.classes.tolist(),
        "columns": [
            {**asdict(c), "inputs": len(run.encoder.groups.get(c.name, ()))}
            for c in run.schema.inputs
        ],
        "left_out": [asdict(c) for c in run.schema.left_out],
        "network": {
            "inputs": shape.inputs,
            "hidden": list(shape.hidden),
            "activation": shape.activation,
            "dropout": shape.dropout,
            "outputs": shape.outputs,
            "parameters": sum(p.size for p in run.net.parameters().values()),
        },
        **training_facts(run),
        **score_facts(run),
        "provenance": asdict(run.provenance),
        "files": _files(run),
    }


def _files(run: TableRun) -> dict[str, int]:
    found = Path(str(run.folder)).iterdir()
    return {p.name: p.stat().st_size for p in sorted(found) if p.is_file()}


# --- trainings that are not over ------------------------------------------------------


def _show_unfinished(folder: Path, *, as_json: bool) -> None:
    request, history = unfinished(folder)
    go_on = command("train", "--resume", folder)
    if as_json:
        say_json(
            {
                "run": str(folder),
                "finished": False,
                "target": request.target,
                "table": request.source,
                "settings": dict(request.options),
                "epochs": len(history),
                "command": request.command,
            }
        )
        return
    console = new_console()
    console.print(Text(str(folder), style="bold"), soft_wrap=True)
    _print_facts(console, dict(_about_unfinished(request, history)))
    console.print()
    console.print("Its training goes on, or was interrupted. To go on:", style="dim")
    console.print(Text(f"  {go_on}", style="cyan"), soft_wrap=True)


def _about_unfinished(request: Request, history: History) -> Iterator[tuple[str, str]]:
    yield "to predict", request.target
    yield "learns from", request.source
    yield "trained", f"{len(history)} of {request.options.get('epochs')} epochs"
    yield "command", request.command


# --- tables ---------------------------------------------------------------------------


def _show_table(path: Path, found: TableOverview, *, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "table": str(path),
                "rows": found.rows,
                "whole": found.whole,
                "columns": [column.to_json() for column in found.columns],
            }
        )
        return
    console = new_console()
    console.print(Text(str(path), style="bold"), soft_wrap=True)
    rows = count(found.rows, "row")
    looked = rows if found.whole else f"the first {rows} were looked at"
    console.print(f"  {looked}, {count(len(found.columns), 'column')}")
    console.print()
    table = _table("column", "kind", "missing", "values", numbers=("missing",))
    for column in found.columns:
        missing = number(column.missing) if column.missing else ""
        table.add_row(
            Text(column.name), column.kind, missing, Text(_looks(column, found.rows))
        )
    console.print(table)


def _looks(column: ColumnOverview, rows: int) -> str:
    found = column.found
    if found is None:
        return column.trouble
    if found.low is not None:
        return _values(found)
    if found.why:
        return found.why
    if found.distinct == rows - found.missing:
        return f"different in each row: {_few([v for v, _ in column.common])}"
    common = [f"{value} {number(times)}" for value, times in column.common]
    more = found.distinct - len(common)
    return ", ".join(common) + (f" and {number(more)} more" if more > 0 else "")


# --- both -----------------------------------------------------------------------------


def _few(items: list[str], most: int = 5) -> str:
    rest = f" and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(items[:most]) + rest


def _print_facts(console: Console, facts: Mapping[str, str]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for topic, words in facts.items():
        table.add_row(f"  {topic}", Text(words))
    console.print(table)


def _table(
    *names: str, numbers: tuple[str, ...] = ("inputs", "missing", "influence")
) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in names:
        table.add_column(name, justify="right" if name in numbers else "left")
    return table
