"""Layer 7: why a trained network gives what it gives, and how far to trust it."""

from chainrule.insight.attribution import Explanation, RowExplanation, explain
from chainrule.insight.gradients import input_gradients

__all__ = [
    "Explanation",
    "RowExplanation",
    "explain",
    "input_gradients",
]
