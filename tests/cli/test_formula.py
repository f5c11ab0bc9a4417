"""Formulas: what they compute, and where they are wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.cli.formula import FUNCTIONS, Formula, FormulaError, parse_variable


def compute(text, *values):
    variables = [parse_variable(value) for value in values]
    return Formula(text)({v.name: v for v in variables})


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("z*(2*x + y)", ["x=3", "y=-4", "z=5"], 10),
        ("x**2 - 3*x / 2 + 7 % 4", ["x=3"], 7.5),
        ("-x + +y", ["x=1", "y=2"], 1),
        ("2**3 * x", ["x=1"], 8),
        ("where(x > 0, x, 0.1*x)", ["x=-3"], -0.3),
        ("maximum(x, y)", ["x=1", "y=2"], 2),
        ("clip(x, 0, 1)", ["x=7"], 1),
        ("log(exp(x))", ["x=1.25"], 1.25),
        ("sum(W @ x)", ["x=[1, 2]", "W=[[1, 2], [3, 4]]"], 16),
        ("sum(sum(W, axis=0) * [1, -1])", ["W=[[1, 2], [3, 5]]"], -3),
        ("sum(softmax(x, -1))", ["x=[1, 2]"], 1),
        ("e**x * pi", ["x=0"], np.pi),
        ("e * x", ["x=2", "e=3"], 6),
        ("u = 2*x + y; L = z*u", ["x=3", "y=-4", "z=5"], 10),
        ("x\n+ 1;", ["x=1"], 2),
        ("Größe * 2", ["Größe=4"], 8),
    ],
)
def test_values(text, values, expected):
    if "\n" in text:  # a line is a formula of its own
        with pytest.raises(FormulaError):
            compute(text, *values)
        return
    assert compute(text, *values).item() == pytest.approx(expected)


def test_everything_is_float64_and_has_a_gradient():
    x = parse_variable("x=2")
    y = Formula("x**3")({"x": x})
    y.backward()
    assert y.dtype == np.float64
    assert x.grad.item() == 12


def test_parts_with_a_name_keep_it_in_the_graph():
    assert compute("u = 2*x; L = u*u", "x=1").name == "L"


@given(st.floats(-5, 5), st.floats(-5, 5))
def test_python_agrees(x, y):
    text = "x*y - (x + 2.5)*(y - x)/4"
    expected = x * y - (x + 2.5) * (y - x) / 4
    found = compute(text, f"x={x!r}", f"y={y!r}").item()
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_can_be_called(name):
    arguments = {
        "where": "x > 0, x, x",
        "clip": "x, 0, 1",
        **dict.fromkeys(("maximum", "minimum", "power", "dot", "matmul"), "x, x"),
    }
    assert compute(f"{name}({arguments.get(name, 'x')})", "x=[0.5, 0.25]").size


@pytest.mark.parametrize(
    ("text", "values", "complaint", "place"),
    [
        ("z*(2x + y)", [], "a product is written with *: 2*x", "2x"),
        ("z*(2*x + y", [], "'(' was never closed", "("),
        ("x +", ["x=1"], "this is not a formula", ""),
        ("x y", ["x=1"], "this is not a formula", "y"),
        ("z*(2*x + w)", ["x=1", "z=1"], "'w' has no value: add w=1.5, say", "w"),
        ("a*b", [], "'a', 'b' have no value: add a=1.5 b=1.5, say", "a"),
        ("é*w", ["é=1"], "'w' has no value", "w"),
        ("sigmod(x)", ["x=1"], "did you mean sigmoid?", "sigmod"),
        ("ln(x)", ["x=1"], "did you mean log?", "ln"),
        ("frobnicate(x)", ["x=1"], "there is no function 'frobnicate'; exp", "frob"),
        ("x(3)", ["x=1"], "a product is written with *: x*", "x"),
        ("2(x)", ["x=1"], "a product is written with *", "2(x)"),
        ("x^2", ["x=1"], "x**2, not x^2", "x^2"),
        ("x // 2", ["x=1"], "write x / y", "x // 2"),
        ("x.sum()", ["x=1"], "write sum(x), not x.sum()", "x.sum"),
        ("x[0]", ["x=[1]"], "single elements", "x[0]"),
        ("x if x else 1", ["x=1"], "where(x > 0, x, 0)", "x if"),
        ("x and 1", ["x=1"], "where inside where", "x and 1"),
        ("1 < x < 3", ["x=1"], "a comparison has two sides", "1 < x < 3"),
        ("~x", ["x=1"], "cannot hold this", "~x"),
        ("lambda: 1", [], "cannot hold this", "lambda"),
        ("[x, 1] * 2", ["x=1"], "brackets hold numbers only", "x"),
        ("sum([1, [2]])", [], "same number of entries", "[1, [2]]"),
        ("sum([])", [], "no number in these brackets", "[]"),
        ("(x, 1)", ["x=1"], "written in brackets", "(x, 1)"),
        ("'a'", [], "numbers, not this", "'a'"),
        ("True", [], "numbers, not this", "True"),
        ("1j", [], "numbers, not this", "1j"),
        ("f'{x}'", ["x=1"], "cannot hold this", "f'"),
        ("(y := 1)", [], "cannot hold this", "y := 1"),
        ("9**9**9 * x", ["x=1"], "this is inf", "9**9**9"),
        ("x * (1/0)", ["x=1"], "this is inf", "1/0"),
        ("1e999 * x", ["x=1"], "too large", "1e999"),
        (f"{'9' * 400} * x", ["x=1"], "too large", "9"),
        ("exp(x, x)", ["x=1"], "exp is called as exp(x)", "exp(x, x)"),
        ("exp(*x)", ["x=1"], "one by one", "*x"),
        ("exp(**x)", ["x=1"], "exp is called as exp(x)", "exp(**x)"),
        ("max(x, y)", ["x=1", "y=2"], "maximum(x, y)", "max(x, y)"),
        ("sum(x, 0.5)", ["x=[1]"], "over an axis", "sum"),
        ("sum(W @ x)", ["x=[1, 2, 3]", "W=[[1, 2]]"], "matmul", "W @ x"),
        ("x; y", ["x=1", "y=1"], "only the last formula", "x"),
        ("u = 1; u = 2", [], "'u' has a value already", "u"),
        ("u = x; x = u", ["x=1"], "'x' has a value already", "x"),
        ("x[0] = 1", ["x=1"], "only a name", "x[0]"),
        ("import os", [], "this is not a formula", "import os"),
    ],
)  # fmt: skip
def test_what_is_wrong_and_where(text, values, complaint, place):
    with pytest.raises(FormulaError) as caught:
        compute(text, *values)
    error = caught.value
    assert complaint in error.message
    if place:
        assert text[error.start : error.end].startswith(place[:1])
        assert text.startswith(place, error.start)
        line, carets = error.pointer().splitlines()
        assert carets.strip("^ ") == ""
        assert line[carets.index("^") :].startswith(place[:1])


def test_a_value_that_is_not_used():
    with pytest.raises(FormulaError, match="'y' has a value, but the formula has x"):
        compute("x", "x=1", "y=2")
    with pytest.raises(FormulaError, match="but the formula has no variable"):
        compute("3*4", "y=2")


@pytest.mark.parametrize("text", ["", "  ", "x\0", "x" * 20_000])
def test_what_cannot_be_read(text):
    with pytest.raises(FormulaError) as caught:
        compute(text, "x=1")
    assert caught.value.pointer() == ""


@pytest.mark.parametrize("text", ["-" * 3000 + "x", "+".join("x" * 4000)])
def test_a_deep_formula_is_refused_not_crashed(text):
    with pytest.raises(FormulaError, match=r"nested|too many"):
        compute(text, "x=1")


def test_nothing_is_executed():
    for text in ("__import__('os').system('true')", "open('x')", "x.__class__"):
        with pytest.raises(FormulaError):
            compute(text, "x=1")


def test_a_long_formula_is_shown_around_the_place():
    text = "x + " * 100 + "w"
    with pytest.raises(FormulaError) as caught:
        compute(text, "x=1")
    line, carets = caught.value.pointer().splitlines()
    assert line.startswith("…")
    assert line[carets.index("^")] == "w"
    assert len(line) < 70


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x=3", 3),
        (" x = -1e-3 ", -1e-3),
        ("x=pi/2", np.pi / 2),
        ("x=[1, 2.5]", [1, 2.5]),
        ("x=[[1, 2], [3, -4]]", [[1, 2], [3, -4]]),
        ("x=sqrt(2)", np.sqrt(2)),
    ],
)
def test_variables(text, expected):
    x = parse_variable(text)
    assert x.name == "x"
    np.testing.assert_allclose(x.numpy(), expected)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("3", "write x=3"),
        ("x=", "write x=3"),
        ("3=x", "cannot be the name"),
        ("x=y", "a number, or numbers in brackets"),
        ("x=y=3", "a number, or numbers in brackets"),
        ("x==3", "not a formula"),
        ("x=[1, 2", "was never closed"),
        ("x=1, 2", "written in brackets"),
        ("x=nan", "a number, or numbers in brackets"),
    ],
)
def test_variables_that_make_no_sense(text, complaint):
    with pytest.raises(FormulaError) as caught:
        parse_variable(text)
    assert complaint in caught.value.message
    assert caught.value.text == text
