"""Saved runs: what they give back, and what they say when they are damaged."""

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import chainrule as cr
from chainrule.tables import TableError, TableWarning
from chainrule.tabular import RunError, load_run, train_table


@pytest.fixture
def saved(flowers, tmp_path):
    return train_table(flowers, "kind", epochs=3, out=tmp_path / "run")


def test_a_loaded_run_is_the_saved_one(saved, flowers):
    loaded = load_run(saved.folder)
    assert loaded.evaluation == saved.evaluation
    assert loaded.baselines == saved.baselines
    assert loaded.influence == saved.influence
    assert loaded.history == saved.history
    assert loaded.provenance == saved.provenance
    assert loaded.schema == saved.schema
    assert loaded.encoder == saved.encoder
    assert loaded.settings == saved.settings
    assert loaded.split == saved.split
    assert loaded.predict(flowers) == saved.predict(flowers)


def test_a_run_of_the_first_format_predicts_what_it_did():
    run = load_run(Path(__file__).parent / "runs" / "version-1")
    row = {"size": [100], "town": ["Ulm"], "age": [None], "garden": [True]}
    found = run.predict(row)["predicted_price"].to_pylist()
    assert found == pytest.approx([172.36702474439517], rel=1e-6)


def test_the_files_of_a_run(saved):
    names = sorted(path.name for path in saved.folder.iterdir())
    assert names == [
        *("checkpoint.safetensors", "evaluation.json", "history.jsonl"),
        *("model.json", "model.safetensors", "training.json"),
    ]
    extra = json.loads((saved.folder / "model.json").read_text())["extra"]
    about = {**extra, **extra["table_run"]}
    assert about["task"] == "multiclass"
    assert about["architecture"]["hidden"] == [64, 64]
    assert about["provenance"]["seed"] == 0
    assert about["provenance"]["source"] == "a Table"


def test_the_same_seed_writes_the_same_weights_file(flowers, tmp_path):
    contents = [
        (
            train_table(flowers, "kind", epochs=2, out=tmp_path / name).folder
            / "model.safetensors"
        ).read_bytes()
        for name in ("a", "b")
    ]
    assert contents[0] == contents[1]


def test_documents_are_written_with_the_run(saved, tmp_path):
    def title(run):
        return f"{run.target} in {run.folder.name}"

    placed = saved.save(tmp_path / "other", documents={"title.txt": title})
    assert (placed.folder / "title.txt").read_text() == "kind in other"


def test_a_document_that_fails_leaves_nothing(saved, tmp_path):
    def fail(run):
        raise ValueError("no paper")

    with pytest.raises(ValueError, match="no paper"):
        saved.save(tmp_path / "other", documents={"title.txt": fail})
    assert not (tmp_path / "other").exists()


# --- predicting -----------------------------------------------------------------------


def test_classes_come_with_their_probabilities(saved, flowers):
    found = saved.predict(flowers.drop(["kind"]))
    assert found.column_names == [
        *("predicted_kind", "probability_iris", "probability_rose", "probability_tulip")
    ]
    assert found.num_rows == 240
    p = np.column_stack([found[name] for name in found.column_names[1:]])
    np.testing.assert_allclose(p.sum(axis=1), 1)
    likeliest = np.array(["iris", "rose", "tulip"])[p.argmax(axis=1)]
    assert found["predicted_kind"].to_pylist() == likeliest.tolist()


def test_numbers_come_in_their_units(houses):
    run = train_table(houses, "price", epochs=150)
    found = run.predict(houses)
    assert found.column_names == ["predicted_price"]
    error = np.abs(found["predicted_price"].to_numpy() - houses["price"].to_numpy())
    assert error.mean() < 15


@pytest.mark.parametrize(
    "labels", [[True, False], [3, 7], ["<=50K", ">50K"], [0.5, 1.5]], ids=str
)
def test_labels_keep_their_type(labels):
    x = np.linspace(-1, 1, 120)
    y = [labels[int(value > 0)] for value in x]
    run = train_table({"x": x, "y": y}, "y", task="classification", epochs=30)
    found = run.predict({"x": [-1.0, 1.0]})
    assert found["predicted_y"].to_pylist() == labels
    assert found.column_names[1:] == [
        f"probability_{label}" for label in sorted(labels)
    ]


def test_columns_may_come_in_any_order_and_with_others(saved, flowers):
    mixed = flowers.select(["width", "length"]).append_column(
        "colour", pa.array(["red"] * 240)
    )
    assert saved.predict(mixed) == saved.predict(flowers)


def test_the_columns_of_the_table_come_along_when_asked(saved, flowers):
    found = saved.predict(flowers, with_inputs=True)
    assert found.column_names[:4] == ["length", "width", "kind", "predicted_kind"]
    assert found["length"].to_pylist() == flowers["length"].to_pylist()
    with pytest.raises(TableError, match="'predicted_kind' already"):
        saved.predict(found, with_inputs=True)


def test_a_missing_column_is_named(saved, flowers):
    with pytest.raises(TableError, match="lacks the column 'width'"):
        saved.predict(flowers.drop(["width"]))


def test_what_is_new_is_told_and_encoded_all_the_same(houses):
    run = train_table(houses, "price", epochs=1)
    new = {"size": [50.0, None], "town": ["Paris", "Ulm"], "age": [3.0, None]}
    with pytest.warns(TableWarning) as told:
        found = run.predict(new)
    assert np.isfinite(found["predicted_price"].to_numpy()).all()
    messages = " ".join(str(warning.message) for warning in told)
    assert "'Paris'" in messages
    assert "column 'size': missing" in messages
    assert "'age'" not in messages  # which misses values in training too


