import inspect
from pathlib import Path

import numpy as np

import chainrule
from chainrule.ir import Location, TensorType, Value, at, location, scope
from chainrule.ops import exp

X = Value(TensorType((), np.dtype(np.float64)))


def test_the_line_of_the_user():
    y, line = exp(X), inspect.currentframe().f_lineno
    assert y.location == Location(__file__, line)


def test_calls_inside_the_package_are_passed_over():
    y, line = chainrule.softmax([1.0, 2.0]), inspect.currentframe().f_lineno
    assert y.value.location == Location(__file__, line)


def test_a_user_whose_folder_starts_like_the_package():
    package = Path(chainrule.__file__).parent
    file = str(package) + "_course/lesson.py"
    space = {"exp": exp, "X": X}
    exec(compile("y = exp(X)", file, "exec"), space)  # noqa: S102 - a file of that name
    assert space["y"].location == Location(file, 1)


def test_layers_are_nested():
    with scope("hidden"), scope("0"):
        y = exp(X)
    assert y.location.layer == "hidden.0"
    assert str(y.location).endswith(", layer 'hidden.0'")
    assert exp(X).location.layer == ""


def test_a_given_location():
    place = Location("elsewhere.py", 7)
    with at(place):
        assert exp(X).location is place
    assert exp(X).location.file == __file__
    assert str(place) == "elsewhere.py:7"


def test_where_all_callers_are_the_package_there_is_no_location(monkeypatch):
    monkeypatch.setattr(location, "_PACKAGE", "")
    assert exp(X).location is None
