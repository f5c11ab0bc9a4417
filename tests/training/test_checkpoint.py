"""Checkpoints keep everything, and say what is wrong with a file that does not."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.training import checkpoint
from chainrule.training.checkpoint import CheckpointError, _with_arrays, _without_arrays

X, Y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20) % 2


def fit(path, **settings):
    net = cr.nn.Dense(2, 2, rng=0)
    return cr.fit(net, X, Y, checkpoint=path, **{"epochs": 2, **settings})


def test_nested_state_round_trips():
    state = {
        "a": [np.arange(3), {"b": np.float64(0.1), "c": np.array(2.0)}],
        "inf": float("inf"),
        "none": None,
        "text": "$array",
    }
    arrays = {}
    back = _with_arrays(_without_arrays(state, "", arrays), arrays)
    assert back["a"][0].tolist() == [0, 1, 2]
    assert back["a"][1]["b"] == 0.1
    assert back["a"][1]["c"].shape == ()
    assert back["inf"] == float("inf")
    assert (back["none"], back["text"]) == (None, "$array")


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    path = tmp_path / "checkpoint"
    first = fit(path)
    again = fit(path, resume=True)
    assert again.records == first.records


def test_resuming_without_a_file_starts_afresh(tmp_path):
    history = fit(tmp_path / "new", resume=True)
    assert len(history) == 2
    assert (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"batch_size": 5}, "batch_size"), ({"shuffle": False}, "shuffle"),
     ({"loss": "hinge"}, "loss"), ({"optimizer": cr.optim.SGD(0.1)}, "optimizer"),
     ({"early_stopping": 3}, "callbacks"), ({"validation": 0.5}, "rows")],
)  # fmt: skip
def test_other_settings_are_refused_by_name(settings, name, tmp_path):
    fit(tmp_path / "c")
    with pytest.raises(CheckpointError, match=f"{name}="):
        fit(tmp_path / "c", resume=True, **settings)


def test_a_network_of_another_shape_is_refused(tmp_path):
    fit(tmp_path / "c")
    net = cr.nn.Dense(2, 3, rng=0)
    with pytest.raises(ValueError, match="W"):
        cr.fit(net, X, Y, epochs=3, checkpoint=tmp_path / "c", resume=True)


def test_a_cut_file_is_refused(tmp_path):
    path = tmp_path / "c"
    fit(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        fit(path, resume=True)


class Watcher(cr.Callback):
    """Looks at training, and has nothing to keep."""


def test_who_only_looks_may_be_another_one_after_it_goes_on(tmp_path):
    path = tmp_path / "c"
    fit(path, epochs=2, callbacks=[Watcher(), Watcher()], early_stopping=9)
    again = fit(path, epochs=3, resume=True, early_stopping=9)
    assert [record["epoch"] for record in again] == [1, 2, 3]


def test_it_is_written_now_and_then_and_at_the_end(tmp_path, monkeypatch):
    written = []
    save = checkpoint.save_checkpoint

    def note(run, path):
        written.append(run.epoch)
        save(run, path)

    monkeypatch.setattr(checkpoint, "save_checkpoint", note)
    fit(tmp_path / "c", epochs=4, checkpoint_every=1e6)
    assert written == [4]
    fit(tmp_path / "d", epochs=4)
    assert written == [4, 1, 2, 3, 4]


def test_where_it_was_written_last_changes_nothing(tmp_path):
    class KilledError(Exception):
        pass

    class Kill(cr.Callback):
        def on_epoch(self, run):
            if run.epoch == 5:
                raise KilledError

    whole = cr.nn.Dense(2, 2, rng=0)
    settings = {"checkpoint_every": 1e6, "early_stopping": 9, "validation": 0.2}
    cr.fit(whole, X, Y, epochs=7, checkpoint=tmp_path / "a", **settings)
    cr.fit(cr.nn.Dense(2, 2, rng=0), X, Y, epochs=3, checkpoint=tmp_path / "b",
           **settings)  # fmt: skip
    for callbacks in ([Kill()], []):
        net = cr.nn.Dense(2, 2, rng=0)
        try:
            cr.fit(net, X, Y, epochs=7, checkpoint=tmp_path / "b", resume=True,
                   callbacks=callbacks, **settings)  # fmt: skip
        except KilledError:
            continue
        assert np.array_equal(net.W.data, whole.W.data)
