"""`train_table`: from a table to a network that has been judged; `resume_run`."""

import inspect
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any, Final

from chainrule.tabular.errors import RunError
from chainrule.tabular.folder import check_destination
from chainrule.tabular.learning import learn, tellable
from chainrule.tabular.network import SettingError
from chainrule.tabular.problem import ENCODING, Problem, is_share, prepare
from chainrule.tabular.run import Document, TableRun, load_run
from chainrule.tabular.settings import Settings
from chainrule.tabular.streaming import allowance, prepare_streamed
from chainrule.tabular.workplace import (
    REQUEST_FILE,
    Request,
    claimed,
    nothing_left,
    reopened,
)
from chainrule.training.checkpoint import CheckpointError
from chainrule.training.run import Callback

__all__ = ["default_folder", "resume_run", "train_table"]


def train_table(
    source: Any,
    target: str,
    *,
    task: str | None = None,
    drop: Collection[str] = (),
    kinds: Mapping[str, str] | None = None,
    scaling: str | Mapping[str, str] = "standard",
    max_categories: int = 50,
    min_count: int | None = None,
    embed: bool | None = None,
    target_transform: str = "none",
    missing: Collection[str] | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    validation: Any = 0.15,
    test: Any = 0.15,
    hidden: Collection[int] = (64, 64),
    activation: str = "relu",
    normalization: str = "none",
    dropout: float = 0.0,
    epochs: int = 200,
    max_time: float | None = None,
    batch_size: int | None = None,
    optimizer: str = "adamw",
    lr: float | None = None,
    schedule: str = "constant",
    clip_norm: float | None = None,
    weight_decay: float | None = None,
    patience: int | None = 20,
    class_weight: str | Mapping[Any, float] | None = None,
    memory: int | str | None = None,
    scratch: str | Path | None = None,
    seed: int = 0,
    sample_weight: Any = None,
    validation_weight: Any = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    rename: bool = False,
    profile: bool = False,
    callbacks: Iterable[Callback] = (),
    command: str = "train_table(...)",
    documents: Mapping[str, Document] | None = None,
) -> TableRun:
    """Train a network to predict one column of a table from the others.

    The table is read and understood, its rows are parted, the columns encoded as the
    training rows suggest, and a fully connected network is trained. It stops when the
    validation rows no longer get better, and has the weights of its best epoch. Then
    it is judged on the test rows, beside simpler predictors. The same table, settings
    and seed give the same bits.

    Args:
        source: whatever `chainrule.tables.read_table` takes: a path to a CSV, Parquet
            or Arrow file or to a folder of them, a data frame, a dict of columns, a
            2-D array.
        target: the column to predict.
        task: `"classification"`, `"binary"`, `"multiclass"` or `"regression"`, where
            the target alone would be misunderstood.
        drop: columns to leave out.
        kinds: `"number"`, `"category"`, `"boolean"` or `"date"` for columns that would
            be misunderstood; `"date d/m/y"` or `"date m/d/y"` where that is in doubt.
        scaling: of numbers: `"standard"` (mean 0, standard deviation 1), `"robust"` (by
            median and quartiles) or `"quantile"` (normal scores); or one for each of
            some columns.
        max_categories: how many categories of a column get an input of their own.
        min_count: the rows that a category needs not to be rare; rare ones share an
            input. 1 by default, and 5 where a column is embedded.
        embed: learn features of the categories of columns that have more than
            `max_categories`; by default where there is a hidden layer. Without it, all
            but the most frequent share an input.
        target_transform: of a target of numbers that is skewed: `"log1p"`,
            `"yeo-johnson"`, `"quantile"`, or `"auto"` for what suits it. Predictions
            and scores are in its own units all the same.
        missing: cells that count as missing, instead of NA, ? and the like.
        delimiter: what parts the cells of a text file; found by itself if not given.
        encoding: of a text file; UTF-8 by default.
        validation: the rows that decide when to stop: a share, or a table; 0 for none.
        test: the rows to judge by: a share, or a table of its own; 0 for none.
        hidden: the units of each hidden layer; none for linear or logistic regression.
        activation: relu, leaky_relu, gelu, silu, elu, selu, tanh, sigmoid, softplus.
        normalization: of what goes into the activations: `"none"`, `"batch"` or
            `"layer"`.
        dropout: the share of hidden units left out in each step.
        epochs: how often to go through the training rows at most.
        max_time: so many seconds, after which no further epoch is begun.
        batch_size: rows in each step; by default 16 to 256, by how many there are.
        optimizer: adamw, adam, sgd (with momentum 0.9), rmsprop, adagrad, lion, lbfgs.
        lr: the learning rate; by default that of the optimizer.
        schedule: how it changes: `"constant"`, `"cosine"` (down to 0), `"one_cycle"`
            (up and down) or `"plateau"` (less where validation gets no better).
        clip_norm: the longest that the gradient of a step may be; no limit by default.
        weight_decay: how fast weights are drawn towards 0; by default, with adamw,
            500 / training rows, but at most 1.
        patience: how many epochs without a better validation loss to wait; `None` to
            go through all epochs.
        class_weight: what a row of each class counts: by label, or `"balanced"` for
            classes that count alike.
        memory: how much memory to take: bytes, or `"2GB"`. A file or folder that needs
            more is streamed: see `docs/bigger-than-memory.md`. By default half of the
            memory that there is.
        scratch: where the encoded rows of a table that is streamed are kept as long as
            it is trained on; by default where the system keeps temporary files.
        seed: decides the split, the first weights, the order of the rows, dropout.
        sample_weight: what each row of the table counts, in the loss, in the scales of
            numbers and for when to stop; rows of weight 0 are left out. The scores on
            test rows count all of these alike. For tables that memory holds, and not
            together with `out` (`run.save` writes the run).
        validation_weight: what each row of a table that is given as `validation` counts
            when it is decided when to stop; likewise. A share of the rows counts as
            `sample_weight` says.
        out: a folder to save the run to. While training goes on, it holds what is
            needed to go on after a crash (`resume_run`).
        overwrite: whether to replace a run that `out` holds already.
        rename: whether to put a number behind the name where `out` is taken.
        profile: note where in the steps the time goes, for `run.history.speed`.
        callbacks: told how training goes; a `TableCallback` is told more.
        command: how this was started, kept with the run.
        documents: as for `TableRun.save`.

    Raises:
        TableError: where the table makes no sense, or does not have the target.
        SettingError: for settings that make no sense.
        RunError: where `out` holds something already.
        NonFiniteError: where training diverged; the message says where.

    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 200)
    >>> run = train_table({"x": x, "y": x**2}, "y", epochs=100)
    >>> run.evaluation.metrics["r2_score"] > 0.9
    True
    """
    options = {
        "task": task,
        "drop": drop,
        "kinds": kinds,
        "scaling": scaling,
        "max_categories": max_categories,
        "min_count": min_count,
        "embed": embed,
        "target_transform": target_transform,
        "missing": missing,
        "delimiter": delimiter,
        "encoding": encoding,
        "validation": validation,
        "test": test,
        "hidden": hidden,
        "activation": activation,
        "normalization": normalization,
        "dropout": dropout,
        "epochs": epochs,
        "max_time": max_time,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "lr": lr,
        "schedule": schedule,
        "clip_norm": clip_norm,
        "weight_decay": weight_decay,
        "patience": patience,
        "class_weight": class_weight,
        "memory": allowance(source, memory),
        "scratch": None if scratch is None else str(scratch),
        "seed": seed,
    }
    settings = Settings.of(options)
    weights = {"sample_weight": sample_weight, "validation_weight": validation_weight}
    weights = {name: given for name, given in weights.items() if given is not None}
    _check_weights(weights, options, out)
    if out is not None:
        check_destination(Path(out), overwrite=overwrite, rename=rename)
    with closing(_problem(source, target, options, weights)) as problem:
        asked = Request.of(source, target, options, problem.checksum(), command)
        watching: dict[str, Any] = {"callbacks": callbacks, "profile": profile}
        if out is None:
            return learn(problem, settings, asked, **watching)
        with claimed(Path(out), overwrite=overwrite, rename=rename) as place:
            run = learn(problem, settings, asked, place=place, **watching)
            return place.finish(run, documents or {})


