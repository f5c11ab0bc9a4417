"""What a network gives for tables of any size, some thousand rows at a time."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from os import PathLike
from typing import TypeVar

import numpy as np
import pyarrow as pa

from chainrule.compile import compile
from chainrule.ir import Array
from chainrule.nn import Module
from chainrule.tables import Encoder, TableError
from chainrule.tables.columns import no_column
from chainrule.tables.errors import SHOWN, Finding, in_files
from chainrule.tables.stream import Batch, TableStream, labelled, located, open_stream
from chainrule.training.program import EVALUATION_BATCH, modes_kept

__all__ = ["Forward"]

T = TypeVar("T")


class Forward:
    """Runs a network over the rows of files, and notes what is new in them.

    - `rows` that have been read so far, and the numbers of those `skipped`, from 0,
      because they have no target.
    - `findings`: what training did not have, with rows of the table as a whole.
    """

    def __init__(self, encoder: Encoder, net: Module) -> None:
        self.encoder = encoder
        self.net = net
        self.rows = 0
        self._skipped: list[Array] = []
        self._findings: dict[tuple[str, str], Finding] = {}
        self._files: dict[str, int] = {}
        self._forward = compile(net.__call__)

    @property
    def skipped(self) -> Array:
        """The rows so far that have no target, by their numbers in the whole table."""
        return np.concatenate([np.empty(0, np.int64), *self._skipped])

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is new in the rows so far."""
        return tuple(self._findings.values())

    @property
    def notes(self) -> tuple[str, ...]:
        """The same as sentences, which name rows by their file if there are several."""
        return self._told(self.findings)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of the `notes` that training has not taught what to make of."""
        return self._told(f for f in self.findings if not f.learned)

    def _told(self, findings: Iterable[Finding]) -> tuple[str, ...]:
        several = tuple(self._files.items()) if len(self._files) > 1 else ()
        with in_files(several):
            return tuple(map(str, findings))

    def over(
        self,
        source: str | PathLike[str],
        use: Callable[[pa.Table, Array], T],
        *,
        columns: Collection[str] | None = None,
        target: str | None = None,
        delimiter: str | None = None,
        encoding: str | None = None,
    ) -> Iterator[T]:
        """What `use` makes of some rows and what the network gives for them, in order.

        Args:
            source: whatever `chainrule.tables.stream.open_stream` takes.
            use: a function of rows, and of the outputs of shape `(rows, outputs)`.
            columns: those that `use` needs; all by default.
            target: a column without which a row is passed over.
            delimiter: what parts the cells of a text file.
            encoding: of a text file.

        Raises `TableError`, which names the file and the row of it.
        """
        used = (*self.encoder.schema.inputs, self.encoder.schema.target)
        stream = open_stream(
            source,
            missing=self.encoder.missing,
            delimiter=delimiter,
            encoding=encoding,
            text={c.name for c in used if c.form in ("text", "category")},
        )
        self._check(stream, target)
        wanted = None if columns is None else {*self.encoder.groups, *columns}
        with modes_kept(self.net):
            self.net.eval()
            for batch in stream.batches(wanted):
                which = self._kept(batch, target)
                if len(which):
                    yield self._used(batch, which, use)
                self._count(batch)

    def _check(self, stream: TableStream, target: str | None) -> None:
        """Refuse a table that lacks columns: `TableError`."""
        if any(name not in stream.columns for name in self.encoder.groups):
            self.encoder.encode({name: [None] for name in stream.columns})  # says so
        if target is not None and target not in stream.columns:
            raise TableError(no_column(target, stream.columns))

    def _kept(self, batch: Batch, target: str | None) -> Array:
        """The rows of a batch that have a target, if they need one."""
        if target is None:
            return np.arange(len(batch))
        there = labelled(batch, target)
        if not there.all():
            self._skipped.append(batch.start + np.flatnonzero(~there))
        return np.flatnonzero(there)

    def _used(
        self, batch: Batch, which: Array, use: Callable[[pa.Table, Array], T]
    ) -> T:
        whole = len(which) == len(batch)
        table = batch.table if whole else batch.table.take(which)
        with located(batch, which):
            return use(table, self._outputs(table, batch))

    def _outputs(self, table: pa.Table, batch: Batch) -> Array:
        encoded = self.encoder.encode(table)
        for finding in encoded.findings:
            self._note(finding, batch)
        X = encoded.X
        return np.concatenate(
            [
                self._forward(X[start : start + EVALUATION_BATCH]).numpy()
                for start in range(0, len(X), EVALUATION_BATCH)
            ]
        )

    def _note(self, finding: Finding, batch: Batch) -> None:
        # Its rows are those of the file.
        first = tuple(batch.start - batch.first + row for row in finding.first)
        key = finding.column, finding.problem
        before = self._findings.get(key, replace(finding, rows=0, first=()))
        self._findings[key] = replace(
            before,
            rows=before.rows + finding.rows,
            first=(*before.first, *first)[:SHOWN],
        )

    def _count(self, batch: Batch) -> None:
        self.rows += len(batch)
        self._files[batch.file] = self._files.get(batch.file, 0) + len(batch)
