"""Rearranging elements, against NumPy."""

import re

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr

RNG = np.random.default_rng(0)
SHAPES = [(), (0,), (1,), (4,), (2, 3), (2, 0, 3), (1, 3, 1), (2, 3, 4)]

arrays = hnp.arrays(
    np.int64,
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    elements=st.integers(0, 99),
)


def numbered(shape):
    return np.arange(np.prod(shape, dtype=int)).reshape(shape)


# --- reshape ----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6,), (3, 2), (-1,), (2, -1, 1), 6, (1, 1, 6)])
def test_reshape(matches, shape):
    x = numbered((2, 3))
    matches(cr.reshape(x, shape), x.reshape(shape))


def test_reshape_of_nothing(matches):
    matches(cr.reshape(np.zeros((0, 3)), (2, 0)), np.zeros((2, 0)))
    matches(cr.reshape(np.zeros((0, 3)), (-1, 3)), np.zeros((0, 3)))


def test_reshape_between_scalars_and_tensors(matches):
    matches(cr.reshape(np.float64(3), (1, 1)), [[3.0]])
    matches(cr.reshape(np.array([[3.0]]), ()), np.float64(3))


@pytest.mark.parametrize("shape", [(4,), (4, -1), (5,), (0, -1)])
def test_a_reshape_that_does_not_fit(shape):
    with pytest.raises(
        ValueError, match=r"the 6 elements of a tensor of shape \(2, 3\)"
    ):
        cr.reshape(numbered((2, 3)), shape)


@pytest.mark.parametrize("shape", [(-1, -1), (-2, 3)])
def test_a_reshape_to_no_shape(shape):
    with pytest.raises(ValueError, match="is no shape; one extent may be -1"):
        cr.reshape(numbered((2, 3)), shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_ravel(matches, shape):
    matches(cr.ravel(numbered(shape)), numbered(shape).ravel())


# --- the order of axes ------------------------------------------------------------


@given(x=arrays, data=st.data())
def test_transpose(matches, x, data):
    matches(cr.transpose(x), x.T)
    order = data.draw(st.permutations(range(x.ndim)))
    signs = data.draw(st.lists(st.booleans(), min_size=x.ndim, max_size=x.ndim))
    axes = [a - x.ndim if sign else a for a, sign in zip(order, signs, strict=True)]
    matches(cr.transpose(x, axes), x.transpose(axes))


@given(x=arrays.filter(lambda x: x.ndim > 0), data=st.data())
def test_swapaxes_and_moveaxis(matches, x, data):
    axes = st.integers(-x.ndim, x.ndim - 1)
    a, b = data.draw(axes), data.draw(axes)
    matches(cr.swapaxes(x, a, b), x.swapaxes(a, b))
    matches(cr.moveaxis(x, a, b), np.moveaxis(x, a, b))


def test_moving_several_axes(matches):
    x = numbered((2, 3, 4, 5))
    matches(cr.moveaxis(x, (0, 1), (-1, -2)), np.moveaxis(x, (0, 1), (-1, -2)))


def test_axes_that_do_not_fit():
    x = numbered((2, 3))
    with pytest.raises(ValueError, match=r"transpose: \(0, 0\) does not name each of"):
        cr.transpose(x, (0, 0))
    with pytest.raises(ValueError, match=r"transpose: \(0,\) does not name each of"):
        cr.transpose(x, (0,))
    with pytest.raises(ValueError, match=r"swapaxes: there is no axis 2"):
        cr.swapaxes(x, 0, 2)
    with pytest.raises(ValueError, match=r"moveaxis: 2 axes cannot move to 1 places"):
        cr.moveaxis(x, (0, 1), 0)


# --- axes of extent 1 -------------------------------------------------------------


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), ()])
def test_squeeze(matches, axis):
    x = numbered((1, 3, 1))
    matches(cr.squeeze(x, axis), x.squeeze(axis))


def test_squeezing_an_axis_that_is_longer():
    with pytest.raises(ValueError, match=r"squeeze: axis 1 .* has extent 3, not 1"):
        cr.squeeze(numbered((1, 3)), 1)


