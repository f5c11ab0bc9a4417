"""From values of a graph to the picture that explains them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from chainrule.drawing.clusters import Cluster, cluster
from chainrule.drawing.derivatives import local_derivatives
from chainrule.drawing.folding import Folded, fold
from chainrule.drawing.notation import (
    Formula,
    formula_of,
    label_of,
    number_formula,
)
from chainrule.drawing.numerals import numeral, plain_line
from chainrule.drawing.picture import Edge, Kind, Node, Picture
from chainrule.drawing.summary import Summary, summarise
from chainrule.ir import Array, Value
from chainrule.ops import Constant

# A graph with more boxes than this is drawn in outline.
_MOST_BOXES = 150

_NO_GRADIENTS: Final[Mapping[Value, Array]] = MappingProxyType({})


def describe(
    outputs: Sequence[Value],
    gradients: Mapping[Value, Array] = _NO_GRADIENTS,
    *,
    most: int = _MOST_BOXES,
) -> Picture:
    """The computational graph behind `outputs`, ready to be drawn.

    Each node shows its operation, name and value, where `value.data` is known, and
    its gradient, where `gradients` has one; each edge shows the local derivative
    d output / d input of the one operation it leads to. A graph of more than `most`
    boxes is drawn in outline: whole layers as one box, or its two ends alone.
    """
    folded = fold(outputs)
    boxes = cluster(folded, most)
    scene = _Scene(outputs, folded, boxes, gradients)
    return Picture(
        nodes=tuple(scene.node(box) for box in boxes),
        edges=tuple(edge for index in range(len(boxes)) for edge in scene.edges(index)),
        loss=_loss(outputs),
        left_out=sum(len(box.values) for box in boxes if len(box.values) > 1),
    )


def _loss(outputs: Sequence[Value]) -> str:
    names = {output.name for output in outputs}
    name = names.pop() if len(names) == 1 else None
    return name if name is not None and len(name) == 1 else "L"


def _names(
    outputs: Sequence[Value], folded: Folded, gradients: Mapping[Value, Array]
) -> dict[Value, str]:
    """The users' names; a loss that has none is called L, as in dL/dx."""
    names = {v: plain_line(v.name) for v in folded.values if v.name}
    nameless = len(outputs) == 1 and outputs[0] not in names
    if nameless and outputs[0] in gradients and "L" not in names.values():
        names[outputs[0]] = "L"
    return names


class _Scene:
    """What nodes and edges need to know of the whole graph."""

    def __init__(
        self,
        outputs: Sequence[Value],
        folded: Folded,
        boxes: Sequence[Cluster],
        gradients: Mapping[Value, Array],
    ) -> None:
        self.folded = folded
        self.names = _names(outputs, folded, gradients)
        self.boxes = boxes
        self.gradients = gradients
        self.box_of = {v: i for i, box in enumerate(boxes) for v in box.values}
        self.varies = _varying(folded)
        self.formulas: dict[Value, Formula | None] = {}
        self.visible = {
            *outputs,
            *(x for value in folded.values for x in self._outer_inputs(value)),
        }

    def node(self, box: Cluster) -> Node:
        """The node that `box` is drawn as."""
        return self._group(box) if len(box.values) > 1 else self._single(box.values[0])

    def edges(self, index: int) -> list[Edge]:
        """The edges into box number `index`."""
        box = self.boxes[index]
        if len(box.values) > 1:
            return self._edges_of_group(index)
        (value,) = box.values
        inputs = self.folded.inputs(value)
        local = local_derivatives(
            value, [i for i, x in enumerate(inputs) if x in self.varies]
        )
        edges = [
            Edge(self.box_of[x], index, i, i in local, local.get(i))
            for i, x in enumerate(inputs)
        ]
        return self._once_from_groups(edges)

    def _single(self, value: Value) -> Node:
        formula = self._formula(value)
        return Node(
            kind=_kind(value),
            label=_label(value),
            name=self.names.get(value, ""),
            formula=formula.text if formula else "",
            code=str(value.operation) if value.operation else "",
            type=value.type,
            value=_summary(value.data),
            gradient=self._gradient(value),
            location=value.location,
        )

    def _gradient(self, value: Value) -> Summary | None:
        return (
            _summary(self.gradients.get(value)) if _kind(value) != "constant" else None
        )

    def _group(self, box: Cluster) -> Node:
        """Its value and gradient are those of the one value that others read."""
        visible = [value for value in box.values if value in self.visible]
        shown = visible[0] if len(visible) == 1 else None
        return Node(
            kind="group",
            label=plain_line(box.title) or "…",
            type=shown.type if shown and box.title else None,
            value=_summary(shown.data) if shown and box.title else None,
            gradient=self._gradient(shown) if shown and box.title else None,
            location=box.values[-1].location,
            size=len(box.values),
        )

    def _formula(self, value: Value) -> Formula | None:
        """What is short is written out; it is asked for inputs before outputs."""
        if value not in self.formulas:
            self.formulas[value] = self._write(value)
        return self.formulas[value]

    def _write(self, value: Value) -> Formula | None:
        if value in self.names:
            return Formula(self.names[value])
        if not value.inputs:
            number = _number(value)
            return number_formula(number) if number else None
        if value.operation is None:
            return None
        inputs = [self.formulas.get(x) for x in self.folded.inputs(value)]
        return formula_of(value.operation.name, inputs)

    def _edges_of_group(self, index: int) -> list[Edge]:
        edges = [
            Edge(self.box_of[x], index, 0, x in self.varies)
            for value in self.boxes[index].values
            for x in self._outer_inputs(value)
        ]
        return list({edge.source: edge for edge in edges}.values())

    def _once_from_groups(self, edges: list[Edge]) -> list[Edge]:
        """Without repeated edges from one group, which all start at one box."""
        seen: set[int] = set()
        kept = []
        for edge in edges:
            if edge.source not in seen or len(self.boxes[edge.source].values) == 1:
                kept.append(edge)
            seen.add(edge.source)
        return kept

    def _outer_inputs(self, value: Value) -> list[Value]:
        home = self.box_of[value]
        return [x for x in self.folded.inputs(value) if self.box_of[x] != home]


def _varying(folded: Folded) -> set[Value]:
    """The values that a gradient can flow into: what stands on some leaf."""
    varies: set[Value] = set()
    for value in folded.values:
        stands_on_leaf = value.operation is None or not varies.isdisjoint(
            folded.inputs(value)
        )
        if value.type.is_floating and stands_on_leaf:
            varies.add(value)
    return varies


def _kind(value: Value) -> Kind:
    if isinstance(value.operation, Constant):
        return "constant"
    return "leaf" if value.operation is None else "operation"


def _label(value: Value) -> str:
    if isinstance(value.operation, Constant) or value.operation is None:
        return _number(value) or ("constant" if value.operation else "input")
    return label_of(value.operation.name)


def _number(value: Value) -> str:
    """The number that a constant or a leaf is, if it is one."""
    data = value.operation.data if isinstance(value.operation, Constant) else value.data
    return numeral(data.item()) if data is not None and data.size == 1 else ""


def _summary(array: Array | None) -> Summary | None:
    return None if array is None else summarise(array)
