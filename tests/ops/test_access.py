import pytest

from chainrule.ops.access import (
    Access,
    Either,
    Indexed,
    Letter,
    Range,
    RowMajor,
    Strided,
    Whole,
    parse_access,
)

i, j, k = (Letter(name) for name in "ijk")


@pytest.mark.parametrize(
    ("text", "inputs", "output"),
    [
        ("ik,kj->ij", ((i, k), (k, j)), (i, j)),
        ("ij->", ((i, j),), ()),
        ("->i", ((),), (i,)),
        ("#j->ij", (), (i, j)),
        ("(ij)->(k)", ((RowMajor(("i", "j")),),), (RowMajor(("k",)),)),
        ("()->(i)", ((RowMajor(()),),), (RowMajor(("i",)),)),
        ("{4-1i}j->ij", ((Strided(4, -1, "i"), j),), (i, j)),
        ("ij->{1+2i}j", ((i, j),), (Strided(1, 2, "i"), j)),
        ("ij->{-1+2i}j", ((i, j),), (Strided(-1, 2, "i"), j)),
        (
            "i,k->{0+1i|3+1k}",
            ((i,), (k,)),
            (Either((Strided(0, 1, "i"), Strided(3, 1, "k"))),),
        ),
        ("{<=i}->i", ((Range(True, "i"),),), (i,)),
        ("{>=i}->i", ((Range(False, "i"),),), (i,)),
        ("i[k]j,k->ikj", ((i, Indexed(("k",)), j), (k,)), (i, k, j)),
        ("i[]->i", ((i, Indexed(())),), (i,)),
        ("i:->ij", ((i, Whole()),), (i, j)),
    ],
)
def test_every_form(text, inputs, output):
    assert parse_access(text) == Access(inputs, output)


@pytest.mark.parametrize(
    "text", ["ij", "i1->i", "{i}->i", "{1+2}->i", "[i->i", "i ->i"]
)
def test_what_is_no_access(text):
    with pytest.raises(ValueError, match=r"access|axes|coordinate"):
        parse_access(text)
