"""Which rows pull hardest at the weights: `hard_rows`."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import losses
from chainrule.compile import compile, trace
from chainrule.functions import square
from chainrule.insight.batches import BATCH, dtype_of_net, evaluated
from chainrule.insight.row_gradients import row_squares
from chainrule.insight.text import table
from chainrule.ir import Array
from chainrule.nn import Module
from chainrule.tensor import Tensor, tensor
from chainrule.training.data import rows
from chainrule.training.program import Loss, modes_kept, predict
from chainrule.training.scores import labels_of
from chainrule.transforms import value_and_grad

_SHOWN = 10  # rows in what is printed

# What has one class a row; the first takes class numbers.
_LABELS = ("cross_entropy", losses.cross_entropy)
_CLASSES = (*_LABELS, "binary_cross_entropy", losses.binary_cross_entropy)


@dataclass(frozen=True, eq=False)
class HardRows:
    """The rows by how hard they pull at the weights, the hardest first.

    - `order`, of shape `(B,)`: row numbers, those of the longest gradients first.
    - `norms` and `losses`, of shape `(B,)`, by row number: `||dL_i/dw||` over all
      weights, and `L_i`.
    - `targets` and `labels`, of shape `(B,)`, by row number, where rows have classes:
      the class that each is said to have, and the one that the network gives it.

    Iterating gives the row numbers in order.
    """

    order: Array
    norms: Array = field(repr=False)
    losses: Array = field(repr=False)
    targets: Array | None = field(default=None, repr=False)
    labels: Array | None = field(default=None, repr=False)

    @property
    def suspects(self) -> Array:
        """The rows, in order, whose class the network does not agree with."""
        if self.targets is None or self.labels is None:
            raise ValueError("these rows have numbers as targets, and no classes")
        return np.asarray(self.order[(self.targets != self.labels)[self.order]])

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[int]:
        return iter(self.order.tolist())

    def __repr__(self) -> str:
        names, shown = ["row", "gradient", "loss"], self.order[:_SHOWN]
        columns: list[Iterator[str]] = [map(str, shown)]
        columns += [(f"{x:.4g}" for x in of[shown]) for of in (self.norms, self.losses)]
        if self.targets is not None and self.labels is not None:
            names += ["target", "network says"]
            columns += [map(str, self.targets[shown]), map(str, self.labels[shown])]
        lines = table([names, *zip(*columns, strict=True)])
        more = len(self) - len(shown)
        return "\n".join([*lines, *([f"  {more} more"] * (more > 0))])


def hard_rows(
    net: Module,
    X: Any,
    y: Any,
    *,
    loss: str | Loss = "cross_entropy",
    weights: Callable[[str], bool] | None = None,
    batch_size: int = BATCH,
) -> HardRows:
    """The rows by `||dL_i/dw||`, the length of the gradient of each one's own loss.

    A row that pulls hard at the weights is one that the network would have to change
    much for: an unusual one, one between two classes, or one whose target is wrong.
    Those that are mislabelled come first, as long as the network has not learnt them by
    heart; so take one that was stopped early, or rows that it was not trained on. Paul,
    Ganguli and Dziugaite 2021, "Deep learning on a data diet" (GraNd).

    `X`, `y` and `loss` are as for `cr.fit`; `L_i` is the loss of row `i`, in evaluation
    mode, without `sample_weight`, and averaged where a row has several numbers.
    `weights`, a function of the name of a parameter, chooses those that count; by
    default they all do. Rows must not depend on each other.

    The lengths are exact, and come from the backward pass of a whole batch: see
    `chainrule.insight.row_gradients`. Weights whose gradients the graph does not tell
    apart by row, such as one that is used twice, and losses that have no argument
    `reduction`, are taken row by row, which takes longer.

    Raises `ValueError` or `TypeError` for data that make no sense.

    >>> import chainrule as cr
    >>> net = cr.nn.Dense(1, 2, W_init="zeros")
    >>> net.W.assign([[-1.0, 1.0]])
    >>> cr.insight.hard_rows(net, [[-3.0], [-1.0], [2.0]], [0, 0, 0])
      row  gradient      loss  target  network says
        2     3.105     4.018       0             1
        1    0.2384    0.1269       0             0
        0   0.01106  0.002476       0             0
    """
    dtype = dtype_of_net(net)
    given = rows(X, y, None, dtype, "given", labels=loss in _LABELS)
    function = losses.get(loss) if isinstance(loss, str) else loss
    x, targets, _ = given.parts
    prediction = predict(net, x, batch_size)
    # It says what is wrong with the targets.
    function(tensor(prediction), tensor(targets))
    chosen = {name for name in net.parameters() if weights is None or weights(name)}
    if not chosen:
        raise ValueError("weights= leaves no parameter, so there are no gradients")
    each, norms = _measured(net, function, x, targets, chosen, batch_size)
    order = np.argsort(-norms, kind="stable")
    labelled = loss in _CLASSES and targets.size == len(x)
    if not labelled or (targets != np.round(targets)).any():
        return HardRows(order, norms, each)
    classes = targets.reshape(-1).astype(np.int64)
    return HardRows(order, norms, each, classes, labels_of(prediction))


def _measured(
    net: Module, loss: Loss, x: Array, y: Array, chosen: set[str], batch_size: int
) -> tuple[Array, Array]:
    """Of each row the loss, and the length of its gradient."""
    with modes_kept(net):
        net.eval()
        apart = chosen & _told_apart(net, loss, x, y)
        each, squares = np.zeros(0), np.zeros(len(x))
        for names, size in ((apart, batch_size), (chosen - apart, 1)):
            if names:
                pull = compile(_pull(net, loss, names, together=size > 1))
                each, more = evaluated(net, pull, [x, y], batch_size=size)
                squares += more
    if not np.isfinite(squares).all() or not np.isfinite(each).all():
        wrong = int(np.argmin(np.isfinite(squares) & np.isfinite(each)))
        raise ValueError(f"the loss of row {wrong}, or its gradient, is not finite")
    # Rounding may leave a sum of products of positions below 0.
    return each.astype(np.float64), np.sqrt(np.maximum(squares, 0))


def _told_apart(net: Module, loss: Loss, x: Array, y: Array) -> set[str]:
    """The parameters whose gradients the graph tells apart by row.

    An axis that has as many elements as there are rows may do so by chance: not for two
    numbers of rows, though.
    """
    if not _has_reduction(loss):
        return set()
    found = [set(net.parameters())]

    def probe(x: Tensor, y: Tensor) -> Tensor:
        each, squares = _row_gradients(net, loss, x, y)
        found.append({name for name, s in squares.items() if s is not None})
        return each

    for count in (2, 3):
        few = np.arange(count) % len(x)
        trace(probe, x[few], y[few])
    return set.intersection(*found)


def _pull(
    net: Module, loss: Loss, names: set[str], *, together: bool
) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The function `(x, y) -> (L, ||dL/dw||**2)`, both of shape `(B,)`.

    Unless the rows are taken `together`, there is one only.
    """

    def rows_together(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        each, squares = _row_gradients(net, loss, x, y)
        chosen = (squares[name] for name in sorted(names))
        return each, _total([s for s in chosen if s is not None])

    def row_alone(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        def objective(net: Module) -> Tensor:
            return _each(loss, net(x), y).sum()

        L, dws = value_and_grad(objective)(net)
        total = _total([square(dws[name]).sum() for name in sorted(names)])
        return L.reshape((1,)), total.reshape((1,))

    return rows_together if together else row_alone


def _row_gradients(
    net: Module, loss: Loss, x: Tensor, y: Tensor
) -> tuple[Tensor, dict[str, Tensor | None]]:
    """The loss of each row, and by parameter what `row_squares` says."""

    def objective(net: Module) -> tuple[Tensor, Tensor]:
        each = _each(loss, net(x), y)
        return each.sum(), each

    (_, each), dws = value_and_grad(objective, has_aux=True)(net)
    return each, {name: row_squares(dw.value, len(x)) for name, dw in dws.items()}


def _each(loss: Loss, prediction: Tensor, y: Tensor) -> Tensor:
    """The loss of each row; of one row alone, if the loss does not tell rows apart."""
    if not _has_reduction(loss):
        return loss(prediction, y).reshape((1,))
    each = loss(prediction, y, reduction="none")
    return each.reshape((len(prediction), -1)).mean(1)


def _has_reduction(loss: Loss) -> bool:
    return "reduction" in inspect.signature(loss).parameters


def _total(summands: list[Tensor]) -> Tensor:
    """The sum of what parameters of different dtypes may give."""
    first, *others = summands
    for other in others:
        first = first + other
    return first