def resume_run(
    folder: str | Path,
    source: Any = None,
    *,
    validation: Any = None,
    test: Any = None,
    epochs: int | None = None,
    patience: int | None = None,
    max_time: float | None = None,
    profile: bool = False,
    callbacks: Iterable[Callback] = (),
    command: str = "",
    documents: Mapping[str, Document] | None = None,
) -> TableRun:
    """Go on with a training that was interrupted, or train a finished run more.

    What comes out has the same bits as if it had never been interrupted, or had been
    asked for so many epochs in the first place; except that a `schedule` which is made
    for a number of epochs, `"cosine"` or `"one_cycle"`, follows the curve for the new
    number only from here on. Until it is over, a finished run stays as it is.

    Where nothing is left to do, the finished run comes back, and a `TableCallback` is
    told why (`on_nothing_left`): so a script may call this until all is done.

    Args:
        folder: the run, or what `train_table(..., out=)` left of one.
        source: the table, where it was in memory, or has moved.
        validation: the validation rows, likewise.
        test: the test rows, likewise.
        epochs: how many epochs in all; by default as before.
        patience: how many epochs without a better validation loss to wait, 0 to go
            through all of them; by default as before.
        max_time: so many seconds from now, after which no further epoch is begun; by
            default as many as before.
        profile: note where in the steps the time goes.
        callbacks: told how training goes.
        command: how this was started, kept with the run.
        documents: as for `TableRun.save`.

    Raises:
        RunError: if there is nothing to go on with, somebody else trains in the folder,
            or the table is no longer the same.
        TableError, SettingError, NonFiniteError: as `train_table`.

    >>> import tempfile
    >>> table = {"x": range(100), "y": [x * x for x in range(100)]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = train_table(table, "y", epochs=3, out=f"{folder}/run")
    ...     len(resume_run(f"{folder}/run", table, epochs=5).history)
    5
    """
    with reopened(Path(folder)) as place:
        before = _completed(place.request(), folder)
        _check_kept(before, folder)
        asked = before.changed(
            epochs=epochs, patience=patience, max_time=max_time, command=command
        )
        settings = Settings.of(asked.options)
        watchers = list(callbacks)
        if place.finished:
            finished = load_run(folder)
            reason = nothing_left(finished.history, settings)
            if reason:
                for watcher in tellable(watchers):
                    watcher.on_nothing_left(reason)
                return finished
        options = asked.given(validation=validation, test=test)
        table = asked.table(source)
        with closing(_problem(table, asked.target, options)) as problem:
            if problem.checksum() != before.data:
                raise RunError(
                    f"{asked.source} is not the table that {folder} was trained on: "
                    "its rows have changed since"
                )
            try:
                run = learn(
                    problem,
                    settings,
                    asked,
                    callbacks=watchers,
                    profile=profile,
                    place=place,
                )
            except CheckpointError as error:
                raise RunError(f"{folder} cannot be gone on with: {error}") from None
            return place.finish(run, documents or {})


