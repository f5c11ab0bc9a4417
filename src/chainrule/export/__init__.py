"""Networks for other programs: as an ONNX file, a C header, or a NumPy script.

    cr.export.onnx(net, "model.onnx")      # for onnxruntime and others; needs the extra
    cr.export.c(net, "model.h")            # one header, C99, without dependencies
    cr.export.numpy(net, "model.py")       # one readable file that needs NumPy alone

All three are written from one graph: what the network computes when it predicts,
traced for several numbers of rows, so that it serves any number of them. Given a
`TableRun`, the encoding of the table comes along: raw columns in, predictions out.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from chainrule.export.errors import ExportError
from chainrule.export.model import Model, model_of
from chainrule.export.names import identifier
from chainrule.nn import Module

__all__ = ["FORMATS", "ExportError", "c", "export", "numpy", "onnx"]

# Each format and the module that writes it.
_WRITERS: Final = {
    "onnx": "chainrule.export.to_onnx",
    "c": "chainrule.export.to_c",
    "numpy": "chainrule.export.to_numpy",
}
FORMATS: Final = tuple(_WRITERS)


def export(
    net: Any,
    path: str | Path,
    format: str,
    *,
    inputs: Any = None,
    name: str | None = None,
) -> Path:
    """Write `net` to the file `path` in one of `FORMATS`; the path.

    Args:
        net: a network, a function of tensors such as `lambda x: cr.softmax(net(x))`,
            a `TableRun`, or a fitted `TableClassifier` or `TableRegressor`. It is
            written as it is in evaluation mode.
        path: the file; it is replaced once all of it is on the disk.
        format: `"onnx"`, `"c"` or `"numpy"`.
        inputs: an example of what the network takes: an array whose first axis is the
            rows, several in a tuple, or a dict of them by the names of its arguments.
            Real numbers come in in the dtype of a network's weights. May be left out
            where the first layer says what it takes, and for a run.
        name: what it is called in the file; by default, what the file is called.

    Raises:
        ExportError: where it cannot be written, and why.
        ImportError: for ONNX, where the extra `chainrule[onnx]` is not installed.
        OSError: where the file cannot be written.

    >>> import chainrule as cr, tempfile
    >>> net = cr.nn.Sequential(cr.nn.Dense(2, 1, W_init="ones"), cr.nn.Sigmoid())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = export(net, Path(folder) / "model.py", "numpy")
    ...     print(file.name, "sigmoid" in file.read_text())
    model.py True
    """
    if format not in _WRITERS:
        known = ", ".join(map(repr, FORMATS))
        raise ExportError(f"there is no format {format!r}; known are {known}")
    path = Path(path)
    writer = import_module(_WRITERS[format])  # of which one needs an extra
    model = _model(net, inputs, identifier(name or path.stem, "model"))
    writer.write(model, path)
    return path


def onnx(
    net: Any, path: str | Path, inputs: Any = None, *, name: str | None = None
) -> Path:
    """Write `net` as an ONNX file of opset 17, for any number of rows; the path.

    A table run takes one tensor for each column: `double` for numbers, also where they
    are categories, and for dates, as days since 1970 in UTC, with NaN where one is
    missing; `string` for other categories, with `""`. It gives `label` and
    `probabilities`, or `prediction`. Arguments and errors are those of `export`.
    """
    return export(net, path, "onnx", inputs=inputs, name=name)


def c(
    net: Any, path: str | Path, inputs: Any = None, *, name: str | None = None
) -> Path:
    """Write `net` as a C header, without dependencies; the path.

    It declares `void NAME_predict(const float *x, float *y, size_t rows)`, which
    allocates nothing and may run on any number of threads. Arguments and errors are
    those of `export`; rows have to be independent of one another.
    """
    return export(net, path, "c", inputs=inputs, name=name)


def numpy(
    net: Any, path: str | Path, inputs: Any = None, *, name: str | None = None
) -> Path:
    """Write `net` as a Python file that needs NumPy alone; the path.

    It has a function `predict`, written as readable steps, and the weights. Arguments
    and errors are those of `export`.
    """
    return export(net, path, "numpy", inputs=inputs, name=name)


def _model(net: Any, inputs: Any, name: str) -> Model:
    if isinstance(net, (str, Path)):
        raise ExportError(
            f"{str(net)!r} is a path: load what is there first, with cr.load or "
            "cr.tabular.load_run"
        )
    net = getattr(net, "run_", net)  # of a TableClassifier or TableRegressor
    if hasattr(net, "encoder") and hasattr(net, "net"):
        if inputs is not None:
            raise ExportError("a table run knows its inputs: leave out inputs=")
        # Tables need an extra, and networks do not.
        table = import_module("chainrule.export.table")
        model: Model = table.model_of_run(net, name)
        return model
    if not callable(net):
        advice = ""
        if hasattr(net, "to_network"):
            advice = ": export its network, .to_network(), which gives logits"
        raise ExportError(f"networks and table runs are exported, not {net!r}{advice}")
    return model_of(net, inputs, name, facts=_facts(net))


def _facts(net: Callable[..., Any]) -> dict[str, Any]:
    if not isinstance(net, Module):
        return {"title": getattr(net, "__name__", "a network")}
    return {"title": type(net).__name__, "layers": _layers(net)}


def _layers(net: Module) -> str:
    return ", ".join(m.title() for m in net.modules().values() if m is not net)
