import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule.optim import LBFGS
from chainrule.optim.line_search import Point, strong_wolfe


def rosenbrock(x):
    """The generalised valley of any dimension; its lowest point is at (1, ..., 1)."""
    a, b = 1 - x[:-1], x[1:] - x[:-1] ** 2
    dx = np.zeros_like(x)
    dx[:-1] = -2 * a - 400 * x[:-1] * b
    dx[1:] += 200 * b
    return float((a**2 + 100 * b**2).sum()), dx


def quadratic(n, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n, n))
    A = A @ A.T + 0.1 * np.eye(n)
    b = rng.normal(size=n)

    def evaluate(x):
        return float(0.5 * x @ A @ x - b @ x), A @ x - b

    return evaluate, np.linalg.solve(A, b)


@pytest.mark.parametrize("start", [[-1.2, 1.0], [0.0, 0.0], [5.0, -3.0], [-1.2] * 10])
def test_rosenbrock(start):
    optimizer = LBFGS()
    x, loss = optimizer.minimize(rosenbrock, start)
    np.testing.assert_allclose(x, np.ones(len(start)), atol=1e-6)
    assert loss < 1e-12
    assert optimizer.converged
    assert optimizer.steps < 120


@pytest.mark.parametrize("history", [1, 3, 10])
def test_a_quadratic_bowl(history):
    evaluate, lowest = quadratic(20)
    x, _ = LBFGS(history=history, loss_tolerance=0.0).minimize(evaluate, np.zeros(20))
    np.testing.assert_allclose(x, lowest, atol=1e-6)


def test_with_a_whole_history_it_takes_few_steps_on_a_quadratic():
    evaluate, _ = quadratic(5)
    optimizer = LBFGS(history=20)
    optimizer.minimize(evaluate, np.zeros(5))
    assert optimizer.steps <= 20


def test_every_iteration_goes_down():
    optimizer, x = LBFGS(), np.array([-1.2, 1.0])
    losses = [rosenbrock(x)[0]]
    for _ in range(20):
        x, loss = optimizer.iterate(rosenbrock, x)
        assert loss == rosenbrock(x)[0]
        losses.append(loss)
    assert np.all(np.diff(losses) < 0)


def test_it_goes_on_from_its_state_to_the_bit():
    whole, x = LBFGS(), np.array([-1.2, 1.0])
    for _ in range(9):
        x, _ = whole.iterate(rosenbrock, x)
    first, y = LBFGS(), np.array([-1.2, 1.0])
    for _ in range(4):
        y, _ = first.iterate(rosenbrock, y)
    saved = copy.deepcopy(first.state_dict())
    assert saved["slots"]["steps"].shape == (4, 2)
    first.iterate(rosenbrock, y)
    second = LBFGS()
    second.load_state_dict(saved)
    for _ in range(5):
        y, _ = second.iterate(rosenbrock, y)
    assert y.tobytes() == x.tobytes()


def test_a_fresh_state_comes_back():
    optimizer = LBFGS()
    other = LBFGS()
    other.load_state_dict(optimizer.state_dict())
    assert other.slot_arrays() == {}
    optimizer.minimize(rosenbrock, [1.0, 1.0])
    assert optimizer.reason == "the gradient is 0"
    other.load_state_dict(optimizer.state_dict())
    assert other.converged
    assert "steps" not in other.slot_arrays()


def test_it_does_not_evaluate_again_where_it_is():
    count = 0

    def counted(x):
        nonlocal count
        count += 1
        return quadratic(3)[0](x)

    optimizer, x = LBFGS(), np.zeros(3)
    x, _ = optimizer.iterate(counted, x)
    before = count
    optimizer.iterate(counted, x)
    assert count == before + 1  # the first step length fits, once there is a history


def test_it_stops_where_it_has_arrived():
    optimizer = LBFGS()
    x, loss = optimizer.minimize(rosenbrock, [1.0, 1.0])
    assert optimizer.converged
    assert (x == 1).all()
    assert optimizer.iterate(rosenbrock, x)[1] == loss
    # Somewhere else it starts again.
    optimizer.iterate(rosenbrock, np.zeros(2))
    assert not optimizer.converged


def test_it_stops_where_rounding_hides_any_further_descent():
    def flat(x):
        away = x - 0.3
        return float(np.float32(1e4) + np.float32((away**4).sum())), 4 * away**3

    optimizer = LBFGS(loss_tolerance=0.0, gradient_tolerance=0.0)
    x, _ = optimizer.minimize(flat, [2.5], iterations=50)
    assert optimizer.converged
    assert optimizer.reason == "no lower point was found along the gradient"
    assert abs(x[0] - 0.3) < 0.5


def test_the_loss_tolerance():
    optimizer = LBFGS(loss_tolerance=0.5)
    optimizer.minimize(rosenbrock, [-1.2, 1.0])
    assert optimizer.reason == "the loss no longer falls"


