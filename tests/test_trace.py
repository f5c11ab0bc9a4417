"""What a trace records of the states that a function uses."""

import chainrule as cr
from chainrule.trace import active_trace, tracing


def test_reading_makes_one_input_per_state():
    w = cr.Parameter(1.0, name="w")
    with tracing() as trace:
        y = w * w
    assert trace.states == (w,)
    assert trace.assigned == ()
    graph = trace.graph([], [y.value])
    assert [x.name for x in graph.inputs] == ["w"]


def test_assigning_without_reading_makes_an_input_too():
    w = cr.State(1.0, name="w")
    with tracing() as trace:
        w.assign(cr.tensor(2.0))
    assert trace.assigned == (w,)
    assert len(trace.graph([], []).assignments) == 1
    assert w.item() == 1


def test_no_trace_outside():
    assert active_trace() is None
    with tracing() as outer:
        with tracing() as inner:
            assert active_trace() is inner
        assert active_trace() is outer
    assert active_trace() is None
