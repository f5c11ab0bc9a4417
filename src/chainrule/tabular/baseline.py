"""What a network has to beat: no look at the columns, and a straight line."""

import numpy as np

from chainrule import losses, nn, optim
from chainrule.ir import Array
from chainrule.tabular.answers import judge
from chainrule.tabular.evaluation import (
    Evaluation,
    majority_baseline,
    mean_baseline,
)
from chainrule.tabular.network import Architecture
from chainrule.tabular.problem import Part, Problem
from chainrule.tensor import Tensor
from chainrule.training.loop import fit
from chainrule.training.program import Loss

__all__ = ["baselines", "linear_network"]

MOST_ITERATIONS = 500
MOST_CATEGORIES = 50  # of a column, as `Encoder.fit` has it where nothing is embedded
ENOUGH = 1e-8  # the part of the loss that an iteration has to bring


def baselines(
    problem: Problem, test: Part, weights: Array | None = None
) -> dict[str, Evaluation]:
    """The scores of two simple predictors on the rows of `test`, by name.

    The first ignores every column: it names the commonest class, or the mean. The
    second is a network without hidden layers: logistic or linear regression.
    """
    train, labels = problem.train, problem.encoder.classes
    net = linear_network(problem, weights)
    line = judge(problem.encoder, net, plain_inputs(problem, test.X), test.table)
    if labels is None:
        known, truth = (problem.encoder.target_values(p.table) for p in (train, test))
        return {"the mean": mean_baseline(known, truth), "linear regression": line}
    known, truth = (part.y.ravel().astype(np.int64) for part in (train, test))
    commonest = majority_baseline(known, truth, labels.tolist())
    return {"majority class": commonest, "logistic regression": line}


def linear_network(problem: Problem, weights: Array | None = None) -> nn.Module:
    """`y = x W + b`, at the minimum of the loss that the task has.

    To the mean loss over the n training rows, `|W|^2 / (2 n)` is added, as scikit-learn
    does by default (`C=1`, or `alpha=1` with the squared loss halved): without it,
    classes that a line can part would drive `W` to infinity. L-BFGS in float64 finds
    the minimum, which is the only one.
    """
    train = problem.train
    X = plain_inputs(problem, train.X)
    shape = Architecture(X.shape[1], (), "relu", 0.0, problem.outputs)
    net = shape.build(seed=0, dtype=np.float64)
    for parameter in net.parameters().values():
        parameter.assign(np.zeros(parameter.shape))
    total = len(train) if weights is None else float(weights.sum())
    fit(
        net,
        X.astype(np.float64),
        train.y.astype(np.float64) if problem.outputs == 1 else train.y,
        loss=_penalised(losses.get(problem.loss), net, 1 / (2 * total)),
        optimizer=optim.LBFGS(loss_tolerance=ENOUGH),
        epochs=MOST_ITERATIONS,
        sample_weight=weights,
    )
    return net


def plain_inputs(problem: Problem, X: Array) -> Array:
    """`X` with inputs of 1 and 0 for the commonest categories that it has numbers of.

    A straight line through the number of a category would mean nothing. As elsewhere,
    categories beyond the commonest share an input.
    """
    embedded = problem.encoder.embedded
    if not embedded:
        return X
    kept = np.delete(X, [e.position for e in embedded], axis=1)
    found = []
    for e in embedded:
        # Number 0 is what is rare, then they come by frequency.
        most = min(e.count, MOST_CATEGORIES + 1)
        numbers = X[:, e.position].astype(np.intp)
        shown = np.where(numbers < most, numbers, 0)
        found.append(np.eye(most, dtype=X.dtype)[shown])
    return np.concatenate([kept, *found], axis=1)


def _penalised(loss: Loss, net: nn.Module, strength: float) -> Loss:
    """`loss + strength |W|^2`."""
    W = net.parameters()["output.W"]

    def penalised(prediction: Tensor, target: Tensor, **options: Tensor) -> Tensor:
        return loss(prediction, target, **options) + strength * (W * W).sum()

    return penalised
