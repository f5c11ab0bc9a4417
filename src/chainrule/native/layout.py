"""How a compiled program is called, as plain data that is kept beside the code."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from chainrule.ir import Graph
from chainrule.native.sizes import Source, measure
from chainrule.passes.memory import ALIGNMENT


@dataclass(frozen=True)
class Slot:
    """Where the address of a buffer goes, and what lies there.

    `number` counts the inputs, the outputs, the constants or the values in the arena.
    """

    word: int
    kind: Literal["input", "output", "constant", "arena"]
    number: int


@dataclass(frozen=True)
class Room:
    """A buffer of the arena: bytes for an element, elements, and when it is alive.

    There are `extra` elements at its end; if it is `own`, every thread has one.
    """

    itemsize: int
    elements: Source
    first: int
    last: int
    extra: int = 0
    own: bool = False

    def size(self, graph: Graph) -> int:
        """Bytes for the sizes of a graph; each thread's own begins at a cache line."""
        elements = measure(self.elements, graph) + self.extra
        return -(-self.itemsize * elements // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class Account:
    """What a group computes, for whoever asks where the time went.

    `values` are positions in the graph's order, so that another graph of the same text
    has names of its own for them; `states` are the inputs that the group overwrites.
    The multiplications of a product are as many as `multiplies` say, multiplied.
    """

    kind: str
    values: tuple[int, ...]
    states: tuple[int, ...]
    multiplies: tuple[Source, ...]


@dataclass(frozen=True)
class Layout:
    """How a program is called: plain data."""

    buffers: tuple[Slot, ...]
    rooms: tuple[Room, ...]
    # What each slot of a frame holds.
    sizes: dict[int, Source]
    constants: dict[int, tuple[int, str]]
    # The bindings of the inputs; whether outputs are kept for every step.
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    # Additions and multiplications in a step, for the sample sizes.
    work: float
    groups: tuple[str, ...]
    accounts: tuple[Account, ...]
    # Where the constants that are arrays are in the order of the graph.
    arrays: tuple[int, ...]

    def to_data(self) -> dict[str, Any]:
        """The layout in lists and dicts."""
        return asdict(self)

    @staticmethod
    def from_data(data: dict[str, Any]) -> "Layout":
        """The inverse of `to_data`, which may have been JSON in between."""
        fields = dict(data)
        fields["buffers"] = tuple(Slot(**slot) for slot in data["buffers"])
        fields["rooms"] = tuple(
            Room(**{**room, "elements": tuple(room["elements"])})
            for room in data["rooms"]
        )
        fields["accounts"] = tuple(_account(account) for account in data["accounts"])
        fields["sizes"] = {int(k): tuple(v) for k, v in data["sizes"].items()}
        fields["constants"] = {int(k): tuple(v) for k, v in data["constants"].items()}
        for name in ("inputs", "outputs", "groups", "arrays"):
            fields[name] = tuple(data[name])
        return Layout(**fields)


def _account(data: dict[str, Any]) -> Account:
    return Account(
        data["kind"],
        tuple(data["values"]),
        tuple(data["states"]),
        tuple(tuple(source) for source in data["multiplies"]),
    )
