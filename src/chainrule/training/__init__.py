"""Layer 6: the training loop, what it records, and what may look at it."""

from chainrule.training.callbacks import EarlyStopping, ProgressLine
from chainrule.training.checkpoint import CheckpointError
from chainrule.training.diagnose import NonFiniteError
from chainrule.training.history import History
from chainrule.training.loop import fit
from chainrule.training.penalties import L2, Penalty
from chainrule.training.program import predict
from chainrule.training.run import Callback, Run
from chainrule.training.stream_source import ArraySource, Source

__all__ = [
    "L2",
    "ArraySource",
    "Callback",
    "CheckpointError",
    "EarlyStopping",
    "History",
    "NonFiniteError",
    "Penalty",
    "ProgressLine",
    "Run",
    "Source",
    "fit",
    "predict",
]
