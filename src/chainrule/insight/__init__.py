"""Layer 7: why a trained network gives what it gives, and how far to trust it."""

from chainrule.insight.attribution import Explanation, RowExplanation, explain
from chainrule.insight.gradients import input_gradients
from chainrule.insight.hard_rows import HardRows, hard_rows

__all__ = [
    "Explanation",
    "HardRows",
    "RowExplanation",
    "explain",
    "hard_rows",
    "input_gradients",
]
