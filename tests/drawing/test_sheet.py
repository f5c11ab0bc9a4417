import pytest

from chainrule.drawing import describe, sheet
from chainrule.drawing.canvas import DOWN, LEFT, RIGHT, UP, Canvas
from chainrule.drawing.sheet import Wire, draw_boxes

STEPS = {LEFT: (0, -1), RIGHT: (0, 1), UP: (-1, 0), DOWN: (1, 0)}


def reached(canvas, net, start):
    """The cells that lines of `net` lead to from `start`."""
    seen, waiting = {start}, [start]
    while waiting:
        row, column = waiting.pop()
        ways = canvas.lines.get((row, column), {}).get(net, 0)
        for way, (down, right) in STEPS.items():
            cell = (row + down, column + right)
            if ways & way and cell not in seen:
                seen.add(cell)
                waiting.append(cell)
    return seen


def wires_of(graphs, seed, size):
    """The wires of a random graph; a label says where its wire comes from."""
    picture = describe([graphs.random_graph(seed, size)])
    edges = [(edge.source, edge.target) for edge in picture.edges]
    boxes = [[f"box {i}", "", ""] for i in range(len(picture.nodes))]
    return boxes, [Wire(a, b, f" {a} ") for a, b in edges]


@pytest.mark.parametrize("seed", range(25))
def test_every_wire_leads_where_it_should(graphs, seed, monkeypatch):
    canvas = Canvas()
    monkeypatch.setattr(sheet, "Canvas", lambda: canvas)
    boxes, wires = wires_of(graphs, seed, 15)
    if draw_boxes(boxes, wires, 1000) is None:
        return  # two wires would exchange their rows
    marks = canvas.characters
    exits = {net: cell for cell in canvas.lines if marks.get(cell) == "├"
             for net in canvas.lines[cell]}  # fmt: skip
    for source in {wire.source for wire in wires}:
        arrows = [
            (row, column)
            for row, column in reached(canvas, source, exits[source])
            if marks.get((row, column)) == "▶"
        ]
        # The label before an arrow is the number of the box that it comes from.
        labels = [
            "".join(marks.get((row, column - i), " ") for i in range(12, 0, -1))
            for row, column in arrows
        ]
        assert len(arrows) == sum(wire.source == source for wire in wires)
        assert all(f" {source} " in label for label in labels)


@pytest.mark.parametrize("seed", range(25))
def test_lines_of_two_nets_only_cross(graphs, seed, monkeypatch):
    canvas = Canvas()
    monkeypatch.setattr(sheet, "Canvas", lambda: canvas)
    if draw_boxes(*wires_of(graphs, seed, 15), 1000) is None:
        return
    for nets in canvas.lines.values():
        if len(nets) > 1:
            assert sorted(nets.values()) == [LEFT | RIGHT, UP | DOWN]


def test_most_graphs_can_be_drawn(graphs):
    drawn = [draw_boxes(*wires_of(graphs, seed, 15), 1000) for seed in range(25)]
    assert sum(drawing is not None for drawing in drawn) >= 20


def test_a_box_has_room_for_all_that_arrives():
    boxes = [["a"], ["b"], ["c"], ["d"], ["sum"]]
    wires = [Wire(i, 4, "") for i in range(4)]
    drawn = draw_boxes(boxes, wires, 80)
    assert drawn.count("▶") == 4
    rows = [row for row in drawn.splitlines() if "▶" in row]
    assert len(rows) == 4


def test_a_chain_is_one_line():
    boxes = [["x"], ["y"], ["z"]]
    wires = [Wire(0, 1, " 2 "), Wire(1, 2, " -1 ")]
    assert draw_boxes(boxes, wires, 80) == (
        "╭───╮      ╭───╮       ╭───╮\n"
        "│ x ├─ 2 ─▶│ y ├─ -1 ─▶│ z │\n"
        "╰───╯      ╰───╯       ╰───╯"
    )


@pytest.mark.parametrize("width", [0, 4, 27])
def test_what_does_not_fit_is_not_drawn(width):
    boxes = [["x"], ["y"], ["z"]]
    wires = [Wire(0, 1, " 2 "), Wire(1, 2, " -1 ")]
    assert draw_boxes(boxes, wires, width) is None


def test_a_drawing_may_fill_its_width():
    boxes = [["x"], ["y"], ["z"]]
    wires = [Wire(0, 1, " 2 "), Wire(1, 2, " -1 ")]
    assert draw_boxes(boxes, wires, 28) is not None


def test_no_box_is_no_drawing():
    assert draw_boxes([], [], 80) == ""
