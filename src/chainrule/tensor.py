"""`Tensor`: what users compute with, eagerly or while a function is traced.

A tensor stands for one value of the graph. In eager use the value is computed at
once and remembered, so the tape that gradients need *is* the graph. While a function
is traced, nothing is computed: the values have no data yet.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import DTypeLike

from chainrule.expressions import elementwise, index, product, reduce, shape
from chainrule.expressions.promote import HasValue, Operand, as_array, as_value, cast_to
from chainrule.ir import Array, DType, Graph, TensorType, Value, dtype_name, topological
from chainrule.ops import full_like
from chainrule.passes import evaluate, gradients, interpret
from chainrule.trace import active_trace, no_numbers

if TYPE_CHECKING:
    from chainrule.drawing import Picture

Axis = int | Sequence[int] | None

# What the last `backward` that reached a value found. Kept beside the graph, whose
# values do not change.
_gradients: WeakKeyDictionary[Value, Array] = WeakKeyDictionary()


class Tensor(HasValue):
    """An n-dimensional array that knows what it was computed from.

    Made by `cr.tensor`, and by operations on tensors; it never changes. Arithmetic,
    broadcasting, indexing and dtype promotion are NumPy's.

    >>> import chainrule as cr
    >>> x, y, z = (cr.tensor(v, name=n) for v, n in [(3., "x"), (-4., "y"), (5., "z")])
    >>> L = z * (2 * x + y)
    >>> L.backward()
    >>> L, x.grad, y.grad, z.grad
    (tensor(10.), tensor(10.), tensor(5.), tensor(2.))
    """

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: Value) -> None:
        self._value = value
        if value.data is None and active_trace() is None:
            evaluate(value)

    # --- what it is ---------------------------------------------------------------

    @property
    def value(self) -> Value:
        """The node of the computational graph that this tensor stands for."""
        trace = active_trace()
        return self._value if trace is None else trace.capture(self._value)

    @property
    def data(self) -> Array:
        """The elements, as a NumPy array that cannot be written to.

        Raises `TracingError` while a function is traced: there are no numbers then.
        """
        return self._numbers("here one asks for the numbers of")

    def _numbers(self, asked: str) -> Array:
        """The elements; the error where there are none says what `asked` for them."""
        value = self.value
        if value.data is None and not evaluate(value):
            raise no_numbers(value, asked)
        if value.data is None:  # pragma: no cover - evaluate has just filled it
            raise AssertionError
        return value.data

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return self.value.type.shape

    @property
    def dtype(self) -> DType:
        """The type of the elements."""
        return self.value.type.dtype

    @property
    def ndim(self) -> int:
        """How many axes."""
        return self.value.type.rank

    @property
    def size(self) -> int:
        """How many elements."""
        return self.value.type.size

    @property
    def name(self) -> str | None:
        """The name given to it, shown where the graph is drawn."""
        return self.value.name

    def named(self, name: str) -> "Tensor":
        """The same tensor under a name."""
        v = self.value
        named = Value(v.type, v.operation, v.inputs, name, v.location, v.data)
        return Tensor(named)

    def numpy(self) -> Array:
        """The elements, as a NumPy array that cannot be written to."""
        return self._numbers("numpy() asks for the numbers of")

    def item(self) -> Any:
        """The only element, as a Python number."""
        return self._numbers("item() asks for the number in").item()

    def tolist(self) -> Any:
        """The elements, as nested Python lists."""
        return self._numbers("tolist() asks for the numbers of").tolist()

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> Array:
        return np.array(self._numbers(_NUMPY), dtype, copy=copy)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any
    ) -> "Tensor":
        """`array + tensor` and `np.exp(tensor)` are tensors too."""
        name = _UFUNC_NAMES.get(ufunc.__name__, ufunc.__name__)
        function = getattr(elementwise, name, None) or getattr(product, name, None)
        if function is None or method != "__call__" or options:
            raise TypeError(
                f"np.{ufunc.__name__} does not take tensors in this way: use the "
                "function of chainrule that does the same, or np.asarray(x) for its "
                "numbers without gradients"
            )
        return Tensor(function(*inputs))

    def __dlpack__(self, **options: Any) -> Any:
        # Older consumers cannot say that they would not write, so they get a copy.
        data = self._numbers(_NUMPY)
        data = data if options.get("max_version") else data.copy()
        return data.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        device: tuple[int, int] = self.data.__dlpack_device__()
        return device

    def __reduce__(self) -> tuple[Any, ...]:
        # Copied and pickled are the numbers, not the history behind them.
        return tensor, (self.data, None, self.name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # it never changes, so one is enough

    def __repr__(self) -> str:
        if not self._is_known:
            return f"<traced tensor {self.value.type}>"
        text = np.array2string(self.data, separator=", ", prefix="tensor(")
        if self.dtype in _PLAIN_DTYPES:
            return f"tensor({text})"
        return f"tensor({text}, dtype={self.dtype})"

    def __format__(self, spec: str) -> str:
        if not spec and not self._is_known:
            return repr(self)
        data = self._numbers("a format asks for the numbers of")
        return format(data.item() if self.ndim == 0 else data, spec)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("a tensor without axes has no length")
        return self.shape[0]

    def __iter__(self) -> "Iterator[Tensor]":
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        asked = "`if`, `while`, `and`, `or`, `not` or bool() asks for the truth of"
        return bool(self._numbers(asked))

    def __float__(self) -> float:
        return float(self._numbers("float() asks for the number in"))

    def __int__(self) -> int:
        return int(self._numbers("int() asks for the number in"))

    def __index__(self) -> int:
        asked = "range(), an index of a list or a shape asks for the integer in"
        return self._numbers(asked).__index__()

    # --- gradients ----------------------------------------------------------------

    @property
    def grad(self) -> "Tensor | None":
        """The gradient that the last `backward` found for it; `None` before that."""
        found = _gradients.get(self.value)
        return None if found is None else _leaf(found)

    def backward(self, gradient: Operand | None = None) -> None:
        """Set `grad` of every tensor that this one was computed from.

        `x.grad` is dL/dx, of the shape of `x`, where L is this tensor. L has to be a
        single number; for any other, give `gradient`, the dL/d(this) of its shape. The
        gradients are set afresh: calling it twice gives the same answer.
        """
        if active_trace() is not None:
            raise RuntimeError(
                "backward() keeps gradients beside the numbers, and there are none "
                "while a function is traced: use cr.grad or cr.value_and_grad in it"
            )
        order = topological([self.value])
        reals = [value for value in order if value.type.is_floating]
        seed = _seed(self.value, gradient)
        found = gradients([self.value], reals, [seed])
        graph = Graph(order, found)
        for value, dx in zip(reals, interpret(graph, _datas(order)), strict=True):
            dx.flags.writeable = False
            _gradients[value] = dx

    def detach(self) -> "Tensor":
        """The same numbers as a constant: no gradient flows into them."""
        return Tensor(elementwise.detach(self)) if self._is_traced else _leaf(self.data)

    @property
    def _is_traced(self) -> bool:
        return self.value.data is None

    @property
    def _is_known(self) -> bool:
        """Whether it has numbers, or can be given some now."""
        value = self.value
        return value.data is not None or evaluate(value)

    # --- looking ------------------------------------------------------------------

    def show(self) -> None:
        """Draw the graph behind it: each value, each gradient, each local derivative.

        Gradients are shown once `backward` has been called.
        """
        print(_drawing().to_text(self._picture()))  # noqa: T201 - it shows

    def _repr_html_(self) -> str:
        html: str = _drawing().to_html(self._picture())
        return html

    def to_svg(self) -> str:
        """The drawing that `show` prints, as SVG text."""
        svg: str = _drawing().to_svg(self._picture())
        return svg

    def _picture(self) -> "Picture":
        known = _known_gradients(self.value)
        picture: Picture = _drawing().describe([self.value], known)
        return picture

    # --- arithmetic ---------------------------------------------------------------

    def __add__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.add(self, other))

    def __radd__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.add(other, self))

    def __sub__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.subtract(self, other))

    def __rsub__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.subtract(other, self))

    def __mul__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.multiply(self, other))

    def __rmul__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.multiply(other, self))

    def __truediv__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.divide(self, other))

    def __rtruediv__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.divide(other, self))

    def __floordiv__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.floor_divide(self, other))

    def __rfloordiv__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.floor_divide(other, self))

    def __mod__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.remainder(self, other))

    def __rmod__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.remainder(other, self))

    def __pow__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.power(self, other))

    def __rpow__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.power(other, self))

    def __matmul__(self, other: Operand) -> "Tensor":
        return Tensor(product.matmul(self, other))

    def __rmatmul__(self, other: Operand) -> "Tensor":
        return Tensor(product.matmul(other, self))

    def __neg__(self) -> "Tensor":
        return Tensor(elementwise.negate(self))

    def __pos__(self) -> "Tensor":
        return self

    def __abs__(self) -> "Tensor":
        return Tensor(elementwise.abs(self))

    # --- comparison ---------------------------------------------------------------

    def __lt__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.less(self, other))

    def __le__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.less_equal(self, other))

    def __gt__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.greater(self, other))

    def __ge__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.greater_equal(self, other))

    def __eq__(self, other: object) -> "Tensor":  # type: ignore[override]  # as NumPy
        return Tensor(elementwise.equal(self, other))  # type: ignore[arg-type]

    def __ne__(self, other: object) -> "Tensor":  # type: ignore[override]  # as NumPy
        return Tensor(elementwise.not_equal(self, other))  # type: ignore[arg-type]

    # Elementwise equality cannot serve dictionaries; identity can.
    __hash__ = object.__hash__

    def __and__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.logical_and(_truths(self), _truths(other)))

    def __or__(self, other: Operand) -> "Tensor":
        return Tensor(elementwise.logical_or(_truths(self), _truths(other)))

    def __invert__(self) -> "Tensor":
        return Tensor(elementwise.logical_not(_truths(self)))

    __rand__, __ror__ = __and__, __or__

    # --- elements and shape -------------------------------------------------------

    def __getitem__(self, key: Any) -> "Tensor":
        return Tensor(index.index(self, key))

    def reshape(self, *extents: int | Sequence[int]) -> "Tensor":
        """The same elements in another shape; one extent may be -1."""
        return Tensor(shape.reshape(self, _spread(extents)))

    def transpose(self, *axes: int | Sequence[int]) -> "Tensor":
        """The axes in another order; reversed if none is given."""
        return Tensor(shape.transpose(self, _spread(axes) or None))

    @property
    def T(self) -> "Tensor":  # noqa: N802 - NumPy's name
        """The transpose: all axes in reverse order."""
        return self.transpose()

    @property
    def mT(self) -> "Tensor":  # noqa: N802 - NumPy's name
        """The transpose of each matrix of a stack: the last two axes exchanged."""
        return Tensor(shape.swapaxes(self, -1, -2))

    def ravel(self) -> "Tensor":
        """All elements along one axis."""
        return self.reshape(-1)

    def squeeze(self, axis: Axis = None) -> "Tensor":
        """Without its axes of extent 1, or without those that `axis` names."""
        return Tensor(shape.squeeze(self, axis))

    def astype(self, dtype: DTypeLike) -> "Tensor":
        """The same numbers as another dtype."""
        return Tensor(cast_to(self.value, np.dtype(dtype)))

    # --- reductions ---------------------------------------------------------------

    def sum(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """The sum over `axis`, or of everything."""
        return Tensor(reduce.sum(self, axis, keepdims=keepdims))

    def mean(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """The arithmetic mean over `axis`, or of everything."""
        return Tensor(reduce.mean(self, axis, keepdims=keepdims))

    def var(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> "Tensor":
        """The mean squared distance from the mean; divided by n - `ddof`."""
        return Tensor(reduce.var(self, axis, ddof=ddof, keepdims=keepdims))

    def std(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> "Tensor":
        """The square root of the variance."""
        return Tensor(reduce.std(self, axis, ddof=ddof, keepdims=keepdims))

    def prod(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """The product over `axis`, or of everything."""
        return Tensor(reduce.prod(self, axis, keepdims=keepdims))

    def max(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """The largest element along `axis`, or of all."""
        return Tensor(reduce.max(self, axis, keepdims=keepdims))

    def min(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """The smallest element along `axis`, or of all."""
        return Tensor(reduce.min(self, axis, keepdims=keepdims))

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> "Tensor":
        """Where the largest element along `axis` is."""
        return Tensor(reduce.argmax(self, axis, keepdims=keepdims))

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> "Tensor":
        """Where the smallest element along `axis` is."""
        return Tensor(reduce.argmin(self, axis, keepdims=keepdims))

    def cumsum(self, axis: int | None = None) -> "Tensor":
        """The sums of all elements up to each one along `axis`."""
        return Tensor(reduce.cumsum(self, axis))

    def all(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """Whether all elements along `axis` are true."""
        return Tensor(reduce.all(self, axis, keepdims=keepdims))

    def any(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """Whether some element along `axis` is true."""
        return Tensor(reduce.any(self, axis, keepdims=keepdims))

    # --- what it refuses ----------------------------------------------------------

    def __setitem__(self, key: Any, new: Any) -> NoReturn:
        raise TypeError(
            "a tensor cannot be changed in place, because gradients need the values it "
            "was computed with: choose between old and new with "
            "cr.where(mask, new, x), add at positions with cr.scatter_add, or change "
            "a NumPy array and make a tensor of it"
        )

    def _refuse_in_place(self, other: Any) -> NoReturn:
        del other
        raise TypeError(
            "a tensor cannot be changed in place, because gradients need the values it "
            "was computed with: write x = x + dx, or w.assign(w - step) for a Parameter"
        )

    __iadd__ = __isub__ = __imul__ = __itruediv__ = _refuse_in_place
    __ipow__ = __imod__ = __ifloordiv__ = __imatmul__ = __iand__ = __ior__ = (
        _refuse_in_place
    )


class State(Tensor):
    """A tensor with a memory: the one kind of tensor that can be assigned.

    Weights, optimizer moments, running statistics and counters are states. In eager
    use `assign` replaces the array at once; in a traced function reading a state makes
    an input of the graph and assigning it records the update.

    >>> import chainrule as cr
    >>> w = cr.Parameter(1.0, name="w")
    >>> (w * w).backward()
    >>> w.assign(w - 0.1 * w.grad)
    >>> w
    parameter(0.8, name='w')
    """

    __slots__ = ()

    def __init__(
        self, data: Operand, dtype: DTypeLike | None = None, name: str | None = None
    ) -> None:
        super().__init__(_new_leaf(_host_array(data, dtype), name))

    @property
    def value(self) -> Value:
        """Its value now, or at this point of the function that is being traced."""
        trace = active_trace()
        return self._value if trace is None else trace.read(self)

    @property
    def held(self) -> Array:
        """The array that it holds, also while a function that reads it is traced."""
        if self._value.data is None:  # pragma: no cover - a state's leaf has data
            raise AssertionError
        return self._value.data

    def assign(self, new: Operand) -> None:
        """Take the value `new`, of the same shape and dtype.

        Raises `ValueError` for another shape, `TypeError` for another dtype.
        """
        trace = active_trace()
        if trace is not None:
            value = as_value(new)
            self._check(value.type)
            trace.write(self, value)
            return
        self.hold(_host_array(new, None if hasattr(new, "dtype") else self.dtype))

    def hold(self, data: Array) -> None:
        """Take `data` itself, without a copy: nobody may write to it afterwards."""
        self._check(TensorType.of(data))
        self._value = _new_leaf(data, self._value.name)

    def rename(self, name: str) -> None:
        """Give it another name."""
        self._value = _new_leaf(self.held, name)

    @property
    def name(self) -> str | None:
        """The name given to it, shown where the graph is drawn."""
        return self._value.name

    def _check(self, new: TensorType) -> None:
        name, own = self.name or "the state", self._value.type
        if new.shape != own.shape:
            raise ValueError(f"{name} has shape {own.shape}, not {new.shape}")
        if new.dtype != own.dtype:
            raise TypeError(f"{name} has dtype {own.dtype}, not {new.dtype}")

    def __repr__(self) -> str:
        kind = type(self).__name__.lower()
        if not self._is_known:
            return f"<traced {kind} {self.value.type} {self.name!r}>"
        text = np.array2string(self.data, separator=", ", prefix=f"{kind}(")
        return f"{kind}({text}, name={self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.held, self.held.dtype, self.name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copy = type(self)(self.held, self.held.dtype, self.name)
        memo[id(self)] = copy
        return copy


class Parameter(State):
    """A state that training changes: a weight or a bias."""

    __slots__ = ()


# NumPy's names of functions that have another one here.
_UFUNC_NAMES = {
    "absolute": "abs",
    "negative": "negate",
    "rint": "round",
    "true_divide": "divide",
}

_NUMPY = "NumPy asks for the numbers of"

_PLAIN_DTYPES = (np.dtype(np.float32), np.dtype(np.int64), np.dtype(np.bool_))


def tensor(
    data: Any, dtype: DTypeLike | None = None, name: str | None = None
) -> Tensor:
    """A tensor with the numbers of `data`: a number, nested lists, an array.

    Python floats become float32; arrays keep their dtype. `name` is shown where the
    graph is drawn. The numbers are copied.

    >>> import chainrule as cr
    >>> cr.tensor([[1.0, 2.0], [3.0, 4.0]]).shape
    (2, 2)
    """
    return Tensor(_new_leaf(_host_array(data, dtype), name))


def holding(data: Array, kind: TensorType) -> Tensor:
    """A tensor of this type around the array itself, which nobody else writes to."""
    data.flags.writeable = False
    return Tensor(Value(kind, data=data))


def from_dlpack(source: Any) -> Tensor:
    """A tensor with the numbers of any array that speaks DLPack, on the processor."""
    return tensor(np.from_dlpack(source))


def _host_array(data: Any, dtype: DTypeLike | None) -> Array:
    plain = data.data if isinstance(data, Tensor) else data
    if isinstance(plain, (list, tuple)):
        plain = _plain_list(plain)
    return as_array(plain, None if dtype is None else np.dtype(dtype))


def _plain_list(items: Sequence[Any]) -> Any:
    """Lists may hold tensors: `cr.tensor([a, b])`."""
    if any(isinstance(item, Tensor) for item in items):
        return np.stack([np.asarray(item) for item in items])
    return items


def _new_leaf(data: Array, name: str | None = None) -> Value:
    dtype_name(data.dtype)
    value = Value(TensorType.of(data), name=name)
    value.remember(data)
    return value


def _leaf(data: Array) -> Tensor:
    return Tensor(_new_leaf(data))


def _truths(x: Operand) -> Value:
    """`x`, if it is boolean: on integers NumPy's `&` is about bits."""
    value = as_value(x)
    if value.type.dtype.kind != "b":
        raise TypeError(
            f"&, | and ~ combine booleans, not {value.type.dtype}: compare first, with "
            "brackets, as in (x > 0) & (x < 1)"
        )
    return value


