"""What the second derivative of a layer's loss is about, in a form that is soon solved.

With `softmax(x W + b)` the second derivative is a sum over rows `x` of products
`x x' (x) H`, where `H` is a matrix of classes by classes. Here that is taken to be one
product of two sums, `gram (x) mixing`: a matrix of columns by columns and one of
classes by classes. For one output that is exact.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri

from chainrule.optim.line_search import Vector
from chainrule.optim.newton import Linear, Matrix

# The least curvature, relative to the largest, that is told from none at all.
_NOTHING = 1e-10
# From here on, relative to the most that it can be, it is surely more than rounding.
_ENOUGH = 1e-6
# So much of a gradient where the rows say nothing is noise. It would be blown up.
_NOISE = 1e-8


def inverse(gram: Matrix, ridge: Vector) -> Linear:
    """`g -> (gram + diag(ridge))^-1 g`, but for directions in which `gram` is 0.

    The rows say nothing there, so the loss has no slope but what rounding makes, which
    would be blown up; there the result is about `g`.

    >>> inverse(np.array([[3.0, 0.0], [0.0, 0.0]]), np.array([1.0, 0.0]))(np.ones(2))
    array([0.25, 1.  ])
    """
    axes = _axes(gram, ridge)

    def times(g: Vector) -> Vector:
        inside = axes.along(g.reshape(len(gram), -1))
        return np.asarray(axes.columns @ inside).ravel()

    return times


def kronecker(gram: Matrix, mixing: Matrix, ridge: Vector) -> Linear:
    """`g -> (gram (x) mixing + diag(ridge) (x) 1)^-1 g`, for `g` in rows of classes.

    Both matrices are symmetric and not negative. Where their product is 0 the result is
    about `g`, as in `inverse`. It takes axes along which all three are diagonal, as
    Martens and Grosse 2015, "Optimizing neural networks with Kronecker-factored
    approximate curvature", do for the weights of a layer.
    """
    axes = _axes(gram, ridge)
    # Along the axes `gram + ridge` is 1; turned, `gram` alone is diagonal too.
    part, turn = np.linalg.eigh(axes.inside.T @ gram @ axes.inside)
    axes = axes.turned(turn)
    part = np.append(np.clip(part, 0, 1), np.zeros(len(gram) - len(part)))[:, None]
    weights, classes = np.linalg.eigh(mixing)
    still = weights <= _NOTHING * weights.max()
    bends = part * np.maximum(weights, 0) + (1 - part)
    bends = np.where(bends > _NOTHING, bends, 1.0)

    def times(g: Vector) -> Vector:
        inside = axes.along(g.reshape(len(gram), -1) @ classes)
        lengths = np.linalg.norm(inside, axis=0)
        # A number added to all classes changes nothing, so there is a ridge at most.
        inside[:, still & (lengths <= _NOISE * lengths.max())] = 0.0
        return np.asarray((axes.columns @ (inside / bends) @ classes.T).ravel())

    return times


@dataclass(frozen=True)
class _Axes:
    """Directions, in columns, along which a matrix is diagonal.

    It is the identity along the first of them, `inside`, where rows and ridge bend the
    loss, and along the next, where the ridge alone does. Where nothing does, come last
    directions of about the length 1. What `g` has along others than the first is noise
    if it is `least` times the length of `g` or less.
    """

    columns: Matrix
    count: int
    scale: Matrix
    least: Matrix | None = None

    @property
    def inside(self) -> Matrix:
        """The first of them."""
        return self.columns[:, : self.count]

    def turned(self, turn: Matrix) -> "_Axes":
        """With the first of them turned."""
        rest = self.columns[:, self.count :]
        return replace(self, columns=np.hstack([self.inside @ turn, rest]))

    def along(self, g: Matrix) -> Matrix:
        """How much of each `g` there is along each of them."""
        parts = self.columns.T @ g
        if self.least is not None:
            # A ridge that is next to nothing has a large inverse.
            floor = self.least * np.linalg.norm(self.scale * g, axis=0)
            parts[np.abs(parts) <= floor] = 0.0
        return np.asarray(parts)


def _axes(gram: Matrix, ridge: Vector) -> _Axes:
    """Directions along which `gram + diag(ridge)` is diagonal."""
    shown = np.diagonal(gram) > 0
    if shown.all():
        return _axes_of_shown(gram, ridge)
    # Columns that are 0 in all rows, such as the corners of images, are axes already.
    part = _axes_of_shown(gram[np.ix_(shown, shown)], ridge[shown])
    count = len(part.columns)
    columns, scale = np.zeros_like(gram), np.ones((len(gram), 1))
    columns[shown, :count], scale[shown] = part.columns, part.scale
    own = ridge[~shown]
    columns[~shown, count:] = np.diag(1 / np.sqrt(np.where(own > 0, own, 1.0)))
    least = part.least
    if least is not None:
        least = np.vstack([least, np.zeros((len(own), 1))])
    return _Axes(columns, part.count, scale, least)


def _axes_of_shown(gram: Matrix, ridge: Vector) -> _Axes:
    """The same, where every column is something else than 0 in some row."""
    if not len(gram):
        return _Axes(gram, 0, np.ones((0, 1)))
    whole = gram + np.diag(ridge)
    diagonal = np.diagonal(whole)
    # In units in which the diagonal is 1.
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))[:, None]
    scaled, whole = gram * scale * scale.T, whole * scale * scale.T
    factor, wrong = dpotrf(scaled, lower=1)
    if not wrong and np.diagonal(factor).min() ** 2 > _ENOUGH:
        factor, _ = dpotrf(whole, lower=1)
        inverse = np.asarray(dtrtri(factor, lower=1)[0])
        return _Axes(scale * inverse.T, len(gram), scale)
    lengths, axes = np.linalg.eigh(scaled)
    known = lengths > _NOTHING * max(lengths.max(), 0)
    inside, rest = axes[:, known], axes[:, ~known]
    # Nothing but the ridge bends the rest. It is kept apart from what the rows say: its
    # inverse is large, and would have to cancel everywhere else.
    bends, turn = np.linalg.eigh(rest.T @ whole @ rest)
    widths = np.sqrt(np.where(bends > _NOTHING, bends, 1.0))
    rest = rest @ turn / widths
    ridged = rest[:, bends > _NOTHING]
    inside = inside - ridged @ (ridged.T @ whole @ inside)
    factor = np.linalg.inv(np.linalg.cholesky(inside.T @ whole @ inside))
    inside = inside @ factor.T
    least = np.append(np.zeros(inside.shape[1]), _NOISE / widths)[:, None]
    return _Axes(scale * np.hstack([inside, rest]), inside.shape[1], scale, least)
