"""`Value`, a node of the graph, and `Operation`, what computes it.

The two know each other, so they share a file: a value holds the operation that
made it, and an operation applied to values makes a value.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from chainrule.ir.location import Location, current_location
from chainrule.ir.types import TensorType

Array: TypeAlias = np.ndarray[Any, Any]

# A name, not the class: importing NumPy's generators costs as much as all of ir.
Rng: TypeAlias = "np.random.Generator"


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Value:
    """One node: an operation applied to other values, or a leaf without operation.

    Values are compared by identity and never change. `data` is a memo of what the
    value evaluates to where that is known already, as it is in eager use; it says
    nothing that operation and inputs do not.
    """

    type: TensorType
    operation: "Operation | None" = None
    inputs: "tuple[Value, ...]" = ()
    name: str | None = None
    location: Location | None = None
    data: Array | None = None

    def __repr__(self) -> str:
        made = "leaf" if self.operation is None else self.operation.name
        name = f" {self.name!r}" if self.name else ""
        return f"<Value {made}{name} {self.type}>"

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents of its axes."""
        return self.type.shape

    def remember(self, data: Array) -> None:
        """Keep what this value evaluates to."""
        data.flags.writeable = False
        object.__setattr__(self, "data", data)


class Operation(ABC):
    """What computes a value: one class, with all the rules of one operation.

    A subclass that has attributes is a frozen dataclass, and they are its fields
    (`Sum(axes=(0,))`). Applying an instance to values makes a value. Defining the
    class registers it under its name in snake case.
    """

    name: ClassVar[str]
    registry: ClassVar[dict[str, type["Operation"]]] = {}

    # Whether output element i depends on element i of each input and nothing else.
    elementwise: ClassVar[bool] = False
    # Whether it gives no gradient on purpose, although its output depends on its input.
    stops_gradient: ClassVar[bool] = False
    # Whether every output element is a copy of one element of its only input.
    replicates: ClassVar[bool] = False
    # Whether every output element is a copy of the one that `access` names, of any of
    # its inputs, or the number `fill` where it names none.
    moves: ClassVar[bool] = False
    fill: float = 0

    def __init_subclass__(cls, abstract: bool = False) -> None:
        """Register a concrete operation under its name."""
        super().__init_subclass__()
        if abstract:
            return
        cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        known = cls.registry.get(cls.name)
        if known is not None and known.__module__ != cls.__module__:
            raise TypeError(
                f"the operation {cls.name!r} is already defined in {known.__module__}; "
                f"give the class in {cls.__module__} another name"
            )
        cls.registry[cls.name] = cls

    @abstractmethod
    def type(self, *inputs: TensorType) -> TensorType:
        """The output's type, or an error in the user's terms."""

    @abstractmethod
    def forward(self, *inputs: Array) -> Array:
        """The definition, in NumPy. It never writes to its inputs."""

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Sequence[Value | None]:
        """The gradient with respect to each input, written in operations.

        `dy` is the gradient of the loss with respect to this operation's output
        `y`; `None` stands for a gradient that is zero or does not exist.
        """
        del dy, y
        return (None,) * len(inputs)

    def simplify(self, *inputs: Value) -> Value | None:
        """A value equal to this operation on `inputs` and cheaper, if there is one."""
        del inputs
        return None

    def access(self, *inputs: TensorType) -> str:
        """Which input elements each output element is made of, in named axes.

        Only an elementwise operation can do without; see `chainrule.ops.axes`.
        """
        del inputs
        raise NotImplementedError(f"{type(self).__name__} does not state its access")

    @classmethod
    def samples(cls, rng: Rng) -> "Iterator[tuple[Operation, tuple[Array, ...]]]":
        """Operations of this class and the inputs on which tests try them."""
        raise NotImplementedError(f"{cls.__name__} gives no samples to test it with")

    def attributes(self) -> dict[str, Any]:
        """The operation's attributes by name, in the order of the class."""
        names = getattr(type(self), "__dataclass_fields__", ())
        return {name: getattr(self, name) for name in names}

    def __eq__(self, other: object) -> bool:
        """Whether both are the same operation; a dataclass compares attributes too."""
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __call__(self, *inputs: Value) -> Value:
        """Apply the operation: a new value of the graph."""
        output = self.type(*[x.type for x in inputs])
        return Value(output, self, inputs, None, current_location())

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __str__(self) -> str:
        attributes = ", ".join(f"{k}={v}" for k, v in self.attributes().items())
        return f"{self.name}({attributes})" if attributes else self.name
