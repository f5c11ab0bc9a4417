"""The options of `chainrule predict` and `chainrule evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from chainrule.cli.completing import runs

__all__ = [
    "EVALUATE_EXAMPLES",
    "PREDICT_EXAMPLES",
    "Delimiter",
    "Encoding",
    "Json",
    "RunFolder",
    "evaluate",
    "predict",
]

RunFolder = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", help="The folder that train has saved.", autocompletion=runs
    ),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        metavar="CHAR", help="What parts the cells. Default: found by itself."
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of a text file. Default: utf-8."),
]
Json = Annotated[bool, typer.Option("--json", help="Print only the results, as JSON.")]

PREDICT_EXAMPLES = (
    ("chainrule predict runs/homes new.csv -o prices.csv", "one line for each row"),
    (
        "chainrule predict runs/homes new.csv --with-inputs -o prices.parquet",
        "beside the columns of the table",
    ),
    ("chainrule predict runs/homes new.csv | head", "to the terminal"),
)
EVALUATE_EXAMPLES = (
    ("chainrule evaluate runs/homes sold-in-may.csv", "how good is it on new rows?"),
    ("chainrule evaluate runs/homes sold-in-may.csv --json", "for another program"),
)


def predict(
    run: RunFolder,
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE",
            help="The rows to predict: a CSV, Parquet or Arrow file, which may be "
            "compressed, or a folder of such files.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="A .csv, .tsv, .jsonl, .parquet or .arrow file; text also with .gz or "
            ".zst behind. Default: CSV to the terminal.",
        ),
    ] = None,
    with_inputs: Annotated[
        bool,
        typer.Option("--with-inputs", help="Write the columns of the table too."),
    ] = False,
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print what was done as JSON; without FILE, a JSON line a row.",
        ),
    ] = False,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
) -> None:
    """Predict the target of each row of a table.

    For classes, the most likely one and the probability of each; for numbers, the
    number. The table needs the columns the network was trained on, in any order. It can
    be of any size: rows are read, predicted and written a few at a time.
    """
    from chainrule.cli.using import predict_and_write  # noqa: PLC0415 - heavy

    reading = {"delimiter": delimiter, "encoding": encoding}
    predict_and_write(
        run, table, out, with_inputs=with_inputs, as_json=json, reading=reading
    )


def evaluate(
    run: RunFolder,
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", help="Rows with the target: CSV, Parquet or Arrow."
        ),
    ],
    json: Json = False,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
) -> None:
    """Judge a network on a table that has the target too."""
    from chainrule.cli.using import evaluate_and_show  # noqa: PLC0415 - heavy

    reading = {"delimiter": delimiter, "encoding": encoding}
    evaluate_and_show(run, table, as_json=json, reading=reading)
