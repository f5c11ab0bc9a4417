"""Files of any size are predicted and judged some rows at a time."""

import warnings

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from chainrule.tables import TableError, TableWarning
from chainrule.tabular import predict_file, train_table
from chainrule.tabular.forward import Forward

ROWS = 40_000  # more than two batches


def table(rows=ROWS):
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    town = np.array(["Ulm", "Bonn", "Kiel"])[rng.integers(0, 3, rows)]
    price = 2 * x + (town == "Ulm") + 0.1 * rng.normal(size=rows)
    kind = np.digitize(x + 0.5 * rng.normal(size=rows), [-0.5, 0.5])
    return pa.table(
        {
            "x": x,
            "town": town,
            "price": price,
            "sold": np.where(x > 0, "yes", "no"),
            "kind": np.array(["a", "b", "c"])[kind],
        }
    )


TARGETS = ["price", "sold", "kind"]


@pytest.fixture(scope="module")
def runs():
    quick = {"hidden": (4,), "epochs": 2, "lr": 0.01}
    return {
        name: train_table(table(500), name, drop=[n for n in TARGETS if n != name],
                          **quick)
        for name in TARGETS
    }  # fmt: skip


def changed(whole, name, values):
    """The table with other values in some rows of a column."""
    cells = whole[name].to_pylist()
    for row, value in values.items():
        cells[row] = value
    place = whole.column_names.index(name)
    return whole.set_column(place, name, pa.array(cells))


@pytest.mark.parametrize("target", TARGETS)
def test_a_file_is_judged_as_the_table_in_it(runs, tmp_path, target):
    run = runs[target]
    # A whole batch without a target, and some rows here and there.
    gaps = dict.fromkeys([*range(16_000, 33_000), 7, 39_999])
    whole = changed(table(), target, gaps)
    path = tmp_path / "new.parquet"
    parquet.write_table(whole, path, row_group_size=10_000)
    found, known = run.evaluate(path), run.evaluate(whole)
    assert found.rows == known.rows == ROWS - 17_002
    assert list(found.metrics) == list(known.metrics)
    # What the network gives may be rounded otherwise where batches are cut otherwise.
    for name, score in known.metrics.items():
        assert found.metrics[name] == pytest.approx(score, rel=1e-6), name
    matrices = [c.confusion_matrix() for c in (found, known) if c.confusion]
    assert not matrices or np.abs(matrices[0] - matrices[1]).sum() <= 2
    for curve, other in zip(found.roc, known.roc, strict=True):
        assert (curve.name, curve.area) == (other.name, pytest.approx(other.area))
    assert len(found.actual) == len(known.actual)
    assert found.predicted == pytest.approx(known.predicted, rel=1e-4, abs=1e-5)


def test_no_more_than_a_batch_is_there_at_a_time(runs, tmp_path, encoded):
    path = tmp_path / "new.csv"
    csv.write_csv(table(), path)
    assert runs["sold"].evaluate(path).rows == ROWS
    assert sum(encoded) == ROWS
    assert max(encoded) <= 1 << 14


def test_layers_are_left_as_they_were(runs, tmp_path):
    net = runs["sold"].net
    parquet.write_table(table(), tmp_path / "new.parquet")
    net.train()
    runs["sold"].evaluate(tmp_path / "new.parquet")
    assert net.training
    net.eval()


@pytest.mark.parametrize(
    ("target", "column", "cell", "complaint"),
    [
        ("price", "x", np.inf, "column 'x' is infinite in row 35,001"),
        ("price", "price", np.inf, "row 35,001"),
        ("sold", "sold", "perhaps", "the target 'sold' is 'perhaps' in row 35,001"),
    ],
)
def test_what_cannot_be_judged_is_named_by_its_row(
    runs, tmp_path, target, column, cell, complaint
):
    path = tmp_path / "new.parquet"
    whole = changed(table(), target, dict.fromkeys(range(20_000, 20_100)))
    parquet.write_table(changed(whole, column, {35_000: cell}), path)
    with pytest.raises(TableError) as error:
        runs[target].evaluate(path)
    assert str(error.value).startswith(f"{path}: ")
    assert complaint in str(error.value)


