import datetime as dt
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.tables import MISSING, TableError
from chainrule.tables.arrow import tidy
from chainrule.tables.columns import (
    CategoryColumn,
    ClassTarget,
    NumberColumn,
    NumberTarget,
    moments,
    standardise,
)


def column(*values, kind=None):
    return tidy(pa.chunked_array([pa.array(values, kind)]), MISSING)


def encode(fitted, *values):
    values = column(*values)
    X = np.full((len(values), len(fitted.inputs)), np.nan, np.float32)
    findings = [str(finding) for finding in fitted.encode(values, X)]
    return X.tolist(), findings


# --- numbers ---


def test_numbers_have_mean_0_and_sd_1():
    values = np.random.default_rng(0).lognormal(3, 2, 1000)
    fitted = NumberColumn.fit("x", column(*values))
    z = np.array(encode(fitted, *values)[0])
    assert z.mean() == pytest.approx(0, abs=1e-6)
    assert z.std() == pytest.approx(1, rel=1e-6)


def test_missing_numbers_become_the_median_and_a_flag():
    fitted = NumberColumn.fit("x", column(1, 2, None, 9))
    assert fitted.inputs == ("x", "x is missing")
    assert (fitted.mean, fitted.median) == (4.0, 2.0)
    X, findings = encode(fitted, None, 4)
    assert X[0] == [pytest.approx((2 - 4) / fitted.sd), 1.0]
    assert X[1] == [0.0, 0.0]
    assert findings == []


def test_missing_numbers_that_training_had_none_of():
    fitted = NumberColumn.fit("x", column(1, 2, 9))
    assert encode(fitted, 4, None, None) == (
        [[0.0], [pytest.approx(-2 / fitted.sd)], [pytest.approx(-2 / fitted.sd)]],
        ["column 'x': missing in 2 rows; the median 2 stands for it"],
    )


def test_numbers_in_another_form():
    fitted = NumberColumn("x", mean=0.0, sd=1.0, median=0.0, flagged=False)
    assert encode(fitted, " 5 ", "1e1") == ([[5.0], [10.0]], [])
    assert encode(fitted, True, False) == ([[1.0], [0.0]], [])
    assert encode(fitted, None, None)[0] == [[0.0], [0.0]]
    with pytest.raises(
        TableError, match=r"'x' held numbers .* now holds 'a' \(rows 1 an"
    ):
        encode(fitted, "a", "1", "b")
    with pytest.raises(TableError, match="now holds date32"):
        encode(fitted, dt.date(2024, 1, 1))
    with pytest.raises(TableError, match="'x' is infinite in row 2"):
        encode(fitted, 1.0, math.inf)


def test_far_values_are_cut_and_told():
    fitted = NumberColumn.fit("x", column(1, 2))
    X, findings = encode(fitted, 1e308, -1e308, 2)
    assert X == [[1e6], [-1e6], [1.0]]
    (finding,) = findings
    assert finding == (
        "column 'x': far from any seen value in 2 rows; cut to 1,000,000 standard "
        "deviations from the mean"
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1e308, -1e308], (0.0, 1e308, 0.0)),
        ([1.7e308, 1.6e308, 1.5e308], (1.6e308, 8.16496580927726e306, 1.6e308)),
        ([5e-324, 1.5e-323], (1e-323, 5e-324, 1e-323)),
        ([0.1, 0.1, 0.1], (0.1, 1.0, 0.1)),
        ([-7.0], (-7.0, 1.0, -7.0)),
        ([1e16, 1e16 + 4], (1e16 + 2, 2.0, 1e16 + 2)),
    ],
)
def test_moments_of_any_size(values, expected):
    assert moments(np.array(values)) == pytest.approx(expected, rel=1e-14)


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=1, max_size=20))
def test_training_rows_are_finite_and_near(values):
    numbers = np.array(values)
    mean, sd, median = moments(numbers)
    assert sd > 0
    assert all(map(math.isfinite, (mean, sd, median)))
    z = standardise(numbers, mean, sd)
    assert np.abs(z).max() <= math.sqrt(len(values)) + 1


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=20))
def test_moments_are_numpys(values):
    numbers = np.array(values, float)
    mean, sd, median = moments(numbers)
    assert mean == pytest.approx(numbers.mean(), abs=1e-12)
    assert sd == pytest.approx(numbers.std() or 1.0, rel=1e-12)
    assert median == np.median(numbers)


# --- categories ---


def test_categories_by_frequency():
    fitted = CategoryColumn.fit("c", column("b", "a", "c", "c"), most=50)
    assert fitted.inputs == ("c = c", "c = a", "c = b")
    assert encode(fitted, "a", "c") == ([[0, 1, 0], [1, 0, 0]], [])


