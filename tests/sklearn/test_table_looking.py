"""What `TableClassifier` and `TableRegressor` can be asked, column by column."""

import copy
import pickle
import warnings
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, make_scorer, r2_score
from sklearn.pipeline import Pipeline

import chainrule as cr
from chainrule.sklearn import TableClassifier, TableRegressor
from chainrule.tables import TableError, TableWarning

ROWS = 300


def _homes():
    """Homes whose price depends on every column but the last two."""
    rng = np.random.default_rng(0)
    first = pd.Timestamp("1990-01-01")
    frame = pd.DataFrame(
        {
            "size": rng.normal(100, 20, ROWS),
            "town": rng.choice(["Ulm", "Bonn", "Köln"], ROWS),
            "street": rng.choice([f"street {k}" for k in range(60)], ROWS),
            "garden": rng.choice(["yes", "no"], ROWS),
            "built": first + pd.to_timedelta(rng.integers(0, 9000, ROWS), "D"),
            "said": rng.normal(size=ROWS),
            "always": 1,
        }
    )
    price = (
        frame["size"] / 20
        + frame["town"].map({"Ulm": 0.0, "Bonn": 1.5, "Köln": 3.0})
        + frame["street"].str[7:].astype(int) / 30
        + (frame["garden"] == "yes")
        + (frame["built"] - first).dt.days / 3000
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[::9, "town"] = None
    return frame, price.rename("price")


HOMES, PRICE = _homes()
TARGETS = {
    "numbers": PRICE,
    "logarithms": np.exp(PRICE),
    "two": np.where(PRICE.median() < PRICE, "dear", "cheap"),
    "three": np.array(["low", "mid", "top"])[np.digitize(PRICE, [9, 11])],
}
SMALL = {
    "hidden": (8,),
    "activation": "tanh",
    "epochs": 30,
    "drop": ["said"],
    "min_count": 2,
    "max_categories": 20,
    "random_state": 0,
}
KINDS = {
    "numbers": TableRegressor(**SMALL),
    "logarithms": TableRegressor(**SMALL, target_transform="log1p"),
    "two": TableClassifier(**SMALL),
    "three": TableClassifier(**SMALL),
    "calibrated": TableClassifier(**SMALL, calibrate="vector", validation=0.4),
    "normalized": TableRegressor(**SMALL, normalization="batch"),
    "linear": TableRegressor(**{**SMALL, "hidden": ()}),
}


def target_of(name):
    return TARGETS[
        {"calibrated": "two"}.get(name, name if name in TARGETS else "numbers")
    ]


@cache
def fitted(name):
    return KINDS[name].fit(HOMES, target_of(name))


def quiet(function, *given, **how):
    """Without being told of what is new in the rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)
        return function(*given, **how)


# --- explanations ---------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_what_columns_add_is_what_there_is_to_explain(name):
    model = fitted(name)
    found = model.explain(HOMES)
    assert found.columns == tuple(HOMES.columns)
    assert found.attributions.shape == HOMES.shape
    np.testing.assert_allclose(found.gaps, 0, atol=2e-4)
    for k in set(found.outputs):  # there is one row to compare all with
        assert np.ptp(found.base[found.outputs == k]) == 0
    if isinstance(model, TableRegressor):
        transform = model.run_.encoder.goal.transform
        told = model.predict(HOMES)
        told = told if transform is None else transform.forward(told)
        np.testing.assert_allclose(found.values, told, rtol=1e-5)


@pytest.mark.parametrize("name", ["two", "three", "calibrated"])
def test_probabilities_are_explained(name):
    clf = fitted(name)
    p = clf.predict_proba(HOMES)
    for k, label in enumerate(clf.classes_):
        found = clf.explain(HOMES, output=label, of="probability")
        np.testing.assert_allclose(found.values, p[:, k], atol=1e-6)
        np.testing.assert_allclose(found.gaps, 0, atol=1e-5)
        assert set(clf.classes_[found.outputs]) == {label}
    likely = clf.explain(HOMES)
    expected = clf.predict(HOMES) if name == "three" else ["dear"] * ROWS
    np.testing.assert_array_equal(clf.classes_[likely.outputs], expected)


def test_columns_that_are_not_used_add_nothing():
    found = fitted("numbers").explain(HOMES)
    by_column = dict(zip(found.columns, found.attributions.T, strict=True))
    for name in ("said", "always"):
        np.testing.assert_array_equal(by_column[name], 0)
    for name in ("size", "town", "street", "garden", "built"):
        assert np.abs(by_column[name]).max() > 0.01


def test_a_line_gives_each_column_what_its_inputs_add():
    model = fitted("linear")
    encoder = model.run_.encoder
    assert not encoder.embedded
    found = model.explain(HOMES, baseline="mean")
    X, W = encoder.transform(HOMES), model.to_network()[0].W.data[:, 0]
    alone = (X - X.mean(axis=0)) * W * encoder.goal.sd
    for name, positions in encoder.groups.items():
        np.testing.assert_allclose(
            found.attributions[:, list(HOMES).index(name)],
            alone[:, list(positions)].sum(axis=1),
            atol=1e-5,
        )


def test_the_features_of_a_category_add_up():
    model = fitted("numbers")
    encoder, net = model.run_.encoder, model.to_network()
    (street,) = encoder.embedded
    rest = cr.insight.explain(
        net[1:], cr.predict(net[0], encoder.transform(HOMES)), baseline="mean"
    )
    found = model.explain(HOMES, baseline="mean")
    np.testing.assert_allclose(
        found.attributions[:, 2] / encoder.goal.sd,
        rest.attributions[:, -street.features :].sum(axis=1),
        atol=1e-6,
    )


@pytest.mark.parametrize("name", ["numbers", "linear"])
def test_rows_are_compared_with_the_mean_row_that_was_trained_on(name):
    model = KINDS[name]
    alone = copy.deepcopy(model).set_params(validation=0).fit(HOMES, PRICE)
    found = alone.explain(HOMES)
    np.testing.assert_allclose(
        found.attributions,
        alone.explain(HOMES, baseline="mean").attributions,
        atol=1e-5,
    )
    # A weight of two is a row twice.
    counts = 1 + np.arange(ROWS) % 2
    weighed = copy.deepcopy(alone).fit(HOMES, PRICE, counts)
    twice = HOMES.iloc[np.arange(ROWS).repeat(counts)]
    np.testing.assert_allclose(
        weighed.explain(HOMES).base[0],
        weighed.explain(HOMES, baseline=twice).base[0],
        rtol=1e-6,
    )
    # Rows that were held out are not among them.
    held = fitted(name).explain(HOMES)
    assert held.base[0] != fitted(name).explain(HOMES, baseline="mean").base[0]


@pytest.mark.parametrize(
    "baseline",
    [
        HOMES.iloc[3],
        HOMES.iloc[[3]],
        HOMES.iloc[3].to_dict(),
        pl.from_pandas(HOMES.iloc[[3]]),
        pa.Table.from_pandas(HOMES.iloc[[3]], preserve_index=False),
        {name: [HOMES[name].iloc[3]] for name in HOMES},
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_row_may_be_what_is_compared_with(baseline):
    model = fitted("numbers")
    found = model.explain(HOMES, baseline=baseline)
    np.testing.assert_allclose(found.base, model.predict(HOMES)[3], rtol=1e-6)
    np.testing.assert_array_equal(found.attributions[3], 0)
    np.testing.assert_allclose(found.gaps, 0, atol=2e-4)
    same = (HOMES["garden"] == HOMES["garden"].iloc[3]).to_numpy()
    np.testing.assert_array_equal(found.attributions[same, 3], 0)
    assert np.abs(found.attributions[~same, 3]).min() > 0


def test_a_frame_is_compared_with_by_its_mean_row():
    model = fitted("numbers")
    found = model.explain(HOMES.head(10), baseline=HOMES.tail(20))
    expected = model.explain(HOMES.tail(20), baseline="mean")
    np.testing.assert_allclose(found.base, expected.base[0], rtol=1e-6)


def test_an_array_of_one_row_is_compared_with():
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = TableRegressor(hidden=(), epochs=5, random_state=0).fit(X, X[:, 0])
    found = model.explain(X, baseline=X[0])
    assert found.columns == ("x0", "x1")
    np.testing.assert_allclose(found.base, model.predict(X[:1])[0], rtol=1e-6)


def test_gradients_times_inputs_are_exact_on_a_line():
    found = fitted("linear").explain(HOMES, "gradient_x_input")
    expected = fitted("linear").explain(HOMES)
    np.testing.assert_allclose(found.attributions, expected.attributions, atol=1e-5)
    bent = fitted("numbers").explain(HOMES, "gradient_x_input")
    assert np.abs(bent.gaps).max() > 0.01


def test_more_steps_leave_less_unexplained():
    few, many = (fitted("numbers").explain(HOMES, steps=n) for n in (1, 16))
    assert np.abs(many.gaps).max() < np.abs(few.gaps).max() / 10


def test_cells_are_shown_as_they_are_in_the_table():
    found = fitted("numbers").explain(HOMES)
    assert found.X.shape == HOMES.shape
    assert found.X[1, 1] == HOMES["town"].iloc[1]
    for row, size in ((0, "missing"), (1, f"{HOMES['size'].iloc[1]:.4g}")):
        lines = [line.split() for line in repr(found.row(row)).splitlines()]
        cells = {name: words[:-1] for name, *words in lines}
        assert cells["size"] == [size]
        assert cells["town"] == ["missing" if row == 0 else found.X[1, 1]]
        assert " ".join(cells["built"]) == str(HOMES["built"].iloc[row])


def test_explanations_survive_pickling():
    model = fitted("calibrated")
    copied = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own
    np.testing.assert_array_equal(
        copied.explain(HOMES).attributions, model.explain(HOMES).attributions
    )


def test_the_last_step_of_a_pipeline_is_asked():
    pipe = Pipeline([("same", "passthrough"), ("table", TableRegressor(**SMALL))])
    pipe.fit(HOMES, PRICE)
    found = pipe[-1].explain(pipe[:-1].transform(HOMES))
    np.testing.assert_array_equal(
        found.attributions, fitted("numbers").explain(HOMES).attributions
    )


def test_what_is_new_is_told_once_and_explained():
    rows = HOMES.head(2).assign(garden=["maybe", "no"], town=["Rom", "Ulm"])
    with pytest.raises(TableError, match="garden"):
        fitted("numbers").explain(rows)
    with pytest.warns(TableWarning, match="'town': new category") as told:
        found = fitted("numbers").explain(rows.assign(garden="no"))
    assert len(told) == 1
    np.testing.assert_allclose(found.gaps, 0, atol=2e-4)


def test_what_cannot_be_explained():
    reg, clf = fitted("numbers"), fitted("three")
    with pytest.raises(NotFittedError):
        TableRegressor().explain(HOMES)
    for baseline in (0.0, None, "zero"):
        with pytest.raises(ValueError, match="has to be 'training', 'mean', or rows"):
            reg.explain(HOMES, baseline=baseline)
    with pytest.raises(ValueError, match="Feature names"):
        reg.explain(HOMES, baseline={"size": 3.0})
    with pytest.raises(ValueError, match="Feature names unseen"):
        reg.explain(HOMES.rename(columns={"town": "city"}))
    with pytest.raises(ValueError, match="there is no class 'huge'; the classes are"):
        clf.explain(HOMES, output="huge")
    with pytest.raises(ValueError, match="'all': an explanation is of one output"):
        clf.explain(HOMES, output="all")
    with pytest.raises(ValueError, match="is for classifiers, and TableRegressor"):
        reg.explain(HOMES, of="probability")
    with pytest.raises(ValueError, match="method='shap' has to be one of"):
        reg.explain(HOMES, "shap")


def test_the_network_is_a_copy():
    model = fitted("two")
    before = model.predict_proba(HOMES)
    net = model.to_network()
    X = model.run_.encoder.transform(HOMES)
    np.testing.assert_allclose(
        cr.sigmoid(net(X)).numpy()[:, 0], before[:, 1], atol=1e-6
    )
    net["output"].W.assign(0 * net["output"].W.data)
    np.testing.assert_array_equal(model.predict_proba(HOMES), before)


# --- importances ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["numbers", "three"])
def test_a_column_of_the_frame_is_shuffled_whole(name):
    model, y = fitted(name), target_of(name)
    found = model.permutation_importances(HOMES, y, repeats=3, seed=5)
    assert found.columns == tuple(HOMES.columns)
    assert found.drops.shape == (7, 3)
    assert found.score == pytest.approx(model.score(HOMES, y))
    rng = np.random.default_rng(5)
    orders = [rng.permutation(ROWS) for _ in range(3)]
    for c, column in enumerate(HOMES):
        shuffled = HOMES.assign(**{column: HOMES[column].to_numpy()[orders[1]]})
        worse = found.score - model.score(shuffled, y)
        assert found.drops[c, 1] == pytest.approx(worse, abs=1e-12)
    assert not found.drops[5:].any()
    assert (found.means[:2] > 0).all()


def test_they_agree_with_the_influence_on_held_out_rows():
    model = fitted("numbers")
    found = model.permutation_importances(HOMES, PRICE)
    means = dict(zip(found.columns, found.means, strict=True))
    told = model.influence_
    assert max(told, key=told.get) == found.top(1)[0][0]
    assert set(told) == {name for name in means if name not in ("said", "always")}


@pytest.mark.parametrize(
    "like",
    [
        lambda frame: frame,
        pl.from_pandas,
        lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
        lambda frame: frame.set_index(pd.Index(np.arange(ROWS) % 7)),
    ],
    ids=["pandas", "polars", "arrow", "index"],
)
def test_a_function_that_scores_gets_a_frame_like_the_one_given(like):
    model, given = fitted("numbers"), like(HOMES)

    def score(estimator, X, y, sample_weight=None):
        assert type(X) is type(given)
        assert [str(kind) for kind in getattr(X, "dtypes", [])] == [
            str(kind) for kind in getattr(given, "dtypes", [])
        ]
        return r2_score(y, estimator.predict(X), sample_weight=sample_weight)

    found = model.permutation_importances(given, PRICE, score, repeats=2)
    expected = model.permutation_importances(given, PRICE, repeats=2)
    np.testing.assert_allclose(found.drops, expected.drops, atol=1e-12)


NUMBERS = np.random.default_rng(0).normal(size=(60, 2))


@pytest.mark.parametrize(
    "rows",
    [
        NUMBERS,
        NUMBERS.tolist(),
        pd.DataFrame(NUMBERS),  # whose columns are called 0 and 1
        [{"a": a, "b": b} for a, b in NUMBERS.tolist()],
        {"a": NUMBERS[:, 0], "b": NUMBERS[:, 1]},
        np.array([*map(tuple, NUMBERS)], [("a", float), ("b", float)]),
    ],
    ids=["array", "lists", "numbered", "dicts", "dict", "structured"],
)
def test_a_function_that_scores_may_be_given_any_rows(rows):
    model = TableRegressor(hidden=(), epochs=9, random_state=0)
    model.fit(rows, NUMBERS[:, 0])

    def score(estimator, X, y):
        return estimator.score(X, y)

    found, expected = (
        model.permutation_importances(rows, NUMBERS[:, 0], scoring, repeats=2)
        for scoring in (score, None)
    )
    np.testing.assert_allclose(found.drops, expected.drops, atol=1e-12)
    assert found.columns == expected.columns
    assert found.means[0] > 0


@pytest.mark.parametrize(
    ("scoring", "metric"),
    [
        ("neg_log_loss", "neg_log_loss"),
        ("roc_auc_ovr", "roc_auc_ovr"),
        (make_scorer(accuracy_score), "score"),
    ],
)
def test_any_scorer_can_be_asked(scoring, metric):
    clf, y = fitted("three"), target_of("three")
    found = clf.permutation_importances(HOMES, pd.Series(y), scoring)
    assert found.metric == metric
    assert (found.means[:2] > 0).all()


def test_rows_count_by_their_weights():
    clf, y = fitted("three"), target_of("three")
    weights = np.linspace(0, 1, ROWS)
    found = clf.permutation_importances(HOMES, y, sample_weight=weights)
    assert found.score == pytest.approx(clf.score(HOMES, y, weights))


def test_what_is_new_is_told_once_and_not_for_each_shuffle():
    rows = HOMES.head(50).assign(town=["Rom", *HOMES["town"].iloc[1:50]])

    def score(estimator, X, y):
        return estimator.score(X, y)

    for scoring in (None, score):
        with pytest.warns(TableWarning, match="'town': new category") as told:
            fitted("numbers").permutation_importances(rows, PRICE.head(50), scoring)
        assert len(told) == 1


def test_what_cannot_be_shuffled():
    model = fitted("numbers")
    with pytest.raises(NotFittedError):
        TableRegressor().permutation_importances(HOMES, PRICE)
    with pytest.raises(TypeError, match="has to be a scorer, or the name of one"):
        model.permutation_importances(HOMES, PRICE, ["r2"])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.permutation_importances(HOMES, PRICE[:3])


# --- rows that are hard ---------------------------------------------------------------


def test_wrong_labels_come_first():
    labels = TARGETS["two"].copy()
    wrong = np.argsort(-np.abs(PRICE - PRICE.median()))[:12].to_numpy()
    labels[wrong] = np.where(labels[wrong] == "dear", "cheap", "dear")
    hard = fitted("two").hard_rows(HOMES, labels)
    assert np.isin(wrong, hard.order[:20]).sum() >= 11
    assert np.isin(wrong, hard.suspects).all()
    np.testing.assert_array_equal(hard.targets, labels)
    np.testing.assert_array_equal(hard.labels, fitted("two").predict(HOMES))
    assert "network says" in repr(hard)


@pytest.mark.parametrize(
    "name", ["numbers", "logarithms", "two", "three", "calibrated"]
)
def test_rows_are_as_hard_as_they_are_for_the_network(name):
    model, y = fitted(name), target_of(name)
    found = model.hard_rows(HOMES, y)
    if isinstance(model, TableClassifier):
        numbers = np.searchsorted(model.classes_, y)
        p = model.predict_proba(HOMES)[np.arange(ROWS), numbers]
        np.testing.assert_allclose(found.losses, -np.log(p), rtol=1e-4, atol=1e-5)
        return
    goal = model.run_.encoder.goal
    off = [
        (v if goal.transform is None else goal.transform.forward(v)) / goal.sd
        for v in (model.predict(HOMES), np.asarray(y))
    ]
    np.testing.assert_allclose(
        found.losses, (off[0] - off[1]) ** 2, rtol=1e-3, atol=1e-6
    )
    with pytest.raises(ValueError, match="numbers as targets, and no classes"):
        _ = found.suspects


def test_a_price_with_a_slip_is_hard():
    price = PRICE.copy()
    price.iloc[7] *= 10
    assert fitted("numbers").hard_rows(HOMES, price).order[0] == 7


def test_what_cannot_be_hard():
    clf = fitted("three")
    with pytest.raises(ValueError, match="there is no class 'huge'"):
        clf.hard_rows(HOMES.head(2), ["low", "huge"])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clf.hard_rows(HOMES, target_of("three")[:3])
    with pytest.raises(ValueError, match="contains NaN"):
        fitted("numbers").hard_rows(HOMES.head(2), [1.0, np.nan])
    with pytest.raises(NotFittedError):
        TableClassifier().hard_rows(HOMES, PRICE)
