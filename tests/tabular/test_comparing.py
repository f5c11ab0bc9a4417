"""Runs judged by the rows of one table, which may be larger than memory."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from chainrule.tables import TableError, TableWarning
from chainrule.tabular import train_table
from chainrule.tabular.comparing import MOST_ROWS, compare_runs

ROWS = 40_000  # more than two batches
QUICK = {"epochs": 2, "lr": 0.01}


def table(rows=ROWS):
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    town = np.array(["Ulm", "Bonn", "Kiel"])[rng.integers(0, 3, rows)]
    kind = np.digitize(x + 0.5 * rng.normal(size=rows), [-0.5, 0.5])
    price = 2 * x + (town == "Ulm") + 0.1 * rng.normal(size=rows)
    kinds = np.array(["a", "b", "c"])[kind]
    return pa.table({"x": x, "town": town, "price": price, "kind": kinds})


def changed(whole, name, values):
    """The table with other values in some rows of a column."""
    cells = whole[name].to_pylist()
    for row, value in values.items():
        cells[row] = value
    return whole.set_column(whole.column_names.index(name), name, pa.array(cells))


@pytest.fixture(scope="module")
def runs():
    def trained(target, other, **options):
        return train_table(table(500), target, drop=[other], **QUICK, **options)

    return {
        "price": [trained("price", "kind", hidden=h) for h in ((4,), (), (2, 2))],
        "kind": [trained("kind", "price", hidden=h) for h in ((4,), ())],
    }


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("target", ["price", "kind"])
def test_a_file_is_judged_as_the_table_in_it(runs, tmp_path, target, kind):
    gaps = dict.fromkeys([*range(16_000, 33_000), 7, 39_999])
    whole = changed(table(), target, gaps)
    path = tmp_path / f"new.{kind}"
    write = csv.write_csv if kind == "csv" else parquet.write_table
    write(whole, path)
    of_file = compare_runs(runs[target], path).judged
    of_table = compare_runs(runs[target], whole).judged
    assert of_file.rows == of_table.rows == ROWS - 17_002
    for found, known in zip(of_file.scores, of_table.scores, strict=True):
        assert found.metrics == pytest.approx(dict(known.metrics), rel=1e-6)
    # What the network gives may be rounded otherwise where batches are cut otherwise.
    assert abs(of_file.differing - of_table.differing) <= 2
    for found, known in zip(of_file.most, of_table.most, strict=True):
        assert (found.number, found.actual) == (known.number, known.actual)
        exact = target == "kind"
        assert found.predicted == (
            known.predicted if exact else pytest.approx(known.predicted, rel=1e-4)
        )


@pytest.mark.parametrize("target", ["price", "kind"])
def test_what_differs_most_is_what_the_runs_predict(runs, target):
    whole = changed(table(1000), target, {0: None, 5: None, 400: None})
    judged = compare_runs(runs[target], whole).judged
    said = [
        run.predict(whole)[f"predicted_{target}"].to_pylist() for run in runs[target]
    ]
    distance = {
        row: max(each) - min(each) if target == "price" else len(set(each)) > 1
        for row, each in enumerate(zip(*said, strict=True))
        if row not in (0, 5, 400)
    }
    assert judged.differing == sum(d > 0 for d in distance.values())
    most = sorted(distance, key=lambda row: -distance[row])[:MOST_ROWS]
    assert [row.number for row in judged.most] == most
    for row in judged.most:
        assert row.predicted == tuple(each[row.number] for each in said)
        assert row.actual == whole[target][row.number].as_py()
        assert row.distance == pytest.approx(float(distance[row.number]))


def test_no_more_than_a_batch_is_there_at_a_time(runs, tmp_path, encoded):
    path = tmp_path / "new.csv"
    csv.write_csv(table(), path)
    assert compare_runs(runs["kind"], path).judged.rows == ROWS
    assert sum(encoded) == 2 * ROWS
    assert max(encoded) <= 1 << 14


@pytest.mark.parametrize("in_memory", [False, True])
def test_what_is_new_is_told_once(runs, tmp_path, in_memory):
    whole = changed(table(100), "price", {0: None})
    path = tmp_path / "new.parquet"
    parquet.write_table(changed(whole, "town", {0: "Rom", 7: "Paris"}), path)
    source = parquet.read_table(path) if in_memory else path
    with pytest.warns(TableWarning) as told:
        compare_runs(runs["price"], source)
    assert [str(warning.message) for warning in told] == [
        "column 'town': new category in row 8; 'Paris' counts as none of the categories"
    ]
    assert told[0].filename == __file__


def test_runs_that_know_other_classes(runs):
    few = table(500).filter(pa.array(table(500)["kind"].to_numpy() != "a"))
    narrow = train_table(few, "kind", drop=["price"], task="multiclass", **QUICK)
    assert narrow.encoder.classes.tolist() == ["b", "c"]
    for order in ([narrow, runs["kind"][0]], [runs["kind"][0], narrow]):
        judged = compare_runs(order, few).judged
        said = [run.predict(few)["predicted_kind"].to_pylist() for run in order]
        assert judged.differing == sum(a != b for a, b in zip(*said, strict=True))
        for row in judged.most:
            assert row.predicted == tuple(each[row.number] for each in said)


@pytest.mark.parametrize("cell", [0, 999])
def test_a_target_that_is_missing_for_one_of_them_only(runs, tmp_path, cell):
    other = train_table(
        table(500), "price", drop=["kind"], missing=["999"], hidden=(), **QUICK
    )
    path = tmp_path / "new.csv"
    csv.write_csv(changed(table(100), "price", {3: cell}), path)
    both = [runs["price"][0], other]
    if cell == 0:
        assert compare_runs(both, path).judged.rows == 100
        return
    with pytest.raises(TableError, match="do not count the same cells as missing"):
        compare_runs(both, path)


def test_a_table_without_a_target(runs, tmp_path):
    path = tmp_path / "new.parquet"
    parquet.write_table(table(10).drop_columns("price"), path)
    with pytest.raises(TableError, match="there is no column 'price'"):
        compare_runs(runs["price"], path)
    nothing = pa.nulls(10, pa.float64())
    parquet.write_table(table(10).set_column(2, "price", nothing), path)
    for source in (path, parquet.read_table(path)):
        with pytest.raises(TableError, match="'price' has no value in any row"):
            compare_runs(runs["price"], source)
