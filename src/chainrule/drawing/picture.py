"""What a drawing shows, before anyone has decided where and in which colours."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from chainrule.drawing.numerals import numeral, shorten
from chainrule.drawing.summary import Summary
from chainrule.ir import Location, TensorType

# A `leaf` is given from outside, a `constant` is written in the formula, a `group`
# stands for several values: those of one layer, or those that were left out.
Kind: TypeAlias = Literal["leaf", "constant", "operation", "group"]

# Of a longer name, the end is shown.
_LONGEST_TITLE = 24

# A longer name is not repeated in front of a gradient.
_LONGEST_SUBJECT = 8


@dataclass(frozen=True, slots=True)
class Derivative:
    """d output / d input, of one operation alone and at the values it was given.

    As `each`, every output element stands on one input element, or is the only one,
    and `summary` is the derivative at each; as `matrix`, it is the Jacobian with a row
    for each output element and a column for each input element. `shape` is that of
    the Jacobian; without `summary` it is too large to work out.
    """

    form: Literal["each", "matrix"]
    shape: tuple[int, int]
    summary: Summary | None = None

    @property
    def size(self) -> str:
        """How large the Jacobian is: `J 3×2`."""
        return "J {}×{}".format(*self.shape)

    def __str__(self) -> str:
        """Short enough to stand on an edge."""
        if self.summary is None:
            return self.size
        if self.summary.is_single:
            return numeral(self.summary.numbers[0][0])
        if self.summary.uniform is not None:
            return numeral(self.summary.uniform)
        if self.form == "matrix" and not self.summary.numbers:
            return self.size
        return str(self.summary)

    def short(self, most: int) -> str:
        """In about `most` characters, or as few as that takes."""
        text = str(self)
        if len(text) <= most or self.summary is None:
            return text
        if self.form == "matrix":
            return self.size
        return self.summary.short(most)

    def describe(self) -> str:
        """In a sentence."""
        rows, columns = self.shape
        if self.form == "matrix":
            text = f"Jacobian, {rows:,} outputs × {columns:,} inputs"
            return f"{text}: {self.summary.describe()}" if self.summary else text
        return self.summary.describe() if self.summary else "not worked out"


@dataclass(frozen=True, slots=True)
class Node:
    """One box: an operation, a leaf, a constant, or a group of them.

    `label` says what it does (`×`, `relu`), `name` what the user calls it, `formula`
    what it computes where that is short (`2x + y`). `code` is the operation with its
    attributes, as the graph's text form has it; `size`, how many values it stands for.
    """

    kind: Kind
    label: str
    name: str = ""
    formula: str = ""
    code: str = ""
    type: TensorType | None = None
    value: Summary | None = None
    gradient: Summary | None = None
    location: Location | None = None
    size: int = 1

    @property
    def title(self) -> str:
        """What it is called: by name, by formula, or by what it does."""
        return shorten(self.name, _LONGEST_TITLE) or self.formula or self.label

    @property
    def is_number(self) -> bool:
        """Whether it is a number in the formula, and shows nothing but that."""
        return self.kind == "constant" and not self.name and self.label != "constant"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its value."""
        return self.type.shape if self.type else ()

    @property
    def sign(self) -> str:
        """What it does, where a formula does not say so in the same word."""
        says_so = not self.name and self.formula.startswith(f"{self.label}(")
        return self.label if self.kind == "operation" and not says_so else ""

    @property
    def subject(self) -> str:
        """What its value is the value of, apart from `sign`: `x`, or nothing."""
        return self.title if self.title != self.sign else ""


@dataclass(frozen=True, slots=True)
class Edge:
    """`nodes[source]` is input number `position` of `nodes[target]`.

    `flows` says whether a gradient can go back along it: none goes to constants, to
    integers, or through operations that have none. Then there is no `derivative`
    either; nor is there one where the values are not known, or into a group.
    """

    source: int
    target: int
    position: int
    flows: bool
    derivative: Derivative | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A computational graph to be drawn: `nodes` after all nodes they stand on.

    `loss` is the letter in dL/dx. `left_out` counts the values that are in no box of
    their own.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    loss: str = "L"
    left_out: int = 0

    def gradient_label(self, node: Node) -> str:
        """How the gradient of `node` is written: `dL/dx`."""
        subject = node.title
        if len(subject) > _LONGEST_SUBJECT:
            return "gradient"
        simple = node.name.isidentifier()
        return f"d{self.loss}/d{subject if simple else f'({subject})'}"

    @property
    def has_gradients(self) -> bool:
        """Whether some node shows a gradient."""
        return any(node.gradient is not None for node in self.nodes)
