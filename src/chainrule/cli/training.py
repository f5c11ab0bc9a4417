"""Trains on a table, and shows how it goes and what came of it."""

import re
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from chainrule.cli.console import command, new_console, say_json
from chainrule.cli.errors import Failure, expecting
from chainrule.cli.progress import (
    ProgressLines,
    ProgressView,
    described,
    duration,
)
from chainrule.cli.scores import score_facts, score_table, training_facts
from chainrule.cli.speed import speed_view
from chainrule.nn import Module
from chainrule.tables import TableError
from chainrule.tabular import (
    RunError,
    SettingError,
    TableCallback,
    TableRun,
    default_folder,
    resume_run,
    train_table,
)
from chainrule.tabular.folder import UNFINISHED
from chainrule.tabular.network import Architecture
from chainrule.tabular.problem import Problem
from chainrule.training.diagnose import NonFiniteError
from chainrule.training.history import History
from chainrule.training.run import Callback, Run
from chainrule.view.gather import report_of
from chainrule.view.report import render_report
from chainrule.view.words import result_words

__all__ = ["Output", "resume_and_show", "train_and_show"]

REPORT_FILE = "report.html"


@dataclass(frozen=True)
class Output:
    """Where the run goes, and what is printed."""

    folder: Path | None
    overwrite: bool
    quiet: bool
    json: bool


def train_and_show(
    table: str, target: str, settings: Mapping[str, Any], output: Output
) -> None:
    """Train on `table`, save the run, and print what is worth knowing."""
    folder = output.folder or default_folder(table, target)
    unnamed = output.folder is None

    def train(**watching: Any) -> TableRun:
        return train_table(
            table,
            target,
            **settings,
            **watching,
            out=folder,
            overwrite=output.overwrite,
            rename=unnamed,
        )

    _train_and_show(train, table, output)


def resume_and_show(
    folder: Path, table: str | None, settings: Mapping[str, Any], output: Output
) -> None:
    """Go on with the training in `folder`, and print what is worth knowing."""

    def train(**watching: Any) -> TableRun:
        return resume_run(folder, table, **settings, **watching)

    _train_and_show(train, f"going on with {folder}", output)


def _train_and_show(train: Callable[..., TableRun], title: str, output: Output) -> None:
    console = new_console()
    interruption, done = Interruption(), Done()
    callbacks: list[Callback] = [interruption, done]
    if not (output.quiet or output.json):
        callbacks += _speakers(console, title, interruption)
    with (
        expecting(SettingError, code=2),
        expecting(TableError, RunError),
        _telling_how_to_go_on(interruption),
        _explaining_divergence(),
        _closing(callbacks),
    ):
        run = train(
            callbacks=callbacks,
            command=shlex.join(["chainrule", *sys.argv[1:]]),
            documents={REPORT_FILE: _report},
        )
    if output.json:
        say_json({**_results(run), "notes": done.said(run)})
    elif output.quiet:
        typer.echo(str(run.folder))
    elif done.reason:
        for line in done.said(run):
            console.print(Text(line), soft_wrap=not console.is_terminal)
    else:
        _summarise(console, run)


@contextmanager
def _telling_how_to_go_on(interruption: "Interruption") -> Iterator[None]:
    """Where training was cut short, and enough of it is saved, say how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        left = interruption.left_behind()
        message = "stopped at once" if left else "stopped at once; nothing was saved"
        raise Failure(message, *left, code=130) from None
    except (OSError, MemoryError) as error:
        for note in interruption.left_behind():
            error.add_note(note)
        raise


@contextmanager
def _explaining_divergence() -> Iterator[None]:
    try:
        yield
    except NonFiniteError as error:
        # The line that it names is one of ours: there is no program of the user's.
        details = re.sub(r",? at \S+:\d+", "", str(error)).splitlines()[:-1]
        # Nor is there an X: columns have names, and rows are those that were encoded.
        details = [_OF_X.sub(_of_rows, line) for line in details]
        raise Failure(
            "training diverged, its numbers are no longer finite: try a smaller --lr",
            *(f"  {line.strip()}" for line in details),
        ) from error


_OF_X = re.compile(r" of (?:the )?(validation )?X\b")


def _of_rows(part: re.Match[str]) -> str:
    return f" of the {part[1] or 'training '}rows"


def _report(run: TableRun) -> str:
    return render_report(report_of(run, _next_commands(run)))


def _next_commands(run: TableRun) -> Sequence[tuple[str, str]]:
    folder = str(run.folder)
    return [
        (command("predict", folder, "new.csv", "-o", "out.csv"), "predict new rows"),
        (command("evaluate", folder, "table.csv"), "judge it on other rows"),
    ]


# --- while it trains ------------------------------------------------------------------


class Interruption(TableCallback):
    """Ctrl-C while training: stop after this epoch. A second one stops at once."""

    def __init__(self) -> None:
        self.wanted = False
        self.folder: Path | None = None
        self.view: ProgressView | None = None
        self._before: Any = None

    def on_place(self, folder: Path) -> None:
        """Know where training is saved."""
        self.folder = folder

    def left_behind(self) -> tuple[str, ...]:
        """How to go on with a training that was cut short, if enough is saved."""
        if self.folder is None or not (self.folder / UNFINISHED).is_dir():
            return ()
        return (f"To go on: {command('train', '--resume', str(self.folder))}",)

    def on_start(self, run: Run) -> None:
        """Listen from now on."""
        del run
        self._before = signal.signal(signal.SIGINT, self._hear)

    def on_epoch(self, run: Run) -> None:
        """Stop if that is wanted."""
        if self.wanted:
            run.stop("stopped by Ctrl-C")

    def on_end(self, run: Run) -> None:
        """Listen no more."""
        del run
        self.close()

    def close(self) -> None:
        """Let Ctrl-C do again what it did before."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _hear(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
        message = "stopping after this epoch; Ctrl-C again stops at once"
        if self.view is not None:
            self.view.message = message
        else:
            new_console(stderr=True).print(message)