def _spread(arguments: Sequence[int | Sequence[int]]) -> tuple[int, ...]:
    """Both `f(2, 3)` and `f((2, 3))` are meant."""
    if len(arguments) == 1 and isinstance(arguments[0], Sequence):
        return tuple(arguments[0])
    return tuple(int(a) for a in arguments)  # type: ignore[arg-type]  # ints are left


def _datas(values: Sequence[Value]) -> list[Array]:
    return [Tensor(value).data for value in values]


def _seed(y: Value, gradient: Operand | None) -> Value:
    if not y.type.is_floating:
        raise TypeError(f"backward: {y.type} holds no real numbers, so has no gradient")
    if gradient is not None:
        seed = as_value(gradient, y.type.dtype)
        if seed.shape != y.shape:
            raise ValueError(
                f"backward: gradient has shape {seed.shape}, not {y.shape}"
            )
        return seed
    if y.type.size != 1:
        raise ValueError(
            f"backward starts at a single number, and this tensor has shape {y.shape}: "
            "take its sum or mean first, or give the gradient of the loss for it"
        )
    return full_like(y, 1)


def _drawing() -> ModuleType:
    """The package that draws, imported by the first who looks: not all who compute."""
    return import_module("chainrule.drawing")


def _known_gradients(y: Value) -> Mapping[Value, Array]:
    order = topological([y])
    return {value: _gradients[value] for value in order if value in _gradients}
