"""What is said of a network that cannot be written for any number of rows."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.export import FORMATS, ExportError

X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


class Numbered(cr.nn.Module):
    """Adds the number of each row."""

    def forward(self, x):
        return x + cr.arange(x.shape[0]).reshape((-1, 1))


def refused(net, path, form="numpy", inputs=X):
    with pytest.raises(ExportError) as caught:
        cr.export.export(net, path, form, inputs=inputs)
    assert not path.exists()
    message = str(caught.value)
    assert not re.search(r"<Value|MismatchError|f32\[", message)
    return message


@pytest.mark.parametrize("form", FORMATS)
def test_an_array_that_python_makes_for_the_rows_is_named(tmp_path, form):
    if form == "onnx":
        pytest.importorskip("onnx", reason="ONNX files are written with it")
    net = cr.nn.Sequential(cr.nn.Dense(3, 2, rng=0), Numbered())
    message = refused(net, tmp_path / "net", form)
    assert message.startswith(f"layer '1', operation add ({__file__}:")
    assert "(12 numbers for 12 rows, 13 for 13)" in message
    assert "(x[:, :1] * 0 + 1).cumsum(axis=0) - 1" in message
    assert "take it as a further input (inputs=(X, numbers))" in message


def test_what_it_advises_can_be_written(tmp_path):
    def summed(x):
        return x + ((x[:, :1] * 0 + 1).cumsum(axis=0) - 1)

    def given(x, numbers):
        return x + numbers

    numbers = np.arange(4.0).reshape(4, 1)
    for net, inputs in ((summed, X), (given, (X, numbers))):
        file = cr.export.numpy(net, tmp_path / "net.py", inputs)
        space = {}
        exec(compile(file.read_text(), file.name, "exec"), space)  # noqa: S102 - ours
        arrays = inputs if isinstance(inputs, tuple) else (inputs,)
        np.testing.assert_allclose(space["predict"](*arrays), X + numbers, rtol=1e-6)


def test_other_numbers_of_the_same_size_are_told(tmp_path):
    message = refused(lambda x: x * np.full(3, x.shape[0], "f4"), tmp_path / "net.py")
    assert "operation multiply (" in message
    assert "(other numbers for 12 rows than for 13)" in message


@pytest.mark.parametrize(
    ("net", "told"),
    [
        (
            lambda x: cr.exp(x) if x.shape[0] > 12 else cr.tanh(x),
            "for 12 rows operation tanh, for 13 rows operation exp.",
        ),
        (
            lambda x: cr.exp(cr.exp(x)) if x.shape[0] > 12 else cr.exp(x),
            "for 12 rows nothing more, for 13 rows operation exp.",
        ),
        (
            lambda x: cr.exp(x) if x.shape[0] > 12 else cr.exp(cr.exp(x)),
            "for 12 rows operation exp, for 13 rows nothing more.",
        ),
    ],
)
def test_what_python_chooses_by_the_rows_is_told(tmp_path, net, told):
    message = refused(net, tmp_path / "net.py")
    assert message.startswith(f"what the network computes ({__file__}:")
    assert told in message
    assert "such as by cr.where" in message
