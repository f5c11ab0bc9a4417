"""`TableClassifier` and `TableRegressor`: scikit-learn's conventions, raw frames."""

import datetime as dt
import io
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule.sklearn import TableClassifier, TableRegressor
from chainrule.tables import TableError, TableWarning
from chainrule.tabular import SettingError, load_run, train_table

# Held-out rows are drawn, batches are cut, and weights decay by how many rows
# there are, not by what they count. Without all that it is so: see
# test_a_weight_of_two_is_a_row_twice.
NOT_EQUAL = {
    "check_sample_weight_equivalence_on_dense_data": "rows are held out, in batches",
}


@parametrize_with_checks(
    [TableClassifier(hidden=(16,), epochs=60), TableRegressor(hidden=(16,), epochs=60)],
    expected_failed_checks=lambda estimator: NOT_EQUAL,
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def homes():
    """Homes with all that tables have; the price depends on all of it."""
    rng = np.random.default_rng(0)
    rows = 400
    frame = pd.DataFrame(
        {
            "size": rng.normal(100, 20, rows),
            "town": rng.choice(["Ulm", "Bonn", "Köln"], rows),
            "garden": rng.choice(["yes", "no"], rows),
            "built": pd.Timestamp("1990-01-01")
            + pd.to_timedelta(rng.integers(0, 9000, rows), "D"),
            "always": 1,
        }
    )
    passed = (frame["built"] - pd.Timestamp("1990-01-01")).dt.days / 9000
    price = (
        frame["size"] / 20
        + frame["town"].map({"Ulm": 0.0, "Bonn": 1.5, "Köln": 3.0})
        + (frame["garden"] == "yes")
        + 3 * passed
    )
    frame.loc[::7, "size"] = np.nan
    return frame, price.rename("price")


@pytest.fixture(scope="module")
def fitted(homes):
    X, price = homes
    dear = np.where(price > price.median(), "dear", "cheap")
    return TableClassifier(hidden=(16,), epochs=80, random_state=0).fit(X, dear)


def test_a_frame_goes_in_as_it_is(homes, fitted):
    X, price = homes
    dear = np.where(price > price.median(), "dear", "cheap")
    assert fitted.classes_.tolist() == ["cheap", "dear"]
    assert fitted.feature_names_in_.tolist() == list(X.columns)
    assert fitted.n_features_in_ == 5
    assert fitted.score(X, dear) > 0.85
    p = fitted.predict_proba(X)
    assert p.shape == (400, 2)
    assert p.sum(axis=1) == pytest.approx(1)
    assert (fitted.classes_[p.argmax(axis=1)] == fitted.predict(X)).all()
    assert set(fitted.influence_) == {"size", "town", "garden", "built"}
    assert len(fitted.history_) == fitted.n_iter_


def test_a_number_is_predicted_in_its_units(homes):
    X, price = homes
    reg = TableRegressor(hidden=(32,), epochs=120, random_state=0).fit(X, price)
    assert reg.score(X, price) > 0.8
    assert reg.predict(X).dtype == np.float64
    skewed = TableRegressor(
        hidden=(32,), epochs=120, random_state=0, target_transform="log1p"
    ).fit(X, np.exp(price))
    assert np.corrcoef(np.log(skewed.predict(X)), price)[0, 1] > 0.9


def test_it_is_train_table(homes):
    X, price = homes
    reg = TableRegressor(hidden=(8,), epochs=3, random_state=5).fit(X, price)
    table = X.assign(price=price)
    run = train_table(
        table, "price", hidden=(8,), epochs=3, seed=5, test=0, task="regression"
    )
    assert reg.run_.encoder == run.encoder
    predicted = run.predict(X)["predicted_price"].to_numpy()
    assert np.array_equal(reg.predict(X), predicted)


def test_frames_of_every_library_and_dicts(homes, fitted):
    X, _ = homes
    expected = fitted.predict_proba(X)
    for other in (
        pl.from_pandas(X),
        pa.Table.from_pandas(X, preserve_index=False),
        {name: X[name].tolist() for name in X.columns},
    ):
        assert np.array_equal(fitted.predict_proba(other), expected)
    again = clone(fitted).fit(pl.from_pandas(X), fitted.predict(X))
    assert again.feature_names_in_.tolist() == list(X.columns)


def test_columns_in_another_order_are_refused_as_by_scikit_learn(homes, fitted):
    X, _ = homes
    with pytest.raises(ValueError, match="must be in the same order"):
        fitted.predict(X[X.columns[::-1]])
    with pytest.raises(ValueError, match="Feature names unseen at fit time"):
        fitted.predict(X.rename(columns={"town": "city"}))


def test_what_is_new_is_told(homes, fitted):
    X, _ = homes
    with pytest.warns(TableWarning, match="'town': new category in row 1; 'Rom'"):
        fitted.predict(X.head(2).assign(town=["Rom", "Ulm"]))


def test_pickles_predict_the_same(homes, fitted):
    X, _ = homes
    expected = fitted.predict_proba(X)
    copied = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - our own
    assert np.array_equal(copied.predict_proba(X), expected)
    file = io.BytesIO()
    joblib.dump(fitted, file)
    file.seek(0)
    assert np.array_equal(joblib.load(file).predict_proba(X), expected)


def test_the_run_is_saved_as_any_other(fitted, homes, tmp_path):
    fitted.run_.save(tmp_path / "run")
    predicted = load_run(tmp_path / "run").predict(homes[0])["probability_1"]
    expected = fitted.predict_proba(homes[0])[:, 1]
    assert np.array_equal(predicted.to_numpy(), expected)


def test_parameters_are_kept_and_copied():
    estimator = TableClassifier((8,), kinds={"a": "category"}, class_weight="balanced")
    parameters = clone(estimator).get_params()
    assert parameters["kinds"] == {"a": "category"}
    assert parameters["class_weight"] == "balanced"
    assert "target_transform" not in parameters
    assert "class_weight" not in TableRegressor().get_params()
    assert clone(estimator.set_params(epochs=3)).epochs == 3


def test_searches_and_pipelines_over_frames(homes):
    X, price = homes
    search = GridSearchCV(
        TableRegressor(epochs=20, random_state=0),
        {"hidden": [(), (16,)], "scaling": ["standard", "quantile"]},
        cv=2,
    ).fit(X, price)
    assert search.best_params_["hidden"] in ((), (16,))
    assert search.predict(X).shape == (400,)
    grow = FunctionTransformer(lambda frame: frame.assign(twice=2 * frame["size"]))
    pipeline = Pipeline([("grow", grow), ("table", TableRegressor(epochs=5))])
    assert pipeline.fit(X, price).predict(X).shape == (400,)
    assert pipeline[-1].n_features_in_ == 6
    scores = cross_val_score(TableRegressor(epochs=40, random_state=0), X, price, cv=3)
    assert scores.min() > 0.5


@pytest.mark.parametrize("labels", [[3, 7], [False, True], ["a", "b"], [0.0, 1.0]])
def test_labels_of_any_type_come_back(labels):
    X = np.array([[0.0], [1.0]] * 20)
    y = np.array(labels * 20)
    clf = TableClassifier(hidden=(8,), epochs=80, random_state=0).fit(X, y)
    assert clf.predict(X).dtype == y.dtype
    assert clf.predict(X).tolist() == labels * 20


def test_rows_of_a_class_may_count_more():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 1))
    y = np.where(rng.random(600) < 1 / (1 + np.exp(3 - 2 * X[:, 0])), "rare", "usual")
    share = {
        weight: (
            TableClassifier(class_weight=given, random_state=0).fit(X, y).predict(X)
            == "rare"
        ).mean()
        for weight, given in {
            "none": None,
            "balanced": "balanced",
            "rare": {"rare": 50.0, "usual": 1.0},
        }.items()
    }
    assert share["none"] < 0.9 * share["balanced"] < 0.8 * share["rare"]
    with pytest.raises(ValueError, match="no class 'scarce'; the classes are 'rare'"):
        TableClassifier(class_weight={"scarce": 2.0}).fit(X, y)


