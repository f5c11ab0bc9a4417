"""`fit`: the one training loop. The command line and every estimator call it."""

import math
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from chainrule import losses
from chainrule.ir import Array, DType
from chainrule.nn import Module, reseed
from chainrule.optim import Adam, Optimizer
from chainrule.random import permutation
from chainrule.training.callbacks import EarlyStopping, ProgressLine
from chainrule.training.checkpoint import Checkpoints, load_checkpoint
from chainrule.training.data import Rows, batch_bounds, class_weights, hold_out, rows
from chainrule.training.diagnose import NonFiniteError
from chainrule.training.history import History, Record
from chainrule.training.penalties import Penalty
from chainrule.training.program import EVALUATION_BATCH, Loss, Program, smallest_batch
from chainrule.training.run import Callback, Look, Run
from chainrule.training.scores import Metrics, Score, name_of, scores
from chainrule.training.speed import Meter
from chainrule.training.stream import Piece, Stream
from chainrule.training.stream_source import Source

Validation = float | tuple[Any, ...] | None
# The rows in the order in which an epoch, counted from 0, visits them.
Order: TypeAlias = Callable[[int], Array]


def fit(
    net: Module,
    X: Any,
    y: Any = None,
    *,
    loss: str | Loss = "cross_entropy",
    optimizer: Optimizer | None = None,
    batch_size: int = 32,
    epochs: int = 10,
    validation: Validation = None,
    metrics: Metrics = (),
    sample_weight: Any = None,
    class_weight: str | Mapping[Any, float] | Sequence[float] | None = None,
    penalty: Penalty | None = None,
    early_stopping: int | EarlyStopping | None = None,
    max_time: float | None = None,
    callbacks: Iterable[Callback] = (),
    checkpoint: str | Path | None = None,
    checkpoint_every: float = 0.0,
    resume: bool = False,
    shuffle: bool = True,
    order: Order | None = None,
    progress: bool = False,
    profile: bool = False,
    columns: Sequence[str] | None = None,
    seed: int = 0,
) -> History:
    """Train `net` on the rows of `X` `(B, ...)` and `y`; what happened, by epoch.

    Each epoch visits all rows once, in mini-batches of `batch_size`, in an order that
    `seed` and the number of the epoch decide. The last mini-batch may be smaller;
    where a layer such as BatchNorm needs two rows, one left over joins the batch
    before. A mini-batch moves every weight `w` against the gradient of its mean loss
    L: `w := w - a dL/dw` for plain gradient descent, or what `optimizer` makes of it.

    The optimizer keeps the moments and the number of epochs done, so training goes on
    where it was when `fit` is called again with the same one: `fit(n)` gives the same
    bits as `fit(k)` and then `fit(n - k)`. Give a new optimizer to start afresh.

    Args:
        net: the network. Afterwards it is in evaluation mode.
        X: inputs, one row per example: numbers, without NaN. Or a
            `cr.training.Source`, which has the targets and weights too, and whose rows
            need not fit into memory: they are visited window by window.
        y: targets: class numbers for `"cross_entropy"`, 0 or 1 for
            `"binary_cross_entropy"`, numbers for `"squared"` and other regressions.
        loss: a name that `cr.losses.get` knows, or a function of
            `(prediction, target, sample_weight=)`.
        optimizer: `cr.optim.Adam(1e-3)` by default.
        batch_size: rows per step.
        epochs: how many epochs to train now; with `resume`, in all.
        validation: rows that are not trained on: a share of the rows, such as 0.1,
            chosen by `seed`, or `(X, y)` or `(X, y, sample_weight)`.
        metrics: names (`"accuracy"`, `"auc"`, `"rmse"`, ...), functions of
            `(y, prediction)`, or a dict of such functions by name, computed after each
            epoch on the validation rows, or on the training rows where there are none.
            They are weighted by `sample_weight`, where they have such an argument.
        sample_weight: one weight for each row. The mean loss of a batch is
            `sum(w l) / sum(w)`. So where a batch holds all rows, in a network without
            BatchNorm and Dropout, a weight of 3 is the same as the row three times,
            and one of 0 as no such row; with smaller batches it is so on average.
        class_weight: one for each class, by label or in order, or `"balanced"`.
        penalty: what large weights cost: `cr.training.L2(alpha)`, or a function of the
            network and of the number of rows in the batch, or the sum of their
            weights. It is added to the mean loss of each batch.
        early_stopping: an `EarlyStopping`, or the number of epochs without progress
            after which to stop and put the best weights back.
        max_time: so many seconds, after which no further epoch is begun.
        callbacks: `Callback` objects.
        checkpoint: a file to which everything is saved after each epoch.
        checkpoint_every: save it only after the first epoch that ends so many seconds
            after the last save, and at the end.
        resume: go on from `checkpoint` if it exists.
        shuffle: visit the rows in a new order each epoch.
        order: `order(epoch)` gives the rows in the order in which that epoch is to
            visit them, instead of `seed` and `shuffle`: numbers from 0 of those that
            are trained on, as many as there are (a row may come twice and another
            not at all). Epochs count from 0; it is asked once for each, in turn, for
            as many at a time as one call of the program takes.
        progress: show a line on the terminal.
        profile: note where in the steps the time goes; `history.speed` has it then.
        columns: what the columns of `X` are called, for messages; a data frame says
            so itself.
        seed: decides order, validation rows and dropout.

    Raises:
        ValueError, TypeError: data or settings make no sense; the message says which.
        NonFiniteError: a loss became NaN or infinite; the message names the operation,
            layer and line where it began, and `net` is as it was before that step.

    >>> import chainrule as cr
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
    >>> net = cr.nn.Sequential(
    ...     cr.nn.Dense(2, 8, rng=0), cr.nn.Tanh(), cr.nn.Dense(8, 2, rng=1)
    ... )
    >>> history = cr.fit(net, X, y, optimizer=cr.optim.Adam(0.1), epochs=100)
    >>> net(X).argmax(axis=1)
    tensor([0, 1, 1, 0])
    """
    meter, started = Meter(profile=profile), time.perf_counter()
    _check_counts(batch_size, epochs)
    if max_time is not None and not max_time > 0:
        raise ValueError(f"max_time={max_time} has to be a number of seconds above 0")
    dtype = _dtype(net)
    labels = loss == "cross_entropy"
    train: Rows | Stream
    if isinstance(X, Source):
        own = {"y": y, "sample_weight": sample_weight, "class_weight": class_weight}
        _check_streamed({**own, "order": order, "columns": columns})
        if metrics and not validation:
            raise ValueError("metrics of rows that are streamed need validation=")
        train = Stream(X, dtype, labels=labels)
    else:
        train = rows(X, y, sample_weight, dtype, labels=labels, columns=columns)
    if isinstance(train, Rows) and class_weight is not None:
        train = _weigh(train, class_weight, dtype)
    train, held = _validation(train, validation, dtype, seed, labels=labels)
    given = isinstance(X, Source) or isinstance(validation, (tuple, list))
    scored = train if held is None else held
    counts = (
        _counts(scored, sample_weight, given=given)
        if isinstance(scored, Rows)
        else None
    )
    loss_function = losses.get(loss) if isinstance(loss, str) else loss
    checked = isinstance(X, Source) and X.checked
    for data in (train, held):
        if data is not None and not checked:
            _check_targets(net, loss_function, data)
    optimizer = Adam() if optimizer is None else optimizer
    optimizer.initialize(net.parameters())
    if optimizer.epochs == 0:
        reseed(net, seed)
    batch_size = min(batch_size, len(train))
    bounds = batch_bounds(len(train), batch_size, smallest_batch(net))
    last = epochs if resume else optimizer.epochs + epochs
    steps = 1 if optimizer.full_batch else len(bounds) - 1
    optimizer.bind(steps_per_epoch=steps, total_steps=steps * last)
    settings = {
        "seed": seed,
        "rows": len(train),
        # It reads all rows, so only where somebody is going to compare it.
        "data": None if checkpoint is None else train.fingerprint(),
        "batch_size": batch_size,
        "shuffle": shuffle if order is None else "order",
        "optimizer": type(optimizer).__name__,
        "loss": loss if isinstance(loss, str) else getattr(loss, "__name__", "custom"),
        "window": None if isinstance(train, Rows) else train.window_rows(batch_size),
        "penalty": None if penalty is None else name_of(penalty),
    }
    chosen = _callbacks(callbacks, early_stopping, progress)
    run = Run(net, optimizer, chosen, last, settings)
    program = Program(net, loss_function, optimizer, penalty=penalty, meter=meter)
    run.look_with(_looking(program, train, batch_size))
    path = None if checkpoint is None else Path(checkpoint)
    if resume:
        _resume(run, path)
    plan = _Plan(
        train,
        _ordering(order, len(train), seed, shuffle=shuffle),
        bounds,
        held,
        scores(metrics),
        counts,
        None if path is None else Checkpoints(path, checkpoint_every),
        max_time,
        started,
    )
    try:
        _train(run, program, plan)
    finally:
        net.eval()
    run.history.speed = meter.report()
    return run.history


