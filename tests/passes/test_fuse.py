"""Groups of graphs that are hard to take apart."""

import numpy as np
import pytest

from chainrule.ir import Graph, TensorType, Value
from chainrule.ops import add, flip, matmul, sin, tanh, transpose
from chainrule.passes.fuse import fuse
from chainrule.passes.generalise import Samples
from chainrule.passes.partition import Tiling, partition

F32 = np.dtype(np.float32)
LINKS = {
    "costly": tanh,
    "cheap": lambda y: add(y, y),
    "moved": lambda y: transpose(flip(y, (0,)), (1, 0)),
    "costly and moved": lambda y: transpose(sin(y), (1, 0)),
}


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("of_product", [True, False])
def test_chains_of_any_length(link, of_product):
    """Neither Python's stack nor a group grows with them."""
    x, w = (Value(TensorType((16, 16), F32)) for _ in range(2))
    y = matmul(x, w) if of_product else x
    for _ in range(3000):
        y = link(y)
    fused = fuse(Samples((Graph((x, w), (y,)),)))
    program = partition(fused, Tiling())
    assert sum(len(phase) for phase in program.phases) == len(fused.groups)
    assert max(len(group.values) for group in fused.groups) < 200


def test_a_group_comes_after_all_that_it_reads():
    x, w = (Value(TensorType((16, 16), F32)) for _ in range(2))
    y = x
    for i in range(200):
        y = tanh(matmul(y, w)) if i % 2 else add(y, transpose(tanh(y), (1, 0)))
    fused = fuse(Samples((Graph((x, w), (y,)),)))
    program = partition(fused, Tiling())
    done = set()
    for group in program.groups:
        for read, _ in fused.reads(group):
            home = fused.home.get(read)
            assert home is None or home is group or home in done
        done.add(group)
