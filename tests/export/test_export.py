"""Files: what they are called, what is in them, and what is said of wrong ones."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.export import FORMATS, ExportError, export

onnx = pytest.importorskip("onnx", reason="ONNX files are written with it")


@pytest.fixture
def net():
    return cr.nn.Sequential(
        cr.nn.Dense(4, 5, rng=0), cr.nn.SiLU(), cr.nn.Dense(5, 2, rng=1)
    )


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


def test_each_format_has_a_function(net, tmp_path):
    for format, suffix in (("onnx", "onnx"), ("c", "h"), ("numpy", "py")):
        named = getattr(cr.export, format)(net, tmp_path / f"a.{suffix}")
        general = export(net, str(tmp_path / f"b.{suffix}"), format)
        assert named.stat().st_size > 500
        assert general == tmp_path / f"b.{suffix}"
        assert general.stat().st_size == pytest.approx(named.stat().st_size, abs=40)


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_is_replaced_whole_or_not_at_all(format, net, tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(ExportError):
        export(lambda x: (x, "text"), path, format, inputs=np.zeros((1, 2)))
    assert path.read_text() == "before"
    export(net, path, format)
    assert path.read_bytes() != b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_formats(net, tmp_path):
    with pytest.raises(ExportError, match="'onnx', 'c', 'numpy'"):
        export(net, tmp_path / "model", "torch")


def test_what_is_no_network(tmp_path):
    with pytest.raises(ExportError, match=r"a path.*cr\.load"):
        cr.export.numpy("run/", tmp_path / "model.py")
    with pytest.raises(ExportError, match="networks and table runs are exported"):
        cr.export.numpy(np.zeros(3), tmp_path / "model.py")


def test_estimators_are_told_of_their_network(tmp_path):
    class Estimator:
        def to_network(self):
            return cr.nn.Dense(2, 1)

    with pytest.raises(ExportError, match=r"export its network, \.to_network\(\)"):
        cr.export.c(Estimator(), tmp_path / "model.h")


def test_without_onnx_the_extra_is_named(tmp_path):
    code = (
        "import sys; sys.modules['onnx'] = None\n"
        "import chainrule as cr\n"
        "cr.export.onnx(cr.nn.Dense(2, 1), sys.argv[1])"
    )
    done = run_python(["-c", code, str(tmp_path / "model.onnx")])
    assert "pip install 'chainrule[onnx]'" in done.stderr
    assert not list(tmp_path.iterdir())


def run_python(arguments, **options):
    return subprocess.run(  # noqa: S603 - our own files
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


# --- ONNX -------------------------------------------------------------------------


def test_an_onnx_file_says_what_it_is(net, tmp_path):
    model = onnx.load(cr.export.onnx(net, tmp_path / "net.onnx"))
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    assert model.producer_name == "chainrule"
    facts = {p.key: p.value for p in model.metadata_props}
    assert facts["version"] == cr.__version__
    assert json.loads(facts["inputs"]) == {"x": "x"}
    (given,), (found,) = model.graph.input, model.graph.output
    for value, name, width in ((given, "x", 4), (found, "y", 2)):
        rows, columns = value.type.tensor_type.shape.dim
        assert (value.name, rows.dim_param, columns.dim_value) == (name, "rows", width)
    # Weights and nodes are named as the layers are.
    names = {w.name for w in model.graph.initializer}
    assert {"0.W", "0.b", "2.W", "2.b"} <= names
    assert any(node.name.startswith("2/MatMul") for node in model.graph.node)


def test_integers_come_in_as_they_are(tmp_path):
    embed = cr.nn.Embedding(4, 2, rng=0)
    path = cr.export.onnx(embed, tmp_path / "e.onnx", np.zeros((1, 3), np.int32))
    (given,) = onnx.load(path).graph.input
    assert given.type.tensor_type.elem_type == onnx.TensorProto.INT32


def test_examples_come_in_the_dtype_of_the_weights(net, x, tmp_path):
    path = cr.export.onnx(net, tmp_path / "net.onnx", x.astype(np.float64))
    (given,) = onnx.load(path).graph.input
    assert given.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


# --- NumPy ------------------------------------------------------------------------


def test_a_numpy_file_needs_nothing_else(net, x, tmp_path):
    path = cr.export.numpy(net, tmp_path / "model.py")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, numpy; sys.path.insert(0, '.'); import model\n"
        "numpy.save('y.npy', model.predict(numpy.load('x.npy')))\n"
        "print([m for m in sys.modules if m.startswith('chainrule')])"
    )
    done = run_python(["-I", "-c", code], cwd=tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
    y = np.load(tmp_path / "y.npy")
    np.testing.assert_allclose(y, net(x).numpy(), rtol=1e-6, atol=1e-6)
    assert "layer_0 = x @ layer_0_W + layer_0_b" in path.read_text()


def test_a_numpy_file_refuses_other_shapes(net, tmp_path):
    names = {}
    exec(cr.export.numpy(net, tmp_path / "model.py").read_text(), names)  # noqa: S102 - ours
    with pytest.raises(ValueError, match=r"x has shape \(rows, 4\), not \(3, 5\)"):
        names["predict"](np.zeros((3, 5)))


def test_names_from_the_user_cannot_break_a_file(x, tmp_path):
    class Odd(cr.nn.Module):
        def __init__(self):
            self.layers = {
                '"""\\ */ ü': cr.nn.Dense(4, 2, rng=0),
                "class": cr.nn.ReLU(),
            }

        def forward(self, x):
            for layer in self.layers.values():
                x = layer(x)
            return {"return": x, "größe": x + 1}

    net, example, names = Odd(), x[:1], {}
    exec(cr.export.numpy(net, tmp_path / "a b.py", example).read_text(), names)  # noqa: S102 - ours
    found = names["predict"](x)
    np.testing.assert_allclose(found[0], net(x)["return"].numpy(), atol=1e-6)
    onnx.load(cr.export.onnx(net, tmp_path / "int.onnx", example))
    header = cr.export.c(net, tmp_path / "int.h", example).read_text()
    assert "void int_predict(const float *x, float *return_, float *grosse" in header


