"""Where in one block of memory every stored value lies.

A buffer is alive from the phase in which it is written to the last phase in which it
is read. Buffers that are never alive together may lie in the same place, and the
largest ones choose first. At any time the living buffers need room, so the most that
they need together is a bound that no plan can be below.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.passes.names import columns

# Every buffer begins at a cache line, so that vectors do not straddle two.
ALIGNMENT = 64


@dataclass(frozen=True)
class Buffer:
    """Bytes needed from one phase to another, both included."""

    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """An offset for every buffer; the bytes of the whole, and their lower bound."""

    offsets: tuple[int, ...]
    peak: int
    bound: int


@dataclass(frozen=True)
class Memory:
    """A plan, and what lies in each of its buffers."""

    contents: tuple[str, ...]
    buffers: tuple[Buffer, ...]
    plan: Plan

    def __str__(self) -> str:
        plan_ = self.plan
        head = f"peak {plan_.peak:,} bytes; no plan needs less than {plan_.bound:,}"
        if not self.buffers:
            return head
        rows = [("buffer", "bytes", "phases", "offset")]
        for content, buffer, offset in zip(
            self.contents, self.buffers, plan_.offsets, strict=True
        ):
            life = f"{buffer.first}-{buffer.last}"
            rows.append((content, f"{buffer.size:,}", life, f"{offset:,}"))
        return "\n".join([head, "", *columns(rows)])


def plan(buffers: Sequence[Buffer]) -> Plan:
    """Offsets at which buffers that are alive together do not overlap.

    >>> plan([Buffer(64, 0, 1), Buffer(64, 1, 2), Buffer(64, 2, 3)])
    Plan(offsets=(0, 64, 0), peak=128, bound=128)
    """
    sizes = [-(-buffer.size // ALIGNMENT) * ALIGNMENT for buffer in buffers]
    offsets = [0] * len(buffers)
    placed: list[int] = []
    for i in sorted(range(len(buffers)), key=lambda i: (-sizes[i], i)):
        offset = 0
        for j in sorted(placed, key=lambda j: offsets[j]):
            together = (
                buffers[j].first <= buffers[i].last
                and buffers[i].first <= buffers[j].last
            )
            if not together:
                continue
            if offset + sizes[i] <= offsets[j]:
                break
            offset = max(offset, offsets[j] + sizes[j])
        offsets[i] = offset
        placed.append(i)
    peak = max((offsets[i] + sizes[i] for i in range(len(buffers))), default=0)
    phases = range(max((b.last for b in buffers), default=-1) + 1)
    bound = max(
        (
            sum(
                size
                for b, size in zip(buffers, sizes, strict=True)
                if b.first <= phase <= b.last
            )
            for phase in phases
        ),
        default=0,
    )
    return Plan(tuple(offsets), peak, bound)