# --- judging --------------------------------------------------------------------------


def test_evaluating_gives_the_scores_of_the_rows(saved, flowers):
    evaluation = saved.evaluate(flowers)
    named = saved.predict(flowers)["predicted_kind"].to_pylist()
    right = np.mean(np.array(named) == flowers["kind"].to_numpy())
    assert evaluation.rows == 240
    assert evaluation.metrics["accuracy"] == pytest.approx(right)


def test_rows_without_a_target_are_not_evaluated(saved, flowers):
    kinds = ["rose", *[None] * 239]
    table = flowers.set_column(2, "kind", pa.array(kinds))
    assert saved.evaluate(table).rows == 1


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"length": [1.0], "width": [2.0]}, "no column 'kind'"),
        ({"length": [1.0], "width": [2.0], "kind": ["daisy"]}, "'daisy'"),
        ({"length": ["long"], "width": [2.0], "kind": ["rose"]}, "'long'"),
    ],
)
def test_tables_that_cannot_be_evaluated(saved, table, complaint):
    with pytest.raises(TableError, match=complaint):
        saved.evaluate(table)


# --- damage ---------------------------------------------------------------------------


def test_two_files_are_enough_to_predict(saved, flowers):
    for name in ("history.jsonl", "evaluation.json"):
        (saved.folder / name).unlink()
    loaded = load_run(saved.folder)
    assert loaded.evaluation is None
    assert len(loaded.history) == 0
    assert loaded.predict(flowers) == saved.predict(flowers)


def test_what_is_no_run(tmp_path, saved):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"no run folder .*; the latest in .* is .*run"):
        load_run(tmp_path / "ran")
    with pytest.raises(RunError, match=r"no model\.json in it"):
        load_run(tmp_path / "empty")
    with pytest.raises(RunError, match="is a file; a run is a folder"):
        load_run(saved.folder / "model.json")


def change(path, edit):
    model = json.loads(path.read_text())
    edit(model["extra"]["table_run"])
    path.write_text(json.dumps(model))


@pytest.mark.parametrize(
    "edit",
    [
        lambda about: about.pop("encoding"),
        lambda about: about.pop("architecture"),
        lambda about: about.pop("split"),
        lambda about: about.update(architecture=3),
        lambda about: about.update(split=[1, 2]),
        lambda about: about["architecture"].update(hidden=[64, 32]),
        lambda about: about["architecture"].update(hidden="64"),
        lambda about: about["architecture"].update(inputs=5),
        lambda about: about["architecture"].update(activation="nothing"),
        lambda about: about["encoding"].update(version=99),
        lambda about: about["encoding"].update(inputs=[{}]),
        lambda about: about["table"].pop("rows"),
    ],
)
def test_a_damaged_description_is_found_out(saved, edit):
    change(saved.folder / "model.json", edit)
    with pytest.raises(RunError, match="is damaged"):
        load_run(saved.folder)


def test_a_damaged_provenance_is_found_out(saved):
    path = saved.folder / "model.json"
    model = json.loads(path.read_text())
    model["extra"]["provenance"] = {}
    path.write_text(json.dumps(model))
    with pytest.raises(RunError, match="is damaged"):
        load_run(saved.folder)


@pytest.mark.parametrize("key", ["id", "architecture", "extra"])
def test_a_damaged_network_is_found_out(saved, key):
    path = saved.folder / "model.json"
    model = json.loads(path.read_text())
    del model[key]
    path.write_text(json.dumps(model))
    with pytest.raises(RunError, match=r"is damaged|does not describe"):
        load_run(saved.folder)


def test_the_network_of_a_run_can_be_loaded_alone(saved, flowers):
    X = saved.encoder.transform(flowers)
    np.testing.assert_array_equal(
        cr.predict(cr.load(saved.folder), X), cr.predict(saved.net, X)
    )


def test_a_run_of_a_newer_version_says_so(saved):
    change(saved.folder / "model.json", lambda about: about.update(version=2))
    with pytest.raises(RunError, match="a newer one may read it"):
        load_run(saved.folder)


def test_a_description_of_something_else(saved):
    (saved.folder / "model.json").write_text('{"name": "mine"}')
    with pytest.raises(RunError, match="does not describe a run"):
        load_run(saved.folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.json", b"{"),
        ("model.json", b"\xff\xfe\x00"),
        ("model.safetensors", b""),
        ("model.safetensors", b"\x00" * 100),
        ("evaluation.json", b"{}"),
        ("evaluation.json", b"[1"),
        ("history.jsonl", b'{"epoch": "one"}\n'),
        ("history.jsonl", b"{"),
        ("history.jsonl", b"3\n"),
    ],
)
def test_a_damaged_file_is_found_out(saved, name, content):
    (saved.folder / name).write_bytes(content)
    with pytest.raises(RunError, match=r"is damaged|does not describe"):
        load_run(saved.folder)


def test_one_flipped_bit_in_the_weights_is_found_out(saved):
    file = saved.folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(RunError, match=r"model\.safetensors is not the one"):
        load_run(saved.folder)


def test_lost_weights_are_found_out(saved):
    (saved.folder / "model.safetensors").unlink()
    with pytest.raises(RunError, match=r"no model\.safetensors in it"):
        load_run(saved.folder)


def test_a_moved_run_works(saved, flowers, tmp_path):
    shutil.move(saved.folder, tmp_path / "elsewhere")
    loaded = load_run(tmp_path / "elsewhere")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loaded.predict(flowers) == saved.predict(flowers)
