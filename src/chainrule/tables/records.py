"""Frozen dataclasses as plain JSON data, and back with every type checked."""

import dataclasses
import math
import types
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


_hints = cache(get_type_hints)  # a table may have thousands of columns


@cache
def _optional(record: type[Any]) -> frozenset[str]:
    """Name the fields that data written before there were such fields may lack."""
    fields = dataclasses.fields(record)
    lacking = dataclasses.MISSING
    return frozenset(f.name for f in fields if f.default is not lacking)


def to_plain(value: Any) -> Any:
    """Turn a record into dicts, lists, strings and numbers.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Point:
    ...     at: tuple[float, ...]
    >>> to_plain(Point((1.0, 2.5)))
    {'at': [1.0, 2.5]}
    """
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: to_plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    return value


def from_plain(record: type[Record], data: Any) -> Record:
    """Build a record from what `to_plain` made of it.

    Raises:
        ValueError: where a field without a default is lacking, or one is unknown.
        TypeError: where one is of another type.

    >>> from_plain(tuple[int, ...], [1, 2])
    (1, 2)
    """
    value: Record = _build(record, data)
    return value


def _build(kind: Any, data: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _fields(kind, data)
    if origin is tuple:
        return _items(arguments, data)
    if origin in (Union, types.UnionType):
        return data if type(data) in arguments else _build(arguments[0], data)
    if origin is Literal:
        if data in arguments:
            return data
    elif kind is float and type(data) in (int, float) and math.isfinite(data):
        return float(data)  # some writers of JSON shorten 1.0 to 1
    elif kind is not float and type(data) is kind:
        return data
    raise TypeError(f"{data!r} stands where {getattr(kind, '__name__', kind)} belongs")


def _fields(kind: Any, data: Any) -> Any:
    hints, optional = _hints(kind), _optional(kind)
    if not isinstance(data, dict):
        raise TypeError(f"{data!r} stands where {kind.__name__} belongs")
    wrong = (hints.keys() ^ data.keys()) - (optional - data.keys())
    if wrong:
        every = ", ".join(sorted(wrong))
        raise ValueError(f"{kind.__name__} lacks or does not know: {every}")
    return kind(**{name: _build(hints[name], data[name]) for name in data})


def _items(kinds: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise TypeError(f"{data!r} stands where a list belongs")
    if kinds[1:] == (...,):
        return tuple(_build(kinds[0], item) for item in data)
    return tuple(_build(kind, item) for kind, item in zip(kinds, data, strict=True))
