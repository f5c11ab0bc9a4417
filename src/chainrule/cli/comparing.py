"""Runs side by side on the terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chainrule.cli.console import new_console, say_json, say_note
from chainrule.cli.errors import expecting
from chainrule.cli.progress import sparkline
from chainrule.cli.scores import score_table
from chainrule.cli.using import told_warnings
from chainrule.tables import TableError
from chainrule.tables.errors import count
from chainrule.tabular import RunError, TableRun, load_run
from chainrule.tabular.comparing import Comparison, Judged, compare_runs
from chainrule.training.history import History
from chainrule.view.numbers import number
from chainrule.view.words import show

__all__ = ["compare_and_show"]


def compare_and_show(
    folders: Sequence[Path],
    table: str | None,
    *,
    as_json: bool,
    reading: Mapping[str, Any],
) -> None:
    """Print what tells runs apart."""
    with expecting(TableError, RunError), told_warnings() as notes:
        runs = [load_run(folder) for folder in folders]
        found = compare_runs(runs, table, **reading)
    names = _names(folders)
    if as_json:
        say_json({**_facts(found, folders), "table": table, "notes": notes})
        return
    for note in dict.fromkeys(notes):
        say_note(note)
    console = new_console()
    _print_settings(console, found, names)
    _print_scores(console, found, names)
    _print_courses(console, found.runs, names)
    if found.judged is not None:
        _print_judged(console, found, found.judged, names, str(table))


def _names(folders: Sequence[Path]) -> list[str]:
    """The last parts of the paths, or all of them where these are the same."""
    names = [folder.name or str(folder) for folder in folders]
    return names if len(set(names)) == len(names) else [str(f) for f in folders]


def _print_settings(console: Console, found: Comparison, names: Sequence[str]) -> None:
    if not found.settings:
        console.print("They were asked for the same.")
        return
    table = _table("", *names)
    for setting, values in found.settings.items():
        table.add_row(Text(setting.replace("_", " ")), *map(_word, values))
    console.print(Text("What they were asked for, where it differs", style="bold"))
    console.print(table)


def _word(value: Any) -> Text:
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, list):
        return Text(", ".join(map(str, value)) or "none")
    return Text(f"{value:.4g}" if isinstance(value, float) else str(value))


def _print_scores(console: Console, found: Comparison, names: Sequence[str]) -> None:
    tests = {
        name: run.evaluation
        for name, run in zip(names, found.runs, strict=True)
        if run.evaluation is not None
    }
    if not tests:
        return
    rows = {test.rows for test in tests.values()}
    same = found.same_rows and len(rows) == 1
    title = (
        f"On the same {count(max(rows), 'test row')}"
        if same
        else "On the test rows of each"
    )
    console.print()
    console.print(Text(title, style="bold"))
    console.print(score_table(tests))
    if not same:
        console.print(
            "These are not the same rows, so small differences mean nothing; --table "
            "judges all of them by the same.",
            style="dim",
        )


def _print_courses(
    console: Console, runs: Sequence[TableRun], names: Sequence[str]
) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="cyan")
    table.add_column()
    lines = (console.encoding or "").lower().startswith("utf")
    said = [_how_it_went(run.history) for run in runs]
    # The course gets what the words leave.
    widest = max(map(cell_len, names)) + max(len(words) for _, words in said) + 4
    width = min(32, console.width - widest) if lines else 0
    for name, (losses, words) in zip(names, said, strict=True):
        table.add_row(Text(name), sparkline(losses, width), words)
    console.print()
    console.print(Text("How the validation loss went", style="bold"))
    console.print(table)


def _how_it_went(history: History) -> tuple[Sequence[float], str]:
    """The losses that were watched, and the best of them in words."""
    watched = "val_loss" if "val_loss" in history.columns else "loss"
    losses = history[watched] if len(history) else []
    best = f"best {show('log_loss', min(losses))} " if losses else ""
    return losses, f"{best}in {count(len(history), 'epoch')}"


def _print_judged(
    console: Console,
    found: Comparison,
    judged: Judged,
    names: Sequence[str],
    table: str,
) -> None:
    console.print()
    title = f"On the {count(judged.rows, 'row')} of {table}"
    console.print(Text(title, style="bold"), soft_wrap=True)
    console.print(score_table(dict(zip(names, judged.scores, strict=True))))
    console.print()
    if not judged.differing:
        console.print("They predict the same for every row.")
        return
    numbers = found.runs[0].task == "regression"
    if numbers:
        console.print(Text("Where they differ most", style="bold"))
    else:
        share = f"{judged.differing:,} of {count(judged.rows, 'row')}"
        console.print(Text(f"They differ in {share}", style="bold"))
    rows = _table("row", "actual", *names)
    for row in judged.most:
        said = [_predicted(value) for value in row.predicted]
        rows.add_row(f"{row.number + 1:,}", _predicted(row.actual), *said)
    console.print(rows)
    if not numbers and judged.differing > len(judged.most):
        console.print(f"and {judged.differing - len(judged.most):,} more", style="dim")


def _predicted(value: Any) -> Text:
    return Text(number(value) if isinstance(value, float) else str(value))


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for k, name in enumerate(names):
        table.add_column(Text(name), justify="right" if k else "left")
    return table


def _facts(found: Comparison, folders: Sequence[Path]) -> dict[str, Any]:
    judged = found.judged
    return {
        "runs": [str(folder) for folder in folders],
        "settings": {name: list(values) for name, values in found.settings.items()},
        "same_test_rows": found.same_rows,
        "test": [
            None if run.evaluation is None else dict(run.evaluation.metrics)
            for run in found.runs
        ],
        "history": [
            {name: run.history[name] for name in run.history.columns}
            for run in found.runs
        ],
        "judged": None
        if judged is None
        else {
            "rows": judged.rows,
            "scores": [dict(scores.metrics) for scores in judged.scores],
            "differing": judged.differing,
            "most_different": [
                {
                    "row": row.number + 1,
                    "actual": row.actual,
                    "predicted": list(row.predicted),
                }
                for row in judged.most
            ],
        },
    }
