"""A network of one layer and its loss, on dense and on sparse rows.

`loss = sum(s l(x W + b, y)) + sum(ridge * w^2) / 2` over all rows `x` with their
weights `s`, where `l` is the cross-entropy of a softmax, or for one column of logits of
a sigmoid, and `w` is all of `W` and `b`.

The loss is a traced function; its gradient, and the products with its second
derivative, are what the chain rule makes of its graph, compiled. Sparse rows never
become dense: SciPy multiplies by them, and the graph is what stands between the two
products, from the logits to the loss.
"""

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
from chainrule.optim.newton import Curvature, Linear, Matrix
from chainrule.sklearn.curvature import inverse, kronecker
from chainrule.tensor import Tensor
from chainrule.transforms import hessian_vector_product, value_and_grad

# The widest matrix of columns by columns that is made to speed other things up: as much
# work as this many iterations, about, for one output; and the widest at all.
_WORTH_A_MATRIX = 128
_WIDEST = 1024
# The curvature is guessed from so many rows for each column, if there are many times
# more of them and it takes long.
_ROWS_OF_A_COLUMN = 32
_MANY_TIMES = 4
_FEW_COLUMNS = 32
# Up to so many columns a matrix of columns by columns costs less than what is saved if
# there is a new one for every step.
_NARROW = 64

# --- what is traced -------------------------------------------------------------------


def _logits(w: Tensor, X: Tensor) -> Tensor:
    """`x W + b`; `w` holds the rows of `W` and then, if it has one more, `b`."""
    features = X.shape[1]
    small = w.astype(X.dtype)
    # One output is a sum of products: no tile of a product of matrices is filled by it.
    if w.shape[1] == 1:
        z = (X * small[:features].reshape(1, -1)).sum(axis=1).reshape(-1, 1)
    else:
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


def _squares(X: Tensor, c: Tensor) -> Tensor:
    """`(X * X)' c`, for one number of each row."""
    return (X * X * c.reshape(-1, 1)).sum(axis=0).astype("float64")


def _bend(z: Tensor, weights: Tensor) -> Tensor:
    """How much the loss of each row bends, for one output."""
    return weights * (F.sigmoid(z) * F.sigmoid(-z)).reshape(-1)


def _bent_gram(w: Tensor, X: Tensor, weights: Tensor) -> Tensor:
    """The second derivative of the loss, for one output and without a penalty."""
    c = _bend(_logits(w, X), weights)
    return _gram(X, c.astype(X.dtype), w.shape[0] > X.shape[1])