# --- C ----------------------------------------------------------------------------

PROGRAM = """
#include <stdio.h>
#include "net.h"
int main(void)
{
    float x[24], y[12];
    for (int i = 0; i < 24; ++i) if (scanf("%a", &x[i]) != 1) return 1;
    net_predict(x, y, 6);
    for (int i = 0; i < 12; ++i) printf("%a\\n", (double)y[i]);
    return 0;
}
"""


@pytest.mark.parametrize("compiler", [("gcc", "-std=c99"), ("clang", "-std=c99"),
                                      ("g++", "-std=c++17")])  # fmt: skip
def test_a_header_in_a_program(compiler, net, x, tmp_path):
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"there is no {compiler[0]} here")
    header = cr.export.c(net, tmp_path / "net.h")
    source = tmp_path / ("main.cpp" if compiler[0] == "g++" else "main.c")
    source.write_text(PROGRAM)
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
    subprocess.run(  # noqa: S603 - our own code
        [*compiler, *warnings, "-O2", str(source), "-o", "main", "-lm"],
        cwd=tmp_path,
        check=True,
    )
    given = "\n".join(float(number).hex() for number in x.ravel())
    done = subprocess.run(  # noqa: S603 - likewise
        [tmp_path / "main"], input=given, capture_output=True, text=True, check=True
    )
    y = np.array([float.fromhex(line) for line in done.stdout.split()]).reshape(6, 2)
    np.testing.assert_allclose(y, net(x).numpy(), rtol=1e-5, atol=1e-5)
    text = header.read_text()
    assert "malloc" not in text
    assert "The memory that one row takes" in text


def test_numbers_in_a_header_are_exact(tmp_path):
    W = np.array([[1 / 3], [np.nextafter(np.float32(1), np.float32(2))], [1e-40]])
    net = cr.nn.Dense(3, 1, bias=False)
    net.W.assign(W.astype(np.float32))
    text = cr.export.c(net, tmp_path / "net.h").read_text()
    table = text.split("net_W[3] = {")[1].split("}")[0]
    numbers = [float.fromhex(n.strip().rstrip("f")) for n in table.split(",")]
    assert (np.array(numbers, np.float32) == W.astype(np.float32).ravel()).all()