@pytest.mark.parametrize("axis", [0, 1, -1, (0, -1), (1, 2)])
def test_expand_dims(matches, axis):
    x = numbered((2, 3))
    matches(cr.expand_dims(x, axis), np.expand_dims(x, axis))


@given(x=arrays, data=st.data())
def test_broadcast_to(matches, x, data):
    narrow = tuple(data.draw(st.sampled_from([extent, 1])) for extent in x.shape)
    base = x[tuple(slice(0, extent) for extent in narrow)]
    shape = (2, *(x.shape if base.shape == narrow else base.shape))
    matches(cr.broadcast_to(base, shape), np.broadcast_to(base, shape))


def test_a_broadcast_that_does_not_fit():
    with pytest.raises(ValueError, match=r"\(2,\) does not broadcast to \(3,\)"):
        cr.broadcast_to(np.ones(2), 3)
    with pytest.raises(
        ValueError, match=r"broadcast_to: \(-1, 2\) has a negative extent"
    ):
        cr.broadcast_to(np.ones(2), (-1, 2))


# --- joining and cutting ----------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_concatenate(matches, axis):
    xs = [numbered((2, 2)), numbered((2, 2)) + 10.0, numbered((2, 2))]
    matches(cr.concatenate(xs, axis), np.concatenate(xs, axis))


def test_concatenate_with_nothing(matches):
    xs = [np.zeros((0, 3)), np.ones((2, 3))]
    matches(cr.concatenate(xs), np.concatenate(xs))
    matches(cr.concatenate([np.ones(2)]), np.ones(2))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_stack(matches, axis):
    xs = [numbered((2, 3)), numbered((2, 3)) + 10]
    matches(cr.stack(xs, axis), np.stack(xs, axis))


def test_stacked_numbers_make_a_vector(matches):
    x = cr.tensor(2.0, dtype=np.float64)
    matches(cr.stack([x, x * x, 1.0]), [2.0, 4.0, 1.0])


def test_joins_that_do_not_fit():
    a, b = np.ones((2, 3)), np.ones((3, 2))
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3, 2\) differ in more than"):
        cr.concatenate([a, b])
    with pytest.raises(ValueError, match=r"stack: the shapes \(2, 3\) and \(3, 2\)"):
        cr.stack([a, b])
    with pytest.raises(ValueError, match="concatenate needs at least one tensor"):
        cr.concatenate([])
    with pytest.raises(ValueError, match="stack them"):
        cr.concatenate([1.0, 2.0])


@pytest.mark.parametrize(
    ("sections", "axis"),
    [(3, 0), (2, 1), (1, -1), ([1, 4], 0), ([], 0), ([2, 1], 0), ([-2, 99], 0)],
)
def test_split(matches, sections, axis):
    x = numbered((6, 4))
    expected = np.split(x, sections, axis)
    parts = cr.split(x, sections, axis)
    assert len(parts) == len(expected)
    for part, array in zip(parts, expected, strict=True):
        matches(part, array)


@pytest.mark.parametrize("sections", [4, 0, -1])
def test_a_split_into_unequal_parts(sections):
    with pytest.raises(ValueError, match=r"split: axis 0 .* into -?\d equal parts"):
        cr.split(numbered((6, 4)), sections)


@pytest.mark.parametrize("shape", SHAPES)
def test_flip(matches, shape):
    x = numbered(shape)
    for axis in (None, *range(-len(shape), len(shape))):
        matches(cr.flip(x, axis), np.flip(x, axis))


@pytest.mark.parametrize("shape", [(0,), (1,), (5,), (2, 3), (0, 2)])
@pytest.mark.parametrize("shift", [0, 1, -1, 7, -12])
def test_roll(matches, shape, shift):
    x = numbered(shape)
    for axis in (None, *range(-len(shape), len(shape))):
        matches(cr.roll(x, shift, axis), np.roll(x, shift, axis))


# --- padding and repeating --------------------------------------------------------


