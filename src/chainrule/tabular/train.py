"""`train_table`: from a table to a network that has been judged."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from chainrule import losses
from chainrule.ir import Array
from chainrule.nn import Module
from chainrule.tables.columns import NumberTarget
from chainrule.tabular.baseline import baselines
from chainrule.tabular.evaluation import Influence, column_influence
from chainrule.tabular.folder import check_destination
from chainrule.tabular.network import Architecture, SettingError
from chainrule.tabular.problem import Part, Problem, prepare
from chainrule.tabular.provenance import Provenance
from chainrule.tabular.run import TableRun, judge
from chainrule.tabular.settings import Settings
from chainrule.training.callbacks import EarlyStopping
from chainrule.training.data import balanced
from chainrule.training.history import History
from chainrule.training.loop import fit
from chainrule.training.metrics import root_mean_squared_error
from chainrule.training.program import predict
from chainrule.training.run import Callback
from chainrule.training.scores import Score

__all__ = ["TableCallback", "default_folder", "train_table"]


class TableCallback(Callback):
    """A callback that is also told what comes before and after training."""

    def on_table(
        self, problem: Problem, architecture: Architecture, net: Module
    ) -> None:
        """The table is read and understood; training is next."""

    def on_trained(self, history: History) -> None:
        """The network is trained; judging it is next."""


def train_table(
    source: Any,
    target: str,
    *,
    task: str | None = None,
    drop: Collection[str] = (),
    kinds: Mapping[str, str] | None = None,
    max_categories: int = 50,
    missing: Collection[str] | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    validation: Any = 0.15,
    test: Any = 0.15,
    hidden: Collection[int] = (64, 64),
    activation: str = "relu",
    dropout: float = 0.0,
    epochs: int = 200,
    batch_size: int | None = None,
    optimizer: str = "adamw",
    lr: float | None = None,
    weight_decay: float | None = None,
    patience: int | None = 20,
    class_weight: str | Mapping[Any, float] | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    overwrite: bool = False,
    profile: bool = False,
    callbacks: Iterable[Callback] = (),
    command: str = "",
) -> TableRun:
    """Train a network to predict one column of a table from the others.

    The table is read and understood, its rows are parted, the columns encoded as the
    training rows suggest, and a fully connected network is trained. It stops when the
    validation rows no longer get better, and has the weights of its best epoch. Then
    it is judged on the test rows, beside simpler predictors. The same table, settings
    and seed give the same bits.

    Args:
        source: whatever `chainrule.tables.read_table` takes: a path to a CSV, Parquet
            or Arrow file, a data frame, a dict of columns, a 2-D array.
        target: the column to predict.
        task: `"classification"`, `"binary"`, `"multiclass"` or `"regression"`, where
            the target alone would be misunderstood.
        drop: columns to leave out.
        kinds: `"number"` or `"category"` for columns that would be misunderstood.
        max_categories: how many categories of a column get an input of their own.
        missing: cells that count as missing, instead of NA, ? and the like.
        delimiter: what parts the cells of a text file; found by itself if not given.
        encoding: of a text file; UTF-8 by default.
        validation: the rows that decide when to stop: a share, or a table; 0 for none.
        test: the rows to judge by: a share, or a table of its own; 0 for none.
        hidden: the units of each hidden layer; none for linear or logistic regression.
        activation: relu, leaky_relu, gelu, silu, elu, selu, tanh, sigmoid, softplus.
        dropout: the share of hidden units left out in each step.
        epochs: how often to go through the training rows at most.
        batch_size: rows in each step; by default 16 to 256, by how many there are.
        optimizer: adamw, adam, sgd (with momentum 0.9), rmsprop, adagrad, lion, lbfgs.
        lr: the learning rate; by default that of the optimizer.
        weight_decay: how fast weights are drawn towards 0; by default, with adamw,
            500 / training rows, but at most 1.
        patience: how many epochs without a better validation loss to wait; `None` to
            go through all epochs.
        class_weight: what a row of each class counts: by label, or `"balanced"` for
            classes that count alike.
        seed: decides the split, the first weights, the order of the rows, dropout.
        out: a folder to save the run to.
        overwrite: whether to replace a run that `out` holds already.
        profile: note where in the steps the time goes, for `run.history.speed`.
        callbacks: told how training goes; a `TableCallback` is told more.
        command: how this was started, kept with the run.

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
    settings = Settings.checked(
        hidden=hidden,
        activation=activation,
        dropout=dropout,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        lr=lr,
        weight_decay=weight_decay,
        patience=patience,
        seed=seed,
    )
    if out is not None:
        check_destination(Path(out), overwrite=overwrite)
    problem = prepare(
        source,
        target,
        validation=validation,
        test=test,
        seed=settings.seed,
        task=task,
        drop=drop,
        kinds=kinds,
        max_categories=max_categories,
        reading={"missing": missing, "delimiter": delimiter, "encoding": encoding},
    )
    weigh = _weigher(problem, class_weight)
    inputs = len(problem.encoder.inputs)
    architecture = Architecture(
        inputs, settings.hidden, activation, settings.dropout, problem.outputs
    )
    net = architecture.build(settings.seed)
    watchers = list(callbacks)
    for watcher in watchers:
        if isinstance(watcher, TableCallback):
            watcher.on_table(problem, architecture, net)
    history = _learn(problem, net, settings, weigh, watchers, profile=profile)
    judged = problem.test
    run = TableRun(
        net=net,
        architecture=architecture,
        encoder=problem.encoder,
        schema=problem.schema,
        split=problem.split,
        settings={
            **asdict(settings),
            "hidden": list(settings.hidden),
            "batch_size": settings.batch(len(problem.train)),
            "weight_decay": settings.decay(len(problem.train)),
            "validation": _named(validation),
            "test": _named(test),
            "class_weight": _plain(class_weight),
        },
        history=history,
        provenance=Provenance.here_and_now(
            str(_named(source)), command or "train_table(...)", settings.seed
        ),
        evaluation=judge(problem.encoder, net, judged.X, judged.table)
        if judged
        else None,
        baselines=baselines(problem, judged, weigh(problem.train)) if judged else {},
        influence=_influence(problem, net, settings.seed),
    )
    if out is None:
        return run
    # Whoever has taken the name meanwhile must not cost the result.
    return run.save(out, overwrite=overwrite, rename=not overwrite)


