"""`chainrule graph`."""

import re

import pytest


def test_values_and_gradients_are_drawn(chainrule):
    drawn = chainrule("graph", "z*(2*x+y)", "x=3", "y=-4", "z=5")
    assert drawn.code == 0
    for value in ("x = 3", "y = -4", "z = 5", "2x = 6", "2x + y = 2", "L = 10"):
        assert value in drawn.out
    for gradient in ("dL/dx = 10", "dL/dy = 5", "dL/dz = 2"):
        assert gradient in drawn.out
    assert drawn.err == ""


def test_a_formula_may_begin_with_a_minus(chainrule):
    drawn = chainrule("graph", "-log(x)", "x=1")
    assert drawn.code == 0
    assert re.search(r"d\S+/dx = -1\b", drawn.out)


def test_a_picture_is_written(chainrule, tmp_path):
    drawn = chainrule("graph", "x*x", "x=3", "--svg", "square.svg")
    assert drawn.code == 0
    assert "drawn to square.svg" in drawn.err
    assert (tmp_path / "square.svg").read_text().startswith("<svg")


def test_the_place_of_an_error_is_shown(chainrule):
    drawn = chainrule("graph", "z*(2*x + sigmod(y))", "x=3", "y=-4", "z=5")
    assert drawn.code == 2
    assert drawn.out == ""
    assert drawn.err.splitlines() == [
        "error: there is no function 'sigmod'; did you mean sigmoid?",
        "  z*(2*x + sigmod(y))",
        "           ^^^^^^",
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["x*y", "x=1"], "'y' has no value: add y=1.5, say"),
        (["x", "x=1", "y=1"], "'y' has a value, but the formula has x"),
        (["x", "x=1", "x=2"], "x is given two values"),
        (["x", "3"], "'3' is no value of a variable; write x=3"),
        (["x", "x=two"], "a number, or numbers in brackets"),
        (["2*x", "x=[1,2]"], "of shape (2,), and gradients start at one: take the sum"),
        (["x > 0", "x=1"], "true or false"),
        ([""], "the formula is empty"),
        ([], "Missing argument 'FORMULA'"),
    ],
)
def test_wrong_usage(chainrule, arguments, complaint):
    drawn = chainrule("graph", *arguments)
    assert drawn.code == 2
    assert complaint in drawn.err
    assert "Traceback" not in drawn.err


def test_what_is_out_of_its_domain_is_drawn_and_said(chainrule):
    drawn = chainrule("graph", "log(x)", "x=-1")
    assert drawn.code == 0
    assert "NaN" in drawn.out
    assert "note: the result is nan" in drawn.err


def test_a_picture_in_a_folder_that_is_not_there(chainrule):
    drawn = chainrule("graph", "x*x", "x=3", "--svg", "pictures/square.svg")
    assert drawn.code == 1
    assert "there is no folder pictures" in drawn.err
