"""The options of `chainrule train`."""

from pathlib import Path
from typing import Annotated, Final

import typer

from chainrule.cli.options import (
    class_weights,
    given_options,
    layers,
    names,
    share_or_file,
    usage_error,
)

__all__ = ["EXAMPLES", "USAGES", "train"]

_TABLE = "The table"
_NETWORK = "The network"
_TRAINING = "Training"
_OUTPUT = "Output"


USAGES = ("TABLE --target COL", "--resume RUN")
EXAMPLES = (
    (
        "chainrule train examples/breast_cancer.csv --target diagnosis",
        "two classes; everything else is worked out",
    ),
    (
        "chainrule train homes.parquet --target price --drop id --hidden 128,128",
        "a number; a larger network",
    ),
    (
        "chainrule train train.csv --target income --test test.csv --out runs/income",
        "test rows of their own, and a name for the run",
    ),
    (
        "chainrule train table.csv --target y --hidden none --json",
        "logistic regression; the results as JSON",
    ),
    ("chainrule train --resume runs/income", "go on where it was interrupted"),
)


def train(
    context: typer.Context,
    table: Annotated[
        str | None,
        typer.Argument(metavar="TABLE", help="A CSV, Parquet or Arrow file."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COL", help="The column to predict.", rich_help_panel=_TABLE
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="TASK",
            help="classification, binary, multiclass or regression. "
            "Default: what the target looks like.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL,...",
            help="Columns to leave out. Can be repeated.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL,...",
            help="Columns to take as categories, such as codes.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    number: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL,...",
            help="Columns to take as numbers.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CELL,...",
            help="Cells that mean missing, instead of NA, ? and the like.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(
            metavar="CHAR",
            help="What parts the cells. Default: found by itself.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of a text file. Default: utf-8.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    validation: Annotated[
        str,
        typer.Option(
            metavar="SHARE|FILE",
            help="Rows that decide when to stop: a share, or a table. 0 for none.",
            rich_help_panel=_TABLE,
        ),
    ] = "0.15",
    test: Annotated[
        str,
        typer.Option(
            metavar="SHARE|FILE",
            help="Rows to judge the network by: a share, or a table. 0 for none.",
            rich_help_panel=_TABLE,
        ),
    ] = "0.15",
    hidden: Annotated[
        str,
        typer.Option(
            metavar="N,N,...",
            help="Units of each hidden layer, or none.",
            rich_help_panel=_NETWORK,
        ),
    ] = "64,64",
    activation: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="relu, leaky_relu, gelu, silu, elu, selu, tanh, sigmoid or softplus.",
            rich_help_panel=_NETWORK,
        ),
    ] = "relu",
    dropout: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Share of hidden units left out in each step.",
            rich_help_panel=_NETWORK,
        ),
    ] = 0.0,
    epochs: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Times to go through the training rows, at most.",
            rich_help_panel=_TRAINING,
        ),
    ] = 200,
    batch_size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Rows in each step. Default: 16 to 256, for about 100 steps.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            help="The learning rate. Default: that of the optimizer.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    optimizer: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="adamw, adam, sgd, rmsprop, adagrad, lion or lbfgs.",
            rich_help_panel=_TRAINING,
        ),
    ] = "adamw",
    weight_decay: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            help="How fast weights are drawn towards 0. "
            "Default: 500 / training rows with adamw, 1 at most.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    patience: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Epochs without a better validation loss before it stops. "
            "0 for all epochs.",
            rich_help_panel=_TRAINING,
        ),
    ] = 20,
    class_weight: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHTS",
            help="What a row of each class counts: yes=3,no=1 or balanced.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Decides the split, the first weights and the order of the rows.",
            rich_help_panel=_TRAINING,
        ),
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where to save the run. Default: runs/<table>-<target>-<date-time>.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with a training that was interrupted, or train a finished run "
            "more: --epochs says how many in all.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace the run that is in FOLDER.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="Print only the folder of the run.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    profile: Annotated[
        bool,
        typer.Option(
            "--profile",
            help="Show where the time went, and how much of the machine was used.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print only the results, as JSON.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
) -> None:
    """Train a network on a table, judge it on rows it has not seen, and save it.

    Column types, missing values, classes and the task are worked out from the table.
    The run folder gets the weights, how the columns are encoded, the history of
    training, the scores, and a report to open in a browser.

    Ctrl-C stops after the current epoch and keeps the best weights; a second one stops
    at once. Whatever stopped it, --resume goes on: with the same weights in the end, to
    the bit, as if nothing had happened.
    """
    if resume is not None:
        _resume(context, resume, table)
        return
    if table is None:
        raise _missing(context, "argument 'TABLE'")
    if target is None:
        raise _missing(context, "option '--target'")
    settings = {
        "task": task,
        "drop": names(drop),
        "kinds": dict.fromkeys(names(category), "category")
        | dict.fromkeys(names(number), "number"),
        "missing": None if missing is None else names(missing),
        "delimiter": delimiter,
        "encoding": encoding,
        "validation": share_or_file(validation),
        "test": share_or_file(test),
        "hidden": layers(hidden),
        "activation": activation,
        "dropout": dropout,
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "lr": lr,
        "weight_decay": weight_decay,
        "patience": patience or None,
        "class_weight": class_weights(class_weight),
        "seed": seed,
        "profile": profile,
    }
    from chainrule.cli.training import Output, train_and_show  # noqa: PLC0415 - heavy

    output = Output(out, overwrite=overwrite, quiet=quiet, json=json)
    train_and_show(table, target, settings, output)


# What may be said anew when training goes on.
_CHANGEABLE: Final = ("epochs", "patience")
_ALWAYS: Final = ("table", "resume", "quiet", "profile", "json")


def _resume(context: typer.Context, folder: Path, table: str | None) -> None:
    """Go on with the training in `folder`."""
    given = given_options(context)
    for name in given:
        if name not in (*_CHANGEABLE, *_ALWAYS):
            raise typer.BadParameter(
                "a training that goes on keeps what it was asked for; only --epochs "
                "and --patience can be said anew",
                ctx=context,
                param_hint=f"--{name.replace('_', '-')}",
            )
    from chainrule.cli.training import Output, resume_and_show  # noqa: PLC0415 - heavy

    passed: tuple[str, ...] = (*_CHANGEABLE, "profile")
    settings = {name: given[name] for name in passed if name in given}
    flags = {name: bool(given.get(name)) for name in ("quiet", "json")}
    resume_and_show(folder, table, settings, Output(folder, overwrite=False, **flags))


def _missing(context: typer.Context, what: str) -> Exception:
    return usage_error(f"Missing {what}", context)
