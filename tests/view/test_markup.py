"""HTML that no column name can break out of."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainrule.view.markup import Html, clean, join, tag, text


@pytest.mark.parametrize(
    ("value", "html"),
    [
        ("<script>", "&lt;script&gt;"),
        ("\"quoted\" & 'so'", "&quot;quoted&quot; &amp; &#x27;so&#x27;"),
        (Html("<br>"), "<br>"),
        (7, "7"),
        (None, ""),
        ("a\x00b\x1fc\ud800", "a\ufffdb\ufffdc\ufffd"),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_text(value, html):
    assert text(value) == html
    assert isinstance(text(value), Html)


def test_tags_nest_and_name_their_attributes():
    inner = tag("b", "x < y")
    outer = tag("p", inner, 1, None, class_="big", aria_label='"it"', id=None)
    assert outer == '<p class="big" aria-label="&quot;it&quot;"><b>x &lt; y</b>1</p>'
    assert tag("br") == "<br>"
    assert join(inner, " & ") == "<b>x &lt; y</b> &amp; "


@given(st.text())
# The fixture is a class, the same for every text.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_given_stays_one_piece_of_text(read, words):
    page = read(tag("p", words, title=words))
    assert page.tags == ["p"]
    expected = clean(words).replace("\r\n", "\n").replace("\r", "\n")
    # The parser joins and splits character data as it likes, but loses none.
    assert "".join(page.words).replace("\r\n", "\n").replace("\r", "\n") == expected
