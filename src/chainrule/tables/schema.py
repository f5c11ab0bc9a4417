"""What a table holds: the kind of each column, and the task its target sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chainrule.tables.arrow import Form
from chainrule.tables.errors import count, listed

Kind = Literal[
    "number",
    "category",
    "boolean",
    "date",
    "constant",
    "empty",
    "identifier",
    "dropped",
]
INPUTS = ("number", "category", "boolean", "date")
"""The kinds of columns that can be inputs."""
_NOUNS = {
    "number": "number",
    "category": "category",
    "boolean": "boolean",
    "date": "date",
}
Task = Literal["binary", "multiclass", "regression"]
Label = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Column:
    """What one column holds.

    Args:
        name: its name.
        kind: ``number``, ``category``, ``boolean`` (true and false) and ``date`` can be
            inputs; the others are left out.
        form: the form its values have in the table (see `chainrule.tables.arrow`).
        missing: how many rows have no value.
        distinct: how many different values the others have.
        low: the smallest number, where it holds numbers.
        high: the largest.
        why: why it is left out, or else empty.
        written: how its dates are written (`chainrule.tables.times`), or else empty.
    """

    name: str
    kind: Kind
    form: Form
    missing: int
    distinct: int
    low: float | None = None
    high: float | None = None
    why: str = ""
    written: str = ""

    @property
    def choice(self) -> str:
        """Give its kind as option ``kinds`` takes it, with how dates are written."""
        return f"{self.kind} {self.written}" if self.written else self.kind


@dataclass(frozen=True, slots=True)
class Schema:
    """What a table holds and what is to be learnt from it.

    Args:
        rows: how many rows have a target.
        inputs: the columns that the target is predicted from.
        left_out: the columns that are not used, each with the reason.
        target: the column to predict.
        task: ``binary`` (two classes), ``multiclass`` or ``regression``.
        classes: each label with its count of rows, in the order of the class indices.
        notes: what a user should know and may want to change.
    """

    rows: int
    inputs: tuple[Column, ...]
    left_out: tuple[Column, ...]
    target: Column
    task: Task
    classes: tuple[tuple[Label, int], ...]
    notes: tuple[str, ...]

    @property
    def choices(self) -> dict[str, Any]:
        """Give what was decided as options of `Encoder.fit`.

        The training rows alone might look different, such as text that hardly repeats
        in them; with these options they are encoded as the whole table was understood.
        """
        return {
            "target": self.target.name,
            "task": self.task,
            "drop": [column.name for column in self.left_out],
            "kinds": {column.name: column.choice for column in self.inputs},
        }

    @property
    def summary(self) -> list[str]:
        """Say in a few lines what was understood."""
        every = len(self.inputs) + len(self.left_out) + 1
        kinds: list[str] = [column.kind for column in self.inputs]
        held = [
            count(kinds.count(kind), noun)
            for kind, noun in _NOUNS.items()
            if kind in kinds or kind in ("number", "category")
        ]
        lines = [
            f"{count(self.rows, 'row')}, {count(every, 'column')}",
            f"inputs: {', '.join(held)}{_missing_summary(self.inputs)}",
        ]
        if self.left_out:
            reasons = [f"{column.name} ({column.why})" for column in self.left_out]
            lines.append(f"left out: {listed(reasons, len(reasons))}")
        return [*lines, f"target: {self._target_summary()}", *self.notes]

    def _target_summary(self) -> str:
        if self.task == "regression":
            low, high = self.target.low, self.target.high
            return f"{self.target.name}, a number from {low:g} to {high:g} (regression)"
        shares = [
            f"{label} {number:,} ({number / self.rows:.1%})"
            for label, number in sorted(self.classes, key=lambda item: -item[1])
        ]
        kinds = count(len(self.classes), "class")
        return f"{self.target.name}, {kinds}: {listed(shares, len(shares))}"


def _missing_summary(inputs: Sequence[Column]) -> str:
    gaps = sorted((c for c in inputs if c.missing), key=lambda c: -c.missing)
    if not gaps:
        return "; no value is missing"
    shown = [f"{column.name} {column.missing:,}" for column in gaps]
    total = count(sum(column.missing for column in gaps), "value")
    return f"; {total} missing ({listed(shown, len(shown))})"
