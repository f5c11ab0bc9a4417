"""What a report tells: the facts of a run, gathered by whoever trained it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chainrule.tabular.evaluation import Evaluation, Influence
from chainrule.tabular.provenance import Provenance
from chainrule.training.history import History

if TYPE_CHECKING:
    from chainrule.tables.schema import Schema  # charts alone need no tables

__all__ = ["Layer", "Provenance", "Report"]


@dataclass(frozen=True)
class Layer:
    """One layer: what it is, the shape of its output without the batch, its weights."""

    name: str
    output: str
    parameters: int


@dataclass(frozen=True)
class Report:
    """Everything that `write_report` shows.

    - `schema`: what was understood of the table; `split`: the rows of each part
      ("training", "validation", "test").
    - `test`: what the network is worth on rows it has not seen, `None` where there were
      none; `baselines`: the same for simpler predictors, by name.
    - `metric`: the column of `history` to draw beside the loss; without it the first
      metric that was recorded.
    - `next_commands`: pairs of a command and what it does.
    """

    title: str
    provenance: Provenance
    schema: "Schema"
    split: Mapping[str, int]
    layers: Sequence[Layer]
    history: History
    test: Evaluation | None
    metric: str | None = None
    baselines: Mapping[str, Evaluation] = field(default_factory=dict)
    influence: Sequence[Influence] = ()
    next_commands: Sequence[tuple[str, str]] = ()
