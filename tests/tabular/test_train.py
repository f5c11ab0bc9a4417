"""`train_table`: what it learns, from what, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from chainrule.tables import TableError
from chainrule.tabular import (
    RunError,
    SettingError,
    TableCallback,
    default_folder,
    load_run,
    train_table,
)
from chainrule.tabular.problem import prepare
from chainrule.training import NonFiniteError


def test_two_classes_are_learned_better_than_by_the_majority(cancer):
    run = train_table(cancer, "diagnosis", epochs=15)
    assert run.task == "binary"
    assert run.split == {"training": 399, "validation": 85, "test": 85}
    assert run.evaluation.rows == 85
    assert run.evaluation.metrics["accuracy"] > 0.9
    assert list(run.baselines) == ["majority class", "logistic regression"]
    assert run.baselines["majority class"].metrics["accuracy"] < 0.7
    assert len(run.influence) == 30
    assert run.folder is None


def test_many_classes(flowers):
    run = train_table(flowers, "kind", epochs=40, hidden=(16,))
    assert run.task == "multiclass"
    assert run.architecture.outputs == 3
    assert run.evaluation.metrics["accuracy"] > 0.8
    assert run.evaluation.classes == ("iris", "rose", "tulip")
    assert run.history.columns[:4] == ["epoch", "loss", "val_loss", "val_accuracy"]


def test_a_number_with_categories_and_gaps(houses):
    run = train_table(houses, "price", epochs=150)
    assert run.task == "regression"
    assert run.evaluation.metrics["r2_score"] > 0.95
    assert run.baselines["linear regression"].metrics["r2_score"] > 0.95
    # In the units of the price, not of what the network sees.
    assert run.history["val_root_mean_squared_error"][0] > 10


def shops(rows=3000):
    """Sales by shop: each of 80 shops has its own level."""
    rng = np.random.default_rng(0)
    level = rng.normal(0, 3, 80)
    shop = rng.integers(0, 80, rows)
    size = rng.normal(size=rows)
    sales = level[shop] + size + rng.normal(0, 0.1, rows)
    return pa.table({"shop": [f"shop {s}" for s in shop], "size": size, "y": sales})


def test_wide_columns_are_embedded(tmp_path):
    table = shops()
    run = train_table(table, "y", epochs=40, max_categories=20, out=tmp_path / "run")
    assert run.encoder.inputs == ("shop (number)", "size")
    (embedded,) = run.architecture.embedded
    assert embedded.count == 81
    assert run.net.parameters()["columns.tables.0.W"].shape == (81, embedded.features)
    assert run.evaluation.metrics["r2_score"] > 0.98
    # The baseline tells the 50 commonest shops apart, and not by their number.
    assert 0.4 < run.baselines["linear regression"].metrics["r2_score"] < 0.95
    assert {found.column for found in run.influence} == {"shop", "size"}
    loaded = load_run(tmp_path / "run")
    assert loaded.architecture == run.architecture
    assert loaded.predict(table) == run.predict(table)


def test_without_hidden_layers_nothing_is_embedded():
    run = train_table(shops(600), "y", epochs=1, max_categories=20, hidden=())
    assert run.architecture.embedded == ()
    assert len(run.encoder.inputs) == 20 + 1 + 1


def test_a_skewed_target_is_judged_in_its_own_units(houses):
    price = np.exp(houses["price"].to_numpy() / 50)
    table = houses.set_column(3, "price", pa.array(price))
    run = train_table(table, "price", epochs=60, target_transform="auto")
    assert run.encoder.goal.transform.kind == "log1p"
    predicted = run.predict(table)["predicted_price"].to_numpy()
    assert np.corrcoef(np.log(predicted), np.log(price))[0, 1] > 0.98
    assert run.evaluation.metrics["root_mean_squared_error"] > 1
    assert run.history["val_root_mean_squared_error"][-1] == pytest.approx(
        run.evaluation.metrics["root_mean_squared_error"], rel=2
    )
    assert run.settings["target_transform"] == "auto"


@pytest.mark.parametrize("scaling", ["robust", "quantile"])
def test_numbers_scaled_otherwise(houses, scaling):
    run = train_table(houses, "price", epochs=60, scaling=scaling)
    assert run.evaluation.metrics["r2_score"] > 0.9
    assert run.settings["scaling"] == scaling


def test_parquet_gives_what_the_table_gives(houses, houses_parquet):
    from_table = train_table(houses, "price", epochs=2)
    from_file = train_table(houses_parquet, "price", epochs=2)
    assert from_file.evaluation == from_table.evaluation


def weights(run):
    return {name: w.tobytes() for name, w in run.net.state_dict().items()}


def test_the_same_seed_gives_the_same_bits_and_another_one_others(flowers):
    runs = [
        train_table(flowers, "kind", epochs=3, dropout=0.2, seed=s) for s in (3, 3, 4)
    ]
    assert weights(runs[0]) == weights(runs[1])
    assert weights(runs[0]) != weights(runs[2])
    assert runs[0].evaluation == runs[1].evaluation
    assert runs[0].influence == runs[1].influence


def test_the_seed_decides_the_split(flowers):
    kept = [train_table(flowers, "kind", epochs=1, seed=s) for s in (0, 1)]
    assert kept[0].encoder.columns != kept[1].encoder.columns


def test_the_encoding_is_learned_from_the_training_rows_alone():
    rows = 100
    table = {"x": np.arange(rows, dtype=float), "y": np.arange(rows) % 2}
    run = train_table(table, "y", task="binary", epochs=1)
    (column,) = run.encoder.columns
    assert column.center != np.arange(rows).mean()
    assert run.encoder.schema.rows == 70
    assert run.schema.rows == rows


def test_the_best_epoch_is_put_back_where_validation_gets_worse(flowers):
    run = train_table(flowers, "kind", epochs=30, lr=0.05, patience=2, hidden=(64,))
    best = int(np.argmin(run.history["val_loss"])) + 1
    assert run.history.best_epoch == best
    assert len(run.history) == min(best + 2, 30)


def test_without_patience_all_epochs_are_run_and_the_best_is_put_back(flowers):
    run = train_table(flowers, "kind", epochs=12, lr=0.05, patience=None)
    assert len(run.history) == 12
    assert run.history.best_epoch == int(np.argmin(run.history["val_loss"])) + 1


def test_without_validation_all_epochs_are_run(flowers):
    run = train_table(flowers, "kind", epochs=4, validation=0, patience=1)
    assert len(run.history) == 4
    assert run.history.best_epoch is None
    assert run.split == {"training": 204, "test": 36}


def test_without_test_rows_nothing_is_judged(flowers):
    run = train_table(flowers, "kind", epochs=2, test=0)
    assert run.evaluation is None
    assert run.baselines == {}
    assert len(run.influence) == 2


def test_test_and_validation_rows_may_be_tables_of_their_own(flowers, flowers_csv):
    run = train_table(flowers, "kind", epochs=2, test=flowers_csv, validation=flowers)
    assert run.split == {"training": 240, "validation": 240, "test": 240}
    assert run.settings["test"] == str(flowers_csv)
    assert run.settings["validation"] == "a Table"


def test_a_label_that_only_the_test_table_has_is_refused(flowers):
    other = pa.table({"length": [1.0], "width": [1.0], "kind": ["daisy"]})
    with pytest.raises(TableError, match="'daisy'"):
        train_table(flowers, "kind", epochs=1, test=other)


def test_rows_without_a_target_are_left_out(flowers):
    kinds = flowers["kind"].to_pylist()
    kinds[:40] = [None] * 40
    table = flowers.set_column(2, "kind", pa.array(kinds))
    run = train_table(table, "kind", epochs=1)
    assert sum(run.split.values()) == 200


def test_no_hidden_layer_is_logistic_regression(cancer):
    run = train_table(cancer, "diagnosis", hidden=(), epochs=30, lr=0.01)
    assert list(run.net.state_dict()) == ["output.W", "output.b"]
    assert run.evaluation.metrics["accuracy"] > 0.9


@pytest.mark.parametrize(
    "optimizer", ["adamw", "adam", "sgd", "rmsprop", "adagrad", "lion", "lbfgs"]
)
def test_every_optimizer_makes_the_loss_smaller(flowers, optimizer):
    run = train_table(flowers, "kind", epochs=8, optimizer=optimizer, patience=None)
    assert run.history["loss"][-1] < run.history["loss"][0]


@pytest.mark.parametrize(
    "activation", ["leaky_relu", "gelu", "selu", "tanh", "sigmoid"]
)
def test_other_activations(flowers, activation):
    run = train_table(flowers, "kind", epochs=3, activation=activation, hidden=(8,))
    assert f"{activation}1" in run.net.modules()


def test_dropout_and_weight_decay_change_what_is_learned(flowers):
    plain = train_table(flowers, "kind", epochs=3, weight_decay=0.0)
    for settings in ({"dropout": 0.5, "weight_decay": 0.0}, {"weight_decay": 3.0}):
        assert weights(plain) != weights(
            train_table(flowers, "kind", epochs=3, **settings)
        )


def test_balanced_class_weights_find_more_of_a_rare_class():
    rng = np.random.default_rng(0)
    rare = rng.random(800) < 0.08
    x = rng.normal(size=800) + 1.2 * rare
    table = {"x": x, "sick": np.where(rare, "yes", "no")}
    settings = {"hidden": (), "epochs": 30, "lr": 0.05}
    plain = train_table(table, "sick", **settings)
    weighted = train_table(table, "sick", class_weight="balanced", **settings)
    by_hand = train_table(table, "sick", class_weight={"yes": 50, "no": 1}, **settings)
    recalls = [r.evaluation.metrics["recall"] for r in (plain, weighted, by_hand)]
    assert recalls[0] < recalls[1] < recalls[2] + 1e-9
    baseline = weighted.baselines["logistic regression"].metrics["recall"]
    assert baseline > plain.baselines["logistic regression"].metrics["recall"]


def test_callbacks_hear_of_the_table_the_epochs_and_the_end(flowers):
    heard = []

    class Listener(TableCallback):
        def on_table(self, problem, architecture, net):
            heard.append(("table", problem.split["training"], architecture.inputs))

        def on_epoch(self, run):
            heard.append(("epoch", run.epoch))
            if run.epoch == 2:
                run.stop("enough")

        def on_trained(self, history):
            heard.append(("trained", history.stopped))

    run = train_table(flowers, "kind", epochs=9, callbacks=[Listener()])
    assert heard == [
        ("table", 168, 2),
        ("epoch", 1),
        ("epoch", 2),
        ("trained", "enough"),
    ]
    assert run.history.stopped == "enough"


def test_batch_and_decay_follow_the_rows(flowers):
    run = train_table(flowers, "kind", epochs=1)
    assert run.settings["batch_size"] == 16
    assert run.settings["weight_decay"] == 1.0
    rows = 4000
    rng = np.random.default_rng(0)
    big = {"x": rng.normal(size=rows), "y": rng.normal(size=rows)}
    run = train_table(big, "y", epochs=1, test=0, validation=0)
    assert run.settings["batch_size"] == 32
    assert run.settings["weight_decay"] == 0.125


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"hidden": (10**6,)}, "1 to 100,000 units"),
        ({"hidden": (0,)}, "hidden=0 is not a whole number"),
        ({"hidden": (2.5,)}, "hidden=2.5 is not a whole number"),
        ({"activation": "rleu"}, "activation='rleu'"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"dropout": float("nan")}, "dropout=nan"),
        ({"optimizer": "adams"}, "optimizer='adams' is not known; known are adamw"),
        ({"lr": 0.0}, "lr=0 would"),
        ({"lr": "fast"}, "lr='fast'"),
        ({"lr": float("inf")}, "lr=inf"),
        ({"lr": 10**400}, "lr=1000"),
        ({"weight_decay": -1.0}, "weight_decay=-1.0"),
        ({"weight_decay": 0.1, "optimizer": "lbfgs"}, "other optimizers than lbfgs"),
        ({"epochs": 0}, "epochs=0"),
        ({"epochs": True}, "epochs=True"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"patience": 0}, "patience=0"),
        ({"seed": -1}, "seed=-1"),
        ({"class_weight": "equal"}, "class_weight='equal'"),
        ({"class_weight": {"daisy": 2}}, "no class 'daisy'; the classes are iris"),
        ({"class_weight": {"rose": -2}}, "class_weight of 'rose' is -2"),
        ({"class_weight": {"rose": "two"}}, "class_weight of 'rose' is 'two'"),
        ({"class_weight": {"rose": 1e39}}, "class_weight of 'rose' is 1e"),
        ({"class_weight": {"rose": 10**400}}, "class_weight of 'rose' is 1000"),
        ({"sample_weight": [10**400] * 90}, "sample_weight is a number for each row"),
    ],
)
def test_settings_that_make_no_sense(flowers, settings, complaint):
    with pytest.raises(SettingError, match=complaint):
        train_table(flowers, "kind", **settings)


def test_class_weights_need_classes(houses):
    with pytest.raises(SettingError, match="this is a regression"):
        train_table(houses, "price", class_weight="balanced")


@pytest.mark.parametrize(
    ("change", "settings", "complaint"),
    [
        ({}, {"target": "colour"}, "no column 'colour'"),
        ({"kind": ["rose"] * 240}, {}, "nothing to learn"),
        ({"day": ["1/1/20", "6/5/21"] * 120}, {}, "dates or times"),
        ({}, {"validation": 0.6, "test": 0.5}, "leave no rows to train on"),
        ({}, {"drop": ["height"]}, "no column 'height'"),
        ({}, {"drop": ["length", "width"]}, "no column is left"),
    ],
)
def test_tables_that_make_no_sense(flowers, change, settings, complaint):
    table = {**flowers.to_pydict(), **change}
    with pytest.raises(TableError, match=complaint):
        train_table(table, **{"target": "kind", **settings})


def test_training_that_diverges_says_so_and_saves_nothing(flowers, tmp_path):
    with pytest.raises(NonFiniteError):
        train_table(
            flowers, "kind", optimizer="sgd", lr=1e9, epochs=9, out=tmp_path / "run"
        )
    assert list(tmp_path.iterdir()) == []


def test_out_saves_and_is_looked_at_first(flowers, tmp_path):
    run = train_table(flowers, "kind", epochs=1, out=tmp_path / "runs" / "a")
    assert run.folder == tmp_path / "runs" / "a"
    model = json.loads((run.folder / "model.json").read_text())
    assert model["extra"]["table_run"]["target"] == "kind"
    with pytest.raises(RunError, match="holds a run already"):
        train_table("no such file", "kind", out=run.folder)
    again = train_table(flowers, "kind", epochs=2, out=run.folder, overwrite=True)
    assert len((again.folder / "history.jsonl").read_text().splitlines()) == 2


def test_default_folders_are_named_after_table_target_and_time():
    folder = default_folder("data/my homes (2).csv", "the/price")
    assert folder.parent == Path("runs")
    assert folder.name.startswith("my-homes-2-the-price-20")
    assert default_folder({"x": [1]}, "y").name.startswith("table-y-20")
    assert len(default_folder("x" * 500, "y").name) < 130


@pytest.mark.parametrize(
    "settings",
    [
        {"normalization": "batch"},
        {"normalization": "layer"},
        {"schedule": "cosine"},
        {"schedule": "one_cycle"},
        {"clip_norm": 0.1},
    ],
    ids=str,
)
def test_other_ways_to_train_give_other_weights_that_are_as_good(flowers, settings):
    usual = {"hidden": (8,), "epochs": 30, "lr": 0.03}
    plain = train_table(flowers, "kind", **usual)
    run = train_table(flowers, "kind", **usual, **settings)
    assert weights(run) != weights(plain)
    assert run.evaluation.metrics["accuracy"] > 0.8
    assert run.settings | settings == run.settings


def test_a_cosine_ends_with_no_learning_rate(flowers):
    run = train_table(flowers, "kind", epochs=10, schedule="cosine", lr=0.01)
    rates = run.history["learning_rate"]
    assert rates[0] < 0.011
    assert rates[-1] < 1e-4


def test_on_a_plateau_the_learning_rate_falls(flowers):
    options = {"epochs": 60, "lr": 0.1, "patience": None}
    run = train_table(flowers, "kind", schedule="plateau", **options)
    rates = run.history["learning_rate"]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.1 * rates[0]


def test_training_ends_when_its_time_is_over(flowers):
    run = train_table(flowers, "kind", epochs=10_000_000, max_time=0.2, patience=None)
    assert "max_time" in run.history.stopped
    assert run.history.best_epoch is not None


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"normalization": "btach"}, "normalization='btach' is not known"),
        ({"schedule": "cosin"}, "schedule='cosin' is not known"),
        ({"clip_norm": 0}, "clip_norm=0 would change nothing"),
        ({"max_time": 0}, "max_time=0 leaves no time"),
        ({"optimizer": "lbfgs", "clip_norm": 1.0}, "other optimizers than lbfgs"),
        ({"optimizer": "lbfgs", "schedule": "cosine"}, "other optimizers than lbfgs"),
    ],
    ids=str,
)
def test_other_settings_that_make_no_sense(flowers, settings, complaint):
    with pytest.raises(SettingError, match=complaint):
        train_table(flowers, "kind", **settings)


# --- what rows count ------------------------------------------------------------------


def test_rows_count_what_is_said():
    x = np.arange(60) % 2
    y = np.where(x == 0, 1.0, 2.0) + (np.arange(60) < 30)  # two answers to each x
    first = np.where(np.arange(60) < 30, 1.0, 1e-6)
    options = {"hidden": (), "epochs": 300, "lr": 0.1, "test": 0, "validation": 0}
    run = train_table(
        {"x": x, "y": y}, "y", **options, weight_decay=0, sample_weight=first
    )
    predicted = run.predict({"x": [0, 1]})["predicted_y"].to_pylist()
    assert predicted == pytest.approx([2, 3], abs=0.02)


def test_rows_are_parted_with_what_they_count():
    table = {"x": range(100), "y": [None, *range(99)]}
    weights = np.arange(100) / 7 + 1
    weights[5] = 0
    found = prepare(
        table, "y", validation=0.2, test=0.2, seed=0, sample_weight=weights,
        reading={"missing": None, "delimiter": None, "encoding": None},
    )  # fmt: skip
    rows = 0
    for part in (found.train, found.validation, found.test):
        numbers = np.array(part.table["x"].to_pylist())
        assert (part.counts == weights[numbers]).all()
        rows += len(part)
    assert rows == 98


def test_weights_are_for_rows_that_memory_holds(tmp_path):
    (tmp_path / "table.csv").write_text("x,y\n" + "1,2\n3,4\n" * 50_000)
    with pytest.raises(SettingError, match="sample_weight is for tables that memory"):
        train_table(
            tmp_path / "table.csv", "y", memory="1MB", sample_weight=[1] * 100_000
        )


def test_validation_rows_of_their_own_count_what_is_said():
    table = {"x": range(100), "y": range(100)}
    held = {"x": [1, 2, 3, 4], "y": [9, None, 0, 50]}
    options = {"hidden": (), "epochs": 2, "test": 0, "validation": held}
    weighed = train_table(table, "y", **options, validation_weight=[1, 7, 0, 2])
    held = {"x": [1, 4, 4], "y": [9, 50, 50]}
    twice = train_table(table, "y", **{**options, "validation": held})
    assert weighed.history["val_loss"] == pytest.approx(twice.history["val_loss"])
    assert weighed.split == {"training": 100, "validation": 3}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"sample_weight": [1, 2]}, r"shape \(2,\), and the table has 100 rows"),
        ({"sample_weight": "x"}, "sample_weight is a number for each row"),
        ({"sample_weight": [1.0] * 99 + [-1]}, "sample_weight is -1 in row 100"),
        ({"sample_weight": [np.nan] * 100}, "sample_weight is nan in row 1"),
        ({"sample_weight": [0] * 100}, "sample_weight is 0 in every row"),
        ({"sample_weight": [1] * 100, "out": "run"}, "not kept in a folder"),
        ({"validation_weight": [1] * 15}, "given as validation=, and that is 0.15"),
        (
            {"validation_weight": [1] * 3, "validation": {"x": [1], "y": [1]}},
            r"validation_weight has shape \(3,\), and the table has 1 row",
        ),
    ],
)
def test_weights_that_make_no_sense(tmp_path, monkeypatch, options, complaint):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match=complaint):
        train_table({"x": range(100), "y": range(100)}, "y", epochs=1, **options)
    assert not list(tmp_path.iterdir())
