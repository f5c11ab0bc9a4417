"""Layer 3: the computational graph drawn, with every value and gradient."""

from chainrule.drawing.describe import describe
from chainrule.drawing.layout import Layout, Spacing, layout
from chainrule.drawing.picture import Derivative, Edge, Node, Picture
from chainrule.drawing.summary import Summary, summarise
from chainrule.drawing.svg import to_html, to_svg
from chainrule.drawing.text import to_text

__all__ = [
    "Derivative",
    "Edge",
    "Layout",
    "Node",
    "Picture",
    "Spacing",
    "Summary",
    "describe",
    "layout",
    "summarise",
    "to_html",
    "to_svg",
    "to_text",
]
