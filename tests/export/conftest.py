"""Models of single graphs, and how each format is run."""

import ctypes
import shutil
import subprocess
from dataclasses import dataclass
from importlib import import_module

import numpy as np
import pytest

from chainrule.export import to_c, to_numpy
from chainrule.export.model import Input, Model, Output, known, model_of
from chainrule.passes.generalise import generalise

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
C99, CPP = ("gcc", "-std=c99"), ("g++", "-std=c++17")


@dataclass
class Formats:
    """How the tests run what is exported."""

    folder: object

    # --- models -------------------------------------------------------------------

    @staticmethod
    def of_graphs(graphs, rows, name="model"):
        """A model of graphs that differ in sizes alone; x0, x1, ... and y0, y1, ..."""
        samples = generalise(*graphs)
        return Model(
            name,
            samples,
            tuple(rows),
            tuple(Input(f"x{i}", f"x{i}", v) for i, v in enumerate(graphs[0].inputs)),
            tuple(Output(f"y{i}", v) for i, v in enumerate(samples.outputs)),
            known(samples, {}),
            {},
        )

    @staticmethod
    def of_net(net, inputs=None, name="model"):
        """The model of a network."""
        return model_of(net, inputs, name, facts={})

    # --- running them -------------------------------------------------------------

    @staticmethod
    def onnx(model, arrays):
        """What onnxruntime gives."""
        pytest.importorskip("onnx", reason="ONNX files are written with it")
        runtime = pytest.importorskip("onnxruntime", reason="it runs ONNX files")
        to_onnx = import_module("chainrule.export.to_onnx")
        runtime.set_default_logger_severity(4)
        content = to_onnx.to_proto(model).SerializeToString()
        session = runtime.InferenceSession(content)
        given = zip(model.inputs, arrays, strict=True)
        feed = {x.name: np.asarray(a) for x, a in given}
        wanted = {x.name for x in session.get_inputs()}
        return session.run(None, {k: v for k, v in feed.items() if k in wanted})

    @staticmethod
    def numpy(model, arrays):
        """What the Python file gives."""
        names = {"__name__": "exported"}
        exec(compile(to_numpy.source(model), "exported.py", "exec"), names)  # noqa: S102 - it is ours
        with np.errstate(all="ignore"):
            y = names["predict"](*arrays)
        return y if isinstance(y, tuple) else (y,)

    def c(self, model, arrays, rows=None, compiler=C99):
        """What the header gives: for one row, or for so many."""
        return self.run(self.program([model], compiler), model, arrays, rows)

    @staticmethod
    def run(program, model, arrays, rows=None):
        """What a compiled model gives: for one row, or for so many."""
        inputs = [np.ascontiguousarray(a) for a in arrays]
        outputs = [
            np.empty([n.at(1 if rows is None else rows) for n in model.shape(y.value)],
                     y.value.type.dtype)
            for y in model.outputs
        ]  # fmt: skip
        places = [ctypes.c_void_p(a.ctypes.data) for a in (*inputs, *outputs)]
        if rows is None:
            assert getattr(program, f"run_{model.name}")(*places) == 1
        else:
            getattr(program, f"all_{model.name}")(*places, ctypes.c_size_t(rows))
        return outputs

    def program(self, models, compiler=C99):
        """The functions of several models, compiled without a warning."""
        headers = "\n".join(to_c.source(model) for model in models)
        callers = "\n".join(_caller(model) for model in models)
        return self.built(f"{_EXPORTED}\n{headers}\n{callers}", compiler)

    def built(self, text, compiler=C99):
        """A library of C code, compiled without a warning."""
        if shutil.which(compiler[0]) is None:
            pytest.skip(f"there is no {compiler[0]} to compile with")
        number = len(list(self.folder.iterdir()))
        kind = "cpp" if compiler is CPP else "c"
        file = self.folder / f"program{number}.{kind}"
        file.write_text(text, encoding="utf-8")
        library = file.with_suffix(".so")
        command = [*compiler, *WARNINGS, "-O0", "-shared", "-fPIC", str(file)]
        done = subprocess.run(  # noqa: S603 - our own code
            [*command, "-o", str(library), "-lm"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[:3000]
        return ctypes.CDLL(str(library))


_EXPORTED = """
#ifdef __cplusplus
#define EXPORTED extern "C"
#else
#define EXPORTED extern
#endif
"""


def _caller(model):
    """Functions that a program in Python can call."""
    names = [x.name for x in (*model.inputs, *model.outputs)]
    pointers = ", ".join(to_c.pointers(model))
    one = f"int run_{model.name}({pointers})"
    every = f"void all_{model.name}({pointers}, size_t rows)"
    return f"""
EXPORTED {one};
EXPORTED {every};
{one} {{
    {model.name}_scratch scratch;
    return {model.name}_row({", ".join([*names, "&scratch"])});
}}
{every} {{ {model.name}_predict({", ".join(names)}, rows); }}
"""


@pytest.fixture
def formats(tmp_path):
    folder = tmp_path / "programs"
    folder.mkdir()
    return Formats(folder)


@pytest.fixture
def close():
    """Assert that results are the same within `tolerance`, of their size and of 1."""

    def check(found, expected, tolerance):
        assert len(found) == len(expected)
        for a, b in zip(map(np.asarray, found), map(np.asarray, expected), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            if b.dtype.kind == "f":
                np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
            else:
                np.testing.assert_array_equal(a, b)

    return check
