"""The estimators in the company of scikit-learn's other tools."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr
from chainrule.sklearn import MLPClassifier, MLPRegressor, trainer, watching
from chainrule.sklearn.trainer import Pool

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, y = load_iris(return_X_y=True)


def quick(**parameters):
    return MLPClassifier(**{"max_iter": 10, "random_state": 0, **parameters})


def test_it_survives_pickling_and_goes_on(tmp_path):
    clf = quick(solver="sgd").fit(X, y)
    joblib.dump(clf, tmp_path / "clf.joblib")
    copies = [pickle.loads(pickle.dumps(clf)), joblib.load(tmp_path / "clf.joblib")]  # noqa: S301 - it is ours
    for copy in copies:
        np.testing.assert_array_equal(clf.predict_proba(X), copy.predict_proba(X))
    again = [c.partial_fit(X, y).coefs_[0] for c in (clf, *copies)]
    np.testing.assert_array_equal(again[0], again[1])
    np.testing.assert_array_equal(again[0], again[2])


def test_a_clone_has_the_parameters_and_nothing_else():
    copy = clone(quick(alpha=3.0).fit(X, y))
    assert copy.get_params() == quick(alpha=3.0).get_params()
    assert not hasattr(copy, "coefs_")


def test_it_is_searched_and_scored_in_a_pipeline():
    model = make_pipeline(StandardScaler(), quick(max_iter=60))
    grid = {"mlpclassifier__alpha": [1e-4, 1e3]}
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    assert search.best_params_ == {"mlpclassifier__alpha": 1e-4}
    assert cross_val_score(model, X, y, cv=3).mean() > 0.8


def test_fits_on_several_threads_do_not_disturb_each_other():
    def fit(seed):
        return quick(random_state=seed).fit(X, y).coefs_[0]

    together = joblib.Parallel(n_jobs=4, prefer="threads")(
        joblib.delayed(fit)(seed) for seed in range(8)
    )
    for seed, W in enumerate(together):
        np.testing.assert_array_equal(W, fit(seed))


def test_names_of_columns_are_kept_and_checked():
    frame = pd.DataFrame(X, columns=list("abcd"))
    clf = quick(early_stopping=True).fit(frame, y)
    assert clf.feature_names_in_.tolist() == list("abcd")
    assert clf.n_features_in_ == 4
    with pytest.raises(ValueError, match="feature names"):
        clf.predict(frame.rename(columns={"a": "z"}))


def test_sample_weight_is_routed():
    weights = np.linspace(0, 1, 150)
    with config_context(enable_metadata_routing=True):
        model = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            quick()
            .set_fit_request(sample_weight=True)
            .set_score_request(sample_weight=True),
        )
        routed = cross_validate(
            model,
            X,
            y,
            params={"sample_weight": weights},
            return_estimator=True,
            cv=[(np.arange(150), np.arange(3))],
        )["estimator"][0]
    alone = quick().fit(StandardScaler().fit_transform(X), y, weights)
    np.testing.assert_array_equal(routed[-1].coefs_[0], alone.coefs_[0])


def test_labels_may_be_words():
    names = np.array(["one", "two", "three"], dtype=object)[y]
    clf = quick(early_stopping=True).fit(X, names)
    assert set(clf.predict(X)) <= set(names)
    assert clf.classes_.tolist() == ["one", "three", "two"]


def test_a_changed_weight_is_predicted_with():
    reg = MLPRegressor(hidden_layer_sizes=2, max_iter=2).fit(X, y)
    reg.intercepts_[-1][:] += 1
    before = reg.predict(X)
    reg.intercepts_[-1][:] -= 1
    np.testing.assert_allclose(before - 1, reg.predict(X))


def test_what_diverges_is_explained():
    reg = MLPRegressor(solver="sgd", activation="identity", learning_rate_init=10.0)
    with pytest.raises(ValueError, match=r"(?s)non-finite parameter.*learning rate"):
        reg.fit(X, y)


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "newton"},
        {"alpha": -1},
        {"activation": "sin"},
        {"hidden_layer_sizes": 0},
        {"hidden_layer_sizes": (3, 0)},
        {"batch_size": 0},
        {"learning_rate_init": 0},
        {"momentum": 1.5},
        {"beta_1": 1},
        {"max_iter": 0},
        {"tol": -1},
        {"validation_fraction": 1},
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        MLPClassifier(**parameters).fit(X, y)


def test_it_predicts_many_rows_in_parts():
    clf = quick().fit(X, y)
    many = np.tile(X, (60, 1))
    np.testing.assert_allclose(
        clf.predict_proba(many), np.tile(clf.predict_proba(X), (60, 1)), atol=1e-12
    )


def test_a_pool_lends_each_thing_once_and_keeps_the_latest():
    made = []
    pool = Pool(lambda key: made.append(key) or [key], 2)
    with pool.borrow("a") as one, pool.borrow("a") as other:
        assert one is not other
    with pool.borrow("a") as again:
        assert again is one
    for key in "bc":
        with pool.borrow(key):
            pass
    with pool.borrow("a"):
        pass
    assert made == ["a", "a", "b", "c", "a"]
    with pytest.raises(KeyError), pool.borrow("a"):
        raise KeyError
    with pool.borrow("a"):
        pass
    assert made[-1] == "a"
    assert len(made) == 6


def test_ctrl_c_keeps_what_was_learned(monkeypatch):
    note = MLPClassifier._note

    def interrupt(self, loss, rows):
        note(self, loss, rows)
        if self.n_iter_ == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(MLPClassifier, "_note", interrupt)
    clf = quick(max_iter=1000)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        clf.fit(X, y)
    assert clf.stop_reason_ == "interrupted"
    assert clf.predict(X).shape == (150,)


def test_labels_that_are_sparse_are_predicted_so():
    labels = sparse.csr_matrix(np.eye(3, dtype=int)[y])
    predicted = quick().fit(X, labels).predict(X)
    assert sparse.issparse(predicted)
    assert predicted.shape == (150, 3)


def test_one_class_is_always_right():
    clf = quick(early_stopping=True, max_iter=2).fit(X, np.ones(150))
    assert clf.validation_scores_ == [1.0, 1.0]
    assert clf.predict(X).tolist() == [1.0] * 150


def test_a_batch_of_rows_that_do_not_count_is_refused():
    for stops in (True, False):
        clf = quick(batch_size=5, shuffle=False, early_stopping=stops)
        with pytest.raises(ZeroDivisionError, match="all rows of a batch"):
            clf.fit(X, y, np.arange(150) % 2 * (np.arange(150) > 100))


def test_counts_are_not_negative():
    with pytest.raises(ValueError, match="needs y >= 0, and y has -1"):
        MLPRegressor(loss="poisson").fit(X, y - 1)


def test_a_network_without_hidden_layers_is_a_linear_one():
    reg = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0, tol=1e-8)
    target = X @ [1.0, -2.0, 3.0, 0.5] + 4
    assert reg.fit(X, target).score(X, target) > 0.9999
    assert len(reg.coefs_) == 1


def test_sizes_of_layers_are_whole_numbers():
    with pytest.raises(TypeError, match="integer"):
        quick(hidden_layer_sizes=(3.5,)).fit(X, y)


@pytest.mark.parametrize(
    "parameters",
    [
        {"batch_size": 16, "early_stopping": True, "monitor": "loss"},
        {"batch_size": 16, "learning_rate": cr.optim.Cosine(0.01)},
        {"solver": "lbfgs", "activation": "tanh"},
    ],
    ids=str,
)
def test_sparse_rows_too_large_for_memory_are_taken_in_blocks(parameters, monkeypatch):
    weights = np.linspace(0.5, 1, 150)
    whole = quick(**parameters).fit(sparse.csr_array(X), y, weights)
    monkeypatch.setattr(watching, "DENSE_BYTES", 100)
    monkeypatch.setattr(watching, "BLOCK_BYTES", 4000)
    parts = quick(**parameters).fit(sparse.csc_array(X), y, weights)
    for one, other in zip(whole.coefs_, parts.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_tuned_compiles_nothing(monkeypatch):
    first = {"hidden_layer_sizes": 11, "batch_size": 64, "max_iter": 3}
    quick(**first, max_grad_norm=1.0).fit(X, y)
    quick(**first, max_grad_norm=1.0, solver="sgd").fit(X, y)

    def compile_graph(*args, **keywords):
        raise AssertionError("compiled")

    monkeypatch.setattr("chainrule.native.families.compile_graph", compile_graph)
    for tuned in (
        {"alpha": 1.0, "learning_rate_init": 0.1, "beta_1": 0.5, "beta_2": 0.9},
        {"epsilon": 1e-3, "max_grad_norm": 3.0, "batch_size": 50, "tol": 1.0},
        {"solver": "sgd", "momentum": 0.5, "learning_rate": "invscaling"},
    ):
        quick(**{**first, "max_grad_norm": 1.0, **tuned}).fit(X[:120], y[:120])
    with pytest.raises(AssertionError, match="compiled"):
        quick(**{**first, "hidden_layer_sizes": 13, "activation": "tanh"}).fit(X, y)


def test_steps_for_many_numbers_of_rows_are_not_kept_for_good(monkeypatch):
    monkeypatch.setattr(trainer, "_SIZES", 3)
    clf = quick(hidden_layer_sizes=9, max_iter=1)
    for rows in range(100, 110):
        clf.fit(X[:rows], y[:rows])
    with trainer.TRAINERS.borrow(clf._recipe(X.dtype)) as kept:
        assert len(kept._sizes) <= 4
