"""Tables that are larger than the allowed memory are trained on from disk."""

import warnings

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pytest
from pyarrow import parquet

from chainrule.tables import TableError
from chainrule.tabular import (
    RunError,
    SettingError,
    learning,
    predict_stream,
    resume_run,
    train_table,
)
from chainrule.tabular.streaming import allowance, prepare_streamed
from chainrule.training import Callback
from chainrule.training.stream import Stream
from chainrule.training.stream_disk import DiskError

ROWS = 12_000  # more than 2 MB hold
MEMORY = "2MB"
READING = {"missing": None, "delimiter": None, "encoding": None}
QUICK = {"hidden": (8,), "lr": 0.01, "memory": MEMORY}


def table(rows=ROWS):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 6))
    colours = np.array(["red", "blue", "lilac"])[rng.integers(0, 3, rows)]
    price = X[:, 0] + (colours == "red") + 0.3 * rng.normal(size=rows)
    columns = {f"x{k}": X[:, k] for k in range(6)}
    columns["gaps"] = pa.array(X[:, 5], mask=rng.random(rows) < 0.01)
    columns |= {"colour": colours, "price": price}
    columns["sold"] = np.where(price > 0.5, "yes", "no")
    return pa.table(columns)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The table as Parquet files with small row groups."""
    path = tmp_path_factory.mktemp("table")
    for k in range(3):
        part = table().slice(k * ROWS // 3, ROWS // 3)
        parquet.write_table(part, path / f"{k}.parquet", row_group_size=1500)
    return path


@pytest.fixture(scope="module")
def run(folder):
    return train_table(folder, "sold", drop=["price"], epochs=3, **QUICK)


def weights(run):
    return [p.numpy().tobytes() for p in run.net.parameters().values()]


def problem(folder, target="sold", **options):
    given = {"validation": 0.1, "test": 0.1, "seed": 0, "scratch": None}
    given |= {"memory": 2_000_000, "reading": READING, **options}
    return prepare_streamed(folder, target, **given)


# --- what is streamed -------------------------------------------------------------


def test_a_table_that_does_not_fit_is_streamed(folder):
    assert allowance(folder, MEMORY) == 2_000_000
    assert allowance(folder / "0.parquet", "1TB") is None
    assert allowance(folder / "0.parquet", None) is None


def test_a_frame_is_in_memory_already():
    assert allowance({"x": [1]}, MEMORY) is None


def test_what_cannot_be_read_is_left_to_the_reader(tmp_path):
    assert allowance(tmp_path / "nowhere.csv", MEMORY) is None


def test_memory_is_an_amount():
    with pytest.raises(SettingError, match="'2GB'"):
        train_table({"x": [1, 2], "y": [1, 2]}, "y", memory="much")


# --- the problem ------------------------------------------------------------------


def test_every_row_is_in_one_part(folder):
    found = problem(folder)
    try:
        assert sum(found.split.values()) == ROWS
        assert found.split["test"] == len(found.test)
        assert found.rows == found.split["training"] > len(found.train)
        assert found.class_counts.sum() == found.rows
        assert found.streamed
    finally:
        found.close()


def test_the_schema_tells_of_the_whole_table(folder):
    found = problem(folder)
    found.close()
    assert found.schema.rows == ROWS
    assert "streamed from the disk" in found.schema.summary[-1]
    gaps = {column.name: column.missing for column in found.schema.inputs}
    assert gaps["gaps"] == table()["gaps"].null_count
    counts = table()["sold"].value_counts().to_pylist()
    assert dict(found.schema.classes) == {c["values"]: c["counts"] for c in counts}


def test_it_does_not_depend_on_how_the_table_is_cut(folder, tmp_path):
    parquet.write_table(table(), tmp_path / "t.parquet")
    arrow_csv.write_csv(table(), tmp_path / "t.csv")
    found = [problem(p) for p in (folder, tmp_path / "t.parquet", tmp_path / "t.csv")]
    for each in found:
        each.close()
    assert len({each.checksum() for each in found}) == 1
    assert found[0].encoder == found[1].encoder


def test_no_row_goes_astray_in_a_regression(folder):
    found = problem(folder, "price")
    try:
        (batch,) = Stream(found.source, np.dtype(np.float32)).batches(found.rows)
        parts = [batch.y, found.validation.y, found.test.y]
        known = found.encoder.target(table()).astype(np.float32)
        assert np.array_equal(np.sort(np.concatenate(parts).ravel()), np.sort(known))
    finally:
        found.close()


def test_held_out_rows_may_be_a_table(folder):
    given = table(100)
    found = problem(folder, validation=given, test=0)
    found.close()
    assert len(found.validation) == 100
    assert found.test is None
    assert found.rows == ROWS


def test_what_goes_wrong_in_a_file_is_named_with_its_row(tmp_path):
    good, bad = table(ROWS // 2), table(ROWS // 2)
    x = bad["x3"].to_numpy().copy()
    x[123] = np.inf
    bad = bad.set_column(3, "x3", pa.array(x))
    parquet.write_table(good, tmp_path / "1.parquet")
    parquet.write_table(bad, tmp_path / "2.parquet")
    with pytest.raises(TableError, match=r"2\.parquet: column 'x3' .*row 124;"):
        problem(tmp_path)


def test_a_folder_without_room_is_named(folder, tmp_path):
    with pytest.raises(DiskError, match="nowhere"):
        problem(folder, scratch=tmp_path / "nowhere")


# --- training ---------------------------------------------------------------------


def test_it_learns_what_a_table_in_memory_teaches(run):
    whole = train_table(table(), "sold", drop=["price"], epochs=3, lr=0.01, hidden=(8,))
    accuracy = [r.evaluation.metrics["accuracy"] for r in (run, whole)]
    assert accuracy[0] == pytest.approx(accuracy[1], abs=0.05)
    assert run.evaluation.metrics["accuracy"] > 0.85
    assert run.split["training"] > 0.7 * ROWS


def test_the_same_bits_in_every_run(folder, run):
    again = train_table(folder, "sold", drop=["price"], epochs=3, **QUICK)
    assert weights(again) == weights(run)
    assert again.evaluation == run.evaluation


def test_nothing_is_left_on_disk(folder, tmp_path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        train_table(folder, "price", epochs=1, scratch=tmp_path, **QUICK)
    assert not list(tmp_path.iterdir())
    assert not [w for w in told if issubclass(w.category, ResourceWarning)]


def test_classes_can_count_alike(folder):
    options = {"drop": ["price"], "epochs": 1, **QUICK}
    balanced = train_table(folder, "sold", class_weight="balanced", **options)
    assert balanced.history.last["val_accuracy"] > 0.7
    with pytest.raises(SettingError, match="weight 0"):
        train_table(folder, "sold", class_weight={"yes": 0}, **options)


def test_batches_that_memory_does_not_hold_are_refused(folder):
    with pytest.raises(SettingError, match=r"batches of 9000 need memory=\dMB"):
        train_table(folder, "price", batch_size=9000, epochs=1, **QUICK)


def test_without_validation_all_epochs_are_run(folder):
    options = {"validation": 0, "test": 0, "epochs": 2, **QUICK}
    run = train_table(folder, "sold", drop=["price"], **options)
    assert len(run.history) == 2
    assert run.evaluation is None


class Killed(Callback):
    """Stops the process, as it were, in the middle of an epoch."""

    def __init__(self, step):
        self.step = step

    def on_step(self, run, step, loss):
        del run, loss
        if step == self.step:
            raise KeyboardInterrupt


def test_what_was_interrupted_goes_on_to_the_same_bits(
    folder, run, tmp_path, monkeypatch
):
    monkeypatch.setattr(learning, "CHECKPOINT_EVERY", 0.0)  # seconds
    steps = -(-run.split["training"] // run.settings["batch_size"])
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_table(
            folder,
            "sold",
            drop=["price"],
            epochs=3,
            out=out,
            callbacks=[Killed(2 * steps + 5)],
            **QUICK,
        )
    assert weights(resume_run(out)) == weights(run)


def test_a_table_that_has_changed_cannot_be_gone_on_with(tmp_path):
    source = tmp_path / "table"
    source.mkdir()
    parquet.write_table(table(), source / "t.parquet")
    out = tmp_path / "run"
    train_table(source, "sold", epochs=1, out=out, **QUICK)
    parquet.write_table(reversed_table(), source / "t.parquet")
    with pytest.raises(RunError, match="changed"):
        resume_run(out, epochs=2)


def reversed_table():
    return table().take(np.arange(ROWS)[::-1])


# --- predicting -------------------------------------------------------------------


def test_predictions_of_a_folder_are_those_of_its_table(folder, run):
    found = list(predict_stream(run, folder, with_inputs=True))
    assert max(part.num_rows for part in found) < ROWS
    together = pa.concat_tables(found)
    known = run.predict(table(), with_inputs=True)
    assert together.column_names == known.column_names
    assert together["predicted_sold"].to_pylist() == known["predicted_sold"].to_pylist()
    assert np.allclose(together["probability_yes"], known["probability_yes"], atol=1e-6)


def test_a_row_that_cannot_be_predicted_is_named(run, tmp_path):
    whole = table(40_000)
    x = whole["x3"].to_numpy().copy()
    x[39_999] = np.inf
    path = tmp_path / "new.parquet"
    parquet.write_table(whole.set_column(3, "x3", pa.array(x)), path)
    with pytest.raises(TableError, match=r"new\.parquet: column 'x3'.*row 40,000"):
        list(predict_stream(run, path))


def test_a_folder_that_lacks_columns_is_refused(run, tmp_path):
    path = tmp_path / "new.parquet"
    parquet.write_table(table().drop_columns(["x1"]), path)
    with pytest.raises(TableError, match="lacks the column 'x1'"):
        list(predict_stream(run, path))
