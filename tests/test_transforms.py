"""Functions of functions, against each other and against finite differences."""

import numpy as np
import pytest

import chainrule as cr


def test_grad_nests():
    f = lambda x: x**4  # noqa: E731
    assert cr.grad(f)(2.0).item() == 32
    assert cr.grad(cr.grad(f))(2.0).item() == 48
    assert cr.grad(cr.grad(cr.grad(f)))(2.0).item() == 48


def test_gradients_follow_python_control_flow():
    def f(x):
        return x * x if x > 0 else -x

    assert cr.grad(f)(3.0).item() == 6
    assert cr.grad(f)(-3.0).item() == -1


def test_only_the_argument_counts_not_the_same_tensor_elsewhere():
    x = cr.tensor(3.0)
    assert cr.grad(lambda w: w * x)(x).item() == 3


def test_trees_and_several_arguments():
    params = {"W": np.ones((2, 2)), "b": (np.zeros(2), 1.0)}
    got = cr.grad(
        lambda p: (p["W"] * 3).sum() + (p["b"][0] * 2).sum() + p["b"][1] ** 2
    )(params)
    assert got["W"].tolist() == [[3, 3], [3, 3]]
    assert got["b"][0].tolist() == [2, 2]
    assert got["b"][1].item() == 2
    dx, dy = cr.grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 5.0)
    assert (dx.item(), dy.item()) == (5, 2)


def test_value_and_grad_with_aux():
    (y, aux), dx = cr.value_and_grad(lambda x: (x * x, {"x": x}), has_aux=True)(3.0)
    assert (y.item(), dx.item(), aux["x"].item()) == (9, 6, 3)


def test_results_have_no_history():
    w = cr.tensor(1.0)
    for _ in range(3):
        w = (w - 0.1 * cr.grad(lambda w: w * w)(w)).detach()
    assert w.value.inputs == ()
    assert cr.grad(lambda w: w * w)(w).value.inputs == ()


def test_modules_have_gradients_by_name():
    net = cr.nn.Dense(2, 3, rng=0)
    loss, grads = cr.value_and_grad(lambda net, x: (net(x) ** 2).sum())(
        net, np.ones((1, 2), np.float32)
    )
    assert {name: g.shape for name, g in grads.items()} == {"W": (2, 3), "b": (3,)}
    assert loss.item() > 0


def test_jvp_is_the_directional_derivative():
    rng = np.random.default_rng(0)
    W, v = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    x = rng.normal(size=(4, 3))
    f = lambda W: cr.tanh(cr.matmul(x, W))  # noqa: E731
    y, dy = cr.jvp(f)(W, v)
    h = 1e-6
    estimated = (f(W + h * v).numpy() - f(W - h * v).numpy()) / (2 * h)
    np.testing.assert_allclose(dy.numpy(), estimated, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(y.numpy(), f(W).numpy())


def test_jvp_of_several_outputs():
    (a, b), (da, db) = cr.jvp(lambda x: (x * x, 3 * x))(2.0, 1.0)
    assert [t.item() for t in (a, b, da, db)] == [4, 6, 4, 3]


def test_hessian_vector_product_is_the_hessian_times_the_vector():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(3, 3))
    x, v = rng.normal(size=3), rng.normal(size=3)
    f = lambda x: 0.5 * cr.sum(x * cr.matmul(A, x))  # noqa: E731
    got = cr.hessian_vector_product(f)(x, v)
    np.testing.assert_allclose(got.numpy(), 0.5 * (A + A.T) @ v)


def test_grad_inside_a_compiled_function():
    f = lambda x: (x**3).sum()  # noqa: E731
    compiled = cr.compile(cr.grad(f))
    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(compiled(x).numpy(), 3 * x**2)
    second = cr.compile(lambda x: cr.hessian_vector_product(f)(x, [1.0, 1.0]))
    np.testing.assert_allclose(second(x).numpy(), 6 * x)


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="one real number"):
        cr.grad(lambda x: x * 2)([1.0, 2.0])
    with pytest.raises(TypeError, match=r"2\.0 for 2"):
        cr.grad(lambda x: x * x)(2)
    with pytest.raises(TypeError, match="without the argument 1"):
        cr.grad(lambda x: x, argnums=1)(2.0)


def test_check_gradients_finds_a_wrong_gradient():
    cr.check_gradients(lambda x: cr.exp(x) * cr.sin(x), np.linspace(-1, 1, 5))
    with pytest.raises(AssertionError, match="order 1"):
        cr.check_gradients(lambda x: x * x.detach(), np.ones(3))
