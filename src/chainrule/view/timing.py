"""The section of a report that tells where the time of training went."""

from collections.abc import Mapping
from typing import Final

from chainrule.training.speed import Speed, duration
from chainrule.view.blocks import (
    NOTHING,
    data_table,
    definitions,
    folded,
    paragraph,
    row,
)
from chainrule.view.markup import Html, join, tag
from chainrule.view.numbers import number, percent

__all__ = ["speed"]

SHOWN_PARTS: Final = 24
# Which colour stands for what, so that a bar reads alike in every report.
WALL: Final = {
    "steps": "blue",
    "compiling": "orange",
    "evaluation": "green",
    "tracing": "purple",
    "Python": "slate",
}
INSIDE: Final = {
    "matrix products": "blue",
    "fused loops": "green",
    "update": "orange",
    "waiting": "purple",
    "other": "slate",
}
TOPICS: Final = {
    "steps": "Steps",
    "threads": "Threads",
    "products": "Matrix products",
    "memory": "Memory",
    "programs": "Programs",
}


def speed(speed: Speed | None) -> Html:
    """Bars of what took how long, the parts of a step, and how fast it was."""
    if speed is None or not speed.seconds:
        return Html("")
    facts = {TOPICS[topic]: words for topic, words in speed.facts().items()}
    return join(
        paragraph(
            f"Training took {duration(speed.seconds)}. The steps are what the network "
            "learns by; tracing and compiling turn them into machine code, which the "
            "next run with the same network finds in the cache."
        ),
        definitions(facts),
        _stack("Where the time went", speed.wall(), speed.seconds, WALL),
        _inside(speed),
    )


def _inside(speed: Speed) -> Html:
    if not speed.parts:
        return Html("")
    steps = max(speed.steps, 1)
    rows = [
        row(
            [
                duration(part.seconds / steps),
                percent(_rounded(part.seconds / speed.stepping)),
                number(float(f"{part.flops / part.seconds / 1e9:.3g}"))
                if part.flops and part.seconds
                else NOTHING,
            ],
            part.name,
        )
        for part in speed.parts
    ]
    headings = ["Part of a step", "Time", "Share", "GFLOP/s"]
    table = data_table(
        "What a step does, in the order it does it", headings, rows, "parts"
    )
    return join(
        _stack("Inside the steps", speed.inside(), speed.stepping, INSIDE),
        table if len(rows) <= SHOWN_PARTS else folded(f"All {len(rows)} parts", table),
    )


def _stack(
    title: str, spent: Mapping[str, float], whole: float, colours: Mapping[str, str]
) -> Html:
    """One bar of parts side by side, and a table that says what they are."""
    shares = {name: spent[name] / whole for name in colours if spent[name] > 0}
    words = ", ".join(f"{name} {percent(_rounded(s))}" for name, s in shares.items())
    segments = [
        tag("span", style=f"flex:{share:.4f};background:var(--cr-{colours[name]})")
        for name, share in shares.items()
    ]
    rows = [
        row(
            [duration(spent[name]), percent(_rounded(share))],
            join(tag("i", style=f"background:var(--cr-{colours[name]})"), name),
        )
        for name, share in shares.items()
    ]
    bar = tag("div", *segments, class_="stack", role="img", aria_label=words)
    return join(
        tag("h3", title), bar, data_table(title, ["Part", "Time", "Share"], rows, "key")
    )


def _rounded(share: float) -> float:
    """In tenths of a percent: times are not known any better."""
    return round(share, 3)
