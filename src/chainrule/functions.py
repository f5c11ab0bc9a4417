"""The functions on tensors: `cr.exp`, `cr.sum`, `cr.softmax` and all the others.

Each is the function of the same name on values (see `chainrule.expressions`), with
its result wrapped as a tensor.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec

from chainrule.expressions import elementwise, indexing, product, reduce, shape
from chainrule.ir import Value
from chainrule.tensor import Tensor

P = ParamSpec("P")


def lift(function: Callable[P, Value]) -> Callable[P, Tensor]:
    """A function on values as one on tensors."""

    @wraps(function)
    def lifted(*args: P.args, **keywords: P.kwargs) -> Tensor:
        return Tensor(function(*args, **keywords))

    return lifted


def lift_all(
    function: Callable[P, Sequence[Value]],
) -> Callable[P, tuple[Tensor, ...]]:
    """A function that gives several values as one that gives several tensors."""

    @wraps(function)
    def lifted(*args: P.args, **keywords: P.kwargs) -> tuple[Tensor, ...]:
        return tuple(map(Tensor, function(*args, **keywords)))

    return lifted


# --- elementwise -----------------------------------------------------------------

add = lift(elementwise.add)
subtract = lift(elementwise.subtract)
multiply = lift(elementwise.multiply)
divide = lift(elementwise.divide)
negate = lift(elementwise.negate)
abs = lift(elementwise.abs)
sign = lift(elementwise.sign)
power = lift(elementwise.power)
square = lift(elementwise.square)
floor_divide = lift(elementwise.floor_divide)
remainder = lift(elementwise.remainder)
floor = lift(elementwise.floor)
ceil = lift(elementwise.ceil)
round = lift(elementwise.round)
exp = lift(elementwise.exp)
log = lift(elementwise.log)
log1p = lift(elementwise.log1p)
expm1 = lift(elementwise.expm1)
sqrt = lift(elementwise.sqrt)
rsqrt = lift(elementwise.rsqrt)
sin = lift(elementwise.sin)
cos = lift(elementwise.cos)
tanh = lift(elementwise.tanh)
sigmoid = lift(elementwise.sigmoid)
softplus = lift(elementwise.softplus)
erf = lift(elementwise.erf)
erfc = lift(elementwise.erfc)
relu = lift(elementwise.relu)
gelu = lift(elementwise.gelu)
silu = lift(elementwise.silu)
elu = lift(elementwise.elu)
selu = lift(elementwise.selu)
leaky_relu = lift(elementwise.leaky_relu)
hardtanh = lift(elementwise.hardtanh)
minimum = lift(elementwise.minimum)
maximum = lift(elementwise.maximum)
clip = lift(elementwise.clip)
less = lift(elementwise.less)
less_equal = lift(elementwise.less_equal)
greater = lift(elementwise.greater)
greater_equal = lift(elementwise.greater_equal)
equal = lift(elementwise.equal)
not_equal = lift(elementwise.not_equal)
logical_and = lift(elementwise.logical_and)
logical_or = lift(elementwise.logical_or)
logical_not = lift(elementwise.logical_not)
where = lift(elementwise.where)
isfinite = lift(elementwise.isfinite)
isnan = lift(elementwise.isnan)
detach = lift(elementwise.detach)


# --- reductions ------------------------------------------------------------------

sum = lift(reduce.sum)
mean = lift(reduce.mean)
var = lift(reduce.var)
std = lift(reduce.std)
max = lift(reduce.max)
min = lift(reduce.min)
argmax = lift(reduce.argmax)
argmin = lift(reduce.argmin)
prod = lift(reduce.prod)
cumsum = lift(reduce.cumsum)
cumprod = lift(reduce.cumprod)
all = lift(reduce.all)
any = lift(reduce.any)
logsumexp = lift(reduce.logsumexp)
softmax = lift(reduce.softmax)
log_softmax = lift(reduce.log_softmax)
norm = lift(reduce.norm)
normalize = lift(reduce.normalize)


# --- shape -----------------------------------------------------------------------

reshape = lift(shape.reshape)
ravel = lift(shape.ravel)
transpose = lift(shape.transpose)
swapaxes = lift(shape.swapaxes)
moveaxis = lift(shape.moveaxis)
squeeze = lift(shape.squeeze)
expand_dims = lift(shape.expand_dims)
broadcast_to = lift(shape.broadcast_to)
concatenate = lift(shape.concatenate)
stack = lift(shape.stack)
flip = lift(shape.flip)
pad = lift(shape.pad)
tile = lift(shape.tile)
repeat = lift(shape.repeat)
roll = lift(shape.roll)
tril = lift(shape.tril)
triu = lift(shape.triu)
split = lift_all(shape.split)


# --- products --------------------------------------------------------------------

matmul = lift(product.matmul)
dot = lift(product.dot)
outer = lift(product.outer)
einsum = lift(product.einsum)
tensordot = lift(product.tensordot)


# --- elements by position --------------------------------------------------------

take = lift(indexing.take)
gather = lift(indexing.gather)
scatter_add = lift(indexing.scatter_add)
one_hot = lift(indexing.one_hot)
argsort = lift(indexing.argsort)
sort = lift(indexing.sort)
topk = lift_all(indexing.topk)
