"""Tables in, arrays out: reading, understanding, encoding and splitting.

    table = read_table("people.csv")
    schema = infer_schema(table, target="income")  # what it holds, what to learn
    table = labelled_rows(table, "income")
    parts = split(table["income"], validation=0.15, test=0.15, seed=0)
    encoder = Encoder.fit(table.take(parts.train), **schema.choices)
    X, y = encoder.transform(table), encoder.target(table)

Nothing here knows networks. This package alone needs pyarrow and narwhals, the extra
``chainrule[tables]``.
"""

from chainrule.tables.arrow import MISSING
from chainrule.tables.columns import labelled_rows
from chainrule.tables.encode import EmbeddedInput, Encoded, Encoder
from chainrule.tables.errors import Finding, TableError, TableWarning
from chainrule.tables.infer import infer_schema
from chainrule.tables.read import read_table
from chainrule.tables.schema import Column, Schema
from chainrule.tables.split import Split, split

__all__ = [
    "MISSING",
    "Column",
    "EmbeddedInput",
    "Encoded",
    "Encoder",
    "Finding",
    "Schema",
    "Split",
    "TableError",
    "TableWarning",
    "infer_schema",
    "labelled_rows",
    "read_table",
    "split",
]
