"""The options of `chainrule info`, `compare` and `export`."""

from pathlib import Path
from typing import Annotated

import typer

from chainrule.cli.commands.use import Delimiter, Encoding, Json, RunFolder
from chainrule.cli.completing import runs as some_runs
from chainrule.cli.options import usage_error

__all__ = [
    "COMPARE_EXAMPLES",
    "EXPORT_EXAMPLES",
    "INFO_EXAMPLES",
    "compare",
    "export",
    "info",
]

INFO_EXAMPLES = (
    ("chainrule info homes.csv", "what will it make of these columns?"),
    ("chainrule info runs/homes", "what is in this run, and where did it come from?"),
)
COMPARE_EXAMPLES = (
    ("chainrule compare runs/small runs/large", "which settings, which scores"),
    (
        "chainrule compare runs/small runs/large --table sold-in-may.csv",
        "on the same rows; which are predicted differently?",
    ),
)
EXPORT_EXAMPLES = (
    ("chainrule export runs/homes --onnx homes.onnx", "for ONNX Runtime"),
    ("chainrule export runs/homes --c homes.h", "one header, for any C compiler"),
    ("chainrule export runs/homes --numpy homes.py", "one file that needs NumPy alone"),
)


def info(
    what: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|TABLE",
            help="The folder of a run; or a CSV, Parquet or Arrow file.",
            autocompletion=some_runs,
        ),
    ],
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    json: Json = False,
) -> None:
    """Tell what a run holds, or what a table looks like to chainrule.

    Of a run: its columns and how they are encoded, its network, settings, scores, where
    it came from, how large it is. Of a table: the type that each column would be taken
    for, missing values, ranges and categories.
    """
    from chainrule.cli.looking import show  # noqa: PLC0415 - heavy

    show(what, as_json=json, reading={"delimiter": delimiter, "encoding": encoding})


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN...", help="Two or more runs.", autocompletion=some_runs
        ),
    ],
    table: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Judge all of them on the rows of this table, too."
        ),
    ] = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    json: Json = False,
) -> None:
    """Put runs side by side: settings that differ, scores, how training went.

    With a table, also the rows that they predict differently.
    """
    if len(runs) < 2:
        raise typer.BadParameter("give two runs or more", param_hint="RUN RUN...")
    from chainrule.cli.comparing import compare_and_show  # noqa: PLC0415 - heavy

    reading = {"delimiter": delimiter, "encoding": encoding}
    compare_and_show(runs, table, as_json=json, reading=reading)


def export(
    context: typer.Context,
    run: RunFolder,
    onnx: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="As ONNX, which many programs can run."),
    ] = None,
    c: Annotated[
        Path | None,
        typer.Option(
            "--c", metavar="FILE", help="As a C header that depends on nothing."
        ),
    ] = None,
    numpy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="As a Python file that needs NumPy alone."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What the functions in C are called. Default: as the file is.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write a network so that it runs without chainrule.

    The encoding of the columns is part of it: raw values in, predictions out.
    """
    files = {"onnx": onnx, "c": c, "numpy": numpy}
    asked = {kind: path for kind, path in files.items() if path is not None}
    if not asked:
        raise usage_error("Say what to write: --onnx, --c or --numpy FILE", context)
    from chainrule.cli.exporting import export_and_say  # noqa: PLC0415 - heavy

    export_and_say(run, asked, name, as_json=json)
