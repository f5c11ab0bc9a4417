"""A model as an ONNX graph.

ONNX has an operator for nearly every operation of ours; the few others are composed.
Whole numbers of any width are computed as int64, which is what runtimes know, and
converted where they come in and go out.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.export.arrays import Shape, Whole
from chainrule.export.errors import ExportError
from chainrule.export.extents import ONE, Extent
from chainrule.export.model import Codes, Input, Model, Output
from chainrule.export.onnx_builder import (
    BOOL,
    F64,
    INDEX,
    Edge,
    Nodes,
    onnx_type,
    stored,
)
from chainrule.files import write_bytes
from chainrule.ir import Array, DType, Value
from chainrule.ops import Relu

import onnx  # isort: skip - after the module that says how to get it
from onnx import checker, helper, numpy_helper  # isort: skip

OPSET = 17  # known to onnxruntime since 1.12, and all that is needed
ML_OPSET = 2  # the operators for tables: text to numbers
IR_VERSION = 8  # of the same age
ROWS = "rows"  # what the axis of rows is called

_LARGEST = 2**31 - 2**24  # bytes of weights that one file can hold, beside the rest
_END = np.iinfo(np.int64).max


def write(model: Model, path: Path) -> None:
    """Write `model` to `path`; what is written has passed ONNX's checker."""
    size = sum(array.nbytes for array in model.used.values())
    if size > _LARGEST:
        raise ExportError(
            f"the weights have {size:,} bytes, and an ONNX file holds 2 GiB: export a "
            "part of the network, or as NumPy"
        )
    write_bytes(path, to_proto(model).SerializeToString())


def to_proto(model: Model) -> Any:
    """The model as ONNX keeps it."""
    writer = _Writer(model)
    inputs = [writer.input(x) for x in model.inputs]
    writer.compute()
    outputs = [writer.output(y) for y in model.outputs]
    graph = helper.make_graph(
        writer.nodes, model.name, inputs, outputs, list(writer.initializers.values())
    )
    opsets = [helper.make_opsetid("", OPSET)]
    if any(node.domain for node in writer.nodes):
        opsets.append(helper.make_opsetid("ai.onnx.ml", ML_OPSET))
    proto = helper.make_model(
        graph,
        opset_imports=opsets,
        ir_version=IR_VERSION,
        producer_name="chainrule",
        producer_version=str(model.facts.get("version", "")),
    )
    helper.set_model_props(proto, _facts(model))
    checker.check_model(proto, full_check=True)
    return proto


def _facts(model: Model) -> dict[str, str]:
    """What is kept with the graph, as text."""
    titles = {x.name: x.title for x in model.inputs}
    return {"inputs": json.dumps(titles, ensure_ascii=False), **model.said}


