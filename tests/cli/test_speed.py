"""`chainrule train --profile`."""

import json

import pytest
from rich.console import Console

from chainrule.cli.speed import speed_view
from chainrule.tabular import load_run
from chainrule.training.speed import Part, Speed

SPEED = Speed(
    seconds=2.0, tracing=0.1, compiling=0.4, stepping=1.0, evaluating=0.0, steps=1000,
    rows=64_000, threads=2, compiled=1, cached=1, flops=5e10, dtype="f32", peak=1100,
    bound=1000, waiting=0.25, measured=1e11,
    parts=(
        Part("0 [bold]forward", "product", 0.5, 5e10),
        Part("0.b update", "update", 0.0625, 0.0),
    ),
)  # fmt: skip


def shown(speed):
    console = Console(width=80, record=True, file=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(speed_view(speed, console))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_what_it_shows():
    lines = shown(SPEED)
    assert lines[0] == "Training took 2 s"
    assert "  compiling        400 ms  20%  █████" in lines
    assert "Of which the steps took 1 s" in lines
    assert "  matrix products   500 ms  50%  ████████████" in lines
    assert any(line.split() == ["0.b", "update", "62.5", "us", "6%"] for line in lines)
    assert any("[bold]forward" in line for line in lines), "a name is no markup"
    assert "threads   2" in lines
    assert "programs  1 compiled, 1 from the cache, in 400 ms" in lines


@pytest.mark.parametrize("flag", [True, False])
def test_a_profile_is_shown_saved_and_drawn(chainrule, homes_csv, tmp_path, flag):
    options = ("train", homes_csv, "--target", "price", "--epochs", 2, "--out", "a")
    trained = chainrule(*options, *(["--profile"] if flag else []))
    assert trained.code == 0, trained.err
    assert ("Of which the steps took" in trained.out) == flag
    assert ("matrix products" in trained.out) == flag
    speed = load_run("a").history.speed
    assert bool(speed.parts) == flag
    assert speed.steps > 0
    assert speed.measured
    report = (tmp_path / "a" / "report.html").read_text()
    assert "Where the time went" in report
    assert ("Inside the steps" in report) == flag


def test_json_has_it_too(chainrule, homes_csv):
    trained = chainrule(
        *("train", homes_csv, "--target", "price", "--epochs", 1, "--json"),
        *("--out", "a", "--profile"),
    )
    speed = json.loads(trained.out)["speed"]
    assert Speed.from_dict(speed) == load_run("a").history.speed
    assert speed["parts"][0]["kind"] == "product"
