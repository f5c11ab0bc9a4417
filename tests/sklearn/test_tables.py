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
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule.insight import calibrate_logits
from chainrule.sklearn import TableClassifier, TableRegressor
from chainrule.tables import TableError, TableWarning
from chainrule.tabular import SettingError, load_run, train_table
from chainrule.training.program import predict

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


# --- validation rows ------------------------------------------------------------------

SEEN, HELD = np.arange(400) % 2 == 0, np.arange(400) % 4 == 1
NEW = np.arange(400) % 4 == 3


def classes_of(price, count=2):
    """Labels of which a fifth are wrong."""
    names = np.array(["cheap", "dear", "mid"])
    shares = [0.5] if count == 2 else [0.3, 0.7]
    numbers = np.digitize(price, price.quantile(shares))
    slips = np.random.default_rng(2).random(len(price)) < 0.2
    return names[(numbers + slips) % count]


def held_out(frame, y, rows=HELD):
    return {"X_val": frame[rows], "y_val": y[rows]}


def test_given_rows_decide_when_to_stop(homes):
    frame, price = homes
    reg = TableRegressor(hidden=(8,), epochs=5, random_state=0)
    found = clone(reg).fit(frame[SEEN], price[SEEN], **held_out(frame, price))
    assert found.run_.split == {"training": 200, "validation": 100}
    run = train_table(
        frame[SEEN].assign(price=price[SEEN]),
        "price",
        hidden=(8,),
        epochs=5,
        seed=0,
        test=0,
        task="regression",
        validation=frame[HELD].assign(price=price[HELD]),
    )
    assert found.history_["val_loss"] == run.history["val_loss"]
    labels = classes_of(price, 3)
    clf = TableClassifier(hidden=(8,), epochs=5, random_state=0)
    few = HELD & (labels != "mid")  # of a class there may be none
    clf.fit(frame[SEEN], labels[SEEN], **held_out(frame, labels, few))
    goal = {name: k for k, name in enumerate(clf.classes_)}
    own = clf.predict_proba(frame[few])[
        np.arange(few.sum()), [goal[label] for label in labels[few]]
    ]
    assert min(clf.history_["val_loss"]) == pytest.approx(-np.log(own).mean(), 1e-5)


def test_given_rows_count_by_their_weights(homes, counts):
    frame, price = homes
    reg = TableRegressor(hidden=(4,), epochs=3, random_state=0)
    weights = counts[HELD]
    found, expected = (
        clone(reg).fit(frame[SEEN], price[SEEN], **given).history_["val_loss"]
        for given in (
            {**held_out(frame, price), "sample_weight_val": weights},
            {
                "X_val": frame[HELD].iloc[np.arange(100).repeat(weights)],
                "y_val": price[HELD].repeat(weights),
            },
        )
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y_val": None}, ValueError, "X_val needs y_val: what is true"),
        ({"X_val": None}, ValueError, "y_val needs X_val: the rows that it is of"),
        ({"y_val": ["cheap", "dear", "huge"]}, ValueError, r"not have: \['huge'\]"),
        ({"y_val": ["cheap", "dear"]}, ValueError, "X_val and y_val have inconsis"),
        ({"sample_weight_val": [1, 2]}, ValueError, "sample_weight.shape == "),
        ({"sample_weight_val": [0, 0, 0]}, ValueError, "at least one non-zero"),
    ],
)
def test_validation_rows_that_make_no_sense_are_refused(homes, change, error, message):
    frame, price = homes
    labels = classes_of(price)
    given = {"X_val": frame.head(3), "y_val": labels[:3], **change}
    with pytest.raises(error, match=message):
        TableClassifier().fit(frame, labels, **given)
    with pytest.raises(ValueError, match="Feature names unseen"):
        TableClassifier().fit(
            frame, labels, X_val=frame.rename(columns={"town": "city"}), y_val=labels
        )


# --- probabilities that come true -----------------------------------------------------

METHODS = ["temperature", "vector"]


