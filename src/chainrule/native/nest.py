"""Loop nests as data: what a fused group of operations does, before it is LLVM text.

A nest is made of registers, instructions and loops:

    for %4 in 0 .. %3 step 16 with %6 = %5:
      %7: f32x16 = load %1[%4]
      %8: f32x16 = add %6, %7
      next %8

A register is assigned once; it is a scalar or a vector of `lanes` elements. What a
loop carries from one round to the next is named where it begins and where a round
ends; after the loop the carried registers hold what the last round left. Printing a
function gives this text.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.ir import DType, dtype_name

POINTER: DType = np.dtype(np.void)
INDEX: DType = np.dtype(np.int64)
BOOL: DType = np.dtype(np.bool_)


def _name(dtype: DType) -> str:
    # Half floats are only loaded: no value of a graph is one.
    known = {POINTER: "ptr", np.dtype(np.float16): "f16"}
    return known.get(dtype) or dtype_name(dtype)


@dataclass(frozen=True, slots=True, eq=False)
class Register:
    """A name for a scalar or a vector, or a literal; `depth` loops are around it."""

    number: int
    dtype: DType
    lanes: int = 1
    depth: int = 0
    literal: float | int | None = None

    def __str__(self) -> str:
        return f"%{self.number}" if self.literal is None else f"{self.literal:g}"

    @property
    def kind(self) -> str:
        """What it holds, in the words of the printed nest."""
        name = _name(self.dtype)
        return name if self.lanes == 1 else f"{name}x{self.lanes}"


@dataclass(frozen=True, slots=True, eq=False)
class Instruction:
    """`result = name(inputs)`; stores and demands have no result."""

    name: str
    result: Register | None
    inputs: tuple[Register, ...]
    extra: tuple[Any, ...] = ()

    def __str__(self) -> str:
        words = [*map(str, self.inputs), *map(_word, self.extra)]
        text = " ".join(filter(None, [self.name, ", ".join(words)]))
        if self.result is None:
            return text
        return f"{self.result}: {self.result.kind} = {text}"


def _word(extra: Any) -> str:
    return _name(extra) if isinstance(extra, np.dtype) else str(extra)


@dataclass(slots=True, eq=False)
class Block:
    """Instructions and loops in order."""

    items: "list[Instruction | Loop]" = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Loop:
    """`for index in start .. stop step step`, carrying registers along."""

    index: Register
    start: Register
    stop: Register
    step: Register
    carried: tuple[Register, ...]
    first: tuple[Register, ...]
    body: Block
    after: tuple[Register, ...] = ()


@dataclass(slots=True, eq=False)
class Function:
    """One group of a program: runs on each thread, on that thread's share."""

    name: str
    arguments: tuple[Register, ...]
    body: Block
    note: str = ""

    def __str__(self) -> str:
        return self.text()

    def text(self, remark: Callable[[Instruction], str] = lambda _: "") -> str:
        """The function as text, with a remark behind each instruction that has one."""
        arguments = ", ".join(f"{a}: {a.kind}" for a in self.arguments)
        head = f"function {self.name}({arguments})" + (
            f"  # {self.note}" if self.note else ""
        )
        return "\n".join([head, *_lines(self.body, 1, remark)])


def _lines(
    block: Block, depth: int, remark: Callable[[Instruction], str]
) -> Iterator[str]:
    indent = "  " * depth
    for item in block.items:
        if isinstance(item, Instruction):
            note = remark(item)
            yield f"{indent}{item}" + (f"  # {note}" if note else "")
            continue
        carried = ", ".join(
            f"{c}: {c.kind} = {first}"
            for c, first in zip(item.carried, item.first, strict=True)
        )
        along = f" with {carried}" if carried else ""
        head = f"for {item.index} in {item.start} .. {item.stop} step {item.step}"
        yield f"{indent}{head}{along}:"
        yield from _lines(item.body, depth + 1, remark)
        if item.after:
            yield f"{indent}  next {', '.join(map(str, item.after))}"
