import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from chainrule.drawing import describe, to_html, to_svg
from chainrule.drawing.style import stylesheet
from chainrule.ir import Location, TensorType, Value
from chainrule.ops import add, concatenate, exp, log, multiply, negate, sum_

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = ["<script>alert(1)</script>", "\"'&amp;]]>", "</svg>\x00\x1b[31m\ud800"]


def parse(picture):
    return ET.fromstring(to_svg(picture))  # noqa: S314 - we have just written it


def texts(root):
    """Each line of text, as it is read."""
    return ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]


def boxes(root, class_="cr-box"):
    """(left, top, right, bottom) of each frame of a node."""
    found = []
    for rect in root.iter(f"{SVG}rect"):
        if rect.get("class") == class_:
            x, y, w, h = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
            found.append((x, y, x + w, y + h))
    return found


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_the_lecture_shows_every_value_gradient_and_derivative(graphs):
    lines = texts(parse(graphs.picture(graphs.lecture())))
    assert sorted(lines[:-2]) == sorted(
        [
            *("z = 5", "dL/dz = 2", "2", "x = 3", "dL/dx = 10"),
            *("×", "2x = 6", "dL/d(2x) = 5", "y = -4", "dL/dy = 5"),
            *("+", "2x + y = 2", "dL/d(2x + y) = 5", "×", "L = 10", "dL/dL = 1"),
            *("2", "1", "1", "2", "5"),
        ]
    )
    assert lines[-2:] == [
        "value · gradient dL/d(node) · on an edge: local derivative d(output)/d(input)",
        "dashed: no gradient",
    ]


def test_values_and_gradients_have_their_own_colours(graphs):
    root = parse(graphs.picture(graphs.lecture()))
    spans = [(s.text, s.get("class", "")) for s in root.iter(f"{SVG}tspan")]
    assert ("-4", "cr-number cr-value cr-strong") in spans
    assert ("10", "cr-number cr-gradient cr-strong") in spans


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(graphs, name):
    x = graphs.leaf(np.arange(8.0), name)
    place = Location(f"{name}.py", 1, name)
    y = Value(x.type, negate(x).operation, (x,), None, place, -x.data)
    picture = graphs.picture(sum_(y, (0,)))
    root = parse(picture)
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "style", "rect", "g", "title", "text", "tspan", "path"}
    hover = [title.text for title in root.iter(f"{SVG}title")]
    assert any(name[:6] in text for text in hover)


@pytest.mark.parametrize("seed", range(10))
def test_boxes_and_labels_do_not_overlap(graphs, seed):
    root = parse(graphs.picture(graphs.random_graph(seed)))
    frames = boxes(root)
    assert not any(overlap(a, b) for i, a in enumerate(frames) for b in frames[i + 1 :])
    for label in boxes(root, "cr-pill"):
        assert not any(overlap(label, frame) for frame in frames)


def test_a_box_is_tall_enough_for_all_that_arrives(graphs):
    xs = [graphs.leaf([float(i)], f"x{i}") for i in range(30)]
    root = parse(graphs.picture(sum_(concatenate(xs, 0), (0,))))
    paths = [path.get("d") for path in root.iter(f"{SVG}path")]
    arrows = [re.split("[M l]", d)[1:3] for d in paths if "l-8" in d]
    rows = sorted(float(y) for x, y in arrows if x == arrows[0][0])
    assert len(rows) == 30
    assert min(np.diff(rows)) >= 9


@pytest.mark.parametrize("build", ["lecture", "network"])
def test_everything_is_inside_the_picture(graphs, build):
    root = parse(graphs.picture(getattr(graphs, build)()))
    width, height = (float(root.get(k)) for k in ("width", "height"))
    for left, top, right, bottom in boxes(root) + boxes(root, "cr-pill"):
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= height


def test_the_same_graph_is_always_drawn_the_same_way(graphs):
    drawn = {to_svg(graphs.picture(graphs.network())) for _ in range(3)}
    assert len(drawn) == 1


