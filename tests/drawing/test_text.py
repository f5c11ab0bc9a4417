import numpy as np
import pytest

from chainrule.drawing import describe, to_text
from chainrule.drawing.numerals import columns_of
from chainrule.ops import multiply, negate, sum_

LECTURE = """\
╭───────────╮
│   z = 5   │
│ dL/dz = 2 ├────╮
╰───────────╯    │
                 │
    ╭───╮        │
    │ 2 ├──────╮ │
    ╰───╯      │ ╰───────────────────────────────────────────────────╮
               │        ╭──────────────╮        ╭──────────────────╮ │      ╭───────────╮
╭────────────╮ ╰───────▶│      ×       │        │        +         │ ╰─ 2 ─▶│     ×     │
│   x = 3    │          │    2x = 6    ├─── 1 ─▶│    2x + y = 2    ├─── 5 ─▶│  L = 10   │
│ dL/dx = 10 ├───── 2 ─▶│ dL/d(2x) = 5 │ ╭─ 1 ─▶│ dL/d(2x + y) = 5 │        │ dL/dL = 1 │
╰────────────╯          ╰──────────────╯ │      ╰──────────────────╯        ╰───────────╯
               ╭─────────────────────────╯
╭───────────╮  │
│  y = -4   │  │
│ dL/dy = 5 ├──╯
╰───────────╯

On an edge: the local derivative, d(output)/d(input)."""  # noqa: E501 - a picture

LECTURE_IN_80_COLUMNS = """\
╭──────────╮
│  z = 5   │
│ grad = 2 ├────╮
╰──────────╯    │
                │
    ╭───╮       │
    │ 2 ├─────╮ │
    ╰───╯     │ ╰─────────────────────────────────────────╮
              │        ╭──────────╮        ╭────────────╮ │      ╭──────────╮
╭───────────╮ ╰───────▶│    ×     │        │     +      │ ╰─ 2 ─▶│    ×     │
│   x = 3   │          │  2x = 6  ├─── 1 ─▶│ 2x + y = 2 ├─── 5 ─▶│  L = 10  │
│ grad = 10 ├───── 2 ─▶│ grad = 5 │ ╭─ 1 ─▶│  grad = 5  │        │ grad = 1 │
╰───────────╯          ╰──────────╯ │      ╰────────────╯        ╰──────────╯
              ╭─────────────────────╯
╭──────────╮  │
│  y = -4  │  │
│ grad = 5 ├──╯
╰──────────╯

On an edge: the local derivative, d(output)/d(input). grad: dL/d(node)."""

LECTURE_IN_60_COLUMNS = """\
node  made by  value  dL/d(node)  d(node)/d(input)
z     leaf     5      2
x     leaf     3      10
v1    2 × x    6      5           x: 2
y     leaf     -4     5
v2    v1 + y   2      5           v1: 1, y: 1
L     z × v2   10     1           z: 2, v2: 5"""


@pytest.mark.parametrize(
    ("width", "drawn"),
    [(100, LECTURE), (80, LECTURE_IN_80_COLUMNS), (60, LECTURE_IN_60_COLUMNS)],
)
def test_the_lecture(graphs, width, drawn):
    assert to_text(graphs.picture(graphs.lecture()), width) == drawn


def test_the_terminal_says_how_wide_it_is(graphs, monkeypatch):
    picture = graphs.picture(graphs.lecture())
    monkeypatch.setenv("COLUMNS", "60")
    assert to_text(picture) == LECTURE_IN_60_COLUMNS
    monkeypatch.setenv("COLUMNS", "80")
    assert to_text(picture) == LECTURE_IN_80_COLUMNS


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_wider_than_asked(graphs, seed):
    picture = graphs.picture(graphs.random_graph(seed, 8))
    for width in (60, 90, 120, 200):
        drawn = to_text(picture, width)
        assert max(map(columns_of, drawn.splitlines())) <= width


@pytest.mark.parametrize("seed", range(20))
def test_every_node_and_every_edge_is_drawn(graphs, seed):
    picture = graphs.picture(graphs.random_graph(seed, 12))
    drawn = to_text(picture, 400)
    assert drawn.count("▶") in (0, len(picture.edges))
    assert drawn.count("╭") >= len(picture.nodes) or drawn.startswith("node")


def test_a_large_tensor_is_a_heat_map(graphs):
    x = graphs.leaf(np.arange(60.0).reshape(6, 10), "x")
    drawn = to_text(graphs.picture(sum_(x, (0, 1))), 80)
    assert "·" * 10 in drawn
    assert "█" * 10 in drawn
    assert "0 … 29.5 … 59" in drawn
    assert "all 1" in drawn


def test_what_is_not_finite_is_loud(graphs):
    data = np.ones((4, 4))
    data[0, 0] = np.nan
    drawn = to_text(graphs.picture(sum_(graphs.leaf(data, "x"), (0, 1))), 80)
    assert "! 1 NaN" in drawn
    assert "= NaN" in drawn


def test_an_empty_tensor_is_drawn(graphs):
    x = graphs.leaf(np.zeros((0, 3)), "x")
    drawn = to_text(graphs.picture(sum_(multiply(x, x), (0, 1))), 80)
    assert "empty" in drawn
    assert "(0, 3)" in drawn


def test_jacobians_are_explained(graphs):
    x = graphs.leaf(np.ones((3, 4)), "x")
    drawn = to_text(graphs.picture(sum_(x, (0,))), 80)
    assert "J 4×12 ─▶" in drawn
    assert "J: Jacobian, outputs × inputs." in drawn


def test_names_cannot_control_the_terminal(graphs):
    picture = describe([negate(graphs.leaf(1.0, "\x1b[2J\nx"))])
    assert "\x1b" not in to_text(picture, 80)
    assert "\x1b" not in to_text(picture, 10)
