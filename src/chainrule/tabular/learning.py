"""From a table that is understood to a network that has been judged."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from chainrule import losses
from chainrule.ir import Array
from chainrule.nn import Module
from chainrule.tables import Schema, TableError
from chainrule.tables.targets import NumberTarget
from chainrule.tabular.answers import judge
from chainrule.tabular.baseline import baselines
from chainrule.tabular.evaluation import Influence, column_influence
from chainrule.tabular.network import Architecture, SettingError
from chainrule.tabular.problem import ENCODING, Problem
from chainrule.tabular.provenance import Provenance
from chainrule.tabular.run import TableRun
from chainrule.tabular.settings import Settings, number_of
from chainrule.tabular.workplace import Request, Workplace
from chainrule.training.callbacks import EarlyStopping
from chainrule.training.data import balanced
from chainrule.training.history import History
from chainrule.training.loop import fit
from chainrule.training.metrics import root_mean_squared_error
from chainrule.training.program import predict
from chainrule.training.run import Callback, Run
from chainrule.training.scores import Score

__all__ = ["TableCallback", "learn", "tellable"]

# How often a run that is being trained is saved, in seconds.
CHECKPOINT_EVERY = 2.0

_LARGEST: Final = 1e150


class TableCallback(Callback):
    """A callback that is also told what comes before and after training."""

    def on_place(self, folder: Path) -> None:
        """The run has a folder: from now on its training can be gone on with."""

    def on_table(
        self, problem: Problem, architecture: Architecture, net: Module
    ) -> None:
        """The table is read and understood; training is next."""

    def on_trained(self, history: History) -> None:
        """The network is trained; judging it is next."""

    def on_nothing_left(self, reason: str) -> None:
        """A run that was to be trained more is finished, and stays as it is."""


class GoingOn(Callback):
    """Trains a network more that was finished: why it ended then no longer counts."""

    looks = False

    def on_start(self, run: Run) -> None:
        """Forget the end."""
        run.history.stopped = None


def learn(
    problem: Problem,
    settings: Settings,
    request: Request,
    *,
    callbacks: Iterable[Callback] = (),
    profile: bool = False,
    place: Workplace | None = None,
) -> TableRun:
    """Train and judge a network; save how far it is in `place`, and go on from there.

    Raises `SettingError` where the settings do not fit the table, and `NonFiniteError`
    where training diverges.
    """
    _check_range(problem.schema)
    by_class = _class_weights(problem, request.options["class_weight"])
    architecture = settings.architecture(
        len(problem.encoder.inputs), problem.outputs, problem.encoder.embedded
    )
    net = architecture.build(settings.seed)
    watchers = list(callbacks)
    for watcher in tellable(watchers):
        watcher.on_table(problem, architecture, net)
    if place is not None:
        place.begin(request)
        for watcher in tellable(watchers):
            watcher.on_place(place.folder)
    history = _train(problem, net, settings, by_class, watchers, profile, place)
    for watcher in tellable(watchers):
        watcher.on_trained(history)
    judged = problem.test
    return TableRun(
        net=net,
        architecture=architecture,
        encoder=problem.encoder,
        schema=problem.schema,
        split=problem.split,
        settings=_stated(settings, request, problem.rows),
        history=history,
        provenance=Provenance.here_and_now(
            request.source, request.command, settings.seed
        ),
        evaluation=judge(problem.encoder, net, judged.X, judged.table)
        if judged
        else None,
        baselines=baselines(problem, judged, problem.train.weights(by_class))
        if judged
        else {},
        influence=_influence(problem, net, settings.seed),
    )


def _check_range(schema: Schema) -> None:
    """Refuse a target whose errors could not be squared: `TableError`."""
    low, high = schema.target.low or 0.0, schema.target.high or 0.0
    if schema.task == "regression" and max(-low, high) > _LARGEST:
        raise TableError(
            f"the target {schema.target.name!r} goes from {low:g} to {high:g}, and "
            f"beyond {_LARGEST:g} nothing can be squared: correct it, or divide it all"
        )


# --- learning -----------------------------------------------------------------------


def _train(
    problem: Problem,
    net: Module,
    settings: Settings,
    by_class: Array | None,
    callbacks: list[Callback],
    profile: bool,
    place: Workplace | None,
) -> History:
    held = problem.validation
    stopping = None
    if held is not None:
        # Without patience too, the best weights are put back in the end.
        stopping = EarlyStopping(settings.patience or settings.epochs)
    if place is not None and place.finished:
        callbacks = [GoingOn(), *callbacks]
    return fit(
        net,
        **problem.learnt_from(by_class, settings.batch(problem.rows)),
        loss=problem.loss,
        optimizer=settings.new_optimizer(problem.rows),
        batch_size=settings.batch(problem.rows),
        epochs=settings.epochs,
        max_time=settings.max_time,
        validation=None if held is None else (held.X, held.y, held.weights(by_class)),
        metrics=[] if held is None and problem.streamed else [_score(problem)],
        early_stopping=stopping,
        callbacks=callbacks,
        checkpoint=None if place is None else place.checkpoint,
        checkpoint_every=CHECKPOINT_EVERY,
        resume=place is not None,
        profile=profile,
        seed=settings.seed,
    )


def tellable(callbacks: Iterable[Callback]) -> list[TableCallback]:
    """Those that are told of what comes before and after training."""
    return [callback for callback in callbacks if isinstance(callback, TableCallback)]


def _score(problem: Problem) -> str | Score:
    """The metric to watch: accuracy, or the typical error in the target's units."""
    goal = problem.encoder.goal
    if not isinstance(goal, NumberTarget):
        return "accuracy"

    def score(y: Array, prediction: Array) -> float:
        y, prediction = goal.decode(y.ravel()), goal.decode(prediction.ravel())
        return root_mean_squared_error(y, prediction)

    score.__name__ = "root_mean_squared_error"
    return score