def test_the_style_touches_nothing_else(graphs):
    css = stylesheet("cr-graph")
    assert "prefers-color-scheme:dark" in css
    bare = re.sub(r"@media[^{]*\{(.*)\}", r"\1", css)
    for rule in re.findall(r"([^{}]+)\{", bare):
        for selector in rule.split(","):
            assert selector.startswith(".cr-graph")
    svg = to_svg(graphs.picture(graphs.lecture()))
    assert " id=" not in svg
    assert "url(" not in svg
    assert "script" not in svg


def test_every_class_has_a_rule(graphs):
    x = graphs.leaf([1.0, np.nan] * 8, "x")
    y = multiply(x, exp(x))
    svg = to_svg(graphs.picture(sum_(add(y, x), (0,)), most=5))
    svg += to_svg(graphs.picture(graphs.lecture()))
    used = set(" ".join(re.findall(r'class="([^"]*)"', svg)).split())
    styled = set(re.findall(r"\.(cr-[\w-]+)", stylesheet("cr-graph")))
    assert used - styled <= {"cr-operation", "cr-leaf"}


def test_heat_maps_are_explained(graphs):
    picture = graphs.picture(graphs.network(8, 5, 10, 3))
    root = parse(picture)
    assert "negative ■ positive; min … mean … max" in texts(root)[-1]
    paths = [path.get("class") for path in root.iter(f"{SVG}path")]
    assert {"cr-positive", "cr-negative"} <= set(paths)


def test_what_is_not_finite_is_loud(graphs):
    x = graphs.leaf([1.0, np.nan, np.inf] * 8, "x")
    root = parse(graphs.picture(sum_(x, (0,))))
    assert "! 8 NaN, 8 inf" in texts(root)
    alarms = [s.text for s in root.iter(f"{SVG}tspan") if "alarm" in s.get("class", "")]
    assert "NaN" in alarms


def test_a_derivative_that_is_not_finite_is_loud(graphs):
    root = parse(graphs.picture(log(graphs.leaf(0.0, "x"))))
    alarms = [s.text for s in root.iter(f"{SVG}tspan") if "alarm" in s.get("class", "")]
    assert alarms == ["inf", "-inf", "inf"]


def test_hovering_tells_type_place_and_statistics(graphs):
    root = parse(graphs.picture(graphs.network()))
    hover = [title.text for title in root.iter(f"{SVG}title")]
    (x,) = [text for text in hover if text.startswith("X\n")]
    assert "type: f64[3,2]" in x
    assert "made at lecture.py:3" in x
    assert any("Jacobian, 12 outputs × 6 inputs" in text for text in hover)


def test_without_values_types_are_drawn():
    x = Value(TensorType((3, 2), np.dtype(np.float32)), name="x")
    lines = texts(parse(describe([exp(x)])))
    assert lines[:4] == ["x", "(3, 2)", "exp(x)", "(3, 2)"]


def test_an_empty_tensor_is_drawn(graphs):
    x = graphs.leaf(np.zeros((0, 3)), "x")
    assert "empty" in texts(parse(graphs.picture(sum_(x, (0, 1)))))


def test_labels_of_the_same_input_twice_are_apart(graphs):
    x = graphs.leaf([[0.25], [0.5], [0.75]], "x")
    root = parse(graphs.picture(sum_(multiply(x, x), (0, 1))))
    first, second, *_ = boxes(root, "cr-pill")
    assert not overlap(first, second)


def test_a_very_large_graph_is_drawn_in_outline(graphs):
    y = graphs.leaf(1.0, "x")
    for _ in range(100_000):
        y = negate(y)
    picture = describe([y])
    root = parse(picture)
    assert len(boxes(root)) == 31
    assert "99,971 values share boxes" in texts(root)[-1]


def test_a_page_can_scroll_to_see_it_all(graphs):
    html = to_html(graphs.picture(graphs.lecture()))
    assert html.startswith('<div style="overflow-x:auto"><svg ')
    assert html.endswith("</svg></div>")
