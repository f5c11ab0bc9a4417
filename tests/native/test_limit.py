"""What the machine can do at most."""

import numpy as np
import pytest

from chainrule.native import machine_code
from chainrule.native.limit import flops_per_second, kernel
from chainrule.native.target import host, named

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def test_it_is_a_rate_that_processors_have():
    rates = {dtype: flops_per_second(1, dtype) for dtype in (F32, F64)}
    assert all(1e8 < rate < 1e13 for rate in rates.values())
    # Twice as many numbers fit into a vector; others may have used the core meanwhile.
    assert rates[F32] > 0.5 * rates[F64]


def test_more_threads_than_one_run():
    assert flops_per_second(2, F32) > 0


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4", "aarch64"])
def test_the_loop_stays_in_registers(name):
    target = named(name)
    text = kernel(target, F32)
    assembly = machine_code.assembly(text, target)
    wanted = "fmla" if name == "aarch64" else "fmadd" if target.has_fma else "mulps"
    assert assembly.count(wanted) >= 12
    assert kernel(target, F32) == text


def test_one_measurement_serves_the_process():
    assert flops_per_second(1, F32) is flops_per_second(1, F32)
    assert host().lanes(F32) >= host().lanes(F64)
