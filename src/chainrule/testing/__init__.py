"""Checks that every operation has to pass, yours as well as ours.

>>> from chainrule import testing
>>> from chainrule.ops import Multiply
>>> testing.check_operation(Multiply)
"""

from chainrule.testing.builder import NumpyBuilder
from chainrule.testing.errors import CheckError
from chainrule.testing.gradients import check_graph_gradients
from chainrule.testing.operation import check_operation

__all__ = ["CheckError", "NumpyBuilder", "check_graph_gradients", "check_operation"]
