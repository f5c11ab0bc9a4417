import numpy as np
import pyarrow as pa
import pytest

from chainrule.tables import TableError
from chainrule.tables.categories import (
    BooleanColumn,
    CategoryColumn,
    EmbeddedColumn,
    embedding_features,
)


def test_categories_by_frequency(column, encode):
    fitted = CategoryColumn.fit("c", column("b", "a", "c", "c"), most=50)
    assert fitted.inputs == ("c = c", "c = a", "c = b")
    assert encode(fitted, "a", "c") == ([[0, 1, 0], [1, 0, 0]], [])


def test_missing_categories_have_an_input(column, encode):
    fitted = CategoryColumn.fit("c", column("a", None), most=50)
    assert fitted.inputs == ("c = a", "c is missing")
    assert encode(fitted, None, "a", "?") == ([[0, 1], [1, 0], [0, 1]], [])


def test_rare_categories_share_an_input(column, encode):
    values = ["a"] * 4 + ["b"] * 3 + ["c", "d", "e", None]
    fitted = CategoryColumn.fit("c", column(*values), most=2)
    assert fitted.rare == ("c", "d", "e")
    assert fitted.inputs == ("c = a", "c = b", "c is another", "c is missing")
    X, findings = encode(fitted, "b", "d", "new", None)
    assert X == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert findings == [
        "column 'c': new category in row 3; 'new' counts as a rare category"
    ]


def test_a_lone_rare_category_keeps_its_input(column):
    fitted = CategoryColumn.fit("c", column("a", "b", "c"), most=2)
    assert fitted.inputs == ("c = a", "c = b", "c = c")


def test_new_and_missing_categories_are_told(column, encode):
    fitted = CategoryColumn.fit("c", column("a", "b"), most=50)
    X, findings = encode(fitted, "x", "a", "y", "x", None)
    assert X == [[0, 0], [1, 0], [0, 0], [0, 0], [0, 0]]
    none = "as none of the categories"
    assert findings == [
        f"column 'c': new categories in rows 1, 3 and 4; 'x' and 'y' count {none}",
        f"column 'c': missing in row 5; it counts {none}",
    ]
    assert encode(fitted, None, None)[0] == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("training", "now", "index"),
    [
        ((1, 2), (2.0, None), 1),
        ((1, 2), ("2", None), 1),
        ((1, 2), (True, None), 0),
        ((1.0, 2.5), (1, None), 0),
        ((False, True), ("TRUE", "x"), 1),
        ((False, True), (1, None), 1),
        (("false", "True"), (True, None), 0),
        (("07", "12", "x"), (12, None), 1),
    ],
)
def test_the_same_category_in_another_form(column, encode, training, now, index):
    fitted = CategoryColumn.fit("c", column(*training), most=50)
    assert encode(fitted, *now)[0][0][index] == 1


def test_no_category_is_half_a_number(column, encode):
    fitted = CategoryColumn.fit("c", column(1, 2), most=50)
    X, findings = encode(fitted, 2.5)
    assert X == [[0, 0]]
    assert "2.5 counts as none" in findings[0]
    with pytest.raises(TableError, match="now holds list"):
        encode(fitted, [1])


def test_declared_categories(column):
    values = column("a", "b", "a", kind=pa.dictionary(pa.int8(), pa.string()))
    fitted = CategoryColumn.fit("c", values, most=50)
    assert fitted == CategoryColumn.fit("c", column("a", "b", "a"), most=50)
    X = np.zeros((3, 2), np.float32)
    fitted.encode(values, X)
    assert X.tolist() == [[1, 0], [0, 1], [1, 0]]


def test_categories_of_few_rows_are_rare(column, encode):
    values = column(*"aaabbc", None)
    fitted = CategoryColumn.fit("c", values, most=50, least=2)
    assert fitted.categories == ("a", "b")
    assert fitted.rare == ("c",)
    assert encode(fitted, "c", "new")[0] == [[0, 0, 1, 0], [0, 0, 1, 0]]


# --- embedded ---


def test_the_numbers_of_categories(column, encode):
    fitted = EmbeddedColumn.fit("c", column(*"aaabbc", None), most=None, least=2)
    assert (fitted.inputs, fitted.count) == (("c (number)",), 4)
    X, findings = encode(fitted, "a", "b", "c", "new", None)
    assert X == [[1], [2], [0], [0], [3]]
    assert findings == [
        "column 'c': new category in row 4; 'new' counts as a rare category"
    ]


def test_what_is_missing_for_the_first_time_has_number_0(column, encode):
    fitted = EmbeddedColumn.fit("c", column(*"aab"), most=None)
    X, findings = encode(fitted, None, "b")
    assert X == [[0], [2]]
    assert findings == [
        "column 'c': missing in row 1; it counts as none of the categories"
    ]


def test_the_features_of_an_embedding():
    features = [embedding_features(count) for count in range(2, 5000)]
    assert features == sorted(features)
    assert (features[0], features[-1]) == (3, 35)
    assert embedding_features(10**9) == 64
    assert embedding_features(8) == 4


# --- true and false ---


@pytest.mark.parametrize(
    "values",
    [
        (True, False, True, None),
        ("yes", "NO", "Yes", None),
        ("T", "f", "t", "?"),
        (1, 0, 1, None),
        (1.0, 0.0, 1.0, None),
    ],
)
def test_true_and_false_however_they_are_written(column, encode, values):
    fitted = BooleanColumn.fit("b", column(*values))
    assert fitted.inputs == ("b", "b is missing")
    assert fitted.share == pytest.approx(2 / 3)
    expected = [[1, 0], [0, 0], [1, 0], [pytest.approx(2 / 3), 1]]
    for written in (values, (True, False, True, None), ("on", "off", "1", "")):
        assert encode(fitted, *written) == (expected, [])


def test_truth_that_is_missing_for_the_first_time(column, encode):
    fitted = BooleanColumn.fit("b", column("y", "n"))
    stands = "0.5 stands for it, the share of true in training"
    assert encode(fitted, None, "n") == (
        [[0.5], [0.0]],
        [f"column 'b': missing in row 1; {stands}"],
    )
    assert encode(fitted, None)[0] == [[0.5]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("y", "maybe", "perhaps"), r"now holds 'maybe' \(rows 2 and 3\)"),
        ((1, 2), r"now holds 2 \(row 2\)"),
        (([1],), "now holds list"),
    ],
)
def test_what_is_neither_true_nor_false(column, encode, values, message):
    fitted = BooleanColumn.fit("b", column("y", "n"))
    with pytest.raises(TableError, match=message):
        encode(fitted, *values)


def test_a_share_is_between_0_and_1():
    with pytest.raises(ValueError, match="a share of 2"):
        BooleanColumn("b", 2.0, flagged=False)