def default_folder(source: Any, target: str) -> Path:
    """Where a run is saved if nobody says: `runs/<table>-<target>-<date-time>`.

    >>> default_folder("data/my homes.csv", "price").name[:14]
    'my-homes-price'
    """
    table = Path(source).stem if isinstance(source, (str, PathLike)) else "table"
    words = re.sub(r"[^\w.]+", "-", f"{table}-{target}").strip("-.")[:100]
    return Path("runs", f"{words}-{datetime.now().astimezone():%Y%m%d-%H%M%S}")


# --- learning -----------------------------------------------------------------------

Weigher: TypeAlias = Callable[[Part], Array | None]


def _learn(
    problem: Problem,
    net: Module,
    settings: Settings,
    weigh: Weigher,
    callbacks: list[Callback],
    *,
    profile: bool,
) -> History:
    held, train = problem.validation, problem.train
    stopping = None
    if held is not None:
        # Without patience too, the best weights are put back in the end.
        stopping = EarlyStopping(settings.patience or settings.epochs)
    history = fit(
        net,
        train.X,
        train.y,
        loss=problem.loss,
        optimizer=settings.new_optimizer(len(train)),
        batch_size=settings.batch(len(train)),
        epochs=settings.epochs,
        validation=None if held is None else (held.X, held.y, weigh(held)),
        metrics=[_score(problem)],
        sample_weight=weigh(train),
        early_stopping=stopping,
        callbacks=callbacks,
        profile=profile,
        columns=problem.encoder.inputs,
        seed=settings.seed,
    )
    for callback in callbacks:
        if isinstance(callback, TableCallback):
            callback.on_trained(history)
    return history


def _score(problem: Problem) -> str | Score:
    """The metric to watch: accuracy, or the typical error in the target's units."""
    goal = problem.encoder.goal
    if not isinstance(goal, NumberTarget):
        return "accuracy"

    def score(y: Array, prediction: Array) -> float:
        return goal.sd * root_mean_squared_error(y.ravel(), prediction.ravel())

    score.__name__ = "root_mean_squared_error"
    return score


def _weigher(
    problem: Problem, class_weight: str | Mapping[Any, float] | None
) -> Weigher:
    """The weight of each row, by its class; `None` where all count alike.

    `"balanced"` gives every class of the training rows the same total:
    `rows / (classes x rows of the class)`.
    """
    if class_weight is None:
        return _all_alike
    classes = problem.encoder.classes
    if classes is None:
        raise SettingError("class_weight is for classes, and this is a regression")
    table = _class_table(problem, class_weight, classes.tolist())

    def weigh(part: Part) -> Array:
        return table[part.y.ravel().astype(np.intp)]

    return weigh


def _all_alike(part: Part) -> None:
    del part


def _class_table(
    problem: Problem, class_weight: str | Mapping[Any, float], classes: list[Any]
) -> Array:
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise SettingError(
                f"class_weight={class_weight!r}: give 'balanced', or a weight by class"
            )
        counts = np.bincount(problem.train.y.ravel().astype(np.intp))
        return balanced(counts).astype(np.float32)
    # On the command line every label is text.
    written = {str(label): k for k, label in enumerate(classes)}
    weights = np.ones(len(classes), np.float32)
    for label, weight in class_weight.items():
        if str(label) not in written:
            raise SettingError(
                f"class_weight: there is no class {label!r}; the classes are "
                f"{', '.join(written)}"
            )
        if not 0 <= weight < np.inf:
            raise SettingError(f"class_weight of {label!r} is {weight!r}, no weight")
        weights[written[str(label)]] = weight
    return weights


# --- the record -----------------------------------------------------------------------


def _influence(problem: Problem, net: Module, seed: int) -> tuple[Influence, ...]:
    """How much worse the loss on held-out rows gets when a column is shuffled."""
    part = problem.test or problem.validation or problem.train
    loss = losses.get(problem.loss)

    def predict_loss(X: Array, y: Array) -> float:
        return float(loss(predict(net, X), y))

    return column_influence(
        predict_loss, part.X, part.y, problem.encoder.groups, seed=seed
    )


def _plain(
    class_weight: str | Mapping[Any, float] | None,
) -> str | dict[str, float] | None:
    if not isinstance(class_weight, Mapping):
        return class_weight
    return {str(label): float(weight) for label, weight in class_weight.items()}


def _named(source: Any) -> float | str:
    """A share of the rows as it is, a file by its name, anything else by its type."""
    if isinstance(source, (int, float)):
        return source
    if isinstance(source, (str, PathLike)):
        return str(source)
    return f"a {type(source).__name__}"
