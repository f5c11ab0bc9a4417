"""Tables that do not fit into the allowed memory: encoded once, trained on from disk.

The table is read twice. The first time, held-out rows and a sample are drawn and things
are counted (`chainrule.tables.stream.survey`); from the sample it is learnt how columns
are encoded. The second time, all other rows are encoded and kept in a file, from which
each epoch reads numbers alone.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainrule.ir import Array
from chainrule.tables import Encoder, Schema, TableError, infer_schema, read_table
from chainrule.tables.arrow import form, plain
from chainrule.tables.errors import count
from chainrule.tables.stream import (
    HELD_ROWS,
    SAMPLE_ROWS,
    Batch,
    Survey,
    TableStream,
    is_file,
    located,
    open_stream,
    survey,
)
from chainrule.tabular.network import SettingError
from chainrule.tabular.problem import (
    Part,
    Problem,
    encode_part,
    is_share,
    labelled_part,
    shaped,
)
from chainrule.training.data import Rows
from chainrule.training.stream import Stream
from chainrule.training.stream_disk import ClassWeighted, DiskSource, disk_source
from chainrule.training.stream_memory import available, bytes_of
from chainrule.training.stream_source import Source, window_bytes

__all__ = ["StreamedProblem", "allowance", "prepare_streamed"]

# How much of the allowed memory the rows take that are in it all the time, and how
# often a cell is there as it was read: it is copied while rows are drawn.
_SHARE_IN_MEMORY = 0.25
_TIMES_IN_MEMORY = 2.0
_CATEGORIES = 50  # that have an input of their own, by default


@dataclass(frozen=True)
class StreamedProblem(Problem):
    """A table whose rows are learnt from on disk; `train` is a sample of them."""

    source: DiskSource
    counts: Array

    @property
    def streamed(self) -> bool:
        """Whether the rows that are trained on are on disk, and `train` a sample."""
        return True

    @property
    def rows(self) -> int:
        """How many rows are trained on."""
        return len(self.source)

    @property
    def class_counts(self) -> Array:
        """How many of the rows that are trained on each class has."""
        return self.counts

    def learnt_from(self, class_weights: Array | None, batch: int) -> dict[str, Any]:
        """The rows that are trained on, as arguments of `fit`."""
        try:
            Stream(self.source, self.train.X.dtype).window_rows(min(batch, self.rows))
        except ValueError as error:
            raise SettingError(str(error)) from None
        source: Source = self.source
        if class_weights is not None:
            if not class_weights.all():
                raise SettingError(
                    "class_weight: a class of weight 0 has to be left out of a table "
                    "that does not fit into memory"
                )
            source = ClassWeighted(source, class_weights, self.source.folder)
        return {"X": source}

    def checksum(self) -> str:
        """A checksum of all encoded rows: to know whether a table is still the same."""
        return f"{super().checksum()}-{self.source.fingerprint()}"

    def close(self) -> None:
        """Remove the encoded rows from the disk."""
        self.source.close()


def allowance(source: Any, memory: int | str | None) -> int | None:
    """How much memory a table may take that is to be streamed; `None` if it fits.

    By default, a table may take half of the memory that there is now.

    Raises `SettingError` where `memory` is no amount of memory.
    """
    try:
        allowed = available() // 2 if memory is None else bytes_of(memory)
    except (TypeError, ValueError) as error:
        raise SettingError(str(error)) from None
    try:
        fits = not is_file(source) or open_stream(source).memory <= allowed
    except TableError:
        return None  # whoever reads it says what is wrong with it
    return None if fits else allowed


def prepare_streamed(
    source: str | PathLike[str],
    target: str,
    *,
    memory: int,
    scratch: str | Path | None,
    validation: Any,
    test: Any,
    seed: int,
    task: str | None = None,
    drop: Collection[str] = (),
    kinds: Mapping[str, str] | None = None,
    encoding: Mapping[str, Any] | None = None,
    reading: Mapping[str, Any],
) -> StreamedProblem:
    """As `prepare`, but with no more in memory than `memory` bytes allow.

    The encoded rows are kept in a file in the folder `scratch`, by default where the
    system keeps temporary files.

    Raises `TableError` as `prepare` does, and `DiskError` where the disk is full.
    """
    text = [name for name, kind in (kinds or {}).items() if kind == "category"]
    stream = open_stream(source, text=text, **reading)
    share = _share_that_fits(stream, memory)
    found = survey(
        stream,
        target,
        seed=seed,
        validation=validation if is_share(validation) else 0.0,
        test=test if is_share(test) else 0.0,
        held=max(int(HELD_ROWS * share), 1),
        sample=max(int(SAMPLE_ROWS * share), 1),
    )
    sample = read_table(found.sample, missing=stream.missing)
    schema = infer_schema(sample, target, task=task, drop=drop, kinds=kinds)
    learnt = Encoder.fit(sample, **schema.choices, **(encoding or {}))
    encoder = replace(learnt, schema=_noted(found, learnt.schema, memory))

    def held_out(given: Any, drawn: Any) -> Part | None:
        if not is_share(given):
            return labelled_part(encoder, given, target, reading)
        return encode_part(encoder, drawn) if drawn.num_rows else None

    part = encode_part(encoder, sample)
    disk, counts = _written(stream, found, encoder, part, scratch, memory)
    try:
        return StreamedProblem(
            encoder.schema,
            encoder,
            part,
            held_out(validation, found.validation),
            held_out(test, found.test),
            disk,
            counts,
        )
    except BaseException:
        disk.close()
        raise


def _noted(found: Survey, schema: Schema, memory: int) -> Schema:
    """The schema of the whole table, which says that it is not in memory."""
    corrected = found.corrected(schema)
    note = (
        f"larger than {memory / 1e6:,.0f} MB in memory: rows are streamed from the "
        f"disk, and encoded as a sample of {count(schema.rows, 'row')} suggests"
    )
    return replace(corrected, notes=(*corrected.notes, note))


def _share_that_fits(stream: TableStream, memory: int) -> float:
    """The share of the usual numbers of held-out rows, and of the sample, that fits."""
    (first,) = islice(stream.batches(rows=1000), 1)
    row = first.table.nbytes / len(first) * _TIMES_IN_MEMORY
    row += 4 * sum(_inputs(column) for column in first.table.columns)
    usual = float((2 * HELD_ROWS + SAMPLE_ROWS) * row)
    return min(1.0, _SHARE_IN_MEMORY * memory / usual)


def _inputs(column: pa.ChunkedArray) -> int:
    """About how many inputs a column becomes."""
    if form(column.type) not in ("text", "category"):
        return 2
    return min(int(pc.count_distinct(plain(column)).as_py()), _CATEGORIES) + 2


def _written(
    stream: TableStream,
    found: Survey,
    encoder: Encoder,
    part: Part,
    scratch: str | Path | None,
    memory: int,
) -> tuple[DiskSource, Array]:
    """Encode all rows that are trained on; those, and how many each class has."""
    disk = disk_source(
        Rows(part.X[:0], part.y[:0]),
        found.training,
        folder=scratch,
        window_bytes=window_bytes(memory),
        columns=encoder.inputs,
        name=stream.name,
    )
    classes = 0 if encoder.classes is None else len(encoder.classes)
    counts = np.zeros(classes, np.int64)
    try:
        for batch in stream.batches({*encoder.groups, found.target}):
            rows = _encoded(batch, found.training_rows(batch), encoder)
            disk.append(rows)
            if classes:
                counts += np.bincount(rows.y.ravel().astype(np.intp), minlength=classes)
        disk.finish()
    except BaseException:
        disk.close()
        raise
    return disk, counts


def _encoded(batch: Batch, which: Array, encoder: Encoder) -> Rows:
    if not len(which):
        outputs = shaped(encoder, np.zeros(0, np.int64))
        return Rows(np.zeros((0, len(encoder.inputs)), np.float32), outputs)
    table = batch.table.take(which)
    with located(batch, which):
        X, y = encoder.encode(table).X, encoder.target(table)
    return Rows(X, shaped(encoder, y))
