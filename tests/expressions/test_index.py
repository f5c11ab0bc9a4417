"""`x[key]` against NumPy, for every kind of key."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.expressions.index import index
from chainrule.ir import TensorType, Value

RNG = np.random.default_rng(0)

shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def numbered(shape):
    return np.arange(np.prod(shape, dtype=int)).reshape(shape)


@given(shape=shapes, data=st.data())
def test_basic_keys(matches, shape, data):
    x = numbered(shape)
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=True, max_dims=8))
    matches(cr.tensor(x)[key], x[key])


@st.composite
def keys(draw):
    """A shape, and a key of integers, slices, arrays, masks, `None` and `...`."""
    shape = draw(shapes)
    common = draw(st.sampled_from([(), (1,), (2,), (3, 1), (3, 2), (0,)]))
    kinds = st.sampled_from(["number", "slice", "array", "mask", "new", "..."])
    parts = []
    axis = 0
    has_ellipsis = False
    # What follows an ellipsis goes on until the last axis.
    while axis < len(shape) and (has_ellipsis or draw(st.booleans())):
        extent = shape[axis]
        kind = draw(kinds)
        if kind == "new":
            parts.append(None)
        elif kind == "..." and not has_ellipsis:
            parts.append(...)
            has_ellipsis = True
            axis += draw(st.integers(0, len(shape) - axis))
        elif kind == "slice":
            parts.append(draw(st.slices(extent)))
            axis += 1
        elif kind == "mask":
            rank = draw(st.integers(0, min(2, len(shape) - axis)))
            parts.append(draw(hnp.arrays(np.bool_, shape[axis : axis + rank])))
            axis += rank
        elif kind == "number" and extent:
            parts.append(draw(st.integers(-extent, extent - 1)))
            axis += 1
        elif kind == "array" and extent:
            elements = st.integers(-extent, extent - 1)
            array = draw(hnp.arrays(np.int64, common, elements=elements))
            parts.append(draw(st.sampled_from([array, array.tolist()])))
            axis += 1
    return shape, tuple(parts)


@settings(max_examples=500)
@given(case=keys())
def test_all_keys(matches, case):
    shape, key = case
    x = numbered(shape)
    try:
        expected = x[key]
    except IndexError:  # the masks pick different numbers of elements
        with pytest.raises(IndexError, match="do not broadcast together"):
            cr.tensor(x)[key]
    else:
        matches(cr.tensor(x)[key], expected)


def repr_of(part):
    """A short name for a key, or for what is said of it."""
    return f"array{part.shape}" if isinstance(part, np.ndarray) else str(part)[:40]


X = numbered((3, 4, 5))


@pytest.mark.parametrize(
    "key",
    [
        (slice(None), 0, [0, 1]),
        (0, slice(None), [0, 1]),
        ([0, 1], slice(None), [0, 1]),
        ([0, 1], ..., [0, 1]),
        (slice(None), [0, 1], ..., [0, 1]),
        (slice(None), [0, 1], None, [0, 1]),
        (None, [0, 1], [0, 1]),
        ([[0], [1]], [0, 1, 2]),
        (slice(None, None, -2), [2, 0], slice(4, 0, -3)),
        True,
        False,
        (True, [0, 1]),
        (np.bool_(True), 0),
        np.array(1),
        (np.array(1), slice(None), np.int8(-1)),
        [],
        ([], slice(None), [0]),
        range(2),
        X % 2 == 0,
        (X[:, :, 0] % 2 == 0, slice(1, 3)),
        np.array([255], np.uint8) - np.uint8(253),
        np.array([2], np.uint64),
    ],
    ids=repr_of,
)
def test_where_the_picked_axes_go(matches, key):
    matches(cr.tensor(X)[key], X[key])


def test_tensors_as_keys(matches):
    x = cr.tensor(X)
    rows, row, mask = cr.tensor([2, -1]), cr.tensor(1), x > 20
    matches(x[rows], X[[2, -1]])
    matches(x[:, row, rows], X[:, 1, [2, -1]])
    matches(x[row], X[1])
    matches(x[mask], X[X > 20])
    matches(x[x[:, 0, 0] > 10, 1:], X[X[:, 0, 0] > 10, 1:])


def test_the_class_each_row_belongs_to(matches):
    log_p = RNG.normal(size=(4, 3))
    y = np.array([2, 0, 1, 1])
    picked = cr.tensor(log_p)[np.arange(4), cr.tensor(y)]
    matches(picked, log_p[np.arange(4), y])
    assert picked.value.operation.name == "take"


# --- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (3, "index 3 is out of bounds for axis 0 of extent 3"),
        (-4, "index -4 is out of bounds for axis 0 of extent 3"),
        ((slice(None), 4), "index 4 is out of bounds for axis 1 of extent 4"),
        ((0, [1, 7]), "index 7 is out of bounds for axis 1 of extent 4"),
        ((..., [[-6]]), "index -6 is out of bounds for axis 2 of extent 5"),
        ((0, 0, 0, 0), r"has 3 axes, and the key is for 4"),
        ((..., 0, ...), "only one ellipsis"),
        (1.0, "not 1.0"),
        ("column", "not 'column'"),
        ([0.5], "indices are integers, not float64"),
        (([0, 1], [0, 1, 2]), r"\(2,\), \(3,\), which do not broadcast together"),
        (np.ones(4, bool), r"a mask of shape \(4,\) does not fit extents \(3,\)"),
        (np.ones((3, 3), bool), r"\(3, 3\) does not fit extents \(3, 4\)"),
    ],
    ids=repr_of,
)
def test_keys_that_do_not_fit(key, said):
    with pytest.raises(IndexError, match=said):
        cr.tensor(X)[key]


def test_a_tensor_out_of_bounds():
    with pytest.raises(
        IndexError, match="index 7 is out of bounds for axis 1 of extent 4"
    ):
        cr.tensor(X)[:, cr.tensor([0, 7])]


def test_a_slice_without_a_step():
    with pytest.raises(ValueError, match="step"):
        cr.tensor(X)[::0]


def test_a_mask_that_is_not_known_yet():
    x = Value(TensorType((3,), np.dtype(np.float32)))
    mask = Value(TensorType((3,), np.dtype(np.bool_)))
    with pytest.raises(IndexError, match=r"choose with cr\.where\(mask, x, 0\)"):
        index(x, mask)


# --- gradients --------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        1,
        (slice(None, None, -2), slice(1, 4, 2)),
        (..., None, 0),
        [0, 2, 0, -1],
        ([0, 1, 0], slice(None), [1, 1, 1]),
        X % 3 == 0,
    ],
    ids=repr_of,
)
def test_gradients(key):
    cr.check_gradients(lambda x: (x * x)[key], RNG.normal(size=X.shape))


def test_what_is_read_twice_gets_both_gradients():
    gradient = cr.grad(lambda x: cr.sum(x[[0, 2, 0]]))(np.zeros(3))
    assert gradient.tolist() == [2, 0, 1]


def test_everything_adds_nothing_to_the_graph():
    x = cr.tensor(X)
    for key in (..., (), slice(None), (slice(0, 3), ...)):
        assert x[key].value is x.value
