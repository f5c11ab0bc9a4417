"""`chainrule predict` and `chainrule evaluate`."""

import csv
import json
import os
import subprocess
import sys

import pyarrow as pa
import pytest
from pyarrow import parquet

from chainrule.tabular import load_run


def rows_of(text):
    return list(csv.DictReader(text.splitlines()))


def test_predictions_go_to_stdout_as_csv(chainrule, cancer_run, cancer):
    told = chainrule("predict", cancer_run, cancer)
    assert told.code == 0
    rows = rows_of(told.out)
    assert len(rows) == 569
    assert list(rows[0]) == [
        *("predicted_diagnosis", "probability_benign", "probability_malignant")
    ]
    assert float(rows[0]["probability_malignant"]) > 0.5
    assert rows[0]["predicted_diagnosis"] == "malignant"
    assert told.err == ""


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_predictions_go_to_a_file(chainrule, homes_run, homes_csv, tmp_path, name):
    told = chainrule("predict", homes_run, homes_csv, "-o", name)
    assert (told.code, told.out) == (0, "")
    assert told.err == f"200 rows written to {name}\n"
    expected = load_run(homes_run).predict(homes_csv)["predicted_price"].to_pylist()
    if name.endswith("csv"):
        rows = rows_of((tmp_path / name).read_text())
        found = [float(row["predicted_price"]) for row in rows]
    else:
        found = parquet.read_table(tmp_path / name)["predicted_price"].to_pylist()
    assert found == expected


def test_the_columns_of_the_table_come_along_when_asked(chainrule, homes_run, tmp_path):
    (tmp_path / "new.csv").write_text('id,town,size\n7,"Ulm",50\n,Köln,\n')
    told = chainrule("predict", homes_run, "new.csv", "--with-inputs")
    rows = rows_of(told.out)
    assert list(rows[0]) == ["id", "town", "size", "predicted_price"]
    assert [row["town"] for row in rows] == ["Ulm", "Köln"]
    assert rows[1]["size"] == ""
    assert "note: column 'size': missing in row 2" in told.err


def test_categories_of_a_frame_are_written_as_text(chainrule, homes_run, tmp_path):
    town = pa.array(["Ulm", "Köln"]).dictionary_encode()
    parquet.write_table(pa.table({"town": town, "size": [1.0, 2.0]}), tmp_path / "n.pq")
    told = chainrule("predict", homes_run, "n.pq", "--with-inputs")
    assert [row["town"] for row in rows_of(told.out)] == ["Ulm", "Köln"]


def test_what_is_new_is_said_on_stderr(chainrule, homes_run, tmp_path):
    (tmp_path / "new.csv").write_text("town,size\nParis,50\n")
    told = chainrule("predict", homes_run, "new.csv")
    assert told.code == 0
    assert len(rows_of(told.out)) == 1
    assert told.err.startswith("note: column 'town': ")
    assert "'Paris'" in told.err


def test_delimiter_and_encoding(chainrule, homes_run, tmp_path):
    (tmp_path / "new.csv").write_bytes("town|size\nKöln|50\n".encode("latin-1"))
    told = chainrule(
        *("predict", homes_run, "new.csv", "--delimiter", "|", "--encoding", "latin-1")
    )
    assert told.code == 0
    assert told.err == ""


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (["-o", "out.txt"], 2, "has to end in .csv, .tsv, .jsonl"),
        (["-o", "nowhere/out.csv"], 1, "there is no folder nowhere"),
        (["-o", "folder.csv"], 1, "is a folder"),
        (["-o", "homes.csv"], 2, "is the table itself"),
        (["--frob"], 2, "No such option"),
    ],
)
def test_places_that_make_no_sense(
    chainrule, homes_run, homes_csv, tmp_path, options, code, complaint
):
    (tmp_path / "folder.csv").mkdir()
    told = chainrule("predict", homes_run, homes_csv, *options)
    assert told.code == code
    assert complaint in told.err


def test_tables_and_runs_that_make_no_sense(chainrule, homes_run, homes_csv, tmp_path):
    told = chainrule("predict", "nowhere", homes_csv)
    assert (told.code, told.out) == (1, "")
    assert "there is no run folder nowhere" in told.err
    told = chainrule("predict", homes_run, "nothing.csv")
    assert told.code == 1
    assert "there is no file nothing.csv" in told.err
    (tmp_path / "new.csv").write_text("size\n50\n")
    told = chainrule("predict", homes_run, "new.csv")
    assert told.code == 1
    assert "lacks the column 'town'" in told.err


def test_a_failed_prediction_leaves_the_old_file(
    chainrule, homes_run, homes_csv, tmp_path, monkeypatch
):
    (tmp_path / "out.csv").write_text("precious")

    def full(*_, **__):
        raise OSError(28, "No space left on device", "out.csv")

    monkeypatch.setattr("chainrule.tabular.predicting.csv.writer", full)
    told = chainrule("predict", homes_run, homes_csv, "-o", "out.csv")
    assert told.code == 1
    assert told.err == "error: out.csv: the disk is full\n"
    assert (tmp_path / "out.csv").read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["homes.csv", "out.csv"]


def test_a_reader_that_goes_away_is_no_error(cancer_run, cancer):
    program = "from chainrule.cli import main; main()"
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program, "predict", str(cancer_run), str(cancer)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert err == b""


# --- evaluate -------------------------------------------------------------------------


def test_scores_are_shown(chainrule, cancer_run, cancer):
    told = chainrule("evaluate", cancer_run, cancer)
    assert told.code == 0
    assert told.out.startswith("On the 569 rows of ")
    assert "Accuracy" in told.out


def test_scores_as_json(chainrule, cancer_run, cancer):
    told = chainrule("evaluate", cancer_run, cancer, "--json")
    found = json.loads(told.out)
    assert found["rows"] == 569
    expected = load_run(cancer_run).evaluate(cancer)
    assert found["metrics"] == dict(expected.metrics)
    assert found["table"] == str(cancer)


def test_a_table_without_the_target(chainrule, homes_run, tmp_path):
    (tmp_path / "new.csv").write_text("town,size\nUlm,50\n")
    told = chainrule("evaluate", homes_run, "new.csv")
    assert told.code == 1
    assert "no column 'price'" in told.err


@pytest.mark.skipif(os.name == "nt", reason="limits are those of POSIX")
def test_a_file_that_may_not_grow_is_one_sentence(cancer_run, cancer, tmp_path):
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000));"
        "from chainrule.cli import main; main()"
    )
    options = ["--with-inputs", "-o", "out.csv"]
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program, "predict", cancer_run, cancer, *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: the file would be larger than is allowed")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