def default_folder(source: Any, target: str) -> Path:
    """Where a run is saved if nobody says: `runs/<table>-<target>-<date-time>`.

    >>> default_folder("data/my homes.csv", "price").name[:14]
    'my-homes-price'
    """
    table = Path(source).stem if isinstance(source, (str, PathLike)) else "table"
    words = re.sub(r"[^\w.]+", "-", f"{table}-{target}").strip("-.")[:100]
    return Path("runs", f"{words}-{datetime.now().astimezone():%Y%m%d-%H%M%S}")


def _check_weights(
    weights: Mapping[str, Any], options: Mapping[str, Any], out: str | Path | None
) -> None:
    """Refuse weights of rows that cannot be used: `SettingError`."""
    for name in weights:
        if out is not None:
            raise SettingError(
                f"{name} is not kept in a folder to go on from: leave out= out, and "
                "save what comes back, with .save(folder)"
            )
        if options["memory"] is not None:
            raise SettingError(f"{name} is for tables that memory holds")
    if "validation_weight" in weights and is_share(options["validation"]):
        raise SettingError(
            "validation_weight is for a table that is given as validation=, and that "
            f"is {options['validation']!r}"
        )


def _problem(
    source: Any,
    target: str,
    options: Mapping[str, Any],
    weights: Mapping[str, Any] | None = None,
) -> Problem:
    """Read and encode the table as the options say."""
    about_rows = ("validation", "test", "seed", "task", "drop", "kinds")
    encoding = {name: options[name] for name in ENCODING}
    if encoding.get("embed") is None:
        encoding["embed"] = bool(options["hidden"])
    given = {
        **{name: options[name] for name in about_rows},
        "encoding": encoding,
        "reading": {n: options[n] for n in ("missing", "delimiter", "encoding")},
    }
    memory = options["memory"]
    if memory is None:
        return prepare(source, target, **given, **(weights or {}))
    place = options["scratch"]
    return prepare_streamed(source, target, memory=memory, scratch=place, **given)


