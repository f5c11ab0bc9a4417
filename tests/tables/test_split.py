import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.tables import TableError, split


def sizes(parts):
    return len(parts.train), len(parts.validation), len(parts.test)


def rows_of(parts):
    return np.concatenate([parts.train, parts.validation, parts.test])


def refused(*args, **options):
    with pytest.raises(TableError) as error:
        split(*args, **options)
    return str(error.value)


def test_every_row_is_in_one_part():
    parts = split(1000)
    assert sizes(parts) == (700, 150, 150)
    assert sorted(rows_of(parts)) == list(range(1000))
    assert all(
        np.array_equal(part, np.sort(part)) for part in (parts.train, parts.test)
    )


def test_a_part_may_be_left_out():
    assert sizes(split(10, validation=0)) == (8, 0, 2)
    assert sizes(split(10, test=0)) == (8, 2, 0)
    assert sizes(split(1, validation=0, test=0)) == (1, 0, 0)


def test_the_seed_decides():
    assert np.array_equal(split(100, seed=1).test, split(100, seed=1).test)
    assert not np.array_equal(split(100, seed=1).test, split(100, seed=2).test)


def test_a_seed_means_the_same_rows_for_good():
    # written down: models that are saved today are evaluated on these rows later
    parts = split(12, validation=0.25, test=0.25, seed=7)
    assert parts.test.tolist() == [4, 6, 9]
    assert parts.validation.tolist() == [3, 10, 11]


def test_a_table_drawn_with_the_same_seed_is_parted_by_chance():
    drawn = np.random.default_rng(0).random(600)
    test = drawn[split(600, seed=0).test]
    assert abs(test.mean() - 0.5) < 4 * drawn.std() / np.sqrt(len(test))


def test_rows_are_drawn_evenly():
    drawn = np.zeros(20)
    for seed in range(400):
        drawn[split(20, validation=0, test=0.5, seed=seed).test] += 1
    assert np.abs(drawn / 400 - 0.5).max() < 0.1


def test_classes_keep_their_shares():
    labels = np.array(["a"] * 700 + ["b"] * 200 + ["c"] * 100)
    parts = split(labels)
    assert sizes(parts) == (700, 150, 150)
    for part in (parts.validation, parts.test):
        assert [(labels[part] == c).sum() for c in "abc"] == [105, 30, 15]


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b"] * 10,
        np.array([3, 7] * 10),
        np.array([0.0, 1.0] * 10),
        [True, False] * 10,
        pa.chunked_array([["a", "b"] * 10]),
        pa.chunked_array([pa.array(["a", "b"] * 10).dictionary_encode()]),
    ],
)
def test_labels_of_every_type(labels):
    parts = split(labels, validation=0.2, test=0.2)
    assert sizes(parts) == (12, 4, 4)
    assert [(part % 2).mean() for part in (parts.train, parts.test)] == [0.5, 0.5]
    again = split(20, validation=0.2, test=0.2, stratify=labels)
    assert np.array_equal(again.test, parts.test)


def test_rare_classes_are_in_every_part():
    labels = np.array([0] * 94 + [1] * 3 + [2] * 2 + [3])
    parts = split(labels)
    for part in (parts.train, parts.validation, parts.test):
        assert (labels[part] == 1).sum() == 1
    assert 2 in labels[parts.train]
    assert 3 in labels[parts.train]


@given(
    st.lists(st.integers(0, 5), min_size=8, max_size=80),
    st.sampled_from([0.0, 0.1, 0.2, 0.4]),
    st.sampled_from([0.0, 0.15, 0.3, 0.5]),
    st.integers(0, 2**32),
)
def test_any_classes(labels, validation, test, seed):
    labels = np.array(labels)
    try:
        parts = split(labels, validation, test, seed)
    except TableError:  # hardly a class has a second row
        assert np.bincount(labels).max() < 8
        return
    assert sorted(rows_of(parts)) == list(range(len(labels)))
    wanted = [p for p, n in ((parts.validation, validation), (parts.test, test)) if n]
    classes, counts = np.unique(labels, return_counts=True)
    for label, number in zip(classes, counts, strict=True):
        assert label in labels[parts.train]
        if number >= 3:
            assert all(label in labels[part] for part in wanted)
    for part, share in ((parts.validation, validation), (parts.test, test)):
        assert abs(len(part) - share * len(labels)) <= len(classes) + 1
        assert bool(len(part)) == bool(share)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test": 1.0}, "test=1.0 is not a share"),
        ({"test": 15}, "test=15 is not a share"),
        ({"validation": -0.1}, "validation=-0.1 is not a share"),
        ({"validation": float("nan")}, "validation=nan is not a share"),
        ({"validation": 0.5, "test": 0.5}, "leave no rows to train on"),
        ({"seed": -1}, "seed=-1"),
        ({"stratify": ["a"] * 9}, "not labels of shape (9,)"),
        ({"stratify": np.zeros((10, 1))}, "not labels of shape (10, 1)"),
        ({"stratify": np.arange(10) + 0.5}, "measured numbers, or missing"),
        ({"stratify": [0.0] * 9 + [float("nan")]}, "measured numbers, or missing"),
        ({"stratify": ["a", None] * 5}, "of several types"),
        ({"stratify": list(range(10))}, "10 rows are too few"),
    ],
)
def test_what_cannot_be_parted(options, message):
    assert message in refused(10, **options)


@pytest.mark.parametrize("rows", [1, 2])
def test_too_few_rows(rows):
    message = refused(rows)
    assert message.startswith(f"{rows} row")
    assert "too few to part" in message
    assert sizes(split(3)) == (1, 1, 1)


def test_no_rows():
    assert "no rows to part" in refused(0)
    assert "no rows to part" in refused([])
