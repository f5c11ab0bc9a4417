"""From a table to the arrays a network trains on, and back to labels and units."""

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeAlias

import numpy as np
import pyarrow as pa

from chainrule.tables.categories import (
    BooleanColumn,
    CategoryColumn,
    EmbeddedColumn,
)
from chainrule.tables.columns import labelled_rows, no_column
from chainrule.tables.dates import DateColumn
from chainrule.tables.errors import (
    Finding,
    TableError,
    TableWarning,
    did_you_mean,
    in_files,
    rows,
)
from chainrule.tables.infer import infer_schema
from chainrule.tables.numbers import SCALINGS, NumberColumn, QuantileColumn
from chainrule.tables.read import files_of, missing_spellings, read_table
from chainrule.tables.records import from_plain, to_plain
from chainrule.tables.schema import Column, Schema
from chainrule.tables.skew import TRANSFORMS
from chainrule.tables.targets import ClassTarget, NumberTarget
from chainrule.tables.times import written_as

FORMAT = "chainrule table encoding"
VERSION = 2

_KINDS: dict[str, type] = {
    "number": NumberColumn,
    "quantile": QuantileColumn,
    "category": CategoryColumn,
    "embedded": EmbeddedColumn,
    "boolean": BooleanColumn,
    "date": DateColumn,
    "regression": NumberTarget,
    "classes": ClassTarget,
}
InputColumn: TypeAlias = (
    NumberColumn
    | QuantileColumn
    | CategoryColumn
    | EmbeddedColumn
    | BooleanColumn
    | DateColumn
)


@dataclass(frozen=True, slots=True)
class Encoded:
    """The inputs of some rows, and what was new about them.

    Args:
        X: float32 of shape ``(rows, inputs)``.
        findings: what the training rows did not have, column by column.
    """

    X: np.ndarray
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class EmbeddedInput:
    """An input that holds the number of a category, for a network to embed.

    Args:
        position: of the input in a row of ``X``.
        count: how many numbers there are.
        features: how many features the vector of each has.
    """

    position: int
    count: int
    features: int


