"""How training goes, live on a terminal and as lines anywhere else."""

import math
import time
from collections.abc import Sequence
from itertools import pairwise

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from chainrule.tabular.network import Architecture
from chainrule.training.run import Callback, Run
from chainrule.view.words import show

__all__ = [
    "ProgressLines",
    "ProgressView",
    "described",
    "duration",
    "figures",
    "sparkline",
]

LINES = 20  # about how many lines a log gets
_BARS = "▁▂▃▄▅▆▇█"


def figures(record: dict[str, float]) -> list[tuple[str, str]]:
    """What one epoch gave, as names and numbers: the losses and the metrics.

    >>> figures({"epoch": 3, "loss": 0.5, "val_loss": 0.6, "val_accuracy": 0.75})
    [('loss', '0.500'), ('validation', '0.600'), ('accuracy', '75.0%')]
    """
    shown = []
    for name, value in record.items():
        key = name.removeprefix("val_")
        if key == "loss":
            label = "validation" if name == "val_loss" else "loss"
            shown.append((label, show("log_loss", value)))
        elif key not in {"epoch", "seconds", "learning_rate"}:
            shown.append((key.replace("_", " "), show(key, value)))
    return shown


def sparkline(values: Sequence[float], width: int) -> str:
    """The course of `values` in at most `width` bars, high where they are high.

    What is not finite leaves a gap.

    >>> sparkline([8, 4, 2, 1, 1], 5)
    '█▄▂▁▁'
    """
    if not values or width < 1:
        return ""
    count = min(width, len(values))
    edges = [round(k * len(values) / count) for k in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    finite = [mean for mean in means if math.isfinite(mean)]
    if not finite:
        return " " * count
    low, span = min(finite), (max(finite) - min(finite)) or 1.0

    def bar(mean: float) -> str:
        if not math.isfinite(mean):
            return " "
        return _BARS[round((mean - low) / span * (len(_BARS) - 1))]

    return "".join(map(bar, means))


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(0.31), duration(75), duration(4020)
    ('0.3 s', '1 min 15 s', '1 h 7 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def described(run: Architecture, weights: int) -> str:
    """The layers of a network and how many weights it has, on one line."""
    inputs = f"{run.inputs} input{'' if run.inputs == 1 else 's'}"
    outputs = f"{run.outputs} output{'' if run.outputs == 1 else 's'}"
    hidden = [f"{units} {run.activation}" for units in run.hidden]
    dropout = f", dropout {run.dropout:g}" if run.dropout and hidden else ""
    return f"{' → '.join([inputs, *hidden, outputs])}, {weights:,} weights{dropout}"


class _Clock(Callback):
    """Knows how long training has taken and will take."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = 0.0
        self.first = 0

    def on_start(self, run: Run) -> None:
        """Start the clock."""
        self.started, self.first = time.monotonic(), run.epoch

    def left(self, run: Run, part: float = 0.0) -> str:
        """How long all epochs will still take, with `part` of one done."""
        done = run.epoch + part
        spent = time.monotonic() - self.started
        return duration(spent / (done - self.first) * (run.epochs - done))


class ProgressLines(_Clock):
    """A line for every twentieth of the epochs, and for the first and the last one."""

    def on_epoch(self, run: Run) -> None:
        """Write the line."""
        every = -(-run.epochs // LINES)
        if run.epoch == 1 or run.epoch % every == 0:
            self._say(run)

    def on_end(self, run: Run) -> None:
        """Write the line of the last epoch, if it has none."""
        every = -(-run.epochs // LINES)
        if run.epoch > 1 and run.epoch % every:
            self._say(run)

    def _say(self, run: Run) -> None:
        shown = "  ".join(f"{n} {x}" for n, x in figures(run.history.last))
        left = "" if run.epoch == run.epochs else f"  at most {self.left(run)} left"
        line = f"epoch {run.epoch}/{run.epochs}  {shown}{left}"
        self.console.print(Text(line), soft_wrap=True)


class ProgressView(_Clock):
    """A bar, the figures of the latest epoch, and the course of the validation loss.

    Drawn by a thread of its own a few times a second; gone when training is over.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._run: Run | None = None
        self._steps = 0
        self._steps_per_epoch = 0
        self._live: Live | None = None
        self.message = ""

    def on_start(self, run: Run) -> None:
        """Begin to draw."""
        super().on_start(run)
        self._run = run
        self._live = Live(
            get_renderable=self._draw,
            console=self.console,
            refresh_per_second=8,
            transient=True,
        )
        self._live.start()

    def on_step(self, run: Run, step: int, loss: float) -> None:
        """Move the bar a little."""
        del run, step, loss
        self._steps += 1

    def on_epoch(self, run: Run) -> None:
        """Know how many steps an epoch has."""
        del run
        self._steps_per_epoch, self._steps = self._steps, 0

    def on_end(self, run: Run) -> None:
        """Draw no more."""
        del run
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was: also where training failed."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self) -> RenderableType:
        run = self._run
        if run is None:
            return Text()
        lines: list[RenderableType] = [self._bar(run)]
        if len(run.history):
            lines.append(self._figures(run))
            lines.append(self._course(run))
        if self.message:
            lines.append(Text(self.message, style="yellow"))
        return Group(*lines)

    def _bar(self, run: Run) -> RenderableType:
        part = self._steps / self._steps_per_epoch if self._steps_per_epoch else 0.0
        part = min(part, 1.0)
        left = f"at most {self.left(run, part)} left" if run.epoch > self.first else ""
        row = Table.grid(padding=(0, 1, 0, 0), expand=True)
        row.add_column(no_wrap=True)
        row.add_column(ratio=1)
        row.add_column(no_wrap=True)
        current = min(run.epoch + 1, run.epochs)
        width = len(str(run.epochs))
        row.add_row(
            Text(f"epoch {current:>{width}} of {run.epochs}"),
            ProgressBar(total=run.epochs, completed=run.epoch + part),
            Text(left, style="dim"),
        )
        return row

    def _figures(self, run: Run) -> Text:
        text = Text()
        for name, number in figures(run.history.last):
            text.append(f"{name} ", style="dim")
            text.append(f"{number}   ", style="bold")
        return text

    def _course(self, run: Run) -> Text:
        if "val_loss" not in run.history.last:
            return Text()
        losses = run.history["val_loss"]
        best = min(range(len(losses)), key=losses.__getitem__)
        text = Text("validation loss ", style="dim", no_wrap=True)
        words = f"best {show('log_loss', losses[best])} (epoch {best + 1})"
        # The course gets what the words leave.
        room = self.console.width - len(text) - len(words) - 1
        if (self.console.encoding or "").lower().startswith("utf") and room > 0:
            text.append(sparkline(losses, min(24, room)) + " ", style="cyan")
        text.append(words)
        return text
