"""`Sequential`: layers one after the other; `Flatten`, which joins some kinds."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self, overload

from chainrule.nn.module import Module
from chainrule.tensor import Tensor


class Sequential(Module):
    """`y = f_n(... f_2(f_1(x)))`: each layer takes what the one before it gives.

    Layers are numbered, or named by giving them as a dict: `net[0]`, `net["hidden"]`,
    `net.hidden`. A slice is a `Sequential` of the same layers, which share their
    weights with it.

    >>> import chainrule as cr
    >>> net = cr.nn.Sequential(cr.nn.Dense(4, 8), cr.nn.ReLU(), cr.nn.Dense(8, 3))
    >>> net
    Sequential(
      0: Dense(4, 8)  W (4, 8), b (8,): 40
      1: ReLU()
      2: Dense(8, 3)  W (8, 3), b (3,): 27
    )  67 parameters
    >>> net[:2](cr.tensor([[1.0, 2.0, 3.0, 4.0]])).shape
    (1, 8)
    """

    def __init__(self, *layers: Module | Mapping[str, Module]) -> None:
        for given in layers:
            if isinstance(given, Mapping):
                for name, layer in given.items():
                    self.append(layer, name)
            else:
                self.append(given)

    def append(self, layer: Module, name: str | None = None) -> Self:
        """Put `layer` at the end, under `name` or its number; returns the network."""
        name = str(len(self)) if name is None else name
        if not isinstance(layer, Module):
            raise TypeError(f"Sequential: {name} is no layer: {_advice(layer)}")
        if not name or "." in name or hasattr(self, name):
            raise ValueError(
                f"Sequential: {name!r} cannot be the name of a layer: it is taken, "
                "empty, or has a dot"
            )
        setattr(self, name, layer)
        return self

    def arguments(self) -> dict[str, Any]:
        """The layers that it has now."""
        if type(self).__init__ is not Sequential.__init__:
            return super().arguments()  # a subclass makes its layers from its own
        layers = dict(self._named())
        numbered = list(layers) == [str(i) for i in range(len(layers))]
        return {"layers": tuple(layers.values()) if numbered else (layers,)}

    def title(self) -> str:
        """Its class and how many layers it has."""
        return f"{type(self).__name__}({len(self)} layers)"

    def forward(self, x: Tensor) -> Tensor:
        """What the last layer gives."""
        for layer in self:
            x = layer(x)
        return x

    def _named(self) -> Iterator[tuple[str, Module]]:
        return ((n, layer) for n, layer in self.members() if isinstance(layer, Module))

    def __iter__(self) -> Iterator[Module]:
        return (layer for _, layer in self._named())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @overload
    def __getitem__(self, key: int | str) -> Module: ...
    @overload
    def __getitem__(self, key: slice) -> "Sequential": ...
    def __getitem__(self, key: int | str | slice) -> Module:
        layers = dict(self._named())
        if isinstance(key, slice):
            return _part(list(layers.items())[key])
        if isinstance(key, int) and -len(layers) <= key < len(layers):
            return list(layers.values())[key]
        if isinstance(key, str) and key in layers:
            return layers[key]
        raise (KeyError if isinstance(key, str) else IndexError)(
            f"there is no layer {key!r} among {', '.join(layers) or 'none'}"
        )


def _part(layers: list[tuple[str, Module]]) -> Sequential:
    """The layers as a network, numbered anew if they were numbered."""
    if all(name.isdigit() for name, _ in layers):
        layers = [(str(i), layer) for i, (_, layer) in enumerate(layers)]
    part = Sequential()
    # Not set as attributes are: the layers keep the names that they have in the whole.
    vars(part).update(layers)
    return part


def _advice(layer: Any) -> str:
    if isinstance(layer, type) and issubclass(layer, Module):
        return f"write {layer.__name__}() with its arguments, not {layer.__name__}"
    if callable(layer):
        name = getattr(layer, "__name__", repr(layer))
        return f"{name} is a function; chainrule.nn has activations as layers"
    return f"it is {layer!r}"


class Flatten(Module):
    """`y[i] = all of x[i] along one axis`: `(batch, ...)` becomes `(batch, features)`.

    >>> import chainrule as cr
    >>> cr.nn.Flatten()(cr.tensor([[[1, 2], [3, 4]]])).shape
    (1, 4)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Every axis but the first becomes one."""
        if x.ndim == 0:
            raise ValueError(f"{self.where()}: takes rows, and the input is one number")
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))
