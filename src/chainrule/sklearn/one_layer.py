"""A network of one layer and its loss, on dense and on sparse rows.

`loss = sum(s l(x W + b, y)) + sum(ridge * w^2) / 2` over all rows `x` with their
weights `s`, where `l` is the cross-entropy of a softmax, or for one column of logits of
a sigmoid, and `w` is all of `W` and `b`.

The loss is a traced function; its gradient, and the products with its second
derivative, are what the chain rule makes of its graph, compiled. Sparse rows never
become dense: SciPy multiplies by them, and the graph is what stands between the two
products, from the logits to the loss.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Protocol

import numpy as np
import scipy.sparse

from chainrule import functions as F
from chainrule.compile import Compiled, compile
from chainrule.ir import Array
from chainrule.losses import binary_cross_entropy, cross_entropy
from chainrule.optim.line_search import Vector
from chainrule.optim.newton import Curvature, Matrix
from chainrule.tensor import Tensor
from chainrule.transforms import hessian_vector_product, value_and_grad

# The widest matrix of columns by columns that is made to speed other things up: as much
# work as this many iterations, about, for one output; and the widest at all.
_WORTH_A_MATRIX = 128
_WIDEST = 1024
# The least curvature, relative to the largest, that is told from none at all.
_NOTHING = 1e-10

# --- what is traced -------------------------------------------------------------------


def _logits(w: Tensor, X: Tensor) -> Tensor:
    """`x W + b`; `w` holds the rows of `W` and then, if it has one more, `b`."""
    features = X.shape[1]
    small = w.astype(X.dtype)
    z = X @ small[:features]
    if w.shape[0] > features:
        z = z + small[features]
    # What is added up over all rows is added up in float64.
    return z.astype("float64")


def _data_loss(z: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    if z.shape[1] > 1:
        return cross_entropy(z, target, sample_weight=weights, reduction="sum")
    return binary_cross_entropy(z, target, sample_weight=weights, reduction="sum")


def _penalty(w: Tensor, ridge: Tensor) -> Tensor:
    return (ridge * w * w).sum() * 0.5


def _loss(
    w: Tensor, X: Tensor, target: Tensor, weights: Tensor, ridge: Tensor
) -> Tensor:
    return _data_loss(_logits(w, X), target, weights) + _penalty(w, ridge)


def _gram(X: Tensor, c: Tensor, intercept: bool) -> Tensor:
    """`X' diag(c) X`, where `X` has a last column of ones if there is an intercept."""
    weighted = X * c.reshape(-1, 1)
    inside = (weighted.T @ X).astype("float64")
    if not intercept:
        return inside
    sums = weighted.astype("float64").sum(0)
    right = F.concatenate([sums, c.astype("float64").sum().reshape(1)])
    left = F.concatenate([inside, sums.reshape(1, -1)])
    return F.concatenate([left, right.reshape(-1, 1)], axis=1)


# Compiled once for all fits: what differs between them comes in as numbers.
_Program = Compiled[..., Any]  # takes arrays where the function takes tensors
_loss_and_gradient: _Program = compile(value_and_grad(_loss))
_product: _Program = compile(hessian_vector_product(_loss))
_of_rows: _Program = compile(_logits)
_data_loss_and_gradient: _Program = compile(value_and_grad(_data_loss))
_data_product: _Program = compile(hessian_vector_product(_data_loss))
_weighted_gram: _Program = compile(_gram)


# --- rows -----------------------------------------------------------------------------


class Rows(Protocol):
    """The rows of a table, in the ways in which the methods look at them."""

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows and columns there are."""

    def loss_and_gradient(
        self, w: Matrix, target: Array, weights: Array, ridge: Array
    ) -> tuple[float, Matrix]:
        """The loss at `w`, and its gradient, of the form of `w`."""

    def product(
        self, w: Matrix, v: Matrix, target: Array, weights: Array, ridge: Array
    ) -> Matrix:
        """The second derivative at `w` times `v`."""

    def logits(self, w: Matrix) -> Matrix:
        """`x W + b` for every row."""

    def gram(self, c: Vector, *, intercept: bool) -> Matrix:
        """`X' diag(c) X`, with a column of ones in `X` if there is an intercept."""

    def squares(self, c: Matrix) -> Matrix:
        """`(X * X)' c`."""

    def sums(self, c: Matrix) -> Matrix:
        """`X' c`."""


