"""How the curves in the documentation look: like those of the reports.

Refreshing a page sets the style; its code is plain matplotlib.
"""

from collections.abc import Mapping
from typing import Any, Final

from cycler import cycler
from matplotlib.figure import Figure

from chainrule.view import theme

LIGHT: Final = {name: light for name, (light, _) in theme.PALETTE.items()}
SETTINGS: Final[Mapping[Any, Any]] = {
    **theme.SETTINGS,
    "figure.constrained_layout.use": True,
    "figure.dpi": 72,
    "path.simplify": False,  # which points it drops depends on the last digit
    "axes.prop_cycle": cycler(
        color=[LIGHT[name] for name in ("blue", "orange", "green", "purple", "slate")]
    ),
}


def to_svg(figure: Figure, title: str) -> str:
    """The figure as SVG, in colours that suit light and dark pages."""
    return theme.to_svg(figure, title, title)