def _bends(z: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How much the loss of each row bends; the sums of `p` and of `p p'`."""
    p = F.softmax(z, axis=1)
    weighted = p * weights.reshape(-1, 1)
    return weights - (p * weighted).sum(1), weighted.sum(0), weighted.T @ p


# Compiled once for all fits: what differs between them comes in as numbers.
_Program = Compiled[..., Any]  # takes arrays where the function takes tensors
_loss_and_gradient: _Program = compile(value_and_grad(_loss))
_product: _Program = compile(hessian_vector_product(_loss))
_of_rows: _Program = compile(_logits)
_data_loss_and_gradient: _Program = compile(value_and_grad(_data_loss))
_data_product: _Program = compile(hessian_vector_product(_data_loss))
_weighted_gram: _Program = compile(_gram)
_whole_gram: _Program = compile(_bent_gram)
_weighted_squares: _Program = compile(_squares)
_row_bend: _Program = compile(_bend)
_row_bends: _Program = compile(_bends)


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

    def bent_gram(self, w: Matrix, weights: Vector) -> Matrix:
        """The second derivative at `w`, for one output and without a penalty."""

    def squares(self, c: Matrix) -> Matrix:
        """`(X * X)' c`."""

    def sums(self, c: Matrix) -> Matrix:
        """`X' c`."""

    def take(self, chosen: Array) -> "Rows":
        """The rows of these numbers."""


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

    def bent_gram(self, w: Matrix, weights: Vector) -> Matrix:
        """See `Rows`."""
        return _numbers(_whole_gram(w, self.X, weights))

    def squares(self, c: Matrix) -> Matrix:
        """See `Rows`."""
        columns = [_numbers(_weighted_squares(self.X, each)) for each in c.T]
        return np.stack(columns, axis=1)

    def sums(self, c: Matrix) -> Matrix:
        """See `Rows`."""
        return np.asarray(self.X.T @ c, np.float64)

    def take(self, chosen: Array) -> Rows:
        """See `Rows`."""
        return DenseRows(self.X[chosen])


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

    def bent_gram(self, w: Matrix, weights: Vector) -> Matrix:
        """See `Rows`."""
        c = _numbers(_row_bend(self.logits(w), weights))
        return self.gram(c, intercept=len(w) > self.shape[1])

    def squares(self, c: Matrix) -> Matrix:
        """See `Rows`."""
        return np.asarray(self.X.multiply(self.X).T @ c, np.float64)

    def sums(self, c: Matrix) -> Matrix:
        """See `Rows`."""
        return np.asarray(self.X.T @ c, np.float64)

    def take(self, chosen: Array) -> Rows:
        """See `Rows`."""
        return SparseRows(self.X[chosen])

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
    - `weights` has shape `(B,)`: what each row counts. As `count` rows they are
      treated where it depends on that how they are looked at.
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
        count: float | None = None,
    ) -> None:
        sparse = scipy.sparse.issparse(X)
        self.rows: Rows = SparseRows(X) if sparse else DenseRows(X)
        self.outputs = outputs
        self.intercept = intercept
        self.form = (self.rows.shape[1] + int(intercept), outputs)
        self.ridge = ridge
        self.lasso = lasso.ravel()
        self.weights = weights
        self.count = self.rows.shape[0] if count is None else count
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
        if outputs == 1:
            H[:, 0, :, 0] = self.rows.bent_gram(w, self.weights)
        else:
            self._fill(H, self.rows.logits(w))
        matrix = H.reshape(self.size, self.size)
        matrix[np.diag_indices(self.size)] += self.ridge.ravel()
        if outputs > 1:
            every = np.arange(rows)
            own = np.diagonal(matrix).reshape(self.form).mean(1)
            H[every, :, every, :] += np.where(self._is_shifted, own, 0)[:, None, None]
        diagonal = np.diagonal(matrix).copy()
        return Curvature(matrix.__matmul__, lambda: diagonal, matrix)

    def _fill(self, H: Array, z: Matrix) -> None:
        """Put the second derivative of the loss without a penalty into `H`."""
        for k in range(self.outputs):
            c = self._row_curvature(z, k)
            for j in range(k, self.outputs):
                part = self.rows.gram(
                    np.ascontiguousarray(c[:, j]), intercept=self.intercept
                )
                H[:, k, :, j] = H[:, j, :, k] = part

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
    def preconditioner(self) -> Linear:
        """`g -> P g`, where `P` is about the inverse of the second derivative at 0.

        Every class has the same chance there, so one matrix serves them all.
        """
        chance = 1 / max(self.outputs, 2)
        if not self._has_matrix:
            return self._standardising(chance * (1 - chance))
        bend = chance if self.outputs > 1 else chance * (1 - chance)
        return inverse(self._gram(bend * self.weights), self.ridge.mean(1))

    def preconditioner_at(self, x: Vector) -> Linear:
        """`g -> P g`, where `P` is about the inverse of the second derivative.

        It takes a matrix of `features + intercept` rows; where that would be too large,
        the columns of `X` are taken to have nothing to do with each other once their
        means are subtracted, and `x` to be 0.
        """
        if not self._has_matrix:
            return self.preconditioner
        w, ridge = x.reshape(self.form), self.ridge.mean(1)
        if self.is_bent_exactly:
            return inverse(self.rows.bent_gram(w, self.weights), ridge)
        z = self.rows.logits(w)
        if self.outputs == 1:
            return inverse(self._gram(_numbers(_row_bend(z, self.weights))), ridge)
        c, sums, products = map(_numbers, _row_bends(z, self.weights))
        mixing = np.diag(sums) - products
        # One of the two has the size, and the other the form.
        freedom = self.outputs - 1
        mixing *= freedom / max(np.trace(mixing), np.finfo(np.float64).tiny)
        return kronecker(self._gram(c / freedom), mixing, ridge)

    def _gram(self, c: Vector) -> Matrix:
        """`X' diag(c) X`, from fewer rows if there are many.

        They may not show columns that are rarely anything but 0, so where the diagonal
        is far too small it is made what it is for all rows. Nowhere else: that would
        hide that columns add up to others.
        """
        if self._few is None:
            return self.rows.gram(c, intercept=self.intercept)
        chosen, rows = self._few
        weights = self.weights[chosen]
        few = c[chosen] / weights / len(chosen)
        gram = rows.gram(few, intercept=self.intercept).copy()
        whole = self.rows.squares(c[:, None])[:, 0]
        if self.intercept:
            whole = np.append(whole, c.sum())
        places = np.diag_indices(len(gram))
        gram[places] = np.where(gram[places] < 0.5 * whole, whole, gram[places])
        return gram

    @cached_property
    def _few(self) -> tuple[Array, Rows] | None:
        """Rows in equal distances, of many: a row that counts for two, twice."""
        columns = self.rows.shape[1]
        most = _ROWS_OF_A_COLUMN * columns
        if columns <= _FEW_COLUMNS or self._count <= _MANY_TIMES * most:
            return None
        whole = np.cumsum(self.weights)
        places = (np.arange(most) + 0.5) * (whole[-1] / most)
        chosen = np.searchsorted(whole, places)
        return chosen, self.rows.take(chosen)

    @property
    def _count(self) -> float:
        """As how many rows they are treated: a weight of 2 is the same as two rows."""
        rows = self.rows.shape[0]
        return float(np.clip(self.count, rows / 8, rows * 8))

    @property
    def _has_matrix(self) -> bool:
        most = min(_WIDEST, _WORTH_A_MATRIX * self.outputs)
        return self.rows.shape[1] <= most

    @property
    def is_bent_exactly(self) -> bool:
        """Whether `preconditioner_at` is exact, and not worth sparing."""
        narrow = self.rows.shape[1] <= _NARROW
        return narrow and self.outputs == 1 and self._few is None

    @property
    def patience(self) -> float:
        """As many evaluations as a new preconditioner takes the time of, about."""
        if not self._has_matrix:
            return np.inf
        columns, outputs = self.rows.shape[1], self.outputs
        rows = self._count if self._few is None else len(self._few[0])
        # Products of matrices are some two times as fast as those with a vector, and
        # axes take long to find.
        matrix = rows + columns * (5 if outputs == 1 else 150)
        return matrix * columns / (8 * self._count * outputs)

    def _standardising(self, bend: float) -> Linear:
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
