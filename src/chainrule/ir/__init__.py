"""Layer 0: the computational graph itself: types, values, graphs, their text form.

The grammar of everything that follows::

    Graph      ::= inputs, outputs, assignments
    Value      ::= type, operation, inputs          (an operation applied to values)
                 | type                             (a leaf: given from outside)
    TensorType ::= dtype, shape
    Operation  ::= a class with its rules, and attributes

Nothing here imports any other part of chainrule.
"""

from chainrule.ir.graph import Graph, format_graph, topological
from chainrule.ir.location import Location, at, current_location, scope
from chainrule.ir.parse import parse_graph
from chainrule.ir.types import DType, TensorType, dtype_name, dtype_of
from chainrule.ir.value import Array, Operation, Rng, Value
from chainrule.ir.verify import VerificationError, verify

__all__ = [
    "Array",
    "DType",
    "Graph",
    "Location",
    "Operation",
    "Rng",
    "TensorType",
    "Value",
    "VerificationError",
    "at",
    "current_location",
    "dtype_name",
    "dtype_of",
    "format_graph",
    "parse_graph",
    "scope",
    "topological",
    "verify",
]