def test_what_is_new_is_named_by_its_row(runs, tmp_path):
    path = tmp_path / "new.parquet"
    whole = changed(table(), "x", {3: None, 20_000: None, 35_000: None})
    parquet.write_table(whole, path)
    done = predict_file(runs["price"], path, tmp_path / "out.csv")
    (note,) = done.notes
    assert "missing in rows 4, 20,001 and 35,001;" in note
    assert [str(finding) for finding in done.findings] == [note]
    with pytest.warns(TableWarning, match="rows 4, 20,001 and 35,001;") as told:
        runs["price"].evaluate(path)
    assert told[0].filename == __file__
    # Rows without a target are not judged, and count all the same.
    parquet.write_table(changed(whole, "price", {0: None, 3: None, 7: None}), path)
    with pytest.warns(TableWarning, match=r"rows 20,001 and 35,001;"):
        runs["price"].evaluate(path)


def test_a_new_category_that_counts_as_rare_is_noted_without_a_warning(runs, tmp_path):
    rare = changed(table(500), "town", {0: "Trier", 1: "Trier", 2: "Mainz"})
    run = train_table(rare, "price", min_count=20, epochs=1, hidden=())
    path = tmp_path / "new.parquet"
    parquet.write_table(changed(table(100), "town", {7: "Paris"}), path)
    done = predict_file(run, path, tmp_path / "out.csv")
    assert done.notes == (
        "column 'town': new category in row 8; 'Paris' counts as a rare category",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run.evaluate(path)
        run.predict(path)
    with pytest.warns(TableWarning, match="'Paris' counts as none of the categories"):
        runs["price"].evaluate(path)


def test_what_is_new_in_a_folder_is_named_by_its_file(runs, tmp_path):
    source = tmp_path / "new"
    source.mkdir()
    whole = table(50)
    parquet.write_table(changed(whole, "town", {4: "Rom"}), source / "a.parquet")
    parquet.write_table(changed(whole, "town", {1: "Rom"}), source / "b.parquet")
    done = predict_file(runs["price"], source, tmp_path / "out.csv")
    (note,) = done.notes
    assert f"row 5 of {source}/a.parquet and row 2 of {source}/b.parquet" in note


def test_many_findings_are_counted_and_the_first_are_named(runs, tmp_path):
    path = tmp_path / "new.parquet"
    rows = [*range(16_380, 16_390)]
    parquet.write_table(changed(table(), "x", dict.fromkeys(rows)), path)
    done = predict_file(runs["price"], path, tmp_path / "out.csv")
    assert "rows 16,381, 16,382, 16,383, 16,384, 16,385 and 5 more" in done.notes[0]
    (finding,) = done.findings
    assert (finding.rows, finding.first) == (10, tuple(rows[:5]))


def test_a_table_without_the_target_is_refused(runs, tmp_path):
    path = tmp_path / "new.parquet"
    parquet.write_table(table(20).drop_columns(["sold"]), path)
    with pytest.raises(TableError, match="there is no column 'sold'"):
        runs["sold"].evaluate(path)
    nothing = pa.array([None] * 20, pa.string())
    parquet.write_table(table(20).set_column(3, "sold", nothing), path)
    with pytest.raises(TableError, match="'sold' has no value in any row"):
        runs["sold"].evaluate(path)


def test_rows_are_counted_as_they_are_read(runs, tmp_path):
    run = runs["price"]
    path = tmp_path / "new.parquet"
    parquet.write_table(table(), path)
    forward = Forward(run.encoder, run.net)
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for names, rows in forward.over(
            path, lambda t, y: (t.column_names, len(y)), columns=()
        ):
            assert set(names) == {"x", "town"}
            seen.append((forward.rows, rows))
    assert [rows for _, rows in seen] == [1 << 14, 1 << 14, ROWS - (1 << 15)]
    assert forward.rows == ROWS
