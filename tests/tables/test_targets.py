import datetime as dt

import numpy as np
import pytest

from chainrule.tables import TableError
from chainrule.tables.targets import ClassTarget, NumberTarget


@pytest.mark.parametrize(
    ("labels", "form", "dtype"),
    [
        (("a", "b"), "text", "<U1"),
        ((3, 7), "int", "int64"),
        ((False, True), "bool", "bool"),
        ((0.5, 1.5), "float", "float64"),
    ],
)
def test_labels_come_back_as_they_were(column, labels, form, dtype):
    target = ClassTarget("y", form, labels)
    values = column(labels[1], labels[0], labels[1])
    y = target.encode(values)
    assert y.tolist() == [1, 0, 1]
    assert y.dtype == np.int64
    assert target.decode(y).tolist() == values.to_pylist()
    assert target.decode(y).dtype == np.dtype(dtype)
    assert target.values(values).tolist() == values.to_pylist()


def test_labels_that_training_did_not_have(column):
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


def test_a_number_target(column):
    target = NumberTarget.fit("y", column(1.0, 3.0))
    assert target == NumberTarget("y", mean=2.0, sd=1.0)
    y = target.encode(column(1, 5))
    assert y.tolist() == [-1, 3]
    assert y.dtype == np.float32
    assert target.decode(y).tolist() == [1.0, 5.0]
    assert target.values(column(1.1)).tolist() == [1.1]
    with pytest.raises(TableError, match=r"'y' is more than 1,000,000 .* \(row 2\)"):
        target.encode(column(1.0, 1e300))


def test_no_target_has_a_standard_deviation_of_0():
    with pytest.raises(ValueError, match="standard deviation"):
        NumberTarget("y", 0.0, 0.0)


@pytest.mark.parametrize("transform", ["auto", "log1p", "yeo-johnson", "quantile"])
def test_a_transformed_target_comes_back_in_its_units(column, transform):
    values = np.random.default_rng(0).lognormal(3, 1, 500)
    target = NumberTarget.fit("y", column(*values), transform)
    y = target.encode(column(*values))
    assert y.std() == pytest.approx(1, abs=0.02)
    assert abs((y**3).mean()) < 0.2
    rough = 0.2 if transform == "quantile" else 1e-5
    assert target.decode(y) == pytest.approx(values, rel=rough)
    assert target.values(column(*values)).tolist() == values.tolist()


def test_a_target_out_of_reach_of_its_transform(column):
    target = NumberTarget.fit("y", column(0.0, 3.0, 50.0), "log1p")
    message = r"'y' is -2 in row 2, but log1p takes numbers above -1 only"
    with pytest.raises(TableError, match=message):
        target.encode(column(1.0, -2.0))
