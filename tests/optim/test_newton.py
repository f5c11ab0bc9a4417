import numpy as np
import pytest

from chainrule.optim.newton import (
    Curvature,
    Newton,
    SingularError,
    conjugate_gradients,
)


def bowl(n, seed=0, condition=1e3):
    """A quadratic loss, its curvature with and without the matrix, and `A`, `b`."""
    rng = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    A = (Q * np.geomspace(1, condition, n)) @ Q.T
    b = rng.normal(size=n) * 5

    def evaluate(x):
        return float(0.5 * x @ A @ x - b @ x), A @ x - b

    def exact(x):
        return Curvature(A.__matmul__, A.diagonal, A)

    def products(x):
        return Curvature(A.__matmul__, A.diagonal)

    return evaluate, exact, products, A, b


def logistic(n=200, p=6, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.geomspace(0.1, 10, p)
    y = rng.integers(0, 2, n)

    def evaluate(w):
        z = X @ w
        dz = (np.exp(-np.logaddexp(0, -z)) - y) / n
        return float(np.mean(np.logaddexp(0, z) - y * z)), X.T @ dz

    def curvature(w):
        p = np.exp(-np.logaddexp(0, -X @ w))
        H = (X.T * (p * (1 - p) / n)) @ X
        return Curvature(H.__matmul__, H.diagonal, H)

    return evaluate, curvature, p


def never(progress):
    return False


def flat(tolerance):
    return lambda progress: np.abs(progress.gradient).max() <= tolerance


def assert_lowest(evaluate, x, lasso, tolerance):
    """The conditions for the lowest point of a convex loss with an l1 penalty."""
    _, dx = evaluate(x)
    slack = np.where(
        x != 0, np.abs(dx + lasso * np.sign(x)), np.maximum(np.abs(dx) - lasso, 0)
    )
    assert slack.max() <= tolerance


def test_a_bowl_takes_one_exact_step():
    evaluate, exact, _, A, b = bowl(8)
    newton = Newton(flat(1e-8))
    there = newton.minimize(evaluate, exact, np.zeros(8))
    np.testing.assert_allclose(there.x, np.linalg.solve(A, b), rtol=1e-8)
    assert newton.steps == 1
    assert newton.converged


def test_a_bowl_by_products_alone():
    evaluate, _, products, A, b = bowl(8)
    newton = Newton(flat(1e-9))
    there = newton.minimize(evaluate, products, np.zeros(8))
    np.testing.assert_allclose(there.x, np.linalg.solve(A, b), rtol=1e-7)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("way", ["matrix", "products"])
@pytest.mark.parametrize("n", [1, 5, 60])
def test_a_bowl_with_an_l1_penalty(n, way, seed):
    evaluate, exact, products, _, _ = bowl(n, seed)
    lasso = np.abs(np.random.default_rng(seed).normal(size=n)) * 5
    lasso[0] = 0
    curvature = exact if way == "matrix" else products
    newton = Newton(flat(1e-7), iterations=500)
    there = newton.minimize(evaluate, curvature, np.zeros(n), lasso)
    assert newton.converged
    assert_lowest(evaluate, there.x, lasso, 1e-6)


def test_many_elements_become_0_at_once():
    evaluate, _, _, A, b = bowl(200, seed=3, condition=10)
    lasso = np.full(200, np.quantile(np.abs(b), 0.7))
    products = []

    def product(v):
        products.append(v)
        return A @ v

    newton = Newton(flat(1e-9))
    there = newton.minimize(
        evaluate, lambda x: Curvature(product, A.diagonal, A), np.ones(200), lasso
    )
    assert_lowest(evaluate, there.x, lasso, 1e-8)
    assert np.count_nonzero(there.x) < 100
    assert len(products) < 60


def test_what_a_strong_penalty_leaves_is_exactly_0():
    evaluate, exact, _, _, b = bowl(5)
    lasso = np.full(5, np.abs(b).max() * 1.01)
    newton = Newton(never)
    there = newton.minimize(evaluate, exact, np.ones(5), lasso)
    assert (there.x == 0).all()
    assert newton.converged


@pytest.mark.parametrize("strength", [0.0, 0.01, 0.1])
def test_logistic_loss_with_an_l1_penalty_converges_fast(strength):
    evaluate, curvature, p = logistic()
    lasso = np.full(p, strength)
    newton = Newton(flat(1e-12))
    there = newton.minimize(evaluate, curvature, np.zeros(p), lasso)
    assert_lowest(evaluate, there.x, lasso, 1e-11)
    assert newton.steps <= 12


def test_every_iteration_goes_down():
    evaluate, curvature, p = logistic()
    losses = []

    def seen(progress):
        losses.append(progress.loss)
        return False

    Newton(seen).minimize(evaluate, curvature, np.full(p, 3.0), np.full(p, 0.02))
    assert (np.diff(losses) <= 1e-15).all()


def test_where_nothing_is_lower_it_stops_and_has_converged():
    evaluate, curvature, p = logistic()
    newton = Newton(never, iterations=1000)
    newton.minimize(evaluate, curvature, np.zeros(p))
    assert newton.converged
    assert newton.steps < 20


def test_too_few_iterations():
    evaluate, curvature, p = logistic()
    newton = Newton(flat(1e-12), iterations=1)
    newton.minimize(evaluate, curvature, np.zeros(p))
    assert (newton.steps, newton.converged) == (1, False)


def test_no_iterations_leave_the_start():
    evaluate, curvature, p = logistic()
    newton = Newton(flat(1e-12), iterations=0)
    there = newton.minimize(evaluate, curvature, np.full(p, 0.5))
    assert (there.x == 0.5).all()
    assert not newton.converged


def test_a_valley_without_a_bottom_curvature_is_damped_or_refused():
    A = np.array([[1.0, 1.0], [1.0, 1.0]])
    b = np.array([2.0, 2.0])

    def evaluate(x):
        return float(0.5 * x @ A @ x - b @ x), A @ x - b

    def curvature(x):
        return Curvature(A.__matmul__, A.diagonal, A)

    there = Newton(flat(1e-8)).minimize(evaluate, curvature, np.zeros(2))
    np.testing.assert_allclose(A @ there.x, b, atol=1e-8)
    with pytest.raises(SingularError, match="no inverse"):
        Newton(flat(1e-8), damped=False).minimize(evaluate, curvature, np.zeros(2))


def test_units_do_not_make_a_matrix_singular():
    A = np.diag([1e-12, 1.0, 1e12])

    def evaluate(x):
        return float(0.5 * x @ A @ x - x.sum()), A @ x - 1

    def curvature(x):
        return Curvature(A.__matmul__, A.diagonal, A)

    newton = Newton(flat(1e-9), damped=False)
    there = newton.minimize(evaluate, curvature, np.zeros(3))
    np.testing.assert_allclose(there.x, [1e12, 1.0, 1e-12], rtol=1e-9)


def test_conjugate_gradients_need_as_many_steps_as_there_are_lengths():
    A = np.diag([1.0, 1.0, 7.0, 7.0, 7.0])
    asked = []

    def product(v):
        asked.append(v)
        return A @ v

    b = np.arange(1.0, 6.0)
    x = conjugate_gradients(product, b, lambda v: v, tolerance=1e-12)
    np.testing.assert_allclose(A @ x, b)
    assert len(asked) == 2


def test_conjugate_gradients_stop_where_nothing_curves():
    x = conjugate_gradients(np.zeros_like, np.ones(2), lambda v: v)
    assert (x == 1).all()
