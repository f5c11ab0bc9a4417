"""Colours that work in light, in dark and in print, and charts that wear them.

A chart is drawn with matplotlib in the light colours and then rewritten as an SVG that
names its colours by CSS variables (`--cr-ink`). It carries their values for light and
dark with it, so it can stand in a page or alone; its text stays text, in the reader's
own font.
"""

import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from chainrule.drawing import style as drawing
from chainrule.view.markup import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FONTS", "PALETTE", "Labels", "css_variables", "new_figure", "to_svg"]

# Colour: (light, dark), those of drawn graphs where they mean the same. Blue, orange,
# green and purple stay apart for the colour-blind (after Okabe and Ito 2008); text has
# a contrast of at least 4.5 on paper and panel.
PALETTE: Final[Mapping[str, tuple[str, str]]] = {
    "paper": drawing.PALETTE["paper"],
    "panel": ("#f5f6f8", "#1d2128"),
    "ink": drawing.PALETTE["ink"],
    "muted": drawing.PALETTE["muted"],
    "grid": ("#dde1e7", "#343b45"),
    "blue": drawing.PALETTE["value"],
    "orange": drawing.PALETTE["gradient"],
    "green": ("#157a55", "#4fc495"),
    "purple": ("#8a4a96", "#d59be0"),
    "slate": ("#46505b", "#b4bcc6"),
}
FONTS: Final = (
    'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", '
    "Arial, sans-serif"
)
SVG: Final = "http://www.w3.org/2000/svg"
REFERENCE: Final = re.compile(r"(url\(|^)#([^)]+)")  # in clip-path="url(#a)", href="#a"
LIGHT_TO_NAME: Final = {light: name for name, (light, _) in PALETTE.items()}
SETTINGS: Final[Mapping[Any, Any]] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "chainrule",  # the same chart gives the same file
    "font.size": 12,
    "text.color": PALETTE["ink"][0],
    "axes.edgecolor": PALETTE["muted"][0],
    "axes.labelcolor": PALETTE["muted"][0],
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titlecolor": PALETTE["muted"][0],
    "grid.color": PALETTE["grid"][0],
    "grid.linewidth": 0.8,
    "xtick.color": PALETTE["muted"][0],
    "ytick.color": PALETTE["muted"][0],
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.major.pad": 6,
    "ytick.major.pad": 6,
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.borderaxespad": 0.2,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


def css_variables(selector: str) -> str:
    """The palette as CSS variables of `selector`: light, and dark on dark screens."""
    light = "".join(f"--cr-{name}:{value};" for name, (value, _) in PALETTE.items())
    dark = "".join(f"--cr-{name}:{value};" for name, (_, value) in PALETTE.items())
    return (
        f"{selector}{{{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{{selector}{{{dark}}}}}"
    )


CHART_STYLE: Final = (
    css_variables(".cr-chart")
    + ".cr-chart{max-width:100%;height:auto}"
    + f".cr-chart text{{font-family:{FONTS};font-variant-numeric:tabular-nums}}"
)