def test_a_model_of_an_array_takes_frames_by_position():
    X = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) % 7})
    y = X["a"] + X["b"]
    from_array = TableRegressor(epochs=3, random_state=0).fit(X.to_numpy(), y)
    from_frame = TableRegressor(epochs=3, random_state=0).fit(X, y)
    expected = from_frame.predict(X)
    assert np.array_equal(from_array.predict(X.to_numpy()), expected)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert np.array_equal(from_frame.predict(X.to_numpy()), expected)


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (sparse.eye(9).tocsr(), [0, 1, 1] * 3, TypeError, "a sparse .*is no table"),
        ([[1.0], [2.0]], [0, 0], ValueError, "y has 1 class: 0"),
        ([[1.0], [np.inf], [2.0]], [0, 1, 0], TableError, "infinite in row 2"),
        ([[1.0], [3.0], [2.0]], ["a", None, "b"], ValueError, r"None \(row 2\)"),
        ([[1.0], [3.0]], [0, 1, 0], ValueError, "inconsistent numbers of samples"),
        ({"a": [[1]] * 9}, [0, 1, 1] * 3, TableError, "column 'a' holds list"),
    ],
)
def test_what_makes_no_sense_is_refused(X, y, error, message):
    with pytest.raises(error, match=message):
        TableClassifier().fit(X, y)