@pytest.mark.parametrize("width", [1, (1, 2), ((0, 1), (2, 0)), 0, ((1,), (2,))])
@pytest.mark.parametrize("value", [0, 7])
def test_pad(matches, width, value):
    x = numbered((2, 3))
    expected = np.pad(x, width, constant_values=value)
    matches(cr.pad(x, width, value), expected)


def test_padding_with_infinity(matches):
    matches(cr.pad(np.ones(1), 1, -np.inf), [-np.inf, 1, -np.inf])


@pytest.mark.parametrize("width", [(1, 2, 3), -1, 1.5, "1"])
def test_a_padding_that_is_none(width):
    with pytest.raises(ValueError, match="pad: "):
        cr.pad(numbered((2, 3)), width)


@pytest.mark.parametrize("value", [0.5, np.nan, 1e30])
def test_a_padding_that_integers_do_not_have(value):
    with pytest.raises(TypeError, match=re.escape(f"pad: {value} is no int64")):
        cr.pad(numbered(3), 1, value)


@pytest.mark.parametrize("reps", [2, (2,), (2, 3), (1, 1), (0, 2), (2, 1, 3)])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)])
def test_tile(matches, shape, reps):
    matches(cr.tile(numbered(shape), reps), np.tile(numbered(shape), reps))


@pytest.mark.parametrize("repeats", [2, 0, 1, [2, 0, 3]])
def test_repeat(matches, repeats):
    x = numbered((2, 3))
    matches(cr.repeat(x, repeats, 1), np.repeat(x, repeats, 1))
    matches(cr.repeat(x[0], repeats), np.repeat(x[0], repeats))


def test_repeats_that_do_not_fit():
    with pytest.raises(ValueError, match=r"repeat: \[1, 2\] does not say how often"):
        cr.repeat(numbered(3), [1, 2])
    with pytest.raises(ValueError, match="negative number of copies"):
        cr.repeat(numbered(3), -1)
    with pytest.raises(ValueError, match="negative number of copies"):
        cr.tile(numbered(3), -1)


@pytest.mark.parametrize("k", [-4, -1, 0, 1, 4])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (2, 3, 2), (0, 2), (1, 1)])
def test_triangles(matches, shape, k):
    x = numbered(shape) + 1.0
    matches(cr.tril(x, k), np.tril(x, k))
    matches(cr.triu(x, k), np.triu(x, k))


def test_a_vector_has_no_triangle():
    with pytest.raises(ValueError, match=r"tril takes a matrix .* not shape \(3,\)"):
        cr.tril(np.ones(3))


# --- gradients --------------------------------------------------------------------

REARRANGED = {
    "reshape": lambda x: cr.reshape(x * x, (-1, 2)),
    "transpose": lambda x: cr.transpose(x * x),
    "broadcast_to": lambda x: cr.broadcast_to(x * x, (2, 4, 3)),
    "concatenate": lambda x: cr.concatenate([x * x, x], axis=1),
    "stack": lambda x: cr.stack([x * x, x]),
    "split": lambda x: cr.split(x * x, 2, axis=0)[1],
    "flip": lambda x: cr.flip(x * x),
    "roll": lambda x: cr.roll(x * x, 2),
    "pad": lambda x: cr.pad(x * x, 1),
    "tile": lambda x: cr.tile(x * x, (2, 2)),
    "repeat": lambda x: cr.repeat(x * x, [1, 0, 2], axis=1),
    "tril": lambda x: cr.tril(x * x),
}


@pytest.mark.parametrize("f", REARRANGED.values(), ids=REARRANGED)
def test_gradients(f):
    cr.check_gradients(f, RNG.normal(size=(4, 3)))


def test_what_changes_nothing_adds_nothing_to_the_graph():
    x = cr.tensor(np.ones((1, 3)))
    for y in (
        cr.reshape(x, (1, 3)),
        cr.transpose(x, (0, 1)),
        cr.squeeze(x, ()),
        cr.broadcast_to(x, (1, 3)),
        cr.roll(x, 3, 1),
        cr.pad(x, 0),
    ):
        assert y.value is x.value
