"""Layer 7: why a trained network gives what it gives, and how far to trust it."""

from chainrule.insight.attribution import Explanation, RowExplanation, explain
from chainrule.insight.calibration import (
    Calibration,
    Reliability,
    calibrate,
    calibrate_logits,
    reliability,
)
from chainrule.insight.gradients import input_gradients
from chainrule.insight.hard_rows import HardRows, hard_rows
from chainrule.insight.importance import Importances, permutation_importances
from chainrule.training.metrics import expected_calibration_error

__all__ = [
    "Calibration",
    "Explanation",
    "HardRows",
    "Importances",
    "Reliability",
    "RowExplanation",
    "calibrate",
    "calibrate_logits",
    "expected_calibration_error",
    "explain",
    "hard_rows",
    "input_gradients",
    "permutation_importances",
    "reliability",
]
