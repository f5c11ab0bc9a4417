"""`chainrule info`, `compare` and `export`."""

import json
import shutil

import pyarrow as pa
import pytest
from pyarrow import parquet

from chainrule.tabular import load_run, train_table


@pytest.fixture(scope="session")
def other_run(homes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "other"
    train_table(homes, "price", epochs=4, hidden=(8,), out=folder)
    return folder


# --- info -----------------------------------------------------------------------------


def test_what_is_in_a_run(chainrule, homes_run):
    told = chainrule("info", homes_run)
    assert (told.code, told.err) == (0, "")
    for words in (
        "price, a number",
        "140 training, 30 validation, 30 test rows",
        "→ 64 relu → 64 relu → 1 output",
        "3 epochs in ",
        "optimizer adamw",
        "On 30 test rows it has not seen",
        "Root mean squared error",
        "size",
        "2 different",
    ):
        assert words in told.out


def test_what_is_in_a_run_as_json(chainrule, cancer_run):
    found = json.loads(chainrule("info", cancer_run, "--json").out)
    run = load_run(cancer_run)
    assert found["finished"] is True
    assert found["classes"] == ["benign", "malignant"]
    assert len(found["columns"]) == 30
    assert found["network"]["parameters"] == 6209
    assert found["test"]["accuracy"] == run.evaluation.metrics["accuracy"]
    assert found["files"]["model.json"] == (cancer_run / "model.json").stat().st_size
    assert found["provenance"]["seed"] == 0


def test_what_a_table_looks_like(chainrule, homes_csv):
    told = chainrule("info", homes_csv)
    assert "200 rows, 3 columns" in told.out
    assert "Köln" in told.out
    found = json.loads(chainrule("info", homes_csv, "--json").out)
    kinds = {column["name"]: column["kind"] for column in found["columns"]}
    assert kinds == {"size": "number", "town": "category", "price": "number"}
    assert found["columns"][1]["common"].keys() == {"Ulm", "Köln"}


def test_columns_that_are_no_inputs_say_why(chainrule, tmp_path):
    rows = [f"{k},same,{'' if k % 2 else k},{k}.5" for k in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["patient_id,c,gap,x", *rows]))
    found = json.loads(chainrule("info", "t.csv", "--json").out)
    columns = {column["name"]: column for column in found["columns"]}
    assert columns["patient_id"]["kind"] == "identifier"
    assert "always 'same'" in columns["c"]["why"]
    assert columns["gap"]["missing"] == 20


def test_what_cannot_be_an_input_is_no_failure(chainrule, tmp_path):
    lists = pa.table({"x": [1.0, 2.0, 3.0, 4.0], "l": [[1], [2], [3], [4]]})
    parquet.write_table(lists, tmp_path / "t.parquet")
    told = chainrule("info", "t.parquet")
    assert told.code == 0
    assert "refused" in told.out


def test_a_training_that_is_not_over(chainrule, homes, tmp_path):
    unfinished = tmp_path / "run" / "unfinished"
    unfinished.mkdir(parents=True)
    train_table(homes, "price", epochs=2, hidden=(2,), out=tmp_path / "other")
    for name in ("training.json", "checkpoint.safetensors"):
        (unfinished / name).write_bytes((tmp_path / "other" / name).read_bytes())
    told = chainrule("info", "run")
    assert "2 of 2 epochs" in told.out
    assert "chainrule train --resume run" in told.out
    found = json.loads(chainrule("info", "run", "--json").out)
    assert found["finished"] is False
    assert found["epochs"] == 2


# --- compare --------------------------------------------------------------------------


def test_runs_side_by_side(chainrule, homes_run, other_run, homes_csv):
    told = chainrule("compare", homes_run, other_run)
    assert (told.code, told.err) == (0, "")
    for words in (
        "hidden   64, 64       8",
        "epochs",
        "On the same 30 test rows",
        "best",
    ):
        assert words in told.out
    assert "seed" not in told.out
    told = chainrule("compare", homes_run, other_run, "--table", homes_csv)
    assert "Where they differ most" in told.out