@dataclass(frozen=True)
class _Plan:
    """What each epoch does: the rows, their order, where batches begin, what to score.

    `order` gives the order of an epoch, `held` are the validation rows.
    """

    train: Rows | Stream
    order: Order
    bounds: Array
    held: Rows | None
    metrics: Mapping[str, Score]
    # What the rows count in metrics: as often as sample_weight says.
    counts: Array | None
    checkpoint: Checkpoints | None
    max_time: float | None
    started: float

    def left(self) -> float:
        """How many seconds may still be trained."""
        if self.max_time is None:
            return math.inf
        return self.started + self.max_time - time.perf_counter()

    @property
    def watched(self) -> bool:
        """Whether epochs are taken one at a time, whatever the callbacks do."""
        kept = self.checkpoint is not None or isinstance(self.train, Stream)
        return kept or self.held is not None or bool(self.metrics)


_OUT_OF_TIME = "max_time"


def _train(run: Run, program: Program, plan: _Plan) -> None:
    for callback in run.callbacks:
        callback.on_start(run)
    while run.epoch < run.epochs and run.history.stopped is None:
        started = time.perf_counter()
        count = 1 if plan.watched else _unwatched(run, plan.left())
        found = _epochs(run, program, plan, count)
        for mean_loss, rate in found:
            run.optimizer.epochs += 1
            record = {"epoch": run.epoch, "loss": mean_loss}
            record |= _evaluate(program, plan)
            record["learning_rate"] = rate
            record["seconds"] = (time.perf_counter() - started) / len(found)
            run.history.records.append(record)
            run.optimizer.observe(record.get("val_loss", record["loss"]))
            for callback in run.callbacks:
                callback.on_epoch(run)
        if run.optimizer.converged:
            run.stop("the optimizer has converged")
        if run.history.stopped is None and run.epoch < run.epochs and plan.left() <= 0:
            run.stop(f"{_OUT_OF_TIME} of {plan.max_time:g} seconds has passed")
        if plan.checkpoint is not None:
            plan.checkpoint.after_epoch(run)
    for callback in run.callbacks:
        callback.on_end(run)


