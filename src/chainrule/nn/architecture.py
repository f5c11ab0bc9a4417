"""Modules as JSON: their classes, and the arguments that they were made with.

    {"$module": "Sequential", "from": "chainrule.nn.sequential", "arguments": {
        "layers": {"$tuple": [
            {"$module": "Dense", "from": "chainrule.nn.dense",
             "arguments": {"inputs": 4, "outputs": 3}}]}}}

Text, numbers, lists and dicts stand for themselves. A module that comes up again, as
tied layers do, is `{"$same": n}` for the one that says `"$id": n`.
"""

import inspect
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from chainrule.ir import dtype_name, dtype_of
from chainrule.nn import initializers
from chainrule.nn.module import Module


class ModelFileError(ValueError):
    """A network cannot be loaded from these files."""


def to_json(net: Module) -> Any:
    """`net` as JSON; raises `TypeError` where an argument has no such form."""
    return _Encoder().module(net)


def from_json(architecture: Any) -> Module:
    """A new network from what `to_json` gave, its weights drawn afresh.

    Raises `ModelFileError` for a class that is not defined, and whatever constructors
    raise for arguments that make no sense.
    """
    net = _Decoder().value(architecture)
    if not isinstance(net, Module):
        raise ModelFileError("what it describes is no network")
    return net


class _Encoder:
    def __init__(self) -> None:
        self.known: dict[int, dict[str, Any]] = {}
        self.shared = 0

    def module(self, module: Module) -> dict[str, Any]:
        known = self.known.get(id(module))
        if known is not None:
            if "$id" not in known:
                known["$id"], self.shared = self.shared, self.shared + 1
            return {"$same": known["$id"]}
        kind = type(module)
        coded: dict[str, Any] = {
            "$module": kind.__qualname__.rpartition(".")[2],
            "from": kind.__module__,
        }
        self.known[id(module)] = coded
        coded["arguments"] = self.arguments(module)
        return coded

    def arguments(self, module: Module) -> dict[str, Any]:
        coded = {}
        for name, argument in module.arguments().items():
            if name == "rng":
                continue  # what it drew is in the weights
            try:
                coded[name] = self.value(argument)
            except TypeError as error:
                if name.endswith("_init"):
                    continue  # likewise
                raise TypeError(f"{module.title()}: {name}: {error}") from None
        return coded

    def value(self, x: Any) -> Any:
        match x:
            case Module():
                coded: Any = self.module(x)
            case list():
                coded = [self.value(item) for item in x]
            case tuple():
                coded = {"$tuple": [self.value(item) for item in x]}
            case Mapping():
                coded = {_key(k): self.value(item) for k, item in x.items()}
            case _:
                coded = _single(x)
        return coded


def _key(key: Any) -> str:
    if not isinstance(key, str) or key.startswith("$"):
        raise TypeError(f"{key!r} cannot be a key in JSON")
    return key


def _single(x: Any) -> Any:
    """What contains nothing else."""
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, float) and not math.isfinite(x):
        return {"$float": repr(x)}
    if x is None or isinstance(x, (bool, str, int, float)):
        return x
    if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
        return {"$dtype": dtype_name(np.dtype(x))}
    for name, function in initializers.BY_NAME.items():
        if x is function:
            return name
    raise TypeError(
        f"{x!r} cannot be saved. A network can be if all it was made with is text, "
        "numbers, lists, dicts, dtypes or modules: pass the name of a thing and look "
        "it up in __init__, or override the method arguments"
    )


class _Decoder:
    def __init__(self) -> None:
        self.shared: dict[int, Module] = {}

    def value(self, coded: Any) -> Any:
        match coded:
            case {"$module": str(name), "arguments": dict(arguments)}:
                value: Any = self.module(_find(name, coded.get("from")), arguments)
                if "$id" in coded:
                    self.shared[coded["$id"]] = value
            case {"$same": int(number)}:
                value = self.shared[number]
            case {"$tuple": list(items)}:
                value = tuple(self.value(item) for item in items)
            case {"$float": "nan" | "inf" | "-inf" as text}:
                value = float(text)
            case {"$dtype": str(name)}:
                value = dtype_of(name)
            case dict():
                value = {_key(k): self.value(item) for k, item in coded.items()}
            case list():
                value = [self.value(item) for item in coded]
            case _:
                value = coded
        return value

    def module(self, kind: type[Module], arguments: dict[str, Any]) -> Module:
        call = inspect.signature(kind).bind_partial()
        decoded = {key: self.value(item) for key, item in arguments.items()}
        unknown = set(decoded) - set(call.signature.parameters)
        if unknown:
            names = ", ".join(sorted(unknown))
            raise ModelFileError(f"{kind.__name__} takes no argument {names}")
        call.arguments.update(decoded)
        return kind(*call.args, **call.kwargs)


def _find(name: str, source: Any) -> type[Module]:
    """The class of that name: that of `source`, or else the only one."""
    named = [kind for kind in _kinds(Module) if kind.__name__ == name]
    exact = [kind for kind in named if kind.__module__ == source]
    if exact:
        return exact[-1]  # the last definition, where a notebook ran it again
    if len({kind.__module__ for kind in named}) == 1:
        return named[-1]
    if named:
        places = ", ".join(sorted({kind.__module__ for kind in named}))
        raise ModelFileError(
            f"it needs the class {name} of {source}, and there are others in {places}"
        )
    raise ModelFileError(
        f"it needs the class {name}, which was defined in {source}: import or define "
        "it before loading"
    )


def _kinds(kind: type[Module]) -> Iterator[type[Module]]:
    """All classes derived from one, in the order of their definition."""
    for derived in kind.__subclasses__():
        yield derived
        yield from _kinds(derived)