def test_settings_that_make_no_sense_are_refused():
    X, y = np.arange(40.0).reshape(-1, 1), [0, 1] * 20
    with pytest.raises(SettingError, match="activation='rleu'"):
        TableClassifier(activation="rleu").fit(X, y)
    with pytest.raises(TableError, match="not 'minmax'"):
        TableClassifier(scaling="minmax").fit(X, y)
    with pytest.raises(NotFittedError):
        TableClassifier().predict_proba(X)


def test_a_column_may_be_called_like_the_target():
    X = pd.DataFrame({"y": np.arange(40.0), "day": [dt.date(2024, 1, 1)] * 40})
    reg = TableRegressor(epochs=2).fit(X, pd.Series(np.arange(40.0), name="y"))
    assert reg.run_.target == "y_"


@pytest.mark.parametrize(
    "changed",
    [
        {"normalization": "layer"},
        {"schedule": "cosine"},
        {"clip_norm": 0.01},
        {"dropout": 0.5},
        {"weight_decay": 5.0},
        {"lr": 0.1},
        {"batch_size": 7},
        {"optimizer": "sgd"},
        {"activation": "tanh"},
        {"scaling": "quantile"},
        {"drop": ["x1"]},
        {"validation": 0.3},
        {"random_state": 1},
    ],
)
def test_every_parameter_reaches_the_training(changed):
    X = np.random.default_rng(0).lognormal(size=(100, 2))
    y = X.sum(axis=1)
    options = {"hidden": (4,), "epochs": 2, "random_state": 0}
    usual = TableRegressor(**options).fit(X, y).predict(X)
    other = TableRegressor(**{**options, **changed}).fit(X, y).predict(X)
    assert not np.array_equal(usual, other)


# --- weights of rows ------------------------------------------------------------------

ONE_BATCH = {
    "hidden": (8,),
    "epochs": 40,
    "batch_size": 10_000,
    "validation": 0,
    "weight_decay": 0.01,
    "patience": None,
    "random_state": 0,
    "lr": 0.01,
}


@pytest.fixture(scope="module")
def counts():
    return np.random.default_rng(1).integers(0, 4, 400)


def of(kind, homes, **settings):
    """An estimator, its rows and its targets."""
    frame, price = homes
    if kind == "regressor":
        return TableRegressor(**ONE_BATCH, **settings), frame, price
    labels = np.digitize(price, price.quantile([0.3, 0.7]))
    return TableClassifier(**ONE_BATCH, **settings), frame, labels