@contextmanager
def new_figure(width: int, height: int) -> Iterator["Figure"]:
    """An empty figure of `width` times `height` pixels, in our style and no other.

    The user's own matplotlib settings neither show in it nor change.

    Raises `ModuleNotFoundError` which says how to install matplotlib.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 (the plot extra: optional)
        from matplotlib.figure import Figure  # noqa: PLC0415 (likewise)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "charts are drawn with matplotlib, which is not installed:"
            " pip install 'chainrule[plot]'"
        ) from error
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        yield Figure(figsize=(width / 72, height / 72), layout="constrained")


class Labels:
    """Stands in for the user's words while a chart is drawn.

    matplotlib would read `$` in a class name as mathematics and warn of characters that
    its font lacks. It draws a stand-in of the same width; `to_svg` puts the words back.
    """

    def __init__(self) -> None:
        self.words: dict[str, str] = {}

    def __call__(self, words: str) -> str:
        """A stand-in for `words`."""
        wide = sum(
            unicodedata.east_asian_width(character) in "WF" for character in words
        )
        mark = f"@{len(self.words)}@"
        stand_in = mark + "n" * (len(words) + wide - len(mark))
        self.words[stand_in] = clean(words)
        return stand_in


def to_svg(
    figure: "Figure", title: str, description: str, labels: Labels | None = None
) -> str:
    """The figure as an SVG element: themed, with its text as text, and described.

    `title` and `description` are read out to those who cannot see the chart.
    """
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    root = ET.fromstring(drawn.getvalue())  # noqa: S314 (matplotlib's own output)
    key = hashlib.sha256(f"{title}{description}{drawn.getvalue()}".encode()).hexdigest()
    _clean(root)
    _theme(root)
    _share_styles(root)
    _rename_ids(root, f"cr{key[:6]}")
    for element in root.iter("text"):
        if labels and element.text in labels.words:
            element.text = labels.words[element.text]
    _describe(root, title, description, f"cr{key[:6]}")
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def _clean(root: ET.Element) -> None:
    """Drop namespaces, metadata and matplotlib's page-wide style; round coordinates."""
    for parent in list(root.iter()):
        parent.tag = parent.tag.rpartition("}")[2]
        parent.text = parent.text if parent.tag == "text" else None
        parent.tail = None
        for child in list(parent):
            if child.tag.rpartition("}")[2] in {"metadata", "style"}:
                parent.remove(child)
        for name in list(parent.attrib):
            value = " ".join(parent.attrib.pop(name).split())
            if value.startswith(
                "data:"
            ):  # an image, which matplotlib breaks into lines
                value = value.replace(" ", "")
            value = re.sub(
                r"\d+\.\d{3,}", lambda digits: f"{float(digits[0]):.2f}", value
            )
            parent.set(name.rpartition("}")[2], value)


def _theme(root: ET.Element) -> None:
    """Name colours by variables, keeping their light values as fallbacks."""
    for element in root.iter():
        style = element.get("style", "")
        style = re.sub(r"font-family:[^;]*;?\s*", "", style)
        style = re.sub(r"#[0-9a-f]{6}", _variable, style)
        if style:
            element.set("style", style)


def _share_styles(root: ET.Element) -> None:
    """Say the style of many equal dots once: two thousand of them add up."""
    for parent in root.iter("g"):
        dots = parent.findall("use")
        styles = {dot.get("style", "") for dot in dots}
        if len(dots) == len(parent) > 1 == len(styles):
            parent.set("style", styles.pop())
            for dot in dots:
                dot.attrib.pop("style", None)


def _variable(colour: re.Match[str]) -> str:
    name = LIGHT_TO_NAME.get(colour[0])
    return f"var(--cr-{name},{colour[0]})" if name else colour[0]


def _rename_ids(root: ET.Element, prefix: str) -> None:
    """Keep only ids that something refers to, and make them unique to this chart."""
    references = [
        found[2]
        for element in root.iter()
        for value in element.attrib.values()
        for found in REFERENCE.finditer(value)
    ]
    new = {
        id_: f"{prefix}-{place}" for place, id_ in enumerate(dict.fromkeys(references))
    }

    def renamed(found: re.Match[str]) -> str:
        return f"{found[1]}#{new[found[2]]}"

    for element in root.iter():
        id_ = element.attrib.pop("id", None)
        if id_ in new:
            element.set("id", new[id_])
        for name, value in element.attrib.items():
            element.set(name, REFERENCE.sub(renamed, value))


def _describe(root: ET.Element, title: str, description: str, prefix: str) -> None:
    width, height = root.get("viewBox", "").split()[2:]
    root.attrib.clear()
    root.attrib.update(
        {
            "xmlns": SVG,
            "class": "cr-chart",
            "role": "img",
            "aria-labelledby": f"{prefix}-title {prefix}-text",
            "width": width,
            "height": height,
            "viewBox": f"0 0 {width} {height}",
        }
    )
    for place, (name, content, id_) in enumerate(
        [
            ("title", title, f"{prefix}-title"),
            ("desc", description, f"{prefix}-text"),
            ("style", CHART_STYLE, None),
        ]
    ):
        element = ET.Element(name, {"id": id_} if id_ else {})
        element.text = clean(content)
        root.insert(place, element)
