"""Products against NumPy: every shape, every kind of subscripts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.ir import topological

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape)


def operations(y):
    """The names of the operations that made `y`, in order."""
    return [v.operation.name for v in topological([y.value]) if v.operation is not None]


# --- matmul -----------------------------------------------------------------------

MATMULS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((1, 1), (1, 1)),
    ((5, 2, 3), (3, 4)),
    ((6, 5, 2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((6, 1, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((2, 0), (0, 4)),
    ((0, 3), (3, 4)),
    ((2, 3), (3, 0)),
    ((0,), (0,)),
    ((0, 2, 3), (3, 4)),
    ((0, 2, 3), (1, 3, 4)),
]


@pytest.mark.parametrize(("a", "b"), MATMULS, ids=str)
def test_matmul(matches, a, b):
    a, b = normal(*a), normal(*b)
    matches(cr.matmul(a, b), a @ b)


def test_matmul_promotes(matches):
    a, b = np.ones((2, 3), np.int32), np.ones((3, 2), np.float32)
    matches(cr.matmul(a, b), a @ b)
    matches(cr.matmul(a, a.T), a @ a.T)


def test_a_dense_layer_is_one_product():
    x, W = cr.tensor(normal(5, 2, 3)), cr.tensor(normal(3, 4))
    assert operations(x @ W) == ["reshape", "matmul", "reshape"]
    assert operations(x[0] @ W)[-1:] == ["matmul"]


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ((2, 3), (4, 5), r"\(2, 3\) times \(4, 5\): the left has 3 columns, .* 4 rows"),
        ((2, 3), (4,), r"the left has 3 columns, the right 4 elements"),
        ((3,), (4, 2), r"the left has 3 elements, the right 4 rows"),
        ((), (4,), r"not shapes \(\) and \(4,\); a number is multiplied with \*"),
        (
            (5, 2, 3),
            (4, 3, 2),
            r"stacks of matrices \(5, 2, 3\) and \(4, 3, 2\) do not",
        ),
    ],
)
def test_products_that_do_not_fit(a, b, said):
    with pytest.raises(ValueError, match=f"matmul.*{said}"):
        cr.matmul(normal(*a), normal(*b))


# --- dot, outer, tensordot --------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b"), [*MATMULS[:4], ((), (3,)), ((2, 3), ()), ((2, 3), (5, 3, 4))], ids=str
)
def test_dot(matches, a, b):
    a, b = normal(*a), normal(*b)
    matches(cr.dot(a, b), np.dot(a, b))


@pytest.mark.parametrize(("a", "b"), [((2,), (3,)), ((2, 2), (3, 1)), ((), (0,))])
def test_outer(matches, a, b):
    a, b = normal(*a), normal(*b)
    matches(cr.outer(a, b), np.outer(a, b))


@pytest.mark.parametrize("axes", [0, 1, 2, ([0, 2], [1, 0]), ([-1], [0]), ([], [])])
def test_tensordot(matches, axes):
    a, b = normal(4, 3, 4), normal(4, 4, 3)
    if axes == 2:
        b = normal(3, 4, 2)
    matches(cr.tensordot(a, b, axes), np.tensordot(a, b, axes))


def test_a_tensordot_that_does_not_fit():
    with pytest.raises(ValueError, match=r"tensordot: axis 1 of \(2, 3\) and axis 0"):
        cr.tensordot(normal(2, 3), normal(4, 2), 1)
    with pytest.raises(ValueError, match="tensordot: there is no axis 3"):
        cr.tensordot(normal(2, 3), normal(3, 2), ([3], [0]))
    with pytest.raises(ValueError, match=r"tensordot: .* does not pair axes"):
        cr.tensordot(normal(2, 3), normal(3, 2), ([0], [0, 1]))


# --- einsum -----------------------------------------------------------------------

SUBSCRIPTS = {
    "i,i->": ((3,), (3,)),
    "i,i": ((3,), (3,)),
    "i,j->ij": ((3,), (2,)),
    "i,j->ji": ((3,), (2,)),
    "ij,jk->ik": ((2, 3), (3, 4)),
    "ij,jk": ((2, 3), (3, 4)),
    "ij,jk->ki": ((2, 3), (3, 4)),
    "ji,jk->ik": ((3, 2), (3, 4)),
    "ij,kj->ik": ((2, 3), (4, 3)),
    "bij,bjk->bik": ((5, 2, 3), (5, 3, 4)),
    "bij,bjk->ik": ((5, 2, 3), (5, 3, 4)),
    "bqhd,bkhd->bhqk": ((2, 3, 4, 5), (2, 6, 4, 5)),
    "ij,ij->i": ((2, 3), (2, 3)),
    "ij,ij->ij": ((2, 3), (2, 3)),
    "ij,ji->": ((2, 3), (3, 2)),
    "ij,j->i": ((2, 3), (3,)),
    "ij->": ((2, 3),),
    "ij->j": ((2, 3),),
    "ij->ji": ((2, 3),),
    "ij->ij": ((2, 3),),
    "ba": ((2, 3),),
    "aB": ((2, 3),),
    "ii": ((3, 3),),
    "ii->i": ((3, 3),),
    "iij->ij": ((3, 3, 2),),
    "iji->j": ((3, 2, 3),),
    "iii->i": ((3, 3, 3),),
    "iijj->ji": ((3, 3, 2, 2),),
    "ii,i->i": ((3, 3), (3,)),
    "ij,jk,kl->il": ((2, 3), (3, 4), (4, 5)),
    "i,ij,j": ((2,), (2, 3), (3,)),
    "a,b,c->cab": ((2,), (3,), (4,)),
    "ij,k->i": ((2, 3), (4,)),
    "...->...": ((2, 3),),
    "...ij,...jk->...ik": ((5, 2, 3), (5, 3, 4)),
    "...ij,jk": ((5, 2, 3), (3, 4)),
    "...i->...": ((2, 3),),
    "i...->i": ((2,),),
    "i...,...": ((2, 3), (3,)),
    "...,...": ((5, 1, 3), (2, 1)),
    "...i,...i->...": ((5, 1, 3), (2, 3)),
    "...ij->...ji": ((2, 3),),
    " i j , j k -> i k ": ((2, 3), (3, 4)),
    ",->": ((), ()),
    "->": ((),),
    "i,->i": ((3,), ()),
    "ij,jk->ik ": ((0, 3), (3, 2)),
    "ij,jk->ki ": ((2, 0), (0, 3)),
    "ii->i ": ((0, 0),),
    "ii ": ((1, 1),),
}


@pytest.mark.parametrize(("subscripts", "shapes"), SUBSCRIPTS.items(), ids=str)
def test_einsum(matches, subscripts, shapes):
    operands = [normal(*shape) for shape in shapes]
    matches(cr.einsum(subscripts, *operands), np.einsum(subscripts, *operands))


@st.composite
def einsums(draw):
    """Subscripts of up to four operands, and their shapes."""
    extents = {letter: draw(st.integers(0, 3)) for letter in "abcd"}
    words = st.text("abcd", max_size=4)
    inputs = draw(st.lists(words, min_size=1, max_size=4))
    output = "".join(draw(st.permutations(sorted(set("".join(inputs))))))
    output = output[: draw(st.integers(0, len(output)))]
    arrow = draw(st.sampled_from(["", f"->{output}"]))
    shapes = [tuple(extents[letter] for letter in word) for word in inputs]
    return ",".join(inputs) + arrow, shapes


@settings(max_examples=300)
@given(case=einsums())
def test_einsums(matches, case):
    subscripts, shapes = case
    rng = np.random.default_rng(0)
    operands = [np.asarray(rng.normal(size=shape)) for shape in shapes]
    matches(cr.einsum(subscripts, *operands), np.einsum(subscripts, *operands))


def test_an_einsum_ends_in_a_matrix_product():
    a, b = cr.tensor(normal(2, 3)), cr.tensor(normal(3, 4))
    assert operations(cr.einsum("ij,jk->ik", a, b)) == ["matmul"]
    assert operations(cr.einsum("ij,jk->ki", a, b)) == ["matmul", "transpose"]
    assert operations(cr.einsum("ij->ij", a)) == []


def test_the_cheapest_pair_comes_first():
    column, row, vector = normal(100, 1), normal(1, 100), normal(100)
    operands = [cr.tensor(x) for x in (column, row, vector)]
    y = cr.einsum("ij,jk,k->i", *operands)
    sizes = [v.type.size for v in topological([y.value])]
    assert max(sizes) == 100
    np.testing.assert_allclose(y.numpy(), column @ (row @ vector))


@pytest.mark.parametrize(
    ("subscripts", "shapes", "said"),
    [
        ("ij,jk", ((2, 3),), "is for 2 operands, not 1"),
        ("ij,jk", ((2, 3), (4, 5)), r"'j' in 'ij,jk' has extent 3 .* and 4 in another"),
        ("ijk", ((2, 3),), "'ijk' in 'ijk' names 3 axes of a tensor that has 2"),
        ("i", ((2, 3),), "'i' in 'i' names 1 axes of a tensor that has 2"),
        ("ij->k", ((2, 3),), "has 'k', which is in no operand"),
        ("ij->ii", ((2, 3),), "has a letter twice"),
        ("i1", ((2, 3),), "has more than letters"),
        ("i..j", ((2, 3),), "has more than letters"),
        ("...i...", ((2, 3),), "has more than letters"),
        ("...i->i", ((2, 3),), r"the output of '...i->i' lacks '...'"),
        ("...,...", ((2,), (3,)), r"an axis of '...' in '...,...' has extent 2"),
        ("ii", ((2, 3),), "'i' in 'ii' has extent 2 in one place and 3 in another"),
    ],
)
def test_subscripts_that_do_not_fit(subscripts, shapes, said):
    with pytest.raises(ValueError, match=f"einsum: .*{said}"):
        cr.einsum(subscripts, *[normal(*shape) for shape in shapes])


def test_an_einsum_of_nothing():
    with pytest.raises(TypeError, match="einsum takes subscripts such as 'ij,jk->ik'"):
        cr.einsum("ij")
    with pytest.raises(TypeError, match="einsum takes subscripts"):
        cr.einsum(normal(2), normal(2))


# --- gradients --------------------------------------------------------------------


@pytest.mark.parametrize(("a", "b"), MATMULS, ids=str)
def test_gradients_of_matmul(a, b):
    cr.check_gradients(cr.matmul, normal(*a), normal(*b))


@pytest.mark.parametrize(("subscripts", "shapes"), SUBSCRIPTS.items(), ids=str)
def test_gradients_of_einsum(subscripts, shapes):
    operands = [normal(*shape) for shape in shapes]
    cr.check_gradients(lambda *x: cr.einsum(subscripts, *x), *operands)