def test_infinite_losses_on_the_way_are_walked_around():
    def barrier(x):  # -log x - log(1 - x), infinite outside of (0, 1)
        inside = (x > 0) & (x < 1)
        if not inside.all():
            return np.inf, np.full_like(x, np.nan)
        return float(-(np.log(x) + np.log(1 - x)).sum()), -1 / x + 1 / (1 - x)

    x, _ = LBFGS(learning_rate=100.0).minimize(barrier, [1e-3, 0.99])
    np.testing.assert_allclose(x, [0.5, 0.5], atol=1e-6)


def test_a_start_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite where it starts"):
        LBFGS().iterate(lambda x: (np.nan, x), np.zeros(2))


def test_it_takes_no_batches():
    optimizer = LBFGS()
    assert optimizer.full_batch
    net = cr.nn.Dense(2, 1)
    optimizer.initialize(net)
    assert optimizer.states() == {}
    with pytest.raises(
        TypeError, match=r"LBFGS looks at the loss of all rows .* cr\.fit"
    ):
        optimizer.step(cr.value_and_grad(lambda n: n(np.ones((1, 2))).sum())(net)[1])


def test_other_parameters_another_history():
    optimizer = LBFGS()
    first, second = cr.nn.Dense(2, 1), cr.nn.Dense(2, 1)
    optimizer.initialize(first)
    optimizer.minimize(rosenbrock, [-1.2, 1.0])
    optimizer.initialize(first)
    assert optimizer.converged
    optimizer.initialize(second)
    assert not optimizer.converged
    assert optimizer.steps == 0
    assert optimizer.slot_arrays() == {}


@pytest.mark.parametrize("step", [1e-4, 0.1, 1.0, 50.0, 1e6])
def test_strong_wolfe_conditions_hold(step):
    for seed in range(5):
        x = np.random.default_rng(seed).normal(size=4)
        loss, gradient = rosenbrock(x)
        direction = -gradient / np.linalg.norm(gradient)
        slope = float(gradient @ direction)
        start = Point(0.0, x, loss, gradient, slope)
        found = strong_wolfe(rosenbrock, start, direction, step)
        assert found.loss <= loss + 1e-4 * found.step * slope
        assert abs(found.slope) <= 0.9 * abs(slope)
        np.testing.assert_array_equal(found.x, x + found.step * direction)


def test_a_line_without_a_lower_point_gives_none():
    def uphill(x):
        return float(np.abs(x).sum()), np.full_like(x, -1.0)  # a gradient that lies

    start = Point(0.0, np.zeros(1), 0.0, np.array([-1.0]), -1.0)
    assert strong_wolfe(uphill, start, np.ones(1), 1.0) is None


def test_a_line_that_falls_for_ever_gives_its_last_point():
    def plane(x):
        return float(-x.sum()), -np.ones_like(x)

    start = Point(0.0, np.zeros(1), 0.0, -np.ones(1), -1.0)
    found = strong_wolfe(plane, start, np.ones(1), 1.0)
    assert found.loss < -1e6


@pytest.mark.parametrize("options", [{"history": 0}, {"gradient_tolerance": -1.0}])
def test_nonsense_is_refused(options):
    with pytest.raises(ValueError, match="at least"):
        LBFGS(**options)


def test_the_inverse_of_a_bowl_as_preconditioner_takes_one_step():
    rng = np.random.default_rng(0)
    A = np.diag(np.geomspace(1e-3, 1e3, 8))
    b = rng.normal(size=8)
    optimizer = LBFGS(preconditioner=lambda g: g / np.diag(A))
    x, _ = optimizer.minimize(
        lambda x: (float(0.5 * x @ A @ x - b @ x), A @ x - b), np.zeros(8)
    )
    np.testing.assert_allclose(x, b / np.diag(A), rtol=1e-6)
    assert optimizer.steps <= 2


def test_any_preconditioner_leads_to_the_same_point():
    evaluate, lowest = quadratic(20)
    rng = np.random.default_rng(1)
    B = rng.normal(size=(20, 20))
    B = B @ B.T + np.eye(20)
    optimizer = LBFGS(preconditioner=B.__matmul__, loss_tolerance=0.0)
    x, _ = optimizer.minimize(evaluate, np.zeros(20))
    np.testing.assert_allclose(x, lowest, atol=1e-4)


def test_another_preconditioner_on_the_way():
    scales = np.geomspace(1e-3, 1e3, 8)

    def evaluate(x):
        return float(np.cosh(scales * x).sum()), scales * np.sinh(scales * x)

    def iterations(*, anew):
        optimizer = LBFGS(loss_tolerance=0, gradient_tolerance=1e-9)
        x, count = 2 / scales, 0
        while not optimizer.converged:
            bends = scales**2 * np.cosh(scales * x)
            optimizer.precondition(lambda g, bends=bends: g / bends, anew=anew)
            x, _ = optimizer.iterate(evaluate, x)
            count += 1
        assert np.abs(scales * x).max() < 1e-5
        return count

    newton = iterations(anew=True)
    assert newton < 10
    assert iterations(anew=False) < 2 * newton
