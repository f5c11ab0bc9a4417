"""The gradient of each row's loss, as far as its length goes, from one backward pass.

The gradient of a weight is a sum over rows: `dW = sum over i of dL_i/dW`. The graph
says how the sum is formed, so it can be left out. For `y = x W` with `dW = x' dy`, that
of row `i` is the outer product of `x_i` and `dy_i`, which need not be formed to know
its length: `||dL_i/dW||**2 = ||x_i||**2 ||dy_i||**2`. Goodfellow 2015, "Efficient
per-example gradient computations".
"""

from math import prod

from chainrule import functions as F
from chainrule.ir import Value
from chainrule.ops.cast import Cast
from chainrule.ops.constant import Constant
from chainrule.ops.indexing import IndexAdd
from chainrule.ops.matmul import Matmul
from chainrule.ops.shape import Reshape, Transpose
from chainrule.ops.sums import Broadcast, Sum
from chainrule.tensor import Tensor, tensor


def row_squares(dW: Value, rows: int) -> Tensor | None:
    """`||dL_i/dW||**2` for each of the `rows`, of shape `(rows,)`.

    `dW` is the gradient of the sum of all `L_i` in a graph, as `gradients` makes it,
    where rows are the first axis of what is computed. `None` where the graph does not
    say how the rows are added up, as for a weight that is used twice.
    """
    operation = dW.operation
    if isinstance(operation, (Reshape, Transpose, Cast)):
        return row_squares(dW.inputs[0], rows)  # the same numbers, written otherwise
    if isinstance(operation, Matmul):
        return _of_product(dW.inputs[0], dW.inputs[1], rows)
    if isinstance(operation, Sum):
        return _of_sum(dW.inputs[0], operation.axes, rows)
    if isinstance(operation, IndexAdd):
        dy, *indices = dW.inputs
        if operation.axes == (0,) and len(indices) == 1:
            return _of_lookup(dy, indices[0], rows)
    if _is_zero(dW):
        return F.broadcast_to(tensor(0.0).astype(dW.type.dtype), (rows,))
    return None


def _of_product(xt: Value, dy: Value, rows: int) -> Tensor | None:
    """For `dW = x' dy`, where each row has one position or more in `x` and `dy`."""
    turned = isinstance(xt.operation, Transpose) and xt.type.rank == 2
    x = _by_row(xt.inputs[0], rows) if turned else None
    dz = _by_row(dy, rows)
    if x is None or dz is None:
        return None
    positions, inputs, outputs = x.shape[1], x.shape[2], dz.shape[2]
    if positions == 1:
        return _squares(x) * _squares(dz)
    if positions**2 > inputs * outputs:
        return _squares(F.matmul(F.swapaxes(x, 1, 2), dz))
    # The squared length of a sum is the sum of all products of its summands.
    return (_products(x) * _products(dz)).sum((1, 2))


def _of_sum(x: Value, axes: tuple[int, ...], rows: int) -> Tensor | None:
    """For `db = sum of x over axes`, the rows among them."""
    if 0 not in axes or x.shape[:1] != (rows,):
        return None
    others = tuple(axis for axis in axes if axis > 0)
    each = Tensor(x)
    return _squares(each.sum(others) if others else each)


def _of_lookup(dy: Value, index: Value, rows: int) -> Tensor | None:
    """For rows of `dW` that get what was looked up there, perhaps more than once."""
    if index.shape[:1] != (rows,):
        return None
    positions = prod(index.shape[1:])
    dz = Tensor(dy).reshape((rows, positions, -1))
    if positions == 1:
        return _squares(dz)
    at = Tensor(index).reshape((rows, positions))
    same = F.expand_dims(at, 1) == F.expand_dims(at, 2)
    return F.where(same, _products(dz), 0.0).sum((1, 2))


def _by_row(x: Value, rows: int) -> Tensor | None:
    """A matrix as `(rows, positions, columns)`, if its rows are those, or flattened."""
    if x.shape[0] == rows:
        return Tensor(x).reshape((rows, 1, x.shape[1]))
    if isinstance(x.operation, Reshape) and x.inputs[0].shape[:1] == (rows,):
        columns = x.shape[1]
        return Tensor(x.inputs[0]).reshape(
            (rows, x.type.size // columns // rows, columns)
        )
    return None


def _squares(x: Tensor) -> Tensor:
    """The sum of squares of each row."""
    return F.square(x.reshape((x.shape[0], -1))).sum(1)


def _products(x: Tensor) -> Tensor:
    """Of each row, the products of any two of its positions."""
    return F.matmul(x, F.swapaxes(x, 1, 2))


def _is_zero(dW: Value) -> bool:
    """Whether it is a constant of zeros: the weight does not take part."""
    while isinstance(dW.operation, Broadcast):
        dW = dW.inputs[0]
    return isinstance(dW.operation, Constant) and not dW.operation.data.any()