class Done(TableCallback):
    """Whether nothing was left to do in a run that was to be trained more."""

    def __init__(self) -> None:
        self.reason = ""

    def on_nothing_left(self, reason: str) -> None:
        """Note it."""
        self.reason = reason

    def said(self, run: TableRun) -> list[str]:
        """What to tell of it: nothing where the run has been trained."""
        if not self.reason:
            return []
        epochs = len(run.history)
        more = ["--epochs", str(epochs + max(epochs // 2, 1))]
        if epochs < run.settings["epochs"]:  # it stopped by itself
            more = ["--patience", str(2 * int(run.settings["patience"] or 0))]
        typed = command("train", "--resume", str(run.folder), *more)
        return [
            f"{run.folder} is finished: {self.reason}. Nothing is left to do.",
            f"To train it more: {typed}",
        ]


@contextmanager
def _closing(callbacks: Sequence[Callback]) -> Iterator[None]:
    """Leave terminal and signals as they were, also where training fails."""
    try:
        yield
    finally:
        for callback in callbacks:
            if isinstance(callback, (Interruption, ProgressView, Speaker)):
                callback.close()


def _speakers(
    console: Console, table: str, interruption: Interruption
) -> list[Callback]:
    speaker = Speaker(console, table)
    if not console.is_terminal:
        return [speaker, ProgressLines(console)]
    view = ProgressView(console)
    interruption.view = view
    return [speaker, view]


class Speaker(TableCallback):
    """Says what was understood of the table, and how training ended."""

    def __init__(self, console: Console, table: str) -> None:
        self.console = console
        self.table = table
        self._status: Any = None

    def on_table(
        self, problem: Problem, architecture: Architecture, net: Module
    ) -> None:
        """Tell what is going to be learned, and by what."""
        self.console.print(Text(self.table, style="bold"), soft_wrap=True)
        for line in problem.schema.summary:
            self._say(line)
        parts = [f"{rows:,} {name}" for name, rows in problem.split.items()]
        self._say(f"split: {', '.join(parts)} rows")
        weights = sum(p.size for p in net.parameters().values())
        self._say(f"network: {described(architecture, weights)}")
        self.console.print()

    def on_trained(self, history: History) -> None:
        """Tell how training went."""
        seconds = sum(record["seconds"] for record in history)
        epochs = f"{len(history)} epoch{'' if len(history) == 1 else 's'}"
        line = f"trained for {epochs} in {duration(seconds)}"
        if history.stopped:
            line += f": {history.stopped}"
        if history.best_epoch is not None:
            line += f"; the weights kept are those of epoch {history.best_epoch}"
        self.console.print(Text(line))
        if self.console.is_terminal:
            self._status = self.console.status("judging it …")
            self._status.start()

    def close(self) -> None:
        """Stop saying what is being done."""
        if self._status is not None:
            self._status.stop()

    def _say(self, line: str) -> None:
        """A line as `topic: rest`, with the topic dim."""
        topic, colon, rest = line.partition(": ")
        text = Text()
        if colon and " " not in topic.replace("left out", ""):
            text.append(f"{topic}: ", style="dim").append(rest)
        else:
            text.append(line)
        for wrapped in text.wrap(self.console, self.console.width - 2):
            self.console.print(Text("  ").append_text(wrapped))


# --- when it is done ------------------------------------------------------------------


def _summarise(console: Console, run: TableRun) -> None:
    if run.evaluation is not None:
        console.print()
        title = f"On {run.evaluation.rows:,} test rows it has not seen"
        console.print(Text(title, style="bold"))
        judged = {"network": run.evaluation, **dict(reversed([*run.baselines.items()]))}
        console.print(score_table(judged))
        console.print()
        for sentence in result_words(run.evaluation, run.baselines):
            console.print(Text(sentence))
    else:
        console.print("No rows were kept for a test, so nothing is known of new rows.")
    _say_influence(console, run)
    if run.history.speed is not None and run.history.speed.parts:
        console.print()
        console.print(speed_view(run.history.speed, console))
    console.print()
    console.print(Text.assemble(("saved to ", "dim"), (str(run.folder), "bold")))
    report = Path(str(run.folder), REPORT_FILE)
    console.print(Text.assemble(("report   ", "dim"), str(report)), soft_wrap=True)
    console.print()
    console.print("Next:", style="dim")
    for typed, _ in _next_commands(run):
        console.print(Text(f"  {typed}", style="cyan"), soft_wrap=True)


def _say_influence(console: Console, run: TableRun) -> None:
    leading = [found.column for found in run.influence if found.increase > 0][:3]
    if leading:
        names = ", ".join(leading)
        console.print(Text(f"It leans most on {names}."))


def _results(run: TableRun) -> dict[str, Any]:
    """What `--json` prints."""
    speed = run.history.speed
    return {
        "run": str(run.folder),
        "task": run.task,
        "target": run.target,
        **training_facts(run),
        "speed": None if speed is None else speed.to_dict(),
        "parameters": sum(p.size for p in run.net.parameters().values()),
        **score_facts(run),
    }
