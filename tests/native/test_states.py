"""States are assigned all at once, however they are written."""

import numpy as np
import pytest

import chainrule as cr

SHAPES = [(), (3,), (17, 5), (65, 65)]


def states(shape, count, dtype=np.float32):
    rng = np.random.default_rng(0)
    return [
        cr.State(np.asarray(10 * rng.normal(size=shape)).astype(dtype))
        for _ in range(count)
    ]


def check(change, shape, count=2, times=3, dtype=np.float32):
    """Compiled, `change(x, *states)` does to states what it does by itself."""
    x = np.asarray(np.random.default_rng(1).normal(size=shape)).astype(dtype)
    mine, other = states(shape, count, dtype), states(shape, count, dtype)
    compiled = cr.compile(lambda x: change(x, *mine))
    for _ in range(times):
        found = compiled(x)
        expected = change(cr.tensor(x), *other)
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=1e-4)
        if expected is not None:
            np.testing.assert_allclose(
                found.numpy(), expected.numpy(), rtol=2e-5, atol=1e-4
            )


@pytest.mark.parametrize("shape", SHAPES)
def test_update_in_place(shape):
    def change(x, a, b):
        a.assign(a * 0.5 + x)
        b.assign(b - a)

    check(change, shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_exchange(shape):
    def change(x, a, b):
        before = a + 0
        a.assign(b)
        b.assign(before)

    check(change, shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_exchange_three_ways_and_change(shape):
    def change(x, a, b, c):
        first, second = a + 0, b + 0
        a.assign(b * 2 + x)
        b.assign(c)
        c.assign(first - second)
        return first

    check(change, shape, 3)


def test_a_state_assigned_another():
    def change(x, a, b):
        a.assign(b)
        b.assign(b + x)

    check(change, (17, 5))


def test_one_state_goes_to_several():
    def change(x, a, b, c):
        before = a + 0
        a.assign(b + x)
        b.assign(before)
        c.assign(before)
        return before

    check(change, (17, 5), 3)


def test_two_states_assigned_the_same():
    def change(x, a, b):
        y = cr.tanh(a + b + x)
        a.assign(y)
        b.assign(y)
        return y

    check(change, (17, 5))


def test_assigned_twice_and_read_between():
    def change(x, a, b):
        a.assign(a + x)
        b.assign(b + a)
        a.assign(a * 2)
        return a + b

    check(change, (33,))


def test_assigned_an_input_or_a_constant():
    def change(x, a, b):
        a.assign(x)
        b.assign(cr.zeros(x.shape, dtype=x.dtype))
        return a - b

    check(change, (20,))


def test_read_where_it_is_not_written():
    """Each element needs others of the old value."""

    def turned(x, a, b):
        a.assign(a.T + x)
        b.assign(b[::-1])
        return a.sum()

    check(turned, (65, 65))

    def folded(x, a, b):
        a.assign(a / (1 + cr.abs(a).sum(axis=0)))
        b.assign(b - b.mean() + a)

    check(folded, (65, 65))

    def running(x, a, b):
        a.assign(cr.cumsum(a, axis=0) * 0.1)
        b.assign(cr.sort(b, axis=1))

    check(running, (17, 5))


def test_multiplied_by_itself():
    def change(x, a, b):
        a.assign((a @ a) * 0.001 + b)
        b.assign(cr.softmax(b @ a, axis=1))

    check(change, (40, 40), times=2)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64])
def test_other_dtypes(dtype):
    def change(x, a, b):
        a.assign(a + x)
        b.assign(a * b)

    check(change, (130,), dtype=dtype)


def test_returned_and_assigned_arrays_are_not_shared():
    (a,) = states((5,), 1)

    @cr.compile
    def step(x):
        a.assign(a + x)
        return a

    first = step(np.ones(5, np.float32)).numpy().copy()
    kept = a.numpy()
    returned = step(np.ones(5, np.float32))
    np.testing.assert_array_equal(kept, first)
    np.testing.assert_array_equal(returned.numpy(), first + 1)
