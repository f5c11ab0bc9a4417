"""The user's tensor: NumPy's conventions, gradients, and what it refuses."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr


def lecture():
    x, y, z = (cr.tensor(v, name=n) for v, n in [(3.0, "x"), (-4.0, "y"), (5.0, "z")])
    return x, y, z, z * (2 * x + y)


def test_the_lectures_example():
    x, y, z, L = lecture()
    L.backward()
    assert L.item() == 10
    assert (x.grad.item(), y.grad.item(), z.grad.item()) == (10, 5, 2)


def test_backward_twice_gives_the_same_gradients():
    x, _, _, L = lecture()
    L.backward()
    L.backward()
    assert x.grad.item() == 10


def test_every_intermediate_has_a_gradient():
    x, y, z = (cr.tensor(v) for v in (3.0, -4.0, 5.0))
    inner = 2 * x + y
    (z * inner).backward()
    assert inner.item() == 2
    assert inner.grad.item() == 5


def test_grad_is_none_before_backward():
    assert cr.tensor(1.0).grad is None


def test_a_value_that_does_not_matter_has_gradient_zero():
    x = cr.tensor(2.0)
    (x.detach() * 3 + x * 0).backward()
    assert x.grad.item() == 0


def test_python_numbers_take_the_dtype_they_meet():
    x = cr.tensor([1.0, 2.0])
    assert x.dtype == np.float32
    assert (x * 2.5).dtype == np.float32
    assert (2**x).dtype == np.float32
    assert (cr.tensor([1, 2]) * 2).dtype == np.int64
    assert (cr.tensor(np.ones(2)) * 2).dtype == np.float64
    assert (x * np.float64(2)).dtype == np.float64


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_]
)
def test_arrays_keep_their_dtype(dtype):
    assert cr.tensor(np.ones(3, dtype)).dtype == dtype


def test_promotion_is_numpys():
    kinds = [np.float32, np.float64, np.int32, np.int64, np.uint8]
    for a in kinds:
        for b in kinds:
            got = cr.tensor(np.ones(2, a)) * cr.tensor(np.ones(2, b))
            assert got.dtype == (np.ones(2, a) * np.ones(2, b)).dtype


def test_numpy_on_the_left():
    x = cr.tensor(np.array([1.0, 2.0]))
    for got in (np.array([10.0, 20.0]) * x, np.float64(10) - x, np.ones((1, 2)) @ x):
        assert isinstance(got, cr.Tensor)


def test_data_is_a_copy_that_cannot_be_written():
    source = np.ones(3)
    x = cr.tensor(source)
    source[0] = 5
    assert x.tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="read-only"):
        x.numpy()[0] = 5


def test_array_protocols():
    x = cr.tensor(np.arange(6.0).reshape(2, 3))
    assert np.asarray(x).shape == (2, 3)
    assert np.array(x, np.float32).dtype == np.float32
    writable = np.array(x)
    writable[0, 0] = 7
    assert x[0, 0].item() == 0
    np.testing.assert_array_equal(np.from_dlpack(x), x.numpy())
    np.testing.assert_array_equal(cr.from_dlpack(np.arange(3.0)).numpy(), [0, 1, 2])


def test_broadcasting_errors_name_the_shapes():
    with pytest.raises(ValueError, match=r"add: the shapes \(2, 3\) and \(4,\)"):
        cr.tensor(np.ones((2, 3))) + cr.tensor(np.ones(4))


@pytest.mark.parametrize("text", ["abc", None, [[1.0], [2.0, 3.0]], 1j, object()])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(TypeError, match="cannot make a tensor"):
        cr.tensor(text)


def test_in_place_updates_are_refused_with_a_reason():
    x = cr.tensor([1.0, 2.0])
    with pytest.raises(TypeError, match=r"in place.*cr\.where"):
        x[0] = 3.0
    with pytest.raises(TypeError, match=r"in place.*assign"):
        x += 1.0


def test_backward_needs_one_real_number():
    with pytest.raises(ValueError, match="shape"):
        cr.tensor([1.0, 2.0]).backward()
    with pytest.raises(TypeError, match="no gradient"):
        cr.tensor(1).backward()


def test_backward_from_a_given_gradient():
    x = cr.tensor([1.0, 2.0])
    (x * x).backward([1.0, 10.0])
    assert x.grad.tolist() == [2, 40]


def test_a_long_chain():
    x = cr.tensor(1.0)
    y = x
    for _ in range(100_000):
        y = y + x
    y.backward()
    assert x.grad.item() == 100_001


def test_iteration_length_truth_and_conversion():
    x = cr.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert float(x[0, 1]) == 2
    assert bool(x[0, 0] > 0)
    assert f"{x[1, 1]:.2f}" == "4.00"
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x > 0)
    with pytest.raises(TypeError, match="no length"):
        len(cr.tensor(1.0))


def test_state_assign_and_checks():
    w = cr.Parameter([1.0, 2.0], name="w")
    loss = (w * w).sum()
    loss.backward()
    w.assign(w - 0.5 * w.grad)
    assert w.tolist() == [0, 0]
    assert w.grad is None
    with pytest.raises(ValueError, match=r"w has shape \(2,\), not \(3,\)"):
        w.assign([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="w has dtype float32, not float64"):
        w.assign(np.zeros(2))


def test_state_copies_are_independent():
    w = cr.Parameter([1.0], name="w")
    other = copy.deepcopy(w)
    w.assign([2.0])
    assert other.tolist() == [1]
    assert other.name == "w"


def test_values_know_the_users_line():
    x = cr.tensor(1.0)
    y = x + 1
    assert y.value.location.file == __file__


def test_nan_is_a_value():
    assert np.isnan(cr.log(cr.tensor(-1.0)).item())
    assert np.isnan(cr.relu(cr.tensor(np.nan)).item())


def test_repr():
    assert repr(cr.tensor([1.0, 2.5])) == "tensor([1. , 2.5])"
    assert repr(cr.tensor(np.ones(1))) == "tensor([1.], dtype=float64)"


def test_show_prints_the_graph(capsys):
    *_, L = lecture()
    L.backward()
    L.show()
    shown = capsys.readouterr().out
    for part in ("x", "y", "z", "10", "5", "-4"):
        assert part in shown
    assert "<svg" in L._repr_html_()
    assert L.to_svg().startswith("<svg")


def test_numpys_functions_take_tensors_and_keep_gradients():
    x = cr.tensor(np.array([1.0, 4.0]))
    y = np.sqrt(x) + np.absolute(-x) + np.negative(x) * np.float64(0) + np.exp(x) * 0
    assert isinstance(y, cr.Tensor)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [1.5, 1.25])
    with pytest.raises(TypeError, match=r"np\.arctan2.*np\.asarray"):
        np.arctan2(x, x)
    with pytest.raises(TypeError, match=r"np\.add"):
        np.add(x, x, out=np.zeros(2))


def test_booleans_combine_and_numbers_are_refused():
    x = cr.tensor([1.0, 2.0, 3.0])
    assert ((x > 1) & (x < 3)).tolist() == [False, True, False]
    assert ((x < 2) | np.array([False, False, True])).tolist() == [True, False, True]
    assert (~(x > 1)).tolist() == [True, False, False]
    with pytest.raises(TypeError, match="booleans"):
        cr.tensor([1, 2]) & 1


def test_copies_and_pickles_have_the_numbers_and_no_history():
    x = cr.tensor([1.0, 2.0], name="x")
    for _ in range(10_000):
        x = x + 0.0
    for copied in (pickle.loads(pickle.dumps(x)), copy.copy(x)):  # noqa: S301 - ours
        assert copied.tolist() == [1, 2]
        assert copied.value.inputs == ()
    assert copy.deepcopy(x) is x
    w = pickle.loads(pickle.dumps(cr.Parameter([1.0], name="w")))  # noqa: S301 - ours
    assert isinstance(w, cr.Parameter)
    assert w.name == "w"


def test_floor_division_is_numpys():
    x = np.array([7, -7, 5])
    assert (cr.tensor(x) // 2).tolist() == (x // 2).tolist()
    assert (20 // cr.tensor(x)).tolist() == (20 // x).tolist()