@dataclass(frozen=True)
class Encoder:
    """Turns tables into arrays, as it learnt from the training rows.

    Numbers become ``(value - mean) / sd``, or what another scaling makes of them; a
    category one input each, 1 or 0; true and false one input; dates the time that
    passed, and where they are in year, month, week and day; missing values an input of
    their own where the training rows miss some. The classes in
    `chainrule.tables.numbers`, ``categories`` and ``dates`` say it exactly.

    The same rows give the same bits, in whatever order, library or pieces they come.

    Args:
        schema: what the training table held.
        columns: how each used column becomes inputs, in the order of the inputs.
        goal: how the target becomes a class index or a standardised number.
        missing: the cells that counted as missing.

    >>> table = {"size": [1.0, 3.0], "colour": ["red", "blue"], "price": [10.5, 30.5]}
    >>> encoder = Encoder.fit(table, target="price")
    >>> encoder.inputs
    ('size', 'colour = blue', 'colour = red')
    >>> encoder.transform(table)
    array([[-1.,  0.,  1.],
           [ 1.,  1.,  0.]], dtype=float32)
    >>> encoder.target(table), encoder.decode([0.0])
    (array([-1.,  1.], dtype=float32), array([20.5]))
    """

    schema: Schema
    columns: tuple[InputColumn, ...]
    goal: ClassTarget | NumberTarget
    missing: tuple[str, ...]

    @classmethod
    def fit(
        cls,
        table: Any,
        *,
        target: str,
        task: str | None = None,
        drop: Collection[str] = (),
        kinds: Mapping[str, str] | None = None,
        scaling: str | Mapping[str, str] = "standard",
        max_categories: int = 50,
        min_count: int | None = None,
        embed: bool = False,
        target_transform: str = "none",
        weights: np.ndarray | None = None,
    ) -> Self:
        """Learn the encoding from the training rows alone.

        Args:
            table: whatever `read_table` takes; rows without a target are not used.
            target: the column to predict.
            task: as for `infer_schema`, which says more of the errors too.
            drop: columns to leave out.
            kinds: ``"number"``, ``"category"``, ``"boolean"`` or ``"date"`` for columns
                it would misunderstand.
            scaling: of numbers: ``"standard"`` (mean 0, standard deviation 1),
                ``"robust"`` (by median and quartiles, never beyond 3) or
                ``"quantile"`` (normal scores); or one for each of some columns.
            max_categories: how many categories of one column get an input of their
                own; the rare ones share one.
            min_count: the rows that a category needs not to be rare; 1 by default, and
                5 where it is embedded.
            embed: write a column of more than ``max_categories`` categories as one
                input, the number of the category, for a network to `embed`; without
                it, ``X`` is fit for any network.
            target_transform: ``"log1p"``, ``"yeo-johnson"`` or ``"quantile"`` for a
                skewed target; ``"auto"`` takes one of the first two if it is skewed.
            weights: what each row with a target counts in means, standard deviations
                and medians; kinds, categories, quartiles and quantiles are learnt from
                the rows as they are.

        Raises:
            TableError: where the table is not fit for training.
        """
        options = _Options(scaling, max_categories, min_count, embed, target_transform)
        options.check()
        table = read_table(table)
        schema = infer_schema(table, target, task=task, drop=drop, kinds=kinds)
        table = labelled_rows(table, target)
        options.check_names(schema)
        columns = tuple(
            options.fit(column, table[column.name], weights) for column in schema.inputs
        )
        goal = _fit_target(schema, table, target_transform, weights)
        return cls(schema, columns, goal, missing_spellings(table))

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Name every input, in the order of the columns of ``X``."""
        return tuple(name for column in self.columns for name in column.inputs)

    @cached_property
    def groups(self) -> dict[str, range]:
        """Map each used column of the table to the positions of its inputs."""
        groups, start = {}, 0
        for column in self.columns:
            stop = start + len(column.inputs)
            groups[column.name] = range(start, stop)
            start = stop
        return groups

    @property
    def embedded(self) -> tuple[EmbeddedInput, ...]:
        """The inputs that hold numbers of categories; the others are plain numbers."""
        return tuple(
            EmbeddedInput(self.groups[column.name].start, column.count, column.features)
            for column in self.columns
            if isinstance(column, EmbeddedColumn)
        )

    @property
    def task(self) -> str:
        """Say whether this is ``binary``, ``multiclass`` or ``regression``."""
        return self.schema.task

    @property
    def classes(self) -> np.ndarray | None:
        """Give the labels in the order of the class indices; None in a regression."""
        if isinstance(self.goal, NumberTarget):
            return None
        return np.array(self.goal.labels)

    @property
    def summary(self) -> list[str]:
        """Say in a few lines what was understood of the training table."""
        return self.schema.summary

    def read(self, source: Any, **options: Any) -> pa.Table:
        """Read a table as the training table was read.

        The same cells are missing, and columns that were text stay text: a file whose
        codes all happen to be numbers (``07``) does not turn into numbers.

        Args:
            source: whatever `read_table` takes.
            options: ``delimiter``, ``encoding`` and ``names``, as for `read_table`.
        """
        used = (*self.schema.inputs, self.schema.target)
        text = {column.name for column in used if column.form in ("text", "category")}
        return read_table(source, missing=self.missing, text=text, **options)

    def encode(self, table: Any) -> Encoded:
        """Encode the inputs of a table, and list what is new in it.

        Columns that were not used in training are ignored, and the target need not be
        there. New categories, and missing values where training had none, are encoded
        all the same and listed.

        Args:
            table: whatever `read_table` takes.

        Raises:
            TableError: if columns are missing, or hold something else than in training.
        """
        table = self.read(table)
        self._check_columns(table)
        X = np.zeros((table.num_rows, len(self.inputs)), np.float32)
        findings: list[Finding] = []
        with in_files(files_of(table)):
            for column in self.columns:
                place = self.groups[column.name]
                view = X[:, place.start : place.stop]
                findings += column.encode(table[column.name], view)
        return Encoded(X, tuple(findings))

    def transform(self, table: Any) -> np.ndarray:
        """Encode the inputs of a table: float32 of shape ``(rows, inputs)``.

        As `encode`, but what is new in the table is told as a `TableWarning`, unless
        the training rows taught what to make of it: a new category is nothing to warn
        of where the column had rare ones, for it counts as one of these.
        """
        encoded = self.encode(table)
        for finding in encoded.findings:
            if not finding.learned:
                warnings.warn(str(finding), TableWarning, stacklevel=2)
        return encoded.X

    def target(self, table: Any) -> np.ndarray:
        """Encode the target, of shape ``(rows,)``.

        Class indices as int64, or standardised numbers as float32.

        Raises:
            TableError: if it is not there, has gaps, or holds an unknown label.
        """
        table = self.read(table)
        with in_files(files_of(table)):
            return self.goal.encode(self._target_column(table))

    def target_values(self, table: Any) -> np.ndarray:
        """Give the target as it is written in the table: labels, or numbers."""
        return self.goal.values(self._target_column(self.read(table)))

    def decode(self, y: Any) -> np.ndarray:
        """Turn class indices into labels, or standardised numbers into their units.

        The inverse of `target`: labels have the type they had in the table.
        """
        return self.goal.decode(y)

    def to_config(self) -> dict[str, Any]:
        """Write the encoder as plain JSON data; floats are kept exactly."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "missing": to_plain(self.missing),
            "inputs": [_tagged(column) for column in self.columns],
            "target": _tagged(self.goal),
            "schema": to_plain(self.schema),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Read the encoder back; it encodes to the same bits.

        Raises:
            TableError: if the data is damaged, or of a newer version.

        >>> table = {"size": [1, 2, 4], "kind": ["a", "b", "b"]}
        >>> encoder = Encoder.fit(table, target="kind")
        >>> Encoder.from_config(encoder.to_config()) == encoder
        True
        """
        if not isinstance(config, Mapping) or config.get("format") != FORMAT:
            raise TableError("this is not the saved encoding of a table")
        version = config.get("version")
        if version not in (1, VERSION):
            raise TableError(
                f"the encoding of the table has version {version!r}, but this "
                f"chainrule reads version {VERSION}; a newer chainrule may read it"
            )
        try:
            inputs = config["inputs"]
            if version == 1:
                inputs = [_from_version_1(column) for column in inputs]
            return cls(
                from_plain(Schema, config["schema"]),
                tuple(_untagged(column) for column in inputs),
                _untagged(config["target"]),
                from_plain(tuple[str, ...], config["missing"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TableError(
                f"the saved encoding of the table is damaged: {error}"
            ) from None

    def _check_columns(self, table: pa.Table) -> None:
        there = set(table.column_names)
        lacking = [name for name in self.groups if name not in there]
        if lacking:
            others = [name for name in table.column_names if name not in self.groups]
            hint = did_you_mean(lacking[0], others) if others else ""
            hint = f"; for {lacking[0]!r}, {hint}" if hint.startswith("did") else ""
            noun = "column" if len(lacking) == 1 else "columns"
            every = ", ".join(map(repr, lacking))
            raise TableError(
                f"the table lacks the {noun} {every}, which the model was trained on"
                f"{hint}"
            )

    def _target_column(self, table: pa.Table) -> pa.ChunkedArray:
        name = self.goal.name
        if name not in table.column_names:
            raise TableError(no_column(name, table.column_names))
        column = table[name]
        gaps = np.flatnonzero(column.is_null().to_numpy()).tolist()
        if gaps:
            raise TableError(
                f"the target {name!r} is missing in {rows(gaps)}; fill it in, or leave "
                "those rows out (labelled_rows)"
            )
        return column


@dataclass(frozen=True, slots=True)
class _Options:
    """What `Encoder.fit` was asked for."""

    scaling: str | Mapping[str, str]
    max_categories: int
    min_count: int | None
    embed: bool
    target_transform: str

    def check(self) -> None:
        """Refuse what makes no sense, before the table is read: `TableError`."""
        if self.max_categories < 1:
            raise TableError(f"max_categories is 1 at least, not {self.max_categories}")
        if self.min_count is not None and self.min_count < 1:
            raise TableError(f"min_count is 1 at least, not {self.min_count}")
        if self.target_transform not in TRANSFORMS:
            known = ", ".join(TRANSFORMS)
            raise TableError(
                f"target_transform= is one of {known}; not {self.target_transform!r}"
            )
        every = self.scaling
        for scaling in [every] if isinstance(every, str) else every.values():
            if scaling not in SCALINGS:
                known = ", ".join(SCALINGS)
                raise TableError(f"scaling= is one of {known}; not {scaling!r}")

    def check_names(self, schema: Schema) -> None:
        """Refuse a scaling for what is no column of numbers: `TableError`."""
        if isinstance(self.scaling, str):
            return
        numbers = [c.name for c in schema.inputs if c.kind == "number"]
        kept = {c.name for c in schema.left_out}
        for name in self.scaling:
            if name not in numbers and name not in kept:
                raise TableError(
                    f"scaling= is for columns of numbers, and {name!r} is none; "
                    f"{did_you_mean(name, numbers)}"
                )

    def fit(
        self, column: Column, values: pa.ChunkedArray, weights: np.ndarray | None
    ) -> InputColumn:
        """Learn how a column becomes inputs."""
        name = column.name
        match column.kind:
            case "number":
                named = self.scaling
                scaling = (
                    named if isinstance(named, str) else named.get(name, "standard")
                )
                if scaling == "standard":
                    return NumberColumn.fit(name, values, weights)
                return SCALINGS[scaling](name, values)
            case "boolean":
                return BooleanColumn.fit(name, values)
            case "date":
                written = written_as(column.written)
                return DateColumn.fit(name, values, written, weights)
        if self.embed:
            least = 5 if self.min_count is None else self.min_count
            wide = EmbeddedColumn.fit(name, values, None, least)
            if len(wide.categories) > self.max_categories:
                return wide
        return CategoryColumn.fit(
            name, values, self.max_categories, self.min_count or 1
        )


def _fit_target(
    schema: Schema, table: pa.Table, transform: str, weights: np.ndarray | None
) -> ClassTarget | NumberTarget:
    column = schema.target
    if schema.task == "regression":
        values = table[column.name]
        return NumberTarget.fit(column.name, values, transform, weights)
    if transform not in ("none", "auto"):
        raise TableError(
            f"target_transform={transform!r} is for a target of numbers, and "
            f"{column.name!r} holds classes"
        )
    labels = tuple(label for label, _ in schema.classes)
    return ClassTarget(column.name, column.form, labels)


def _tagged(record: Any) -> dict[str, Any]:
    kind = next(kind for kind, known in _KINDS.items() if isinstance(record, known))
    return {"kind": kind, **to_plain(record)}


def _untagged(data: Mapping[str, Any]) -> Any:
    rest = {name: value for name, value in data.items() if name != "kind"}
    return from_plain(_KINDS[data["kind"]], rest)


def _from_version_1(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Rename what the first version called mean and sd."""
    names = {"mean": "center", "sd": "scale"} if data["kind"] == "number" else {}
    return {names.get(name, name): value for name, value in data.items()}
