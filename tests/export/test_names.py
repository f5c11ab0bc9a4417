import keyword

from hypothesis import given
from hypothesis import strategies as st

from chainrule.export.names import RESERVED, Names, identifier


@given(st.text())
def test_any_text_becomes_an_identifier(text):
    name = identifier(text)
    assert name.isidentifier()
    assert name.isascii()
    assert not name.startswith("_")


@given(st.lists(st.text(alphabet="ab1 _-é", max_size=4), max_size=20))
def test_names_are_distinct_and_reserved_for_nobody(texts):
    names = Names(["taken"])
    found = [names.new(text) for text in texts]
    assert len(set(found)) == len(found)
    assert not RESERVED & set(found)
    assert "taken" not in found


def test_words_of_languages_are_no_names():
    names = Names()
    for word in ("class", "int", "lambda", "double", "exp", "np", "NULL"):
        assert names.new(word) == f"{word}_"
    assert not any(map(keyword.iskeyword, (names.new("if"), names.new("None"))))


def test_a_suffix_that_is_taken_is_passed_over():
    names = Names()
    assert [names.new(n) for n in ("a", "a_2", "a", "a")] == ["a", "a_2", "a_3", "a_4"]
