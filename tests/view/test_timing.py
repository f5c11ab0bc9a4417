"""The section on speed."""

import re
from dataclasses import replace

import pytest

from chainrule.training.speed import Part, Speed
from chainrule.view.blocks import NOTHING
from chainrule.view.report import render_report
from chainrule.view.timing import speed

SPEED = Speed(
    seconds=2.0,
    tracing=0.1,
    compiling=0.4,
    stepping=1.0,
    evaluating=0.0,
    steps=1000,
    rows=64_000,
    threads=2,
    compiled=1,
    cached=1,
    flops=5e10,
    dtype="f32",
    peak=1100,
    bound=1000,
    parts=(
        Part("0 <forward>", "product", 0.5, 5e10),
        Part("0.b update", "update", 0.0625, 0.0),
    ),
    waiting=0.25,
    measured=1e11,
)


def test_bars_tables_and_facts(read):
    page = read(speed(SPEED))
    for words in (
        "Training took 2 s.",
        "compiling 400 ms 20.0%",
        "steps 1 s 50.0%",
        "Python 500 ms 25.0%",
        "matrix products 500 ms 50.0%",
        "waiting 250 ms 25.0%",
        "other 188 ms 18.8%",
        "0 <forward> 500 us 50.0% 100",
        "0.b update 62.5 us 6.2% " + NOTHING,
        "Threads 2",
        "50 GFLOP/s, 50% of the 100 that this machine can do",
    ):
        assert words in page.text
    assert "evaluation" not in page.text, "there was none"
    assert page.tags.count("h3") == 2


def test_a_bar_is_as_long_as_the_time_and_says_so():
    html = speed(SPEED)
    for bar in re.findall(r'<div class="stack".*?</div>', html):
        shares = [float(x) for x in re.findall(r"flex:([\d.]+)", bar)]
        assert sum(shares) == pytest.approx(1, abs=1e-3)
        assert 'role="img"' in bar
    shown = "steps 50.0%, compiling 20.0%, tracing 5.0%, Python 25.0%"
    assert f'aria-label="{shown}"' in html


def test_without_a_profile_there_is_one_bar(read):
    page = read(speed(replace(SPEED, parts=(), waiting=0.0)))
    assert page.tags.count("h3") == 1
    assert "Part of a step" not in page.text


def test_many_parts_are_folded():
    parts = tuple(Part(f"{k} forward", "loop", 0.01, 0.0) for k in range(40))
    assert "<summary>All 40 parts</summary>" in speed(replace(SPEED, parts=parts))


def test_nothing_is_said_where_nothing_is_known(read, binary_report):
    assert speed(None) == ""
    assert 'id="speed"' not in render_report(binary_report)
    told = replace(binary_report, history=replace(binary_report.history, speed=SPEED))
    html = render_report(told)
    page = read(html)
    assert "speed" in page.ids
    assert len(page.ids) == len(set(page.ids))