def sure(**settings):
    """Trained for so long that it is surer than it should be."""
    return TableClassifier(
        **{"hidden": (32,), "epochs": 60, "lr": 0.01, "patience": None, **settings},
        weight_decay=0.0,
        random_state=0,
    )


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_probabilities_come_true_more_often(homes, method, count):
    frame, price = homes
    y = classes_of(price, count)
    given = held_out(frame, y)
    # What decides when to stop is what calibrates, so that the weights are the same.
    plain = sure().fit(frame[SEEN], y[SEEN], **given)
    clf = sure(calibrate=method).fit(frame[SEEN], y[SEEN], **given)
    assert clf.history_["loss"] == plain.history_["loss"]
    z = predict(plain.run_.net, plain.run_.encoder.transform(frame))
    numbers = np.searchsorted(clf.classes_, y)
    expected = calibrate_logits(z[HELD], numbers[HELD], method)
    np.testing.assert_allclose(
        clf.predict_proba(frame), expected.probabilities(z), rtol=1e-4, atol=1e-6
    )
    assert clf.calibration_.after == pytest.approx(expected.after)
    assert log_loss(y[HELD], clf.predict_proba(frame[HELD])) == pytest.approx(
        clf.calibration_.after, rel=1e-5
    )
    assert clf.calibration_.after < clf.calibration_.before
    if method == "temperature":
        np.testing.assert_array_equal(clf.predict(frame), plain.predict(frame))
    else:
        p = clf.predict_proba(frame)
        np.testing.assert_array_equal(clf.predict(frame), clf.classes_[p.argmax(1)])


def test_networks_that_are_too_sure_become_less_so(homes):
    frame, price = homes
    y = classes_of(price)
    # Nothing stops it before the end: the last weights are the best by the loss.
    clf = sure(calibrate="temperature", hidden=(64,), epochs=30, validation=0.3)
    clf.fit(frame[SEEN | HELD], y[SEEN | HELD])
    assert clf.calibration_.temperature > 1
    assert clf.run_.split["validation"] == 90


def test_rows_that_calibrate_count_by_their_weights(homes, counts):
    frame, price = homes
    y = classes_of(price, 3)
    weights = counts[HELD].astype(float)
    clf = sure(epochs=5, calibrate="vector", class_weight={"cheap": 9.0, "mid": 1.0})
    clf.fit(frame[SEEN], y[SEEN], **held_out(frame, y), sample_weight_val=weights)
    p = clf.predict_proba(frame[HELD])
    after = log_loss(y[HELD], p, sample_weight=weights)
    assert after == pytest.approx(clf.calibration_.after, rel=1e-5)


def test_what_is_saved_is_calibrated(homes, tmp_path):
    frame, price = homes
    y = classes_of(price, 3)
    clf = sure(epochs=20, calibrate="vector").fit(frame, y)
    clf.run_.save(tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert run.settings["calibrate"] == "vector"
    told = run.predict(frame)
    p = np.stack([told[f"probability_{k}"].to_numpy() for k in range(3)], axis=1)
    np.testing.assert_array_equal(p, clf.predict_proba(frame))
    copied = pickle.loads(pickle.dumps(clf))  # noqa: S301 - our own
    np.testing.assert_array_equal(copied.predict_proba(frame), p)
    np.testing.assert_array_equal(copied.predict(frame), clf.predict(frame))


def test_a_calibration_is_forgotten_with_its_weights(homes):
    frame, price = homes
    y = classes_of(price)
    clf = sure(epochs=3, calibrate="temperature").fit(frame, y)
    clf.set_params(calibrate=None).fit(frame, y)
    assert not hasattr(clf, "calibration_")
    plain = sure(epochs=3).fit(frame, y)
    np.testing.assert_array_equal(clf.predict_proba(frame), plain.predict_proba(frame))
    assert "calibrate" not in plain.run_.settings


def test_calibrations_that_make_no_sense_are_refused(homes):
    frame, price = homes
    y = classes_of(price)
    with pytest.raises(SettingError, match="calibrate='isotonic' is not known; known"):
        TableClassifier(calibrate="isotonic").fit(frame, y)
    with pytest.raises(SettingError, match="validation=0 gives none: make it more"):
        TableClassifier(calibrate="vector", validation=0).fit(frame, y)
    with pytest.raises(TypeError, match="calibrate"):
        TableRegressor(calibrate="temperature")


@parametrize_with_checks(
    [TableClassifier(hidden=(16,), epochs=60, calibrate="vector", validation=0.4)],
    expected_failed_checks=lambda estimator: {
        **NOT_EQUAL,
        "check_class_weight_classifiers": "probabilities are those without weights",
    },
)
def test_a_calibrated_one_does_what_scikit_learn_expects(estimator, check):
    check(estimator)
