"""HTML built from Python values, escaped by construction.

Plain text becomes text: whatever a table calls its columns and classes, it cannot turn
into markup. Only `Html`, which `tag` returns, is taken as it is.
"""

from html import escape
from typing import Final, TypeAlias

from chainrule.drawing.pieces import clean

__all__ = ["Content", "Html", "clean", "join", "tag", "text"]

EMPTY_TAGS: Final = {"meta", "br"}


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Content: TypeAlias = str | int | None


def text(value: Content) -> Html:
    """`value` as HTML: itself where it is `Html`, nothing for `None`, else escaped.

    Example:
        >>> text("a < b"), text(Html("<br>")), text(None)
        ('a &lt; b', '<br>', '')
    """
    if isinstance(value, Html):
        return value
    if value is None:
        return Html("")
    return Html(escape(clean(str(value))))


def join(*parts: Content) -> Html:
    """The parts one after the other."""
    return Html("".join(map(text, parts)))


def tag(_name: str, *content: Content, **attributes: str | int | None) -> Html:
    """An element. A trailing underscore in an attribute's name is dropped (`class_`).

    Other underscores become hyphens (`aria_label`); attributes that are `None` are
    left out.

    Example:
        >>> tag("td", "<script>", class_="name", colspan=2, id=None)
        '<td class="name" colspan="2">&lt;script&gt;</td>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if _name in EMPTY_TAGS:
        return Html(f"<{_name}{given}>")
    return Html(f"<{_name}{given}>{join(*content)}</{_name}>")