def _looking(program: Program, train: Rows | Stream, batch_size: int) -> Look:
    """How callbacks look at a step: on rows they name, or those of the last step."""

    def look(names: Iterable[str] | None, rows: Any) -> dict[str, Array]:
        batch = program.latest_batch if rows is None else None
        if batch is None:
            chosen = np.arange(batch_size) if rows is None else np.asarray(rows)
            batch = train.take(np.atleast_1d(chosen))
        return program.look(batch, names)

    return look


# Short epochs are taken together, for about as long as nobody minds waiting for Ctrl-C.
_CALL_SECONDS = 0.1


def _unwatched(run: Run, limit: float) -> int:
    """How many epochs one call can take, for nobody looks at the network in between.

    They take no longer than `limit` seconds, as far as one can tell.
    """
    if run.optimizer.full_batch or run.optimizer.schedule.observes:
        return 1
    if not run.history.records:
        return 1
    seconds = max(run.history.records[-1]["seconds"], 1e-6)
    allowed = [callback.epochs_at_once(run) for callback in run.callbacks]
    fast = int(min(_CALL_SECONDS, limit) / seconds)
    return max(1, min(run.epochs - run.epoch, fast, *allowed))


def _epochs(
    run: Run, program: Program, plan: _Plan, count: int
) -> list[tuple[float, float]]:
    """Train for some epochs; of each the mean loss, and the last learning rate."""
    optimizer = run.optimizer
    if optimizer.full_batch:
        loss = program.full_batch_iteration(plan.train)
        return [(loss, optimizer.current_learning_rate)]
    if count == 1 or isinstance(plan.train, Stream):
        return [(_epoch(run, program, plan), optimizer.current_learning_rate)]
    orders = [plan.order(run.epoch + i) for i in range(count)]
    before, steps = optimizer.steps, len(plan.bounds) - 1
    try:
        losses = program.epochs(plan.train, orders, plan.bounds)
    except NonFiniteError:
        optimizer.epochs += (optimizer.steps - before) // steps
        raise
    return [
        (
            _mean_loss([each], [Piece(plan.train, order, plan.bounds).weights]),
            optimizer.schedule(last - 1),
        )
        for order, each, last in zip(
            orders,
            losses,
            range(before + steps, optimizer.steps + 1, steps),
            strict=True,
        )
    ]


