"""The text form of a graph prints everything and reads back exactly."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.ir import (
    Graph,
    Location,
    TensorType,
    Value,
    at,
    format_graph,
    parse_graph,
)
from chainrule.ops import Clip, LeakyRelu, constant, multiply, sum_
from chainrule.ops.elementwise import Elementwise
from chainrule.passes import interpret

F32 = np.dtype(np.float32)


def leaf(*shape, dtype=F32, name=None):
    return Value(TensorType(shape, dtype), name=name)


def test_the_form():
    x, w = leaf(3, name="x"), leaf(3, name="w")
    y = multiply(x, w)
    total = sum_(y, (0,))
    graph = Graph((x, w), (total, y), ((w, y),))
    assert str(graph) == (
        'graph(%0: f32[3] "x", %1: f32[3] "w") {\n'
        "  %2: f32[3] = multiply(%0, %1)\n"
        "  %3: f32[] = sum(%2, axes=(0,))\n"
        "  assign %1 = %2\n"
        "  return %3, %2\n"
        "}"
    )


def test_it_reads_back_to_the_same_structure():
    x, w = leaf(3, name="x"), leaf(3, name="w")
    y = multiply(x, w)
    again = parse_graph(str(Graph((x, w), (y, x), ((w, y),))))
    assert [value.type for value in again.inputs] == [x.type, w.type]
    assert [value.name for value in again.inputs] == ["x", "w"]
    (product, first), ((state, new),) = again.outputs, again.assignments
    assert product.operation == y.operation
    assert product.inputs == again.inputs
    assert first is again.inputs[0]
    assert state is again.inputs[1]
    assert new is product


def test_graphs_without_inputs_or_outputs():
    for graph in (Graph((), ()), Graph((), (constant(np.array(1.0)),))):
        assert str(parse_graph(str(graph))) == str(graph)


@given(st.text())
def test_any_name(name):
    x = leaf(2, name=name)
    y = multiply(x, x)
    named = Value(y.type, y.operation, y.inputs, name)
    graph = Graph((x, leaf(name=name), leaf(name="z")), (named,))
    again = parse_graph(str(graph))
    assert [value.name for value in again.inputs] == [name, name, "z"]
    assert again.outputs[0].name == name


@pytest.mark.parametrize(
    "name", ['"', "a\\", ") {", ', %1: f32[3] "x"', "} ", "\n", " = add(%0, %0)", ""]
)
def test_names_that_look_like_the_form(name):
    test_any_name.hypothesis.inner_test(name)


@given(st.text(), st.integers(0, 10**6), st.text())
def test_any_location(file, line, layer):
    place = Location(file, line, layer)
    x = Value(TensorType((), F32), name="x", location=place)
    with at(place):
        y = multiply(x, x)
    graph = Graph((x, leaf(name="z")), (y,))
    again = parse_graph(format_graph(graph, locations=True))
    assert again.inputs[0].location == place
    assert again.outputs[0].location == place
    assert "at [" not in str(graph)


@given(st.floats(width=32, allow_nan=True, allow_infinity=True))
def test_any_float32(number):
    data = np.array(number, np.float32)
    again = parse_graph(str(Graph((), (constant(data),))))
    (read,) = interpret(again, [])
    assert read.dtype == np.float32
    same_bits = read.tobytes() == data.tobytes()
    assert same_bits or (np.isnan(read) and np.isnan(data))


@given(st.floats())
def test_any_float64(number):
    data = np.array(number)
    (read,) = interpret(parse_graph(str(Graph((), (constant(data),)))), [])
    same_bits = read.tobytes() == data.tobytes()
    assert same_bits or (math.isnan(read) and math.isnan(number))


@pytest.mark.parametrize(
    "data",
    [
        np.array(2**64 - 1, np.uint64),
        np.array(-(2**63), np.int64),
        np.array(True),
        np.arange(6, dtype=np.int16).reshape(2, 3),
        np.array([np.nan, np.inf, -0.0], np.float32),
        np.zeros((0, 3)),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10.0)[::2],
    ],
)
def test_other_constants(data):
    (read,) = interpret(parse_graph(str(Graph((), (constant(data),)))), [])
    np.testing.assert_array_equal(read, data, strict=True)
    assert read.tobytes() == np.ascontiguousarray(data).tobytes()


@given(st.floats(allow_nan=False))
def test_any_number_as_an_attribute(slope):
    x = leaf(2)
    graph = Graph((x,), (LeakyRelu(slope)(x),))
    again = parse_graph(str(graph)).outputs[0].operation
    assert again == LeakyRelu(slope)
    assert math.copysign(1, again.slope) == math.copysign(1, slope)


def test_attributes_that_are_numpy_numbers():
    x = leaf(2)
    graph = Graph((x,), (Clip(np.float64(-0.1), np.float32(0.5))(x),))
    assert parse_graph(str(graph)).outputs[0].operation == Clip(-0.1, 0.5)


@pytest.mark.usefixtures("fresh_registry")
@given(
    text=st.text(),
    nested=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner).map(tuple),
        max_leaves=5,
    ),
)
def test_any_attributes(text, nested):
    @dataclass(frozen=True)
    class Labelled(Elementwise):
        text: str
        nested: object
        dtype: np.dtype = F32

        def forward(self, *inputs):
            return inputs[0]

        def scalar(self, builder, *inputs):
            return inputs[0]

    x = leaf(2)
    graph = Graph((x,), (Labelled(text, nested)(x),))
    again = parse_graph(str(graph))
    assert again.outputs[0].operation == Labelled(text, nested)
    assert str(again) == str(graph)


@pytest.mark.parametrize("text", ["100%5", "%0", ") = add(%0, %0)", "'\"", "\\"])
def test_attributes_that_look_like_the_form(text, fresh_registry):
    test_any_attributes.hypothesis.inner_test(text, None)


def test_operations_can_be_given():
    x = leaf(2)
    text = str(Graph((x,), (multiply(x, x),)))
    with pytest.raises(ValueError, match="line 2: unknown operation 'multiply'"):
        parse_graph(text, operations={})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("graph() {", "the text ends before the graph's closing brace"),
        ("", "the text ends before the graph's closing brace"),
        ("hello", "line 1: cannot be read: hello"),
        ("graph() {\n  %0: f32[] = nonsense()", "line 2: unknown operation 'nonsense'"),
        ("graph() {\n  %1: f32[] = negate(%0)", "line 2: %0 is used before it is made"),
        ("graph() {\n  return %7\n}", "line 2: %7 is used before it is made"),
        ("graph() {\n  %0: f99[] = negate()", "line 2: unknown dtype 'f99'"),
        (
            "graph() {\n  %0: f32[] = negate(3)",
            "line 2: an operation applies to values",
        ),
        ("graph() {\n  %0: f32[] = sum(axes=[1])", "line 2: .* is no attribute"),
        ("graph() {\n  %0: f32[] = a(b)(c)", "line 2: not an operation applied to"),
        ("graph() {\n  %0: f32[] = sum(axis=1)", "line 2: .*unexpected keyword"),
        ("graph() {\n  %0: f32[] = sum(axes=)", "line 2: "),
        ("graph() {\n  assign %0", "line 2: "),
    ],
)
def test_what_cannot_be_read(text, message):
    with pytest.raises(ValueError, match=message):
        parse_graph(text)


def test_a_leaf_that_is_no_input_cannot_be_printed():
    with pytest.raises(ValueError, match="is a leaf but not an input of the graph"):
        str(Graph((), (leaf(name="x"),)))