# What JSON has for each option that is not `None`.
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(("drop", "missing", "hidden"), (list,)),
    **dict.fromkeys(("kinds",), (dict,)),
    **dict.fromkeys(("class_weight", "scaling"), (str, dict)),
    **dict.fromkeys(("validation", "test"), (int, float, dict)),
    **dict.fromkeys(("dropout", "max_time", "lr"), (int, float)),
    **dict.fromkeys(("clip_norm", "weight_decay"), (int, float)),
    **dict.fromkeys(("max_categories", "min_count", "epochs", "batch_size"), (int,)),
    **dict.fromkeys(("seed", "memory"), (int,)),
    "patience": (int, type(None)),
    **dict.fromkeys(("embed",), (bool,)),
}


# What is about one call, and not about what comes of it.
_NOT_KEPT: Final = frozenset(
    ("source", "target", "out", "overwrite", "rename", "profile", "callbacks")
) | {
    "command",
    "documents",
    "sample_weight",
    "validation_weight",
}


def _completed(request: Request, folder: str | Path) -> Request:
    """A request with all options, where an earlier chainrule had fewer of them.

    Raises `RunError` for a value that an option cannot have.
    """
    options = {}
    for name, parameter in inspect.signature(train_table).parameters.items():
        if name in _NOT_KEPT:
            continue
        value = request.options.get(name, parameter.default)
        if value is not parameter.default and not _fits(name, value):
            raise RunError(
                f"{folder} is damaged: {name} is {value!r} in its {REQUEST_FILE}"
            )
        options[name] = value
    return replace(request, options=options)


def _check_kept(request: Request, folder: str | Path) -> None:
    """Refuse options which no training can have been begun with: `RunError`."""
    try:
        Settings.of(request.options)
    except SettingError as error:
        raise RunError(f"{folder} is damaged: {error} in its {REQUEST_FILE}") from None


def _fits(name: str, value: Any) -> bool:
    """Whether JSON has a value as an option of this name has it."""
    if type(value) not in _KINDS.get(name, (str,)):
        return False
    items = value.values() if isinstance(value, dict) else value
    kinds: tuple[type, ...] = (str,)
    if name in {"class_weight", "hidden"}:
        kinds = (int, float) if name == "class_weight" else (int,)
    return not isinstance(value, (list, dict)) or all(type(i) in kinds for i in items)
