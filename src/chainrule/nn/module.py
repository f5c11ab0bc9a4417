"""`Module`: a part of a network, with parameters of its own."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import wraps
from typing import Any, ClassVar, Self

import numpy as np

from chainrule import taps
from chainrule.expressions.promote import Operand, as_value
from chainrule.ir import Array, TensorType, Value, scope
from chainrule.nn import describe
from chainrule.tensor import Parameter, State, Tensor
from chainrule.trace import active_trace, tracing


class Module:
    """A function of tensors with parameters of its own: a layer, or a whole network.

    A subclass makes its parameters and sub-modules in `__init__` and says in `forward`
    what they compute. Attributes that are a `Parameter`, a `State` or a `Module`, or
    lists, tuples or dicts of them, belong to the module under the path to them, such
    as `"hidden.0.W"`, in the order in which they were made. One that is reached in two
    ways, as tied weights are, is listed once, under the first path.

    >>> import chainrule as cr
    >>> class Line(cr.nn.Module):
    ...     def __init__(self, slope):
    ...         self.slope = cr.Parameter(slope)
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> line = Line(2.0)
    >>> line(3.0), line.parameters()
    (tensor(6.), {'slope': parameter(2., name='slope')})
    """

    # Whether layers that behave differently while they learn do so: see `train`.
    training = True
    # How many rows it needs at once to be trained.
    smallest_batch: ClassVar[int] = 1

    def __init_subclass__(cls, **keywords: Any) -> None:
        """See to it that the arguments of a constructor are kept: see `arguments`."""
        super().__init_subclass__(**keywords)
        if "__init__" in vars(cls):
            cls.__init__ = _recording(cls.__init__)  # type: ignore[method-assign]  # the same, plus a note

    def __setattr__(self, name: str, attribute: Any) -> None:
        object.__setattr__(self, name, attribute)
        for path, member in _members_of(name, attribute):
            below = member.states() if isinstance(member, Module) else {"": member}
            for rest, state in below.items():
                state.rename(_join(path, rest))

    # --- what it has --------------------------------------------------------------

    def modules(self) -> dict[str, "Module"]:
        """The module itself under `""`, then every module in it under its path."""
        return {path: m for path, m in self._walk() if isinstance(m, Module)}

    def states(self) -> dict[str, State]:
        """Everything that it remembers, by path: parameters, statistics, counters."""
        found: dict[str, State] = {}
        for path, member in self._walk():
            if isinstance(member, State):
                if path in found:
                    raise ValueError(
                        f"{self.title()} has two states called {path!r}: a name in it "
                        "contains a dot"
                    )
                found[path] = member
        return found

    def parameters(self) -> dict[str, Parameter]:
        """What training changes, by path: weights and biases."""
        states = self.states().items()
        return {path: s for path, s in states if isinstance(s, Parameter)}

    def _walk(self) -> Iterator[tuple[str, "Module | State"]]:
        """It and all below it, depth first, each once."""
        seen: set[int] = set()
        waiting: list[tuple[str, Module | State]] = [("", self)]
        while waiting:
            path, member = waiting.pop()
            if id(member) in seen:
                continue
            seen.add(id(member))
            yield path, member
            if isinstance(member, Module):
                below = [(_join(path, name), m) for name, m in member.members()]
                waiting.extend(reversed(below))

    def members(self) -> Iterator[tuple[str, "Module | State"]]:
        """The modules and states that are directly its own, by name."""
        for name, attribute in vars(self).items():
            if name != _GIVEN:
                yield from _members_of(name, attribute)

    def state_dict(self) -> dict[str, Array]:
        """A copy of the numbers in every state, by path."""
        return {path: state.data.copy() for path, state in self.states().items()}

    def load_state_dict(
        self, numbers: Mapping[str, Array], *, strict: bool = True
    ) -> None:
        """Take over the numbers that `state_dict` gave.

        Raises `ValueError` that lists every path that is missing, unexpected, or of
        another shape or kind of number, and then changes nothing. With `strict=False`,
        paths may be missing or unexpected. Real numbers are rounded to the dtype that
        the state has.
        """
        states = self.states()
        problems = list(_misfits(states, numbers, strict))
        if problems:
            raise ValueError(
                f"these numbers do not fit {self.title()}: {'; '.join(problems)}"
            )
        for path, state in states.items():
            if path in numbers:
                state.hold(np.array(numbers[path], state.dtype, order="C"))

    def train(self, mode: bool = True) -> Self:
        """Let `Dropout`, `BatchNorm` and their like behave as they do while learning.

        Returns the module itself.
        """
        for module in self.modules().values():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Let every layer behave as it does when it predicts: `train(False)`."""
        return self.train(mode=False)

    # --- what it computes ---------------------------------------------------------

    def forward(self, *args: Any, **keywords: Any) -> Any:
        """What the module computes: written by each subclass, run by calling it."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward method: write def forward(self, x) "
            "to say what it computes"
        )

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """`forward`; what it computes is said to belong to this layer.

        Arrays and data frames come to `forward` as tensors. An exception gets a note
        that names the innermost layer in which it was raised.
        """
        with _Running(self) as running:
            y = self.forward(*[_as_tensor(x) for x in args], **keywords)
            _observe(self, y)
            if running.path:
                taps.note(running.path, y)
            return y

    # --- what it is called --------------------------------------------------------

    def title(self) -> str:
        """Its class and the arguments it was made with, on one line.

        >>> import chainrule as cr
        >>> cr.nn.Dense(3, 2, bias=False).title()
        'Dense(3, 2, bias=False)'
        """
        args, keywords = vars(self).get(_GIVEN, ((), {}))
        return describe.call(type(self).__name__, args, keywords)

    def where(self) -> str:
        """The title, with the path by which it is being called: for error messages."""
        running = _running.get()
        path = running.path if running is not None and running.module is self else ""
        return f"layer {path!r}, {self.title()}" if path else self.title()

    def arguments(self) -> dict[str, Any]:
        """The arguments that would make another one like it, by name.

        They are those that the constructor got. A subclass whose structure changes
        later, as that of `Sequential` does by `append`, overrides this. Those after
        `*` in a constructor come as a tuple under its name.
        """
        args, keywords = vars(self).get(_GIVEN, ((), {}))
        bound = inspect.signature(type(self).__init__).bind(self, *args, **keywords)
        return dict(list(bound.arguments.items())[1:])

    def __repr__(self) -> str:
        return describe.tree(self)

    def summary(self, x: Operand | None = None) -> str:
        """A table of its layers: path, kind, parameters and how many numbers.

        With an example `x` of its input, it shows the shape of each output as well.

        >>> import chainrule as cr
        >>> net = cr.nn.Sequential(cr.nn.Dense(4, 8), cr.nn.ReLU(), cr.nn.Dense(8, 3))
        >>> print(net.summary())
        layer  kind         parameters        count
        0      Dense(4, 8)  W (4, 8), b (8,)     40
        1      ReLU()                             0
        2      Dense(8, 3)  W (8, 3), b (3,)     27
               total        268 B                67
        """
        return describe.table(self, None if x is None else self._output_types(x))

    def _output_types(self, x: Operand) -> dict[int, TensorType]:
        """What each module gives for input like `x`, by its `id`."""
        found: dict[int, TensorType] = {}
        token = _observed.set(found)
        try:
            with tracing():
                self(Tensor(Value(as_value(x).type)))
        finally:
            _observed.reset(token)
        return found


# The attribute in which the constructor's arguments are kept.
_GIVEN = "_given"


def _recording(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that keeps its arguments, unless a subclass's did already."""

    @wraps(init)
    def recorded(self: Module, *args: Any, **keywords: Any) -> None:
        if _GIVEN not in vars(self):
            vars(self)[_GIVEN] = (args, keywords)
        init(self, *args, **keywords)

    return recorded


