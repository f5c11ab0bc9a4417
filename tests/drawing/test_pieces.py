from xml.etree import ElementTree as ET

import pytest

from chainrule.drawing.pieces import clean, heat_map, matrix, stack, words

NAN, INF = float("nan"), float("inf")


def paths(cells):
    """The class, the opacity and the number of cells of each colour."""
    return [
        (path.get("class"), float(path.get("fill-opacity")), path.get("d").count("M"))
        for path in heat_map(cells).element.iter("path")
    ]


def test_signs_have_their_colours():
    assert paths(((1.0, -1.0, 0.5), (0.0, 1.0, -0.5))) == [
        ("cr-negative", 0.5, 1),
        ("cr-negative", 1.0, 1),
        ("cr-positive", 0.5, 1),
        ("cr-positive", 1.0, 2),
    ]


def test_what_is_not_finite_has_its_own_colour():
    assert paths(((NAN, INF, 2.0),)) == [
        ("cr-alarm", 1.0, 2),
        ("cr-positive", 1.0, 1),
    ]


def test_zeros_are_left_blank():
    assert paths(((0.0, 0.0),)) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 16), (16, 1), (16, 16)])
def test_a_heat_map_is_never_larger_than_asked(shape):
    rows, columns = shape
    piece = heat_map(((1.0,) * columns,) * rows, 40.0)
    assert max(piece.width, piece.height) <= 40


def test_columns_of_numbers_line_up():
    lines = [text[0].text for text in matrix([["1", "-20"], ["300", "4"]], "").element]
    assert lines == ["  1  -20", "300    4"]


def test_pieces_are_stacked_in_the_middle():
    narrow, wide = words(("i", "")), words(("wide words", ""))
    both = stack([narrow, wide], 5)
    assert both.width == wide.width
    assert both.height == narrow.height + wide.height + 5
    middles = {text.get("x") for text in both.element}
    assert len(middles) == 1


def test_characters_that_xml_does_not_allow_are_replaced():
    text = "".join(map(chr, (*range(1, 160), 0xD800, 0xFFFE, 0xFFFF)))
    element = words((text, "")).element
    read = ET.fromstring(ET.tostring(element))  # noqa: S314 - we have just written it
    assert read.tag == "text"
    assert clean("a\x00b\ud800") == "a�b�"