def _epoch(run: Run, program: Program, plan: _Plan) -> float:
    """Train for one epoch; the mean loss over its rows."""
    watchers = [c for c in run.callbacks if type(c).on_step is not Callback.on_step]

    def tell(step: int, loss: float) -> None:
        for callback in watchers:
            callback.on_step(run, step, loss)

    losses, weights = [], []
    with closing(_pieces(run, plan)) as pieces:
        for piece in pieces:
            losses.append(
                program.epoch(
                    piece.rows,
                    piece.order,
                    piece.bounds,
                    tell if watchers else None,
                    before=piece.before,
                )
            )
            weights.append(piece.weights)
    return _mean_loss(losses, weights)


def _pieces(run: Run, plan: _Plan) -> Generator[Piece]:
    """The rows of an epoch, as they come into memory one piece after the other."""
    if isinstance(plan.train, Rows):
        yield Piece(plan.train, plan.order(run.epoch), plan.bounds)
        return
    seed, shuffle = run.settings["seed"], run.settings["shuffle"]
    yield from plan.train.pieces(seed, run.epoch, plan.bounds, shuffle=shuffle)


def _mean_loss(losses: Sequence[Array], weights: Sequence[Array]) -> float:
    """The mean over the rows of an epoch, by the losses and weights of its batches."""
    counts = np.concatenate(weights)
    return float(np.concatenate(losses) @ counts / counts.sum())


def _evaluate(program: Program, plan: _Plan) -> Record:
    data, prefix = (plan.train, "") if plan.held is None else (plan.held, "val_")
    if isinstance(data, Stream) or (plan.held is None and not plan.metrics):
        return {}
    loss, prediction = program.loss_of(data)
    record = {} if plan.held is None else {"val_loss": loss}
    for name, score in plan.metrics.items():
        record[prefix + name] = float(score(data.y, prediction, plan.counts))
    return record


# --- what the user gave -----------------------------------------------------------


def _check_counts(batch_size: int, epochs: int) -> None:
    for name, count in (("batch_size", batch_size), ("epochs", epochs)):
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
            raise TypeError(f"{name}={count!r} has to be a whole number")
        if count < 1:
            raise ValueError(f"{name}={count} has to be at least 1")


def _dtype(net: Module) -> DType:
    """The dtype in which the network computes: that of its first parameter."""
    if not isinstance(net, Module):
        raise TypeError(f"fit trains a cr.nn.Module, and net is {type(net).__name__}")
    for parameter in net.parameters().values():
        return parameter.dtype
    raise ValueError("the network has no parameters, so there is nothing to train")