class _Writer(Nodes, Whole[Edge]):
    """Collects nodes; it is a `Builder` whose scalars are edges."""

    language = "ONNX"

    def __init__(self, model: Model) -> None:
        Whole.__init__(self, model)
        names = {x.name for x in model.inputs} | {y.name for y in model.outputs}
        Nodes.__init__(self, names)
        self._sizes: dict[Extent, str] = {}

    # --- what goes in and out -----------------------------------------------------

    def input(self, x: Input) -> Any:
        """Declare an input."""
        shape = self.model.shape(x.value)
        if x.codes is not None:
            self.found[x.value] = self._looked_up(x, x.codes)
            kind = int(onnx.TensorProto.STRING)
        else:
            kind = onnx_type(x.value.type.dtype)
            edge = Edge(x.name, x.value.type.dtype, shape)
            wide = stored(edge.dtype)
            if wide != edge.dtype:
                edge = self.node("Cast", [x.name], edge, to=onnx_type(wide))
            self.found[x.value] = edge
        return helper.make_tensor_value_info(x.name, kind, _declared(shape))

    def _looked_up(self, x: Input, codes: Codes) -> Edge:
        """The numbers of text cells."""
        edge = Edge(x.name, INDEX, self.model.shape(x.value))
        return self.node(
            "LabelEncoder",
            [x.name],
            edge,
            domain="ai.onnx.ml",
            keys_strings=["", *codes.codes],
            values_int64s=[codes.missing, *codes.codes.values()],
            default_int64=codes.other,
        )

    def output(self, y: Output) -> Any:
        """Declare an output, and give it its name."""
        edge = self.full(y.value)
        dtype: DType = edge.dtype
        if y.labels is not None:
            table, kind = self._labels(y.labels)
            self.add_node("Gather", [table, edge.name], y.name)
        else:
            kind = onnx_type(dtype)
            if stored(dtype) == dtype:
                self.add_node("Identity", [edge.name], y.name)
            else:
                self.add_node("Cast", [edge.name], y.name, to=kind)
        return helper.make_tensor_value_info(y.name, kind, _declared(edge.shape))

    def _labels(self, labels: tuple[Any, ...]) -> tuple[str, int]:
        if isinstance(labels[0], str):
            name = self.fresh("labels")
            text = [label.encode() for label in labels]
            kind = int(onnx.TensorProto.STRING)
            self.initializers[name] = helper.make_tensor(name, kind, [len(text)], text)
            return name, int(kind)
        array = np.array(labels)
        return self.shared(array), onnx_type(array.dtype)

    # --- sizes ------------------------------------------------------------

    def _computed(self, value: Value) -> Edge:
        self.place = value.location.layer if value.location is not None else ""
        return super()._computed(value)

    def _vector(self, extents: Sequence[Extent]) -> str:
        """Extents as a vector, computed where they depend on the rows."""
        if all(n.is_fixed for n in extents):
            return self.integers([n.constant for n in extents])
        parts = [self._size(n) for n in extents]
        if len(parts) == 1:
            return parts[0]
        return self.add_node("Concat", parts, self.name_for("Concat"), axis=0)

    def _size(self, extent: Extent) -> str:
        """One extent, as a vector of one number."""
        if extent.is_fixed:
            return self.integers([extent.constant])
        if extent == Extent(0, 1):
            return self._rows()
        if extent not in self._sizes:
            self._sizes[extent] = self._polynomial(extent)
        return self._sizes[extent]

    def _polynomial(self, extent: Extent) -> str:
        """By Horner's rule."""
        n = self._rows()
        total = self.integers([extent.linear])
        if extent.square:
            factors = [n, self.integers([extent.square])]
            square = self.add_node("Mul", factors, self.fresh("size"))
            total = self.add_node("Add", [square, total], self.fresh("size"))
        product = self.add_node("Mul", [total, n], self.fresh("size"))
        if not extent.constant:
            return product
        end = self.integers([extent.constant])
        return self.add_node("Add", [product, end], self.fresh("size"))

    def _rows(self) -> str:
        """The number of rows, as a vector of one number."""
        rows = Extent(0, 1)
        if rows not in self._sizes:
            x, axis = self.model.counted
            shape = self.add_node("Shape", [x.name], self.fresh("shape"))
            inputs = [shape, self.integers([axis])]
            self._sizes[rows] = self.add_node("Gather", inputs, self.fresh("n"), axis=0)
        return self._sizes[rows]

    # --- arrays -------------------------------------------------------------------

    def known(self, value: Value, array: Array) -> Edge:
        """An initializer: under the name of the weights, if it has one."""
        dtype = array.dtype
        shape = tuple(Extent(n) for n in array.shape)
        held = array.astype(stored(dtype))
        if value.name is None:
            return Edge(self.shared(held), dtype, shape)
        name = self.fresh(value.name)
        held = np.ascontiguousarray(held).reshape(array.shape)
        self.initializers[name] = numpy_helper.from_array(held, name)
        return Edge(name, dtype, shape)

    def number(self, value: Value) -> Edge:
        """A formula in the number of rows, computed in float64."""
        formula, dtype = self.model.varying(value), value.type.dtype
        rows = Edge(self._rows(), INDEX, (ONE,))
        n = self.cast(rows, F64)
        total = self.constant(0.0, n)
        for c in reversed(formula.coefficients):
            total = self.add(self.multiply(total, n), self.constant(c, n))
        y = self.cast(self.power(total, self.constant(formula.power, n)), dtype)
        none = self.integers([])
        return Edge(self.node("Reshape", [y.name, none], y).name, dtype, ())

    def inserted(self, a: Edge, axes: tuple[int, ...], shape: Shape) -> Edge:
        """`Unsqueeze`."""
        like = Edge("", a.dtype, shape)
        return self.node("Unsqueeze", [a.name, self.integers(axes)], like)

    def expanded(self, a: Edge, shape: Shape) -> Edge:
        """`Expand`."""
        like = Edge("", a.dtype, shape)
        return self.node("Expand", [a.name, self._vector(shape)], like)

    def _like(self, value: Value) -> Edge:
        return Edge("", value.type.dtype, self.model.shape(value))

    def _one(self, op: str, value: Value, **attributes: Any) -> Edge:
        """One node of the inputs of a value."""
        inputs = [self.full(x).name for x in value.inputs]
        return self.node(op, inputs, self._like(value), **attributes)

    # --- operations ---------------------------------------------------------------

    def elementwise(self, value: Value, inputs: Sequence[Edge]) -> Edge:
        """By the operation's own rule; `Relu` is a node that runtimes look for."""
        if isinstance(value.operation, Relu) and inputs[0].dtype.kind == "f":
            return self.node("Relu", [inputs[0].name], inputs[0])
        return super().elementwise(value, inputs)

    def _matmul(self, value: Value) -> Edge:
        return self._one("MatMul", value)

    def _sum(self, value: Value) -> Edge:
        x, axes = self.full(value.inputs[0]), _attribute(value, "axes")
        if not axes:
            return x
        inputs = [x.name, self.integers(axes)]
        return self.wrapped(
            self.node("ReduceSum", inputs, self._like(value), keepdims=0)
        )

    def _max(self, value: Value) -> Edge:
        return self._extreme("ReduceMax", value)

    def _min(self, value: Value) -> Edge:
        return self._extreme("ReduceMin", value)

    def _extreme(self, op: str, value: Value) -> Edge:
        x, axes = self.full(value.inputs[0]), list(_attribute(value, "axes"))
        if not axes:
            return x
        wide = self.cast(x, INDEX) if x.dtype == BOOL else x
        like = Edge("", wide.dtype, self.model.shape(value))
        y = self.node(op, [wide.name], like, axes=axes, keepdims=0)
        return self.cast(y, x.dtype)

    def _argmax(self, value: Value) -> Edge:
        return self._where_extreme("ArgMax", value)

    def _argmin(self, value: Value) -> Edge:
        return self._where_extreme("ArgMin", value)

    def _where_extreme(self, op: str, value: Value) -> Edge:
        x = self.full(value.inputs[0])
        if x.dtype == BOOL:
            x = self.cast(x, INDEX)
        axis = _attribute(value, "axis")
        return self.node(op, [x.name], self._like(value), axis=axis, keepdims=0)

    def _reshape(self, value: Value) -> Edge:
        x = self.full(value.inputs[0])
        return self._reshaped(x, self.model.shape(value))

    def _reshaped(self, x: Edge, shape: Shape) -> Edge:
        like = Edge("", x.dtype, shape)
        same_rows = bool(shape) and not shape[0].is_fixed and x.shape[:1] == shape[:1]
        if same_rows and all(n.is_fixed and n.constant for n in shape[1:]):
            kept = self.integers([0, *(n.constant for n in shape[1:])])
            return self.node("Reshape", [x.name, kept], like)
        return self.node("Reshape", [x.name, self._vector(shape)], like, allowzero=1)

    def _transpose(self, value: Value) -> Edge:
        x = self.full(value.inputs[0])
        return self._transposed(x, _attribute(value, "permutation"))

    def _transposed(self, x: Edge, order: Sequence[int]) -> Edge:
        if list(order) == list(range(len(order))):
            return x
        like = Edge("", x.dtype, tuple(x.shape[i] for i in order))
        return self.node("Transpose", [x.name], like, perm=list(order))

    def _flip(self, value: Value) -> Edge:
        axes = _attribute(value, "axes")
        if not axes:
            return self.full(value.inputs[0])
        count = len(axes)
        ends, steps = [-_END] * count, [-1] * count
        parts = [self.integers(part) for part in ([-1] * count, ends, axes, steps)]
        x = self.full(value.inputs[0])
        return self.node("Slice", [x.name, *parts], self._like(value))

    def _slice(self, value: Value) -> Edge:
        x = self.full(value.inputs[0])
        start, stop = (self.model.attribute(value, a) for a in ("start", "stop"))
        steps = _attribute(value, "step")
        return self._sliced(x, start, stop, steps, self.model.shape(value))

    def _sliced(
        self, x: Edge, start: Shape, stop: Shape, steps: Sequence[int], shape: Shape
    ) -> Edge:
        zero = Extent(0)
        cut = [
            axis
            for axis, n in enumerate(x.shape)
            if (start[axis], stop[axis], steps[axis]) != (zero, n, 1)
        ]
        if not cut:
            return x
        ends = [
            Extent(_END) if stop[axis] == x.shape[axis] else stop[axis] for axis in cut
        ]
        parts = [
            self._vector([start[axis] for axis in cut]),
            self._vector(ends),
            self.integers(cut),
            self.integers([steps[axis] for axis in cut]),
        ]
        return self.node("Slice", [x.name, *parts], Edge("", x.dtype, shape))

    def _pad(self, value: Value) -> Edge:
        x = self.full(value.inputs[0])
        if not x.shape:
            return x
        fill = self.constant(_attribute(value, "value"), x)
        for axis, between in enumerate(_attribute(value, "interior")):
            if between:
                x = self._apart(x, axis, between, fill)
        low, high = (self.model.attribute(value, a) for a in ("low", "high"))
        widths = self._vector([*low, *high])
        return self.node("Pad", [x.name, widths, fill.name], self._like(value))

    def _apart(self, x: Edge, axis: int, between: int, fill: Edge) -> Edge:
        """`x` with `between` more elements behind each but the last along an axis."""
        rank, n = len(x.shape), x.shape[axis]
        split = (*x.shape[: axis + 1], ONE, *x.shape[axis + 1 :])
        y = self.inserted(x, (axis + 1,), split)
        widths = [0] * (2 * (rank + 1))
        widths[rank + 1 + axis + 1] = between
        wide = (*x.shape[: axis + 1], Extent(1 + between), *x.shape[axis + 1 :])
        like = Edge("", x.dtype, wide)
        y = self.node("Pad", [y.name, self.integers(widths), fill.name], like)
        long = n * (1 + between)
        y = self._reshaped(y, (*x.shape[:axis], long, *x.shape[axis + 1 :]))
        if n == Extent(0):
            return y
        shape = (*x.shape[:axis], long + -between, *x.shape[axis + 1 :])
        start, steps = (Extent(0),) * rank, [1] * rank
        return self._sliced(y, start, shape, steps, shape)

    def _concatenate(self, value: Value) -> Edge:
        return self._one("Concat", value, axis=_attribute(value, "axis"))

    def _take(self, value: Value) -> Edge:
        axes = _attribute(value, "axes")
        if len(axes) == 1:
            return self._one("Gather", value, axis=axes[0])
        x, *indices = (self.full(x) for x in value.inputs)
        order, back = _to_front(axes, len(x.shape), len(indices[0].shape))
        places = self._stacked(indices)
        whole = self.model.shape(value)
        moved = tuple(whole[i] for i in np.argsort(back))
        taken = self.node(
            "GatherND", [self._transposed(x, order).name, places],
            Edge("", x.dtype, moved),
        )  # fmt: skip
        return self._transposed(taken, back)

    def _index_add(self, value: Value) -> Edge:
        axes = _attribute(value, "axes")
        x, *indices = (self.full(x) for x in value.inputs)
        shape = self.model.shape(value)
        order, back = _to_front(axes, len(shape), len(indices[0].shape))
        zeros = self.expanded(self.constant(0, x), tuple(shape[i] for i in order))
        updates = self._transposed(x, [int(i) for i in np.argsort(back)])
        inputs = [zeros.name, self._stacked(indices), updates.name]
        y = self.node("ScatterND", inputs, zeros, reduction="add")
        return self._transposed(self.wrapped(y), [int(i) for i in np.argsort(order)])

    def _stacked(self, indices: Sequence[Edge]) -> str:
        """Index arrays as the last axis of one."""
        last = len(indices[0].shape)
        parts = [self.inserted(i, (last,), (*i.shape, ONE)).name for i in indices]
        return self.add_node("Concat", parts, self.name_for("Concat"), axis=last)

    def _gather(self, value: Value) -> Edge:
        return self._one("GatherElements", value, axis=_attribute(value, "axis"))

    def _scatter_add(self, value: Value) -> Edge:
        x, indices = (self.full(x) for x in value.inputs)
        zeros = self.expanded(self.constant(0, x), self.model.shape(value))
        inputs = [zeros.name, indices.name, x.name]
        axis = _attribute(value, "axis")
        y = self.node("ScatterElements", inputs, zeros, axis=axis, reduction="add")
        return self.wrapped(y)

    def _argsort(self, value: Value) -> Edge:
        axis = _attribute(value, "axis")
        descending = bool(_attribute(value, "descending"))
        return self._sorted(value, axis, largest=descending)

    def _topk_indices(self, value: Value) -> Edge:
        return self._sorted(value, _attribute(value, "axis"), largest=True)

    def _sorted(self, value: Value, axis: int, *, largest: bool) -> Edge:
        x = self.full(value.inputs[0])
        if x.dtype == BOOL:
            x = self.cast(x, INDEX)
        y = self._like(value)
        count = self._vector([y.shape[axis]])
        name = self.name_for("TopK")
        node = helper.make_node(
            "TopK", [x.name, count], ["", name],
            name=name, axis=axis, largest=int(largest), sorted=1,
        )  # fmt: skip
        node.output[0] = self.fresh(f"{name}_values")
        self.nodes.append(node)
        return Edge(name, y.dtype, y.shape)

    def _cumulative_sum(self, value: Value) -> Edge:
        x = self.full(value.inputs[0])
        axis = self.shared(np.array(_attribute(value, "axis"), np.int64))
        reverse = int(_attribute(value, "reverse"))
        y = self.node("CumSum", [x.name, axis], self._like(value), reverse=reverse)
        return self.wrapped(y)

    def _iota(self, value: Value) -> Edge:
        """One that depends on the rows: all others are known."""
        axis, shape = _attribute(value, "axis"), self.model.shape(value)
        n = self._vector([shape[axis]])
        end = self.add_node("Squeeze", [n], self.name_for("Squeeze"))
        zero, one = (self.shared(np.array(i, np.int64)) for i in (0, 1))
        along = Edge(self.name_for("Range"), INDEX, (shape[axis],))
        self.add_node("Range", [zero, end, one], along.name)
        y = self.cast(along, value.type.dtype)
        behind = tuple(range(1, len(shape) - axis))
        if not behind:
            return y
        return self.inserted(y, behind, (shape[axis], *(ONE for _ in behind)))


def _attribute(value: Value, name: str) -> Any:
    return getattr(value.operation, name)


def _declared(shape: Shape) -> list[int | str]:
    """A shape as the file declares it: the rows have a name, formulas too."""
    return [
        n.constant if n.is_fixed else ROWS if n == Extent(0, 1) else str(n)
        for n in shape
    ]


def _to_front(
    axes: Sequence[int], rank: int, among: int
) -> tuple[list[int], list[int]]:
    """An order with `axes` in front, and the one that what is taken then needs.

    Its first `among` axes are those of the indices: they go where the first axis was.
    """
    others = [i for i in range(rank) if i not in axes]
    before = axes[0]
    behind = list(range(among + before, among + len(others)))
    back = [*range(among, among + before), *range(among), *behind]
    return [*axes, *others], back