def _members_of(name: str, attribute: Any) -> Iterator[tuple[str, Module | State]]:
    """The states and modules in an attribute, also inside lists, tuples and dicts."""
    if isinstance(attribute, (Module, State)):
        yield name, attribute
    elif isinstance(attribute, dict):
        for key, item in attribute.items():
            yield from _members_of(f"{name}.{key}", item)
    elif isinstance(attribute, (list, tuple)):
        for i, item in enumerate(attribute):
            yield from _members_of(f"{name}.{i}", item)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _misfits(
    states: Mapping[str, State], numbers: Mapping[str, Array], strict: bool
) -> Iterator[str]:
    if strict:
        missing = [path for path in states if path not in numbers]
        unexpected = [path for path in numbers if path not in states]
        if missing:
            yield f"missing {', '.join(missing)}"
        if unexpected:
            yield f"unexpected {', '.join(unexpected)}"
    for path, state in states.items():
        if path not in numbers:
            continue
        new = np.asarray(numbers[path])
        if new.shape != state.shape:
            yield f"{path} has shape {new.shape}, not {state.shape}"
        elif not np.can_cast(new.dtype, state.dtype, "same_kind"):
            yield f"{path} has dtype {new.dtype}, not {state.dtype}"


# --- calls ------------------------------------------------------------------------


class _Running:
    """A module that is being called, and its path from the outermost one."""

    __slots__ = ("_scope", "_token", "module", "path")

    def __init__(self, module: Module) -> None:
        caller = _running.get()
        name = "" if caller is None else _name_in(caller.module, module)
        self.module: Module = module
        self.path: str = name if caller is None else _join(caller.path, name)
        self._scope = scope(name) if name else None

    def __enter__(self) -> Self:
        trace = active_trace()
        if trace is not None:
            trace.switch(self.module, "training")
        if self._scope is not None:
            self._scope.__enter__()
        self._token = _running.set(self)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, Exception):
            _add_note(error, self.module)
        _running.reset(self._token)
        if self._scope is not None:
            self._scope.__exit__(None, None, None)


_running: ContextVar[_Running | None] = ContextVar("running", default=None)

# Where the types of outputs are noted while somebody asks for them.
_observed: ContextVar[dict[int, TensorType] | None] = ContextVar(
    "observed", default=None
)


def _name_in(outer: Module, module: Module) -> str:
    """What `outer` calls one of those in it; nothing if it is a stranger."""
    for name, attribute in vars(outer).items():
        if attribute is module:
            return name
    return next((path for path, m in outer.modules().items() if m is module), "")


def _add_note(error: Exception, module: Module) -> None:
    """Name the layer, unless one inside or the message itself has done so."""
    where = module.where()
    if vars(error).setdefault("layer", where) is where and where not in str(error):
        error.add_note(f"raised in {where}")


def _observe(module: Module, y: Any) -> None:
    found = _observed.get()
    if found is not None and isinstance(y, Tensor):
        found[id(module)] = y.value.type


def _as_tensor(x: Any) -> Any:
    """Arrays, data frames and lists of numbers as tensors; all else as it is."""
    if isinstance(x, Tensor):
        return x
    first = x
    while isinstance(first, list) and first:
        first = first[0]
    is_number = isinstance(first, (int, float)) and isinstance(x, list)
    return Tensor(as_value(x)) if is_number or hasattr(x, "__array__") else x
