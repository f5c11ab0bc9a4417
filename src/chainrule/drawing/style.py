"""How the drawing looks: colours for light and dark, fonts, sizes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SANS: Final = (
    "system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','Helvetica Neue',Arial,"
    "sans-serif"
)
MONO: Final = "ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace"

# Colour: (light, dark). Values are blue and gradients orange, which stay apart for the
# colour-blind; cells go from purple through nothing to green, likewise. Text has a
# contrast of at least 4.5.
PALETTE: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "paper": ("#ffffff", "#14171c"),
        "panel": ("#f7f8fa", "#1f242c"),
        "line": ("#c3c9d1", "#48515d"),
        "wire": ("#8a939e", "#7d8794"),
        "ink": ("#1c2127", "#e7eaee"),
        "muted": ("#5b6570", "#a3abb6"),
        "value": ("#0a5fa8", "#62b0f2"),
        "gradient": ("#b8500a", "#f0a05a"),
        "positive": ("#157a3d", "#5fd08a"),
        "negative": ("#7b3294", "#cf8fe6"),
        "alarm": ("#c8102e", "#ff5c6c"),
    }
)

# Rules with the names of colours in place of colours.
_COLOURED: Final = (
    (".cr-paper", "fill:{paper}"),
    (".cr-box", "fill:{panel};stroke:{line}"),
    (".cr-constant .cr-box,.cr-group .cr-box", "stroke-dasharray:3 3"),
    (".cr-rule", "stroke:{line}"),
    (".cr-wire", "stroke:{wire}"),
    (".cr-arrow", "fill:{wire}"),
    (".cr-pill", "fill:{paper};stroke:{line}"),
    (".cr-frame", "fill:{paper};stroke:{line}"),
    ("text", "fill:{ink}"),
    (".cr-muted", "fill:{muted}"),
    (".cr-value", "fill:{value}"),
    (".cr-gradient", "fill:{gradient}"),
    (".cr-alarm", "fill:{alarm}"),
    (".cr-positive", "fill:{positive}"),
    (".cr-negative", "fill:{negative}"),
)

# Rules that are the same in light and dark.
_PLAIN: Final = (
    ("", "max-width:none"),
    ("text", f"font-family:{SANS};font-size:13px;white-space:pre"),
    (".cr-title", "font-size:15px;font-weight:600"),
    (".cr-sign", "font-size:17px;font-weight:600"),
    (".cr-small", "font-size:11px"),
    (".cr-number", f"font-family:{MONO}"),
    (".cr-strong", "font-weight:600"),
    (".cr-wire", "fill:none;stroke-width:1.4"),
    (".cr-still", "stroke-dasharray:4 4"),
)


def stylesheet(root: str) -> str:
    """The rules for everything inside elements of class `root`, and nothing else."""
    light = {name: colour for name, (colour, _) in PALETTE.items()}
    dark = {name: colour for name, (_, colour) in PALETTE.items()}
    return (
        _rules(root, _PLAIN, {})
        + _rules(root, _COLOURED, light)
        + "@media screen and (prefers-color-scheme:dark){"
        + _rules(root, _COLOURED, dark)
        + "}"
    )


def _rules(
    root: str, rules: tuple[tuple[str, str], ...], colours: Mapping[str, str]
) -> str:
    written = []
    for selector, body in rules:
        scoped = ",".join(f".{root} {part}".strip() for part in selector.split(","))
        # Plain rules name fonts, and no colours to put in.
        written.append(f"{scoped}{{{body.format_map(colours) if colours else body}}}")
    return "".join(written)