def _class_weights(
    problem: Problem, class_weight: str | Mapping[Any, float] | None
) -> Array | None:
    """The weight of each row of a class; `None` where all count alike.

    `"balanced"` gives every class of the training rows the same total:
    `rows / (classes x rows of the class)`.
    """
    if class_weight is None:
        return None
    classes = problem.encoder.classes
    if classes is None:
        raise SettingError("class_weight is for classes, and this is a regression")
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise SettingError(
                f"class_weight={class_weight!r}: give 'balanced', or a weight by class"
            )
        return balanced(problem.class_counts).astype(np.float32)
    # On the command line every label is text.
    written = {str(label): k for k, label in enumerate(classes.tolist())}
    weights = np.ones(len(classes), np.float32)
    for label, weight in class_weight.items():
        if str(label) not in written:
            raise SettingError(
                f"class_weight: there is no class {label!r}; the classes are "
                f"{', '.join(written)}"
            )
        number = number_of(weight)
        if not 0 <= number <= float(np.finfo(weights.dtype).max):  # NaN too
            raise SettingError(f"class_weight of {label!r} is {weight!r}, no weight")
        weights[written[str(label)]] = number
    return weights


# --- the record -----------------------------------------------------------------------


def _stated(settings: Settings, request: Request, rows: int) -> dict[str, Any]:
    """The settings as a run tells them: with what was chosen by itself."""
    parts = {name: request.part(name) for name in ("validation", "test")}
    return {
        **asdict(settings),
        "hidden": list(settings.hidden),
        "batch_size": settings.batch(rows),
        "weight_decay": settings.decay(rows),
        **parts,
        **{n: request.options[n] for n in ENCODING if n in request.options},
        "class_weight": request.options["class_weight"],
    }


def _influence(problem: Problem, net: Module, seed: int) -> tuple[Influence, ...]:
    """How much worse the loss on held-out rows gets when a column is shuffled."""
    part = problem.test or problem.validation or problem.train
    loss = losses.get(problem.loss)

    def predict_loss(X: Array, y: Array) -> float:
        return float(loss(predict(net, X), y))

    return column_influence(
        predict_loss, part.X, part.y, problem.encoder.groups, seed=seed
    )
