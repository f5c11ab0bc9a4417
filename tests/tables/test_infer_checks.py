"""What a column may not hold: named by column and rows, with advice."""

import numpy as np
import pytest

from chainrule.tables import infer_schema, read_table

N = 100
SIZE = [i + 0.5 for i in range(N)]
KIND = ["a", "b"] * (N // 2)


def test_sentences_are_refused_with_advice(understood, refused):
    review = "the {}th time that I ate here and it was fine"
    message = refused([review.format(i % 60) for i in range(N)])
    assert message.startswith("column 'c' holds free text, such as 'the 0th time")
    assert "drop it (drop=['c'], or --drop c)" in message
    assert "take it as categories" in message
    repeated = [review.format(i % 10) for i in range(N)]
    assert understood(repeated).kind == "category"
    names = [f"Dr. Ada {i} Lovelace" for i in range(N)]
    assert understood(names).kind == "identifier"


def test_a_word_among_numbers_is_named_with_its_row(understood, refused):
    numbers = [str(i) for i in range(N)]
    numbers[41] = "abc"
    message = refused(numbers)
    assert message.startswith("column 'c' holds numbers, but also 'abc' (row 42);")
    assert "missing=['abc']" in message
    assert understood(numbers, drop=["c"]).kind == "dropped"
    assert understood(numbers, kinds={"c": "category"}).kind == "category"


def test_a_word_for_missing_is_named_though_frequent(refused):
    values = [str(i) for i in range(60)] + ["unknown"] * 40
    assert "but also 'unknown' (rows 61, 62, 63, 64, 65 and 35 more)" in refused(values)
    table = read_table({"c": values, "kind": KIND}, missing=["unknown"])
    assert infer_schema(table, "kind").inputs[0].kind == "number"


def test_infinite_values_are_named_with_their_rows(refused):
    assert "'c' is infinite in rows 1 and 100" in refused([np.inf, *SIZE[:98], -np.inf])
    assert "'c' is infinite in row 2" in refused(["1", "1e999", *map(str, SIZE[:98])])
    codes = [1.0, np.inf] * 50
    assert "'c' is infinite in rows 2, 4" in refused(codes, kinds={"c": "category"})


@pytest.mark.parametrize("write", ["${:,}.00".format, "{} %".format, "{},5".format])
def test_numbers_with_signs_are_refused(refused, write):
    message = refused([write(i) for i in range(N)])
    assert "holds numbers written with signs, such as" in message


def test_other_values_are_refused(understood, refused):
    assert "column 'c' holds list<" in refused([[1]] * N)
    assert understood([[1]] * N, drop=["c"]).kind == "dropped"