def outputs(estimator, frame):
    given = getattr(estimator, "predict_proba", estimator.predict)
    return given(frame)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("regressor", {}),
        ("classifier", {}),
        ("classifier", {"class_weight": "balanced"}),
        ("classifier", {"class_weight": {0: 2.0, 1: 1.0, 2: 0.5}}),
    ],
)
def test_a_weight_of_two_is_a_row_twice(homes, counts, kind, settings):
    estimator, frame, y = of(kind, homes, **settings)
    weighted = clone(estimator).fit(frame, y, counts)
    repeated = clone(estimator).fit(
        frame.iloc[np.arange(400).repeat(counts)], np.repeat(y, counts)
    )
    alike = clone(estimator).fit(frame, y)
    # As exactly as float32 can be added in another order, over 40 steps.
    close = {"rtol": 2e-4, "atol": 2e-5}
    found = outputs(weighted, frame)
    np.testing.assert_allclose(found, outputs(repeated, frame), **close)
    assert not np.allclose(found, outputs(alike, frame), **close)
    assert weighted.run_.encoder.inputs == repeated.run_.encoder.inputs
    losses = [e.history_["loss"][0] for e in (weighted, repeated)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_rows_of_weight_0_are_not_there(homes, counts):
    frame, price = homes
    reg = TableRegressor(hidden=(4,), epochs=5, random_state=0)
    kept = counts > 0
    frame = frame.assign(size=frame["size"].where(kept, np.inf))  # nobody looks
    found = clone(reg).fit(frame, price, kept.astype(float)).predict(frame[kept])
    known = clone(reg).fit(frame[kept], price[kept], np.ones(kept.sum()))
    np.testing.assert_array_equal(found, known.predict(frame[kept]))
    with pytest.raises(TableError, match="infinite"):
        clone(reg).fit(frame, price)


def test_weights_that_are_all_one_change_nothing_much(homes):
    frame, price = homes
    reg = TableRegressor(hidden=(4,), epochs=5, random_state=0)
    one = clone(reg).fit(frame, price, np.ones(400)).predict(frame)
    np.testing.assert_allclose(one, clone(reg).fit(frame, price).predict(frame), 1e-4)


def test_held_out_rows_count_by_their_weights(homes, counts):
    frame, price = homes
    reg = TableRegressor(hidden=(4,), epochs=5, validation=0.3, random_state=0)
    by_weight = clone(reg).fit(frame, price, 1 + 99 * (counts > 1)).history_
    alike = clone(reg).fit(frame, price).history_
    assert by_weight["val_loss"][0] != pytest.approx(alike["val_loss"][0], rel=1e-3)


def test_a_class_whose_rows_count_nothing_is_none(homes):
    clf = TableClassifier(hidden=(4,), epochs=2, random_state=0)
    frame = homes[0]
    labels = np.array(["a", "b", "c", "d"] * 100)
    clf.fit(frame, labels, labels != "b")
    assert clf.classes_.tolist() == ["a", "c", "d"]
    assert set(clf.predict(frame)) <= {"a", "c", "d"}
    with pytest.raises(ValueError, match="1 class, where sample_weight is not 0: 'a'"):
        clf.fit(frame, labels, labels == "a")


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [
        (np.zeros(400), "at least one non-zero number"),
        (np.ones(399), "sample_weight.shape == "),
        (-np.ones(400), "Negative values"),
        (np.full(400, np.nan), "NaN"),
    ],
)
def test_weights_that_are_none_are_refused(homes, weights, complaint):
    for estimator in (TableRegressor(), TableClassifier()):
        with pytest.raises(ValueError, match=complaint):
            estimator.fit(homes[0], np.arange(400) % 5, weights)


def test_scores_count_rows_by_their_weights(homes, counts):
    frame, price = homes
    reg = TableRegressor(hidden=(4,), epochs=3, random_state=0).fit(frame, price)
    repeated = np.arange(400).repeat(counts)
    assert reg.score(frame, price, counts) == pytest.approx(
        reg.score(frame.iloc[repeated], price.iloc[repeated])
    )