@dataclass(frozen=True)
class DenseRows:
    """Rows in an array: all that is computed from them is in the graph."""

    X: Array

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows and columns there are."""
        rows, columns = self.X.shape
        return rows, columns

    def loss_and_gradient(
        self, w: Matrix, target: Array, weights: Array, ridge: Array
    ) -> tuple[float, Matrix]:
        """See `Rows`."""
        loss, dw = _loss_and_gradient(w, self.X, target, weights, ridge)
        return loss.item(), dw.numpy()

    def product(
        self, w: Matrix, v: Matrix, target: Array, weights: Array, ridge: Array
    ) -> Matrix:
        """See `Rows`."""
        return _numbers(_product(w, v, self.X, target, weights, ridge))

    def logits(self, w: Matrix) -> Matrix:
        """See `Rows`."""
        return _numbers(_of_rows(w, self.X))

    def gram(self, c: Vector, *, intercept: bool) -> Matrix:
        """See `Rows`."""
        return _numbers(_weighted_gram(self.X, c.astype(self.X.dtype), intercept))

    def squares(self, c: Matrix) -> Matrix:
        """See `Rows`."""
        X = self.X
        return np.asarray(np.einsum("ij,ij,ik->jk", X, X, c, optimize=False))

    def sums(self, c: Matrix) -> Matrix:
        """See `Rows`."""
        return np.asarray(self.X.T @ c, np.float64)


@dataclass(frozen=True)
class SparseRows:
    """Rows in a sparse matrix: the graph begins at the logits, SciPy does the rest."""

    X: Any

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows and columns there are."""
        rows, columns = self.X.shape
        return rows, columns

    def loss_and_gradient(
        self, w: Matrix, target: Array, weights: Array, ridge: Array
    ) -> tuple[float, Matrix]:
        """See `Rows`."""
        loss, dz = _data_loss_and_gradient(self.logits(w), target, weights)
        gradient = self._back(dz.numpy(), len(w)) + ridge * w
        return loss.item() + 0.5 * float((ridge * w * w).sum()), gradient

    def product(
        self, w: Matrix, v: Matrix, target: Array, weights: Array, ridge: Array
    ) -> Matrix:
        """See `Rows`."""
        z, dz = self.logits(w), self.logits(v)
        along = _numbers(_data_product(z, dz, target, weights))
        return self._back(along, len(w)) + ridge * v

    def logits(self, w: Matrix) -> Matrix:
        """See `Rows`."""
        columns = self.shape[1]
        z = np.asarray(self.X @ w[:columns], np.float64)
        return z + w[columns] if len(w) > columns else z

    def gram(self, c: Vector, *, intercept: bool) -> Matrix:
        """See `Rows`."""
        inside = (self.X.T @ self.X.multiply(c[:, None]).tocsr()).toarray()
        if not intercept:
            return np.asarray(inside, np.float64)
        sums = self.sums(c[:, None])
        return np.block([[inside, sums], [sums.T, c.sum().reshape(1, 1)]])

    def squares(self, c: Matrix) -> Matrix:
        """See `Rows`."""
        return np.asarray(self.X.multiply(self.X).T @ c, np.float64)

    def sums(self, c: Matrix) -> Matrix:
        """See `Rows`."""
        return np.asarray(self.X.T @ c, np.float64)

    def _back(self, dz: Matrix, length: int) -> Matrix:
        """The gradient with respect to `w`, from the one with respect to the logits."""
        dw = self.sums(dz)
        return dw if length == len(dw) else np.vstack([dw, dz.sum(0)])


def _numbers(x: Tensor) -> Array:
    return x.numpy()


# --- the loss -------------------------------------------------------------------------


