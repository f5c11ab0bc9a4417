"""Layer 2: the stages that a graph goes through, one file and one verb each."""

from chainrule.passes.differentiate import differentiate, gradients
from chainrule.passes.evaluate import evaluate
from chainrule.passes.interpret import interpret
from chainrule.passes.simplify import simplify

__all__ = ["differentiate", "evaluate", "gradients", "interpret", "simplify"]
