"""The options of `chainrule train`."""

from pathlib import Path
from typing import Annotated, Final

import typer

from chainrule.cli.completing import columns, names_of, runs
from chainrule.cli.config import use_config
from chainrule.cli.config import write_config as write_options
from chainrule.cli.options import (
    by_column,
    class_weights,
    dates,
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


# What the shell offers; the library says it again, but takes longer to import.
_TASKS: Final = ("classification", "binary", "multiclass", "regression")
_SCALINGS: Final = ("standard", "robust", "quantile")
_TRANSFORMS: Final = ("none", "log1p", "yeo-johnson", "quantile", "auto")
_NORMALIZATIONS: Final = ("none", "batch", "layer")
_SCHEDULES: Final = ("constant", "cosine", "one_cycle", "plateau")
_OPTIMIZERS: Final = ("adamw", "adam", "sgd", "rmsprop", "adagrad", "lion", "lbfgs")
_ACTIVATIONS: Final = (
    *("relu", "leaky_relu", "gelu", "silu", "elu", "selu", "tanh", "sigmoid"),
    "softplus",
)

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
    (
        "chainrule train --config run.toml --seed 1",
        "options from a file, and another seed",
    ),
)


def train(
    context: typer.Context,
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="TABLE",
            help="A CSV, Parquet or Arrow file, which may be compressed, or a folder "
            "of such files.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COL",
            help="The column to predict.",
            rich_help_panel=_TABLE,
            autocompletion=columns,
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="TASK",
            autocompletion=names_of(_TASKS),
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
            autocompletion=columns,
        ),
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL,...",
            help="Columns to take as categories, such as codes.",
            rich_help_panel=_TABLE,
            autocompletion=columns,
        ),
    ] = None,
    number: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL,...",
            help="Columns to take as numbers.",
            rich_help_panel=_TABLE,
            autocompletion=columns,
        ),
    ] = None,
    boolean: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL,...",
            help="Columns to take as true or false.",
            rich_help_panel=_TABLE,
            autocompletion=columns,
        ),
    ] = None,
    date: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL[=d/m/y],...",
            help="Columns to take as dates; d/m/y or m/d/y says how they are written.",
            rich_help_panel=_TABLE,
            autocompletion=columns,
        ),
    ] = None,
    scaling: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Of numbers: standard, robust (by quartiles) or quantile. Or for some "
            "columns: income=quantile,age=robust.",
            rich_help_panel=_TABLE,
            autocompletion=names_of(_SCALINGS),
        ),
    ] = "standard",
    max_categories: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Categories of a column that get an input of their own.",
            rich_help_panel=_TABLE,
        ),
    ] = 50,
    min_count: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Rows that a category needs not to be rare. "
            "Default: 1, and 5 where a column is embedded.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    embed: Annotated[
        bool | None,
        typer.Option(
            "--embed/--no-embed",
            help="Learn features of the categories of columns with many. "
            "Default: where there are hidden layers.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    target_transform: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Of a target of numbers that is skewed: none, log1p, yeo-johnson, "
            "quantile or auto.",
            rich_help_panel=_TABLE,
            autocompletion=names_of(_TRANSFORMS),
        ),
    ] = "none",
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
            autocompletion=names_of(_ACTIVATIONS),
        ),
    ] = "relu",
    normalization: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Of what goes into the activations: none, batch or layer.",
            rich_help_panel=_NETWORK,
            autocompletion=names_of(_NORMALIZATIONS),
        ),
    ] = "none",
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
    max_time: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Begin no further epoch after so many seconds.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
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
    schedule: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="How the learning rate changes: constant, cosine (down to 0), "
            "one_cycle (up and down) or plateau (less where nothing gets better).",
            rich_help_panel=_TRAINING,
            autocompletion=names_of(_SCHEDULES),
        ),
    ] = "constant",
    optimizer: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="adamw, adam, sgd, rmsprop, adagrad, lion or lbfgs.",
            rich_help_panel=_TRAINING,
            autocompletion=names_of(_OPTIMIZERS),
        ),
    ] = "adamw",
    clip_norm: Annotated[
        float | None,
        typer.Option(
            metavar="LENGTH",
            help="The longest that the gradient of a step may be.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
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
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="What the rows may take, such as 2GB; a file or folder that needs "
            "more is streamed. Default: half of what is free.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    scratch: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where rows that are streamed are kept while training goes on. "
            "Default: where temporary files are.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
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
            autocompletion=runs,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Options in a TOML file, by their names here. What the command line "
            "says wins.",
            rich_help_panel=_OUTPUT,
            callback=use_config,
            is_eager=True,
        ),
    ] = None,
    write_config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write all options to such a file, and do nothing else.",
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
    del config  # it has been used, before the other options were read
    if write_config is not None:
        write_options(context, write_config, _READERS)
        return
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
        | dict.fromkeys(names(number), "number")
        | dict.fromkeys(names(boolean), "boolean")
        | dates(date),
        "scaling": by_column(scaling),
        "max_categories": max_categories,
        "min_count": min_count,
        "embed": embed,
        "target_transform": target_transform,
        "missing": None if missing is None else names(missing),
        "delimiter": delimiter,
        "encoding": encoding,
        "validation": share_or_file(validation),
        "test": share_or_file(test),
        "hidden": layers(hidden),
        "activation": activation,
        "normalization": normalization,
        "dropout": dropout,
        "epochs": epochs,
        "max_time": max_time,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "schedule": schedule,
        "clip_norm": clip_norm,
        "lr": lr,
        "weight_decay": weight_decay,
        "patience": patience or None,
        "class_weight": class_weights(class_weight),
        "memory": memory,
        "scratch": scratch,
        "seed": seed,
        "profile": profile,
    }
    from chainrule.cli.training import Output, train_and_show  # noqa: PLC0415 - heavy

    output = Output(out, overwrite=overwrite, quiet=quiet, json=json)
    train_and_show(table, target, settings, output)


# What may be said anew when training goes on.
_CHANGEABLE: Final = ("epochs", "patience", "max_time")
_ALWAYS: Final = ("table", "resume", "quiet", "profile", "json")


def _resume(context: typer.Context, folder: Path, table: str | None) -> None:
    """Go on with the training in `folder`."""
    given = given_options(context)
    for name in given:
        if name not in (*_CHANGEABLE, *_ALWAYS):
            raise typer.BadParameter(
                "a training that goes on keeps what it was asked for; only --epochs, "
                "--patience and --max-time can be said anew",
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


# How options are read, for those that a file has in another form.
_READERS: Final = {
    "drop": names,
    "category": names,
    "number": names,
    "boolean": names,
    "date": names,
    "missing": names,
    "hidden": lambda typed: layers(typed) or "none",
    "scaling": by_column,
    "class_weight": class_weights,
    "validation": share_or_file,
    "test": share_or_file,
}
