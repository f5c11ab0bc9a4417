"""A training that is cut short leaves what it needs, and nothing that is of no use."""

import os
import shutil

import numpy as np
import pyarrow as pa
import pytest

import chainrule as cr
from chainrule.tables import TableError
from chainrule.tabular import (
    RunError,
    SettingError,
    TableCallback,
    load_run,
    resume_run,
    train_table,
)
from chainrule.tabular.workplace import CHECKPOINT_FILE, REQUEST_FILE, Request

SMALL = {"hidden": (5,), "dropout": 0.1, "epochs": 6}


class CutError(KeyboardInterrupt):
    """What stands for a crash."""


class Cut(cr.Callback):
    """Cuts training short after an epoch, or before the first step."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_start(self, run):
        if self.epoch == 0:
            raise CutError

    def on_epoch(self, run):
        if run.epoch == self.epoch:
            raise CutError


class CutAfter(TableCallback):
    """Cuts it short between training and judging."""

    def on_trained(self, history):
        raise CutError


@pytest.fixture
def often(monkeypatch):
    """Save after each epoch."""
    monkeypatch.setattr("chainrule.tabular.learning.CHECKPOINT_EVERY", 0.0)


@pytest.fixture
def whole(flowers_csv, tmp_path):
    return train_table(flowers_csv, "kind", **SMALL, out=tmp_path / "whole")


def cut(source, folder, callback, **options):
    with pytest.raises(CutError):
        train_table(
            source, "kind", **{**SMALL, **options}, out=folder, callbacks=[callback]
        )


class Told(TableCallback):
    """Is told that nothing is left to do, and never that training begins."""

    def __init__(self):
        self.reasons = []

    def on_nothing_left(self, reason):
        self.reasons.append(reason)

    def on_start(self, run):
        raise AssertionError("it trains")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("epoch", [2, 3, 6])
def test_it_goes_on_to_the_same_bits(whole, flowers_csv, tmp_path, epoch):
    folder = tmp_path / "run"
    cut(flowers_csv, folder, Cut(epoch))
    assert sorted(p.name for p in folder.iterdir()) == ["unfinished"]
    run = resume_run(folder)
    assert run.folder == folder
    assert weights(folder) == weights(whole.folder)
    assert len(run.history) == 6
    assert load_run(folder).evaluation == whole.evaluation
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        p.name for p in whole.folder.iterdir()
    )


@pytest.mark.usefixtures("often")
def test_it_goes_on_with_what_was_trained_and_not_judged(whole, flowers_csv, tmp_path):
    cut(flowers_csv, tmp_path / "run", CutAfter())
    resume_run(tmp_path / "run")
    assert weights(tmp_path / "run") == weights(whole.folder)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("moved", range(1, 7))
def test_a_crash_while_the_files_move_up_costs_nothing(
    whole, flowers_csv, tmp_path, moved, monkeypatch
):
    replace, done = os.replace, []

    def crash(self, target):
        if self.parent.name == "unfinished" and not self.name.startswith("."):
            done.append(self.name)
            if len(done) == moved:
                raise CutError
        replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", crash)
        cut(flowers_csv, tmp_path / "run", Cut(-1))
    assert len(done) == moved
    if moved == 6:  # nothing but the checkpoint had to move
        told = Told()
        resume_run(tmp_path / "run", callbacks=[told])
        assert told.reasons == ["it has had its 6 epochs"]
    else:
        resume_run(tmp_path / "run")
    assert weights(tmp_path / "run") == weights(whole.folder)
    assert not (tmp_path / "run" / "unfinished").exists()


@pytest.mark.parametrize("epoch", [0, 2])
def test_what_is_cut_short_before_anything_is_saved_leaves_nothing(
    flowers, tmp_path, epoch
):
    cut(flowers, tmp_path / "a" / "run", Cut(epoch))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("often")
def test_what_went_wrong_leaves_nothing(houses, tmp_path):
    for trouble in ({"lr": 1e9, "optimizer": "sgd"}, {"class_weight": "balanced"}):
        with pytest.raises((cr.training.NonFiniteError, SettingError)):
            train_table(houses, "price", **SMALL, **trouble, out=tmp_path / "a" / "run")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("often")
def test_a_run_stays_as_it_was_until_the_new_one_is_done(whole, flowers_csv):
    folder = whole.folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "old.html").touch()
    cut(flowers_csv, folder, Cut(2), overwrite=True, seed=1)
    assert load_run(folder).evaluation == whole.evaluation
    assert all((folder / name).read_bytes() == x for name, x in before.items())
    assert resume_run(folder).settings["seed"] == 1
    assert load_run(folder).settings["seed"] == 1
    assert weights(folder) != before["model.safetensors"]


def test_a_run_that_is_replaced_leaves_no_files(whole, flowers_csv):
    (whole.folder / "old.html").touch()
    run = train_table(flowers_csv, "kind", **SMALL, out=whole.folder, overwrite=True)
    assert not (whole.folder / "old.html").exists()
    assert weights(run.folder)


@pytest.mark.usefixtures("often")
def test_a_training_that_was_interrupted_is_not_replaced_unasked(flowers_csv, tmp_path):
    cut(flowers_csv, tmp_path / "run", Cut(2))
    with pytest.raises(RunError, match="holds a training that was interrupted"):
        train_table(flowers_csv, "kind", **SMALL, out=tmp_path / "run")
    train_table(flowers_csv, "kind", **SMALL, out=tmp_path / "run", overwrite=True)
    assert load_run(tmp_path / "run").history


# --- trained more ---------------------------------------------------------------------


def test_more_epochs_give_what_asking_for_them_at_once_gives(
    whole, flowers_csv, tmp_path
):
    longer = {**SMALL, "epochs": 9}
    other = train_table(flowers_csv, "kind", **longer, out=tmp_path / "other")
    again = resume_run(whole.folder, epochs=9)
    assert weights(whole.folder) == weights(other.folder)
    assert again.settings == other.settings
    assert [r["epoch"] for r in load_run(whole.folder).history] == [*range(1, 10)]


@pytest.mark.parametrize(
    ("epochs", "reason"),
    [
        (None, "it has had its 6 epochs"),
        (6, "it has had its 6 epochs"),
        (4, "it has had 6 epochs, more than the 4 asked for"),
    ],
)
def test_where_nothing_is_left_to_do_the_run_comes_back(whole, epochs, reason):
    told, before = Told(), contents(whole.folder)
    run = resume_run(whole.folder, epochs=epochs, callbacks=[told])
    assert told.reasons == [reason]
    assert (run.folder, len(run.history)) == (whole.folder, 6)
    assert run.evaluation == whole.evaluation
    assert contents(whole.folder) == before


@pytest.mark.parametrize("schedule", ["plateau", "cosine", "one_cycle"])
def test_more_epochs_follow_the_schedule_of_all_of_them(
    flowers_csv, tmp_path, schedule
):
    options = {**SMALL, "schedule": schedule}
    rates = {}
    for epochs in (4, 7):
        folder = tmp_path / f"{epochs}"
        run = train_table(
            flowers_csv, "kind", **{**options, "epochs": epochs}, out=folder
        )
        rates[epochs] = run.history["learning_rate"]
    run = resume_run(tmp_path / "4", epochs=7)
    assert run.history["learning_rate"] == rates[4] + rates[7][4:]
    # What depends on the number of epochs has not been the same from the start.
    same = weights(tmp_path / "4") == weights(tmp_path / "7")
    assert same == (schedule == "plateau")


def test_what_early_stopping_ended_needs_more_patience(flowers_csv, tmp_path):
    options = {**SMALL, "epochs": 100, "lr": 0.3, "patience": 2}
    run = train_table(flowers_csv, "kind", **options, out=tmp_path / "run")
    assert "has not got better" in run.history.stopped
    done = len(run.history)
    told, before = Told(), contents(run.folder)
    resume_run(run.folder, epochs=200, callbacks=[told])
    (reason,) = told.reasons
    assert reason == (
        f"it stopped after {done} epochs, the last 2 of them without a better "
        "validation loss"
    )
    assert contents(run.folder) == before
    again = resume_run(run.folder, patience=9)
    assert len(again.history) > done
    other = train_table(
        flowers_csv, "kind", **{**options, "patience": 9}, out=tmp_path / "other"
    )
    assert weights(run.folder) == weights(other.folder)


def test_a_finished_run_stays_where_training_it_more_fails(whole, flowers_csv):
    before = {path.name: path.read_bytes() for path in whole.folder.iterdir()}

    class Fail(cr.Callback):
        def on_epoch(self, run):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        resume_run(whole.folder, epochs=9, callbacks=[Fail()])
    assert {p.name: p.read_bytes() for p in whole.folder.iterdir()} == before


def test_tables_in_memory_are_given_again(flowers, tmp_path):
    parts = {"validation": flowers.slice(0, 40), "test": flowers.slice(40, 40)}
    run = train_table(flowers, "kind", **SMALL, **parts, out=tmp_path / "run")
    with pytest.raises(RunError, match="validation rows were in memory"):
        resume_run(run.folder, flowers, epochs=7)
    with pytest.raises(RunError, match=r"rows of the table were in memory.*source="):
        resume_run(run.folder, epochs=7, **parts)
    assert len(resume_run(run.folder, flowers, epochs=7, **parts).history) == 7


def test_another_table_is_refused(whole, flowers, flowers_csv):
    rows = flowers.to_pydict()
    rows["length"][7] += 0.5
    with pytest.raises(RunError, match="its rows have changed since"):
        resume_run(whole.folder, pa.table(rows), epochs=9)
    flowers_csv.unlink()
    with pytest.raises(TableError, match="there is no file"):
        resume_run(whole.folder, epochs=9)


def test_the_table_is_found_from_another_folder(flowers_csv, tmp_path, monkeypatch):
    monkeypatch.chdir(flowers_csv.parent)
    options = {**SMALL, "test": flowers_csv.name}
    train_table(flowers_csv.name, "kind", **options, out="run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = resume_run("../run", epochs=7)
    assert run.settings["test"] == flowers_csv.name
    assert run.provenance.source == flowers_csv.name


def test_line_search_goes_on_too(houses, tmp_path, often):
    options = {"hidden": (4,), "optimizer": "lbfgs", "epochs": 8, "patience": None}
    whole = train_table(houses, "price", **options, out=tmp_path / "whole")
    with pytest.raises(CutError):
        train_table(
            houses, "price", **options, out=tmp_path / "run", callbacks=[Cut(5)]
        )
    resume_run(tmp_path / "run", houses)
    assert weights(tmp_path / "run") == weights(whole.folder)


# --- damage ---------------------------------------------------------------------------


def test_a_run_without_what_it_needs_says_so(whole, flowers, tmp_path):
    for name in (CHECKPOINT_FILE, REQUEST_FILE):
        (whole.folder / name).unlink()
        with pytest.raises(RunError, match=rf"cannot be trained more: .* {name}"):
            resume_run(whole.folder, epochs=9)
    train_table(flowers, "kind", **SMALL).save(tmp_path / "saved")
    with pytest.raises(RunError, match="cannot be trained more"):
        resume_run(tmp_path / "saved", flowers, epochs=9)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("name", [REQUEST_FILE, CHECKPOINT_FILE])
@pytest.mark.parametrize("kept", [0, 10, 300])
def test_damaged_files_are_named(flowers_csv, tmp_path, name, kept):
    cut(flowers_csv, tmp_path / "run", Cut(3))
    path = tmp_path / "run" / "unfinished" / name
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RunError, match=name):
        resume_run(tmp_path / "run")
    assert path.exists()


@pytest.mark.usefixtures("often")
def test_what_a_killed_process_had_half_written_is_removed(flowers_csv, tmp_path):
    cut(flowers_csv, tmp_path / "run", Cut(3))
    half = tmp_path / "run" / "unfinished" / ".checkpoint.safetensors.ab12"
    half.write_bytes(b"half")
    resume_run(tmp_path / "run")
    assert not half.exists()
    assert not (tmp_path / "run" / "unfinished").exists()
    shutil.rmtree(tmp_path / "run")


def test_a_request_is_plain_data(tmp_path):
    options = {
        "validation": np.float64(0.1),
        "test": {"x": [1]},
        "drop": {"b", "a"},
        "class_weight": {1: np.float32(2)},
        "hidden": (np.int64(3),),
    }
    asked = Request.of({"y": [1]}, "y", options, "0", "")
    asked.save(tmp_path / "request")
    again = Request.load(tmp_path / "request")
    assert again == asked
    assert again.options["drop"] == ["a", "b"]
    assert again.options["class_weight"] == {"1": 2.0}
    assert again.part("test") == "a dict"
    assert again.part("validation") == 0.1
