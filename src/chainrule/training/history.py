"""What happened in training, epoch by epoch."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chainrule.files import write_text
from chainrule.training.speed import Speed

Record = dict[str, float]


@dataclass
class History:
    """One record per epoch: `epoch`, `loss`, `val_loss`, metrics, `seconds`.

    `history["loss"]` is a column, iterating gives the records. `best_epoch` is the one
    whose weights the network has in the end, where early stopping put them back;
    `stopped` says why training ended before its last epoch, if it did. `speed` says
    where the time of the last call of `fit` went; a checkpoint does not keep it.
    """

    records: list[Record] = field(default_factory=list)
    best_epoch: int | None = None
    stopped: str | None = None
    # Times differ from run to run, and so do two histories in nothing else.
    speed: Speed | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __getitem__(self, column: str) -> list[float]:
        if not any(column in record for record in self.records):
            raise KeyError(
                f"{column!r} was not recorded, only {', '.join(self.columns)}"
            )
        return [record[column] for record in self.records if column in record]

    @property
    def columns(self) -> list[str]:
        """The names of what was recorded."""
        return list(dict.fromkeys(name for record in self for name in record))

    @property
    def last(self) -> Record:
        """The record of the latest epoch."""
        if not self.records:
            raise LookupError("nothing was recorded: no epoch has ended yet")
        return self.records[-1]

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain types, as checkpoints keep it."""
        return {
            "records": self.records,
            "best_epoch": self.best_epoch,
            "stopped": self.stopped,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "History":
        """The inverse of `to_dict`."""
        return cls(list(plain["records"]), plain["best_epoch"], plain["stopped"])

    def save(self, path: str | Path) -> None:
        """Write the records as JSON lines, one epoch a line."""
        lines = [json.dumps(record) for record in self.records]
        write_text(Path(path), "".join(line + "\n" for line in lines))

    def __repr__(self) -> str:
        if not self.records:
            return "History of no epochs"
        shown = ", ".join(f"{k} {v:.4g}" for k, v in self.last.items() if k != "epoch")
        return f"History of {len(self)} epochs; the last: {shown}"
