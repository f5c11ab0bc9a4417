import pytest

from chainrule.drawing.notation import Formula, formula_of, number_formula

a, b, c = Formula("a"), Formula("b"), Formula("c")


def write(operation, *operands):
    return formula_of(operation, list(operands))


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (write("subtract", a, write("subtract", b, c)), "a − (b − c)"),
        (write("subtract", write("subtract", a, b), c), "a − b − c"),
        (write("add", a, write("add", b, c)), "a + b + c"),
        (write("divide", a, write("multiply", b, c)), "a / (b·c)"),
        (write("multiply", write("add", a, b), c), "(a + b)·c"),
        (write("power", write("power", a, b), c), "(a^b)^c"),
        (write("power", a, write("add", b, c)), "a^(b + c)"),
        (write("matmul", a, write("matmul", b, c)), "a @ (b @ c)"),
        (write("negate", write("add", a, b)), "−(a + b)"),
        (write("negate", write("power", a, b)), "−a^b"),
        (write("relu", write("add", a, b)), "relu(a + b)"),
        (write("multiply", number_formula("2"), a), "2a"),
        (write("multiply", number_formula("2"), Formula("rate")), "2·rate"),
        (write("multiply", number_formula("2"), number_formula("3")), "2·3"),
        (write("multiply", number_formula("-2"), a), "-2·a"),
        (write("power", number_formula("-2"), a), "(-2)^a"),
    ],
)
def test_brackets_stand_where_they_are_needed(formula, text):
    assert formula.text == text


def test_a_long_formula_is_not_written():
    long = Formula("abcdefghijkl")
    assert write("add", long, long) is None


def test_a_formula_of_something_unwritten_is_not_written():
    assert write("add", a, None) is None
