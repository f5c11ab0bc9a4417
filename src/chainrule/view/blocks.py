"""What the sections of a report are made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from chainrule.view.markup import Content, Html, join, tag
from chainrule.view.numbers import shorten

__all__ = [
    "NOTHING",
    "bar_row",
    "bars",
    "data_table",
    "definitions",
    "figure",
    "folded",
    "label",
    "paragraph",
    "row",
    "scrolling",
]

NOTHING: Final = "\N{EN DASH}"  # where there is no number to show
SHOWN_BARS: Final = 20


def paragraph(*words: Content) -> Html:
    """A paragraph."""
    return tag("p", *words)


def figure(title: str, chart: str, reading: str) -> Html:
    """A chart with one sentence on how to read it."""
    caption = tag("figcaption", reading)
    return tag("figure", tag("h3", title), Html(chart), caption)


def row(cells: Iterable[Content], heading: Content) -> Html:
    """A row of a table that begins with a heading."""
    return tag("tr", tag("th", heading, scope="row"), *(tag("td", c) for c in cells))


def data_table(
    caption: str, headings: Sequence[Content], rows: Iterable[Html], class_: str = ""
) -> Html:
    """A table in a box of its own, which scrolls on a narrow screen."""
    head = tag("tr", *(tag("th", heading, scope="col") for heading in headings))
    table = tag(
        "table",
        tag("caption", caption),
        tag("thead", head),
        tag("tbody", *rows),
        class_=class_ or None,
    )
    return scrolling(caption, table)


def scrolling(title: str, content: Html) -> Html:
    """A box that scrolls sideways, by keyboard too."""
    return tag(
        "div", content, class_="scroll", role="region", tabindex=0, aria_label=title
    )


def folded(summary: str, content: Html) -> Html:
    """Content that opens on a click."""
    return tag("details", tag("summary", summary), content)


def _bar(share: float, kind: str = "") -> Html:
    """A bar of length `share` of its cell."""
    width = f"width:{100 * min(max(share, 0), 1):.1f}%"
    return tag("span", class_=f"bar {kind}".strip(), style=width)


def label(words: str, most: int = 40) -> Html:
    """A name from the user's table: shortened, with all of it on hovering."""
    short = shorten(words, most)
    return tag("span", short, title=words if short != words else None, class_="name")


def bars(caption: str, rows: Sequence[Html], things: str) -> Html:
    """A table of bars, each row `bar_row`; beyond twenty it is folded."""
    shown, rest = rows[:SHOWN_BARS], rows[SHOWN_BARS:]
    return join(
        _bar_table(caption, shown),
        folded(f"The other {len(rest)} {things}", _bar_table(caption, rest))
        if rest
        else "",
    )


def bar_row(heading: Content, share: float, value: Content, kind: str = "") -> Html:
    """A row of `bars`: what it is, a bar of length `share` and the value beside it."""
    return tag(
        "tr",
        tag("th", heading, scope="row"),
        tag("td", _bar(share, kind)),
        tag("td", value),
    )


def _bar_table(caption: str, rows: Sequence[Html]) -> Html:
    return tag("table", tag("caption", caption), tag("tbody", *rows), class_="bars")


def definitions(facts: Mapping[str, Content]) -> Html:
    """What each of some words stands for."""
    return tag(
        "dl", *(join(tag("dt", name), tag("dd", fact)) for name, fact in facts.items())
    )