def test_missing_categories_have_an_input():
    fitted = CategoryColumn.fit("c", column("a", None), most=50)
    assert fitted.inputs == ("c = a", "c is missing")
    assert encode(fitted, None, "a", "?") == ([[0, 1], [1, 0], [0, 1]], [])


def test_rare_categories_share_an_input():
    values = ["a"] * 4 + ["b"] * 3 + ["c", "d", "e", None]
    fitted = CategoryColumn.fit("c", column(*values), most=2)
    assert fitted.rare == ("c", "d", "e")
    assert fitted.inputs == ("c = a", "c = b", "c is another", "c is missing")
    X, findings = encode(fitted, "b", "d", "new", None)
    assert X == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert findings == [
        "column 'c': new category in 1 row; 'new' counts as a rare category"
    ]


def test_a_lone_rare_category_keeps_its_input():
    fitted = CategoryColumn.fit("c", column("a", "b", "c"), most=2)
    assert fitted.inputs == ("c = a", "c = b", "c = c")


def test_new_and_missing_categories_are_told():
    fitted = CategoryColumn.fit("c", column("a", "b"), most=50)
    X, findings = encode(fitted, "x", "a", "y", "x", None)
    assert X == [[0, 0], [1, 0], [0, 0], [0, 0], [0, 0]]
    none = "as none of the categories"
    assert findings == [
        f"column 'c': new categories in 3 rows; 'x' and 'y' count {none}",
        f"column 'c': missing in 1 row; it counts {none}",
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
def test_the_same_category_in_another_form(training, now, index):
    fitted = CategoryColumn.fit("c", column(*training), most=50)
    assert encode(fitted, *now)[0][0][index] == 1


def test_no_category_is_half_a_number():
    fitted = CategoryColumn.fit("c", column(1, 2), most=50)
    X, findings = encode(fitted, 2.5)
    assert X == [[0, 0]]
    assert "2.5 counts as none" in findings[0]
    with pytest.raises(TableError, match="now holds list"):
        encode(fitted, [1])


def test_declared_categories():
    values = column("a", "b", "a", kind=pa.dictionary(pa.int8(), pa.string()))
    fitted = CategoryColumn.fit("c", values, most=50)
    assert fitted == CategoryColumn.fit("c", column("a", "b", "a"), most=50)
    X = np.zeros((3, 2), np.float32)
    fitted.encode(values, X)
    assert X.tolist() == [[1, 0], [0, 1], [1, 0]]


# --- targets ---


@pytest.mark.parametrize(
    ("labels", "form", "dtype"),
    [
        (("a", "b"), "text", "<U1"),
        ((3, 7), "int", "int64"),
        ((False, True), "bool", "bool"),
        ((0.5, 1.5), "float", "float64"),
    ],
)
def test_labels_come_back_as_they_were(labels, form, dtype):
    target = ClassTarget("y", form, labels)
    values = column(labels[1], labels[0], labels[1])
    y = target.encode(values)
    assert y.tolist() == [1, 0, 1]
    assert y.dtype == np.int64
    assert target.decode(y).tolist() == values.to_pylist()
    assert target.decode(y).dtype == np.dtype(dtype)
    assert target.values(values).tolist() == values.to_pylist()


def test_labels_that_training_did_not_have():
    target = ClassTarget("y", "text", ("a", "b"))
    with pytest.raises(TableError, match="'y' is 'c' in row 2; in training it was 'a'"):
        target.encode(column("a", "c"))
    with pytest.raises(TableError, match="now holds date32"):
        target.encode(column(dt.date(2024, 1, 1)))


def test_only_class_indices_are_decoded():
    target = ClassTarget("y", "text", ("a", "b"))
    assert target.decode([[0], [1]]).tolist() == [["a"], ["b"]]
    assert target.decode(np.array([], int)).shape == (0,)
    with pytest.raises(TableError, match="not float64; for probabilities"):
        target.decode([0.3])
    for wrong in (2, -1):
        with pytest.raises(TableError, match=f"0 to 1, but {wrong} is among them"):
            target.decode([0, wrong])


def test_a_number_target():
    target = NumberTarget.fit("y", column(1.0, 3.0))
    assert target == NumberTarget("y", mean=2.0, sd=1.0)
    y = target.encode(column(1, 5))
    assert y.tolist() == [-1, 3]
    assert y.dtype == np.float32
    assert target.decode(y).tolist() == [1.0, 5.0]
    assert target.values(column(1.1)).tolist() == [1.1]
    with pytest.raises(TableError, match=r"'y' is more than 1,000,000 .* \(row 2\)"):
        target.encode(column(1.0, 1e300))


def test_no_column_has_a_standard_deviation_of_0():
    with pytest.raises(ValueError, match="standard deviation"):
        NumberTarget("y", 0.0, 0.0)
    with pytest.raises(ValueError, match="standard deviation"):
        NumberColumn("x", 0.0, math.nan, 0.0, flagged=False)
