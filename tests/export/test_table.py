"""Runs on tables in every format: encodings, categories, gaps, dates, predictions."""

import ctypes
import importlib.util
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

import chainrule as cr
from chainrule.export import ExportError, to_c
from chainrule.export.c_table import quoted
from chainrule.export.table import model_of_run
from chainrule.tables import TableWarning
from chainrule.tables.dates import instants
from chainrule.tabular import train_table

FORMATS = ["onnx", "numpy", "c"]


def people(n=240, seed=0):
    """Columns of every kind, with gaps, names that no language takes, three targets."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(20, 200, n)
    town = rng.choice(["Ulm", "Aachen", "Köln", 'a "b"?'], n, p=[0.4, 0.3, 0.2, 0.1])
    age = rng.integers(0, 80, n).astype(float)
    days = rng.integers(0, 3000 * 86400, n).astype("timedelta64[s]")
    since = np.datetime64("2015-01-01T00:00:00", "us") + days
    owns = rng.choice(["yes", "no"], n)
    grade = rng.integers(1, 5, n)
    gaps = rng.random((4, n)) < 0.1
    noise = rng.normal(0, 10, n)
    price = np.exp((size + 40 * (town == "Ulm") + noise) / 100)
    return pa.table(
        {
            "größe": size,
            "class": masked(town, gaps[0]),
            "2nd age": masked(age, gaps[1]),
            "int": grade,
            "since": masked(since, gaps[2]),
            "owns?": masked(owns, gaps[3]),
            "price": price,
            "kind": np.where(size + noise > 130, "big", np.where(age > 40, "old", "x")),
            "sold": size + noise > 100,
        }
    )


def masked(array, gaps):
    cells = [
        None if gap else cell for cell, gap in zip(array.tolist(), gaps, strict=True)
    ]
    return pa.array(cells)


TABLE, NEW = people(), people(40, seed=1)


@pytest.fixture(scope="module")
def run_of():
    """Runs by their options, each trained once."""
    found = {}

    def train(**options):
        key = str(options)
        if key not in found:
            kinds = {"int": "category", "since": "date"}
            found[key] = train_table(
                TABLE, kinds=kinds, epochs=2, hidden=(8,), **options
            )
        return found[key]

    return train


def expected(run, table):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)
        return run.predict(table)


# --- running what is exported -----------------------------------------------------


def feeds(model, table):
    """The columns of a table as ONNX and C take them."""
    found = {}
    for x in model.inputs:
        column = table[x.title]
        if x.kind == "text":
            cells = ["" if cell is None else str(cell) for cell in column.to_pylist()]
            found[x.name] = np.array(cells, object)
        elif x.kind == "number":
            found[x.name] = np.array(column.cast(pa.float64()).to_pylist(), float)
        else:
            times = column.to_numpy().astype("datetime64[us]")
            days = times.astype(np.int64) / 86_400_000_000
            found[x.name] = np.where(np.isnat(times), np.nan, days)
    return found


def predict(format, model, table, formats):
    """Labels or nothing, and the numbers, of shape `(rows, k)`."""
    given = feeds(model, table)
    if format == "c":
        return in_c(model, given, formats)
    if format == "numpy":
        columns = {name: table[name].to_pylist() for name in table.column_names}
        found = formats.numpy(model, [columns])[0]
    else:
        values = formats.onnx(model, [given[x.name] for x in model.inputs])
        names = [y.name for y in model.outputs]
        found = dict(zip(names, values, strict=True))
    if "prediction" in found:
        return None, found["prediction"][:, None]
    return list(found["label"]), found["probabilities"]


CPP = ("g++", "-std=c++17")


def in_c(model, given, formats, *compiler):
    """A program with the rows in it, which prints what it predicts."""
    rows = len(next(iter(given.values())))
    cells = [
        ", ".join(_cell(x, given[x.name][row]) for x in model.inputs)
        for row in range(rows)
    ]
    labels = model.outputs[0].labels
    width = 1 if labels is None else len(labels)
    number = "found[r].prediction" if labels is None else "found[r].probabilities[k]"
    index = "0" if labels is None else "found[r].index"
    body = ",\n".join(f"{{{cell}}}" for cell in cells)
    text = f"""
{to_c.source(model)}
#ifdef __cplusplus
extern "C"
#endif
int run(double *numbers, int64_t *indices);
int run(double *numbers, int64_t *indices)
{{
    static const {model.name}_record rows[{rows}] = {{ {body} }};
    static {model.name}_prediction found[{rows}];
    {model.name}_predict(rows, found, {rows});
    for (size_t r = 0; r < {rows}; ++r) {{
        indices[r] = {index};
        for (size_t k = 0; k < {width}; ++k) numbers[r * {width} + k] = {number};
    }}
    return 0;
}}"""
    library = formats.built(text, *compiler)
    numbers, indices = np.zeros((rows, width)), np.zeros(rows, np.int64)
    library.run(*(ctypes.c_void_p(a.ctypes.data) for a in (numbers, indices)))
    return None if labels is None else [labels[i] for i in indices], numbers


def _cell(x, cell):
    if x.kind == "text":
        return quoted(cell) if cell else "NULL"
    return "(double)NAN" if np.isnan(cell) else float(cell).hex()


# --- tests ------------------------------------------------------------------------

ENCODINGS = {
    "standard": {},
    "robust": {"scaling": "robust"},
    "quantile": {"scaling": "quantile"},
    "rare": {"max_categories": 2},
    "embedded": {"max_categories": 2, "embed": True, "min_count": 1},
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("target", ["kind", "sold"])
@pytest.mark.parametrize("format", FORMATS)
def test_classes(format, target, encoding, run_of, formats):
    run = run_of(target=target, **ENCODINGS[encoding])
    labels, p = predict(format, model_of_run(run, "model"), NEW, formats)
    wanted = expected(run, NEW)
    assert [str(label) for label in labels] == [str(c) for c in wanted[0].to_pylist()]
    every = np.stack([column.to_numpy() for column in wanted.columns[1:]], axis=1)
    np.testing.assert_allclose(p, every, atol=1e-6)


@pytest.mark.parametrize("transform", ["none", "log1p", "yeo-johnson", "quantile"])
@pytest.mark.parametrize("format", FORMATS)
def test_numbers_in_their_units(format, transform, run_of, formats):
    run = run_of(target="price", target_transform=transform)
    _, found = predict(format, model_of_run(run, "model"), NEW, formats)
    wanted = expected(run, NEW)[0].to_numpy()
    np.testing.assert_allclose(found[:, 0], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("format", FORMATS)
def test_what_is_new_counts_as_in_a_run(format, encoding, run_of, formats):
    """New categories, gaps where training had none, and values far from all seen."""
    run = run_of(target="kind", **ENCODINGS[encoding])
    table = NEW.slice(0, 4)
    for name, cells in (
        ("class", ["Berlin", "", "Ulm", "?"]),
        ("größe", [None, 1e9, -1e9, 50.0]),
        ("int", [9, 1, None, 2]),
    ):
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(cells))
    _, p = predict(format, model_of_run(run, "model"), table, formats)
    wanted = expected(run, table)
    every = np.stack([column.to_numpy() for column in wanted.columns[1:]], axis=1)
    np.testing.assert_allclose(p, every, atol=1e-6)


def test_names_are_those_of_the_columns_as_far_as_they_can_be(run_of):
    model = model_of_run(run_of(target="kind"), "model")
    assert [(x.title, x.name) for x in model.inputs] == [
        ("größe", "grosse"),
        ("class", "class_"),
        ("2nd age", "column_2nd_age"),
        ("int", "int_"),
        ("since", "since"),
        ("owns?", "owns"),
        ("price", "price"),
        ("sold", "sold"),
    ]
    assert model.facts["target"] == "kind"
    assert model.facts["classes"] == ["big", "old", "x"]
    assert model.facts["trained"]["seed"] == 0


@pytest.mark.parametrize("written", ["iso", "d/m/y", "m/d/y", "names", "clock"])
@pytest.mark.parametrize("format", ["onnx", "numpy"])
def test_dates_however_they_are_written(format, written, formats):
    ways = {"iso": "%Y-%m-%d %H:%M", "d/m/y": "%d.%m.%Y", "m/d/y": "%m/%d/%Y",
            "names": "%d %b %Y", "clock": "%H:%M"}  # fmt: skip
    rng = np.random.default_rng(0)
    seconds = rng.integers(-(10**9), 1.7e9, 120).astype("timedelta64[s]")
    times = (np.datetime64("1970-01-01") + seconds).astype("datetime64[s]").tolist()
    text = [time.strftime(ways[written]) for time in times]
    late = [time.hour > 11 if written == "clock" else time.month > 6 for time in times]
    table = pa.table({"when": text, "late": late})
    run = train_table(table, "late", kinds={"when": "date"}, epochs=1, hidden=(4,))
    assert run.encoder.columns[0].written == written
    model = model_of_run(run, "model")
    wanted = run.predict(table)
    if format == "numpy":
        found = formats.numpy(model, [{"when": text}])[0]["probabilities"]
    else:
        day = run.encoder.columns[0]
        stamps = instants("when", run.encoder.read(table)["when"], day.written).astype(
            np.int64
        )
        found = formats.onnx(model, [stamps / 86_400_000_000])[1]
    np.testing.assert_allclose(found[:, 1], wanted[2].to_numpy(), atol=1e-6)


@pytest.mark.parametrize("form", [dict, "pandas", "polars"])
def test_numpy_takes_frames(form, run_of, formats):
    run = run_of(target="kind")
    if form is dict:
        frame = {name: NEW[name].to_pylist() for name in NEW.column_names}
    else:
        library = pytest.importorskip(form)
        frame = NEW.to_pandas() if form == "pandas" else library.from_arrow(NEW)
    found = formats.numpy(model_of_run(run, "model"), [frame])[0]
    assert found["label"].tolist() == expected(run, NEW)[0].to_pylist()


def test_numpy_as_a_script(run_of, tmp_path):
    run = run_of(target="kind")
    path = cr.export.numpy(run, tmp_path / "model.py")
    csv.write_csv(NEW, tmp_path / "new.csv")
    done = subprocess.run(  # noqa: S603 - our own file
        [sys.executable, "-I", str(path), str(tmp_path / "new.csv")],
        capture_output=True,
        check=True,
    )
    (tmp_path / "out.csv").write_bytes(done.stdout)
    found, wanted = csv.read_csv(tmp_path / "out.csv"), expected(run, NEW)
    assert found.column_names == wanted.column_names
    assert found[0].to_pylist() == wanted[0].to_pylist()
    np.testing.assert_allclose(found[1].to_numpy(), wanted[1].to_numpy(), atol=1e-6)


def test_numpy_says_what_is_wrong_with_a_table(run_of, tmp_path):
    path = cr.export.numpy(run_of(target="kind"), tmp_path / "model.py")
    spec = importlib.util.spec_from_file_location("exported_model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table = {name: NEW[name].to_pylist() for name in NEW.column_names}
    with pytest.raises(KeyError, match="lacks the column 'class'"):
        module.predict({k: v for k, v in table.items() if k != "class"})
    with pytest.raises(ValueError, match=r"column 'größe', row 2: 'much' is no number"):
        module.predict({**table, "größe": [1.0, "much", *table["größe"][2:]]})
    with pytest.raises(ValueError, match="column 'since' holds 'soon': no date"):
        module.predict({**table, "since": ["soon", *table["since"][1:]]})


def test_a_header_of_a_table_is_cpp_too(run_of, formats):
    model = model_of_run(run_of(target="kind"), "model")
    labels, _ = in_c(model, feeds(model, NEW), formats, CPP)
    assert labels == expected(run_of(target="kind"), NEW)[0].to_pylist()


def test_a_run_knows_its_inputs(run_of, tmp_path):
    with pytest.raises(ExportError, match="leave out inputs="):
        cr.export.numpy(
            run_of(target="kind"), tmp_path / "m.py", inputs=np.zeros((1, 2))
        )


def test_estimators_for_tables(tmp_path):
    pytest.importorskip("sklearn", reason="the classes are estimators of it")
    from chainrule.sklearn import TableRegressor  # noqa: PLC0415 - optional

    frame = TABLE.drop_columns(["kind", "sold", "price"])
    fitted = TableRegressor(epochs=1, hidden=(4,)).fit(frame, TABLE["price"].to_numpy())
    names = {"__name__": "exported"}
    exec(cr.export.numpy(fitted, tmp_path / "m.py").read_text("utf-8"), names)  # noqa: S102 - ours
    columns = {name: NEW[name].to_pylist() for name in frame.column_names}
    found = names["predict"](columns)["prediction"]
    wanted = fitted.predict(NEW.select(frame.column_names))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_kind_of_column_that_has_no_rule(run_of, tmp_path):
    run = run_of(target="kind")

    class Secret(type(run.encoder.columns[0])):
        pass

    first = run.encoder.columns[0]
    secret = Secret(*(getattr(first, name) for name in first.__dataclass_fields__))
    columns = (secret, *run.encoder.columns[1:])
    other = replace(run, encoder=replace(run.encoder, columns=columns))
    with pytest.raises(
        ExportError, match=r"column 'größe' is encoded as Secret.*run\.net"
    ):
        cr.export.c(other, tmp_path / "model.h")


def test_a_run_that_was_loaded(run_of, formats, tmp_path):
    run = run_of(target="kind")
    run.save(tmp_path / "run")
    again = cr.tabular.load_run(tmp_path / "run")
    labels, _ = predict("numpy", model_of_run(again, "model"), NEW, formats)
    assert labels == expected(run, NEW)[0].to_pylist()