def test_classes_that_are_predicted_differently(
    chainrule, cancer_run, cancer, tmp_path
):
    train_table(cancer, "diagnosis", epochs=1, hidden=(), seed=1, out=tmp_path / "a")
    options = ("compare", cancer_run, "a", "--table", cancer, "--json")
    found = json.loads(chainrule(*options).out)
    assert found["settings"]["seed"] == [0, 1]
    assert found["same_test_rows"] is False
    assert len(found["history"][0]["val_loss"]) == 3
    judged = found["judged"]
    assert judged["rows"] == 569
    assert 0 < judged["differing"] < 569
    runs = [load_run(folder).predict(cancer) for folder in (cancer_run, "a")]
    said = [run["predicted_diagnosis"].to_pylist() for run in runs]
    assert judged["differing"] == sum(a != b for a, b in zip(*said, strict=True))
    first = judged["most_different"][0]
    assert first["predicted"] == [each[first["row"] - 1] for each in said]


def test_a_run_beside_itself(chainrule, cancer_run, cancer):
    told = chainrule("compare", cancer_run, cancer_run, "--table", cancer)
    assert "They were asked for the same." in told.out
    assert "They predict the same for every row." in told.out


def test_runs_that_cannot_be_compared(chainrule, homes_run, cancer_run):
    told = chainrule("compare", homes_run, cancer_run)
    assert told.code == 1
    assert "only runs that predict the same" in told.err
    assert chainrule("compare", homes_run).code == 2


# --- export ---------------------------------------------------------------------------


def test_a_network_is_written_in_other_formats(chainrule, homes_run, tmp_path):
    told = chainrule("export", homes_run, "--numpy", "homes.py", "--c", "homes.h")
    assert (told.code, told.out) == (0, "")
    assert "written to homes.py" in told.err
    assert (tmp_path / "homes.h").read_text()
    compile((tmp_path / "homes.py").read_text(), "homes.py", "exec")
    told = chainrule("export", homes_run, "--numpy", "homes.py", "--json")
    size = (tmp_path / "homes.py").stat().st_size
    assert json.loads(told.out)["files"] == {
        "numpy": {"file": "homes.py", "bytes": size}
    }


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        ([], 2, "Say what to write"),
        (["--numpy", "nowhere/homes.py"], 1, "there is no folder nowhere"),
        (["--onnx", "folder"], 1, "folder is a folder"),
    ],
)
def test_what_cannot_be_written(
    chainrule, homes_run, tmp_path, options, code, complaint
):
    (tmp_path / "folder").mkdir()
    told = chainrule("export", homes_run, *options)
    assert told.code == code
    assert complaint in told.err


# --- narrow terminals -----------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_is_cut_off_on_a_narrow_terminal(
    chainrule, cancer_run, cancer, monkeypatch, tmp_path, width
):
    for name in ("a", "b"):
        shutil.copytree(cancer_run, tmp_path / name)
    shutil.copy(cancer, tmp_path / "t.csv")  # a name that fits, wherever the tests are
    monkeypatch.setenv("COLUMNS", str(width))
    told = chainrule("info", "a")
    lines = told.out.splitlines()
    assert any(line.startswith("compactness error ") for line in lines)
    assert ("kind" in told.out) == (width > 60)
    compared = chainrule("compare", "a", "b", "--table", "t.csv")
    courses = [line for line in compared.out.splitlines() if " best 0." in line]
    assert len(courses) == 2
    assert all(line.endswith(" in 3 epochs") for line in courses)
    for line in (told.out + compared.out).splitlines():
        assert "…" not in line
        assert len(line) <= width


# --- results for programs -------------------------------------------------------------


def test_predictions_as_json_lines(chainrule, cancer_run, cancer, tmp_path):
    told = chainrule("predict", cancer_run, cancer, "--json")
    rows = [json.loads(line) for line in told.out.splitlines()]
    assert len(rows) == 569
    assert rows[0].keys() == {
        *("predicted_diagnosis", "probability_benign", "probability_malignant")
    }
    told = chainrule("predict", cancer_run, cancer, "--json", "-o", "out.parquet")
    found = json.loads(told.out)
    assert (found["rows"], found["out"], found["notes"]) == (569, "out.parquet", [])
    assert parquet.read_table(tmp_path / "out.parquet").num_rows == 569


def test_graphs_as_json(chainrule):
    found = json.loads(
        chainrule("graph", "z*(2*x + y)", "x=3", "y=-4", "z=5", "--json").out
    )
    assert found["result"] == 10
    gradients = {name: x["gradient"] for name, x in found["variables"].items()}
    assert gradients == {"x": 10, "y": 5, "z": 2}