class OneLayer:
    """The loss of a network of one layer, as a function of all weights in one vector.

    - `X` has shape `(B, features)`, an array or a sparse matrix in rows.
    - `target` has shape `(B,)`: class numbers, from 0 to `outputs - 1`, or 0 and 1
      where there is one output.
    - `weights` has shape `(B,)`: what each row counts.
    - `ridge` and `lasso` have a number for each weight: `rows x outputs` of them, where
      the first rows are those of `W` and the last is `b` if there is an `intercept`.

    The l1 penalty `sum(lasso * |w|)` is not part of `evaluate` and `curvature`: it has
    no derivative.
    """

    def __init__(
        self,
        X: Any,
        target: Array,
        weights: Vector,
        outputs: int,
        *,
        intercept: bool,
        ridge: Matrix,
        lasso: Matrix,
    ) -> None:
        sparse = scipy.sparse.issparse(X)
        self.rows: Rows = SparseRows(X) if sparse else DenseRows(X)
        self.outputs = outputs
        self.intercept = intercept
        self.form = (self.rows.shape[1] + int(intercept), outputs)
        self.ridge = ridge
        self.lasso = lasso.ravel()
        self.weights = weights
        if outputs == 1:
            target = target.astype(np.float64)[:, None]
        self._rest = (target, weights, ridge)

    @property
    def size(self) -> int:
        """How many weights there are."""
        return self.form[0] * self.form[1]

    def evaluate(self, x: Vector) -> tuple[float, Vector]:
        """The loss and its gradient."""
        loss, dw = self.rows.loss_and_gradient(x.reshape(self.form), *self._rest)
        return loss, dw.ravel()

    def curvature(self, x: Vector) -> Curvature:
        """The second derivative; equations with it need many products."""
        w = x.reshape(self.form)

        def product(v: Vector) -> Vector:
            return self.rows.product(w, v.reshape(self.form), *self._rest).ravel()

        @cache
        def diagonal() -> Vector:
            z = self.rows.logits(w)
            each = [self._row_curvature(z, k)[:, k] for k in range(self.outputs)]
            c = np.stack(each, axis=1)
            squares = self.rows.squares(c)
            if self.intercept:
                squares = np.vstack([squares, c.sum(0)])
            return (squares + self.ridge).ravel()

        return Curvature(product, diagonal)

    def exact_curvature(self, x: Vector) -> Curvature:
        """The second derivative with its matrix.

        Adding the same number to the weights of all classes changes nothing for the
        softmax, so the matrix has no inverse. Where no penalty decides between them,
        curvature is added along these directions; the loss has no slope there.
        """
        w = x.reshape(self.form)
        rows, outputs = self.form
        H = np.zeros((rows, outputs, rows, outputs))
        z = self.rows.logits(w)
        for k in range(outputs):
            c = self._row_curvature(z, k)
            for j in range(k, outputs):
                part = self.rows.gram(
                    np.ascontiguousarray(c[:, j]), intercept=self.intercept
                )
                H[:, k, :, j] = H[:, j, :, k] = part
        matrix = H.reshape(self.size, self.size)
        matrix[np.diag_indices(self.size)] += self.ridge.ravel()
        if outputs > 1:
            every = np.arange(rows)
            own = np.diagonal(matrix).reshape(self.form).mean(1)
            H[every, :, every, :] += np.where(self._is_shifted, own, 0)[:, None, None]
        diagonal = np.diagonal(matrix).copy()
        return Curvature(matrix.__matmul__, lambda: diagonal, matrix)

    def _row_curvature(self, z: Matrix, k: int) -> Matrix:
        """`d2l / dz[k] dz[j]` of every row, in column `j`, with the row's weight."""
        direction = np.zeros_like(z)
        direction[:, k] = 1
        target, weights, _ = self._rest
        return _numbers(_data_product(z, direction, target, weights))

    @cached_property
    def _is_shifted(self) -> Array:
        """The rows of weights to all classes of which a number can be added."""
        lasso = self.lasso.reshape(self.form)
        return np.logical_not(self.ridge.any(1) | lasso.any(1))

    def centred(self, x: Vector) -> Vector:
        """The same network, whose unpenalised weights add up to 0 over the classes."""
        if self.outputs == 1:
            return x
        w = x.reshape(self.form)
        free = self._is_shifted[:, None]
        return np.where(free, w - w.mean(1, keepdims=True), w).ravel()

    @cached_property
    def preconditioner(self) -> Callable[[Vector], Vector]:
        """`g -> P g`, where `P` is about the inverse of the second derivative at 0.

        There every row has the same curvature, which is an upper bound of what it has
        elsewhere: Boehning 1992, "Multinomial logistic regression algorithm". All
        classes share it, so it is a matrix of `features + intercept` rows; where that
        would be too large, the columns of `X` are taken to have nothing to do with
        each other once their means are subtracted.
        """
        chance = 1 / max(self.outputs, 2)
        bend = chance * (1 - chance)
        features = self.rows.shape[1]
        if features <= min(_WIDEST, _WORTH_A_MATRIX * self.outputs):
            gram = self.rows.gram(self.weights, intercept=self.intercept)
            inverse = _inverse(bend * gram, self.ridge.mean(1))
            return lambda g: (inverse @ g.reshape(self.form)).ravel()
        return self._standardising(bend)

    def _standardising(self, bend: float) -> Callable[[Vector], Vector]:
        """`g -> T T' g`, where `T` is the change of weights that centring stands for.

        Scales are those for which the second derivative has a diagonal of 1.
        """
        s = self.weights[:, None]
        total = float(self.weights.sum())
        features = self.rows.shape[1]
        mean = self.rows.sums(s)[:, 0] / total if self.intercept else np.zeros(features)
        square = self.rows.squares(s)[:, 0]
        floor = np.finfo(np.float64).eps * square
        spread = np.maximum(square - total * mean**2, floor)
        own = bend * spread[:, None] + self.ridge[:features]
        widths = np.where(own > 0, own, 1.0)

        def times(g: Vector) -> Vector:
            dw = g.reshape(self.form)
            if not self.intercept:
                return (dw / widths).ravel()
            db = dw[features]
            step = (dw[:features] - mean[:, None] * db) / widths
            shift = db / (bend * total + self.ridge[features])
            return np.vstack([step, shift - mean @ step]).ravel()

        return times


def _inverse(gram: Matrix, ridge: Vector) -> Matrix:
    """`(gram + diag(ridge))^-1`, but for directions in which `gram` is 0.

    The rows say nothing there, so the loss has no slope but what rounding makes, which
    would be blown up; there the result is about 1.
    """
    diagonal = np.diagonal(gram) + ridge
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    both = scale * scale[:, None]
    lengths, axes = np.linalg.eigh(gram * both)
    known = axes[:, lengths > _NOTHING * lengths.max()]
    inside = known.T @ ((gram + np.diag(ridge)) * both) @ known
    outside = np.eye(len(gram)) - known @ known.T
    return np.asarray((known @ np.linalg.solve(inside, known.T) + outside) * both)
