"""What training records."""

import pytest

from chainrule.training.history import History

RECORDS = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0, "val_loss": 3.0}]


def test_columns_and_records():
    history = History(list(RECORDS))
    assert history["loss"] == [2, 1]
    assert history["val_loss"] == [3]
    assert history.columns == ["epoch", "loss", "val_loss"]
    assert history.last == RECORDS[1]
    assert list(history) == RECORDS
    assert "2 epochs" in repr(history)


def test_what_was_not_recorded_is_named():
    with pytest.raises(KeyError, match="accuracy"):
        History(list(RECORDS))["accuracy"]
    with pytest.raises(LookupError, match="no epoch"):
        _ = History().last
    assert repr(History()) == "History of no epochs"


def test_plain_round_trip():
    history = History(list(RECORDS), best_epoch=1, stopped="enough")
    assert History.from_dict(history.to_dict()) == history
