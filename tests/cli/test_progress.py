"""How progress is shown."""

import io
import re

import pytest
from rich.console import Console

from chainrule.cli.progress import (
    ProgressLines,
    ProgressView,
    duration,
    figures,
    sparkline,
)
from chainrule.tabular import train_table


def test_figures_of_an_epoch():
    record = {
        "epoch": 3,
        "loss": 0.5,
        "val_loss": 0.25,
        "val_root_mean_squared_error": 1234.5,
        "learning_rate": 0.001,
        "seconds": 0.1,
    }
    assert figures(record) == [
        ("loss", "0.500"),
        ("validation", "0.250"),
        ("root mean squared error", "1,234"),
    ]


def test_sparklines():
    assert sparkline([], 10) == ""
    assert sparkline([1.0], 10) == "▁"
    assert sparkline([2.0, 2.0, 2.0], 10) == "▁▁▁"
    assert sparkline([0, 7], 10) == "▁█"
    assert len(sparkline(list(range(1000)), 24)) == 24
    assert sparkline([1.0, float("nan"), 3.0], 3) == "▁ █"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (61, "1 min 1 s"),
        (7260, "2 h 1 min"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_lines_for_about_every_twentieth(homes):
    text = io.StringIO()
    train_table(
        *(homes, "price"),
        epochs=50,
        patience=None,
        callbacks=[ProgressLines(Console(file=text))],
    )
    lines = text.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == [
        "1/50",
        *(f"{k}/50" for k in range(3, 50, 3)),
        "50/50",
    ]
    assert "left" in lines[0]
    assert "left" not in lines[-1]


@pytest.mark.parametrize("width", [100, 60, 40])
def test_a_terminal_gets_a_bar_that_is_gone_in_the_end(homes, width):
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=width, color_system=None)
    drawn = []

    class Looker(ProgressView):
        def on_epoch(self, run):
            super().on_epoch(run)
            self.message = "stopping"
            with self.console.capture() as captured:
                self.console.print(self._draw())
            drawn.append(captured.get())

    train_table(homes, "price", epochs=30, patience=None, callbacks=[Looker(console)])
    page = drawn[-1]
    assert "epoch 30 of 30" in page
    assert "validation loss" in page
    assert "stopping" in page
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", page)
    assert all(len(line) <= width for line in plain.splitlines())
    assert re.search(r"best .* \(epoch \d+\)", plain), "its end is cut off"
    # The terminal shows its cursor again.
    assert text.getvalue().rindex("\x1b[?25h") > text.getvalue().rindex("\x1b[?25l")