def _check_targets(net: Module, loss: Loss, data: Rows | Stream) -> None:
    """Let the loss look at all targets, before anything is trained.

    Where it is traced it cannot see a label that is no class, or a probability of 2.
    """
    net.eval()
    one = net(data.take(slice(0, 1)).parts[0])
    for batch in data.batches(EVALUATION_BATCH):
        prediction = np.zeros((len(batch), *one.shape[1:]), one.dtype)
        loss(prediction, batch.y, sample_weight=batch.weights)


def _check_streamed(options: Mapping[str, Any]) -> None:
    """Refuse what a source of rows says itself, or has no room for."""
    for name, option in options.items():
        if option is not None:
            raise ValueError(
                f"{name}= is for rows in memory: a source has its own targets, "
                "weights, columns and order"
            )


def _weigh(train: Rows, class_weight: Any, dtype: DType) -> Rows:
    weights = class_weights(class_weight, train.y).astype(dtype)
    given = 1 if train.weights is None else train.weights
    weighed = replace(train, weights=weights * given).counted()
    if not len(weighed):
        raise ValueError(f"class_weight={class_weight!r} leaves no row that counts")
    return weighed


def _counts(data: Rows, sample_weight: Any, *, given: bool) -> Array | None:
    """What rows count in metrics: their own weights, without those of their classes."""
    if given or sample_weight is None:
        return data.weights if given else None
    weights = np.asarray(sample_weight, np.float64)
    return weights if data.numbers is None else weights[data.numbers]


def _validation(
    train: Rows | Stream,
    validation: Validation,
    dtype: DType,
    seed: int,
    *,
    labels: bool,
) -> tuple[Rows | Stream, Rows | None]:
    if validation is None:
        return train, None
    if isinstance(validation, (int, float)):
        if not validation:
            return train, None
        if isinstance(train, Stream):
            return train.hold_out(validation, seed)
        return hold_out(train, validation, seed)
    if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
        raise TypeError(
            "validation has to be a share of the rows such as 0.1, or (X, y), or "
            "(X, y, sample_weight)"
        )
    X, y, weights = (*validation, None)[:3]
    held = rows(X, y, weights, dtype, "validation", labels=labels)
    return train, replace(held, columns=train.columns)


def _callbacks(
    given: Iterable[Callback], early: int | EarlyStopping | None, progress: bool
) -> list[Callback]:
    chosen = list(given)
    if early is not None:
        stopping = EarlyStopping(early) if isinstance(early, int) else early
        chosen.append(stopping)
    if progress:
        chosen.append(ProgressLine())
    return chosen


def _ordering(order: Order | None, count: int, seed: int, *, shuffle: bool) -> Order:
    """The order of the rows in each epoch, as `order` or `shuffle` says."""
    if order is not None:
        given = order
        return lambda epoch: _checked_order(given(epoch), epoch, count)
    if shuffle:
        return lambda epoch: permutation(seed, epoch, count)
    return lambda _: np.arange(count)


def _checked_order(order: Any, epoch: int, count: int) -> Array:
    rows = np.asarray(order)
    if rows.dtype.kind not in "iu" or rows.shape != (count,):
        raise ValueError(
            f"order({epoch}) has dtype {rows.dtype} and shape {rows.shape}; it has to "
            f"give {count} row numbers, one for each row that is trained on"
        )
    if rows.min() < 0 or rows.max() >= count:
        wrong = rows[(rows < 0) | (rows >= count)][0]
        raise ValueError(f"order({epoch}) has {wrong}: rows are 0 to {count - 1}")
    return rows


def _resume(run: Run, path: Path | None) -> None:
    if path is None:
        raise ValueError("resume=True needs checkpoint= to say from which file")
    if path.exists():
        load_checkpoint(run, path)
        if (run.history.stopped or "").startswith(_OUT_OF_TIME):
            run.history.stopped = None  # there is time again
