"""Rows of inputs and targets, checked before anything is trained."""

import numpy as np
import pytest

from chainrule.training.data import Rows, class_weights, hold_out, rows

F32 = np.dtype(np.float32)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_reals_stay_as_they_are_and_are_read_as_the_network_wants_them(dtype):
    given = np.array([[1.5], [2.5]], dtype)
    data = rows(given, [1, 2], None, F32)
    assert data.X is given
    assert data.parts[0].dtype == data.input_dtype == np.float32
    assert data.parts[0].tolist() == [[1.5], [2.5]]


def test_rows_that_do_not_lie_one_after_the_other_are_copied_once():
    data = rows(np.ones((3, 2)).T, [1, 2], None, F32)
    assert data.X.flags.c_contiguous


def test_integers_are_kept():
    data = rows([[1.5], [2.5]], [1, 2], None, F32)
    assert data.y.dtype == np.int64
    assert rows(np.arange(4).reshape(2, 2), [0.5, 1.0], None, F32).X.dtype == np.int64


def test_labels_may_come_as_reals():
    assert rows([[1], [2]], [0.0, 1.0], None, F32, labels=True).y.dtype == np.int64
    assert rows([[1], [2]], [0.5, 1.0], None, F32, labels=True).y.dtype == np.float32


def test_batches_cover_all_rows_once():
    data = Rows(np.arange(7), np.arange(7), np.ones(7))
    batches = list(data.batches(3))
    assert [len(b) for b in batches] == [3, 3, 1]
    assert np.concatenate([b.X for b in batches]).tolist() == list(range(7))


def test_hold_out_parts_the_rows_and_follows_the_seed():
    data = Rows(np.arange(20), np.arange(20))
    train, held = hold_out(data, 0.25, seed=0)
    assert len(held) == 5
    assert sorted([*train.X, *held.X]) == list(range(20))
    assert hold_out(data, 0.25, seed=0)[1].X.tolist() == held.X.tolist()
    assert hold_out(data, 0.25, seed=1)[1].X.tolist() != held.X.tolist()


@pytest.mark.parametrize("fraction", [1.0, -0.1, 0.01])
def test_hold_out_refuses_empty_parts(fraction):
    with pytest.raises(ValueError, match="validation="):
        hold_out(Rows(np.arange(5), np.arange(5)), fraction, seed=0)


def test_balanced_weights_give_each_class_the_same_total():
    y = np.array([0, 0, 0, 1])
    weights = class_weights("balanced", y)
    assert weights[y == 0].sum() == pytest.approx(weights[y == 1].sum())
    assert weights.sum() == pytest.approx(len(y))
    assert class_weights([1.0, 5.0], y).tolist() == [1, 1, 1, 5]
    with pytest.raises(ValueError, match="balanced"):
        class_weights("even", y)


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [1.0, np.nan]])
def test_bad_weights(weights):
    with pytest.raises(ValueError, match="sample_weight"):
        rows([[1.0], [2.0]], [0, 1], weights, F32)


def test_rows_of_weight_0_are_left_out():
    data = rows([[1.0], [2.0], [3.0]], [0, 1, 2], [1, 0, 2], F32)
    assert data.X.ravel().tolist() == [1, 3]
    assert data.weights.tolist() == [1, 2]


def test_the_fingerprint_changes_with_any_number():
    X, y = np.arange(6.0).reshape(3, 2), np.arange(3)
    prints = {Rows(X, y).fingerprint(), Rows(X + 1, y).fingerprint()}
    prints |= {Rows(X, y + 1).fingerprint(), Rows(X, y, np.ones(3)).fingerprint()}
    assert len(prints) == 4
    assert Rows(X[:, ::-1], y).fingerprint() not in prints
    assert Rows(X.copy(), y).fingerprint() in prints
