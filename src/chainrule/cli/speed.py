"""Where the time of training went, for the terminal."""

from collections.abc import Mapping

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from chainrule.training.speed import Speed, duration

__all__ = ["speed_view"]

_WIDTH = 24  # of the longest bar


def speed_view(speed: Speed, console: Console) -> RenderableType:
    """What took how long, the parts of a step, and how fast it was."""
    block = "█" if (console.encoding or "").lower().startswith("utf") else "#"
    shown: list[RenderableType] = [
        Text(f"Training took {duration(speed.seconds)}", style="bold"),
        _shares(speed.wall(), speed.seconds, block),
    ]
    if speed.parts:
        heading = f"Of which the steps took {duration(speed.stepping)}"
        inside = _shares(speed.inside(), speed.stepping, block)
        shown += [Text(), Text(heading, style="bold"), inside, Text(), _parts(speed)]
    return Group(*shown, Text(), _facts(speed))


def _shares(spent: Mapping[str, float], whole: float, block: str) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=17)
    for _ in range(2):
        table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, style="cyan")
    for name, seconds in spent.items():
        if seconds > 0:
            share = seconds / whole
            bar = block * round(_WIDTH * share)
            table.add_row(f"  {name}", duration(seconds), f"{share:.0%}", bar)
    return table


def _parts(speed: Speed) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("part of a step")
    for name in ("time", "share", "GFLOP/s"):
        table.add_column(name, justify="right", no_wrap=True)
    for part in speed.parts:
        fast = part.flops / part.seconds / 1e9 if part.seconds else 0.0
        table.add_row(
            Text(part.name),
            duration(part.seconds / max(speed.steps, 1)),
            f"{part.seconds / speed.stepping:.0%}",
            f"{fast:.3g}" if fast else "",
        )
    return table


def _facts(speed: Speed) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for topic, words in speed.facts().items():
        table.add_row(topic, words)
    return table
