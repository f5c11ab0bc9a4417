import numpy as np
import pytest

import chainrule as cr
from chainrule.differences import slope


@pytest.fixture
def check_parameters():
    """Compare gradients with respect to a module's parameters with differences.

    First order by `value_and_grad`, second order by `hessian_vector_product`, both
    along random directions, in float64.
    """

    def check(net, *inputs, tolerance=1e-6):
        rng = np.random.default_rng(0)
        parameters = net.parameters()
        weights = rng.normal(size=net(*inputs).shape)
        v = {name: rng.normal(size=p.shape) for name, p in parameters.items()}
        u = {name: rng.normal(size=p.shape) for name, p in parameters.items()}
        start = {name: p.numpy().copy() for name, p in parameters.items()}

        def loss(net):
            return (net(*inputs) * weights).sum()

        def along(t, f):
            for name, p in parameters.items():
                p.assign(start[name] + t * v[name])
            found = f()
            for name, p in parameters.items():
                p.assign(start[name])
            return found

        def projected():
            _, found = cr.value_and_grad(loss)(net)
            return sum((found[name].numpy() * u[name]).sum() for name in found)

        _, found = cr.value_and_grad(loss)(net)
        first = sum((found[name].numpy() * v[name]).sum() for name in found)
        products = cr.hessian_vector_product(loss)(net, v)
        second = sum((products[name].numpy() * u[name]).sum() for name in products)
        assert set(found) == set(parameters)
        for exact, f in ((first, lambda: float(loss(net))), (second, projected)):
            estimated = slope(lambda t, f=f: along(t, f))
            assert exact == pytest.approx(estimated, rel=tolerance, abs=tolerance)

    return check
