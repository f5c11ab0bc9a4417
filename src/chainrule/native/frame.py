"""Where a program finds its numbers: buffers, and the sizes of a step.

A program is called with a context, a row of words. Some point to buffers; one points
to *frames*, each a row of words with all sizes and constants for one number of rows. A
step says which frame is its own: the last, smaller batch has another one.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from chainrule.ir import DType, Value
from chainrule.passes.generalise import Samples, Size

StorageKind = Literal["plain", "rows", "step"]


@dataclass(frozen=True)
class Storage:
    """The word of the context with a buffer's address, and what is there.

    `rows`: all rows of the data, of which a batch has some; `step`: an array for each
    step, one after the other; `plain`: one array.
    """

    word: int
    kind: StorageKind
    dtype: DType
    elements: Size


@dataclass(eq=False)
class Frame:
    """The slots of the frames, and the storages of all that is in memory."""

    samples: Samples
    storages: dict[Value, Storage] = field(default_factory=dict)
    sizes: dict[Size, int] = field(default_factory=dict)
    constants: dict[Value, int] = field(default_factory=dict)
    # The buffers that get a value; it is read from the first, unless it is a leaf.
    targets: dict[Value, list[Storage]] = field(default_factory=dict)

    # Words of the context, after those of the runtime.
    STEPS: ClassVar[int] = 0
    FRAMES: ClassVar[int] = 1
    FRAME_OF_STEP: ClassVar[int] = 2
    ORDER: ClassVar[int] = 3
    STARTS: ClassVar[int] = 4
    FLAG: ClassVar[int] = 5
    DONE: ClassVar[int] = 7
    TIMES: ClassVar[int] = 8
    STOP: ClassVar[int] = 10  # and 11: steps take turns
    BUFFERS: ClassVar[int] = 16

    def slot_of_size(self, size: Size) -> int:
        """The slot of a size that differs between samples."""
        return self.sizes.setdefault(size, len(self.sizes) + len(self.constants))

    def slot_of_constant(self, value: Value) -> int:
        """The slot of a constant that differs between samples."""
        return self.constants.setdefault(value, len(self.sizes) + len(self.constants))
