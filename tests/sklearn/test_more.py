"""What these estimators can do beyond scikit-learn's."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.utils import compute_sample_weight

import chainrule as cr
from chainrule.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, y = load_iris(return_X_y=True)
SEEN, HELD = np.arange(150) % 3 > 0, np.arange(150) % 3 == 0


def quick(cls=MLPClassifier, **parameters):
    return cls(**{"max_iter": 12, "random_state": 0, **parameters})


def same(a, b):
    for one, other in zip(
        a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(one, other)


# --- class_weight -----------------------------------------------------------------


@pytest.mark.parametrize("weights", ["balanced", {0: 3.0, 1: 0.5, 2: 1.0}])
def test_class_weight_is_what_sample_weight_would_be(weights):
    part = np.r_[0:50, 50:70, 100:130]
    rows, labels = X[part], y[part]
    by_row = np.linspace(0.5, 2, len(part))
    a = quick(class_weight=weights).fit(rows, labels, by_row)
    combined = compute_sample_weight(weights, labels) * by_row
    same(a, quick().fit(rows, labels, combined))


def test_classes_cannot_be_balanced_before_they_are_seen():
    with pytest.raises(ValueError, match="compute_class_weight"):
        quick(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])


def test_class_weight_does_not_change_the_score_of_held_out_rows():
    a = quick(class_weight={0: 1e-9, 1: 1, 2: 1}, early_stopping=True).fit(X, y)
    assert max(a.validation_scores_) < 1  # the class that counts nothing is missed


# --- weights of rows --------------------------------------------------------------


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1},
        {"solver": "adamw", "normalization": "layer"},
        {"solver": "lbfgs", "max_iter": 8},
        {"learning_rate": cr.optim.Cosine(0.01), "max_grad_norm": 0.1},
    ],
    ids=str,
)
def test_a_weight_is_how_often_a_row_is_there(cls, parameters):
    counts = np.arange(150) % 4
    settings = {"batch_size": 1000, "alpha": 0.1, **parameters}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Got `batch_size`")
        weighted = quick(cls, **settings).fit(X, y, counts)
        repeated = quick(cls, **settings).fit(X.repeat(counts, 0), y.repeat(counts))
    # As exactly as numbers can be added in another order.
    for one, other in zip(
        weighted.coefs_ + weighted.intercepts_,
        repeated.coefs_ + repeated.intercepts_,
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)
    assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-9)


# --- rows to look at --------------------------------------------------------------


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_rows_that_are_given_are_scored_after_each_epoch(cls):
    a = quick(cls).fit(X[SEEN], y[SEEN], X_val=X[HELD], y_val=y[HELD])
    same(a, quick(cls).fit(X[SEEN], y[SEEN]))
    assert len(a.validation_scores_) == 12
    assert a.validation_scores_[-1] == pytest.approx(a.score(X[HELD], y[HELD]))
    assert a.best_validation_score_ == max(a.validation_scores_)


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_the_best_weights_for_the_rows_given_are_put_back(cls):
    a = quick(cls, early_stopping=True, learning_rate_init=0.2, max_iter=40)
    a.fit(X[SEEN], y[SEEN], X_val=X[HELD], y_val=y[HELD])
    score = a.score(X[HELD], y[HELD])
    assert score == pytest.approx(max(a.validation_scores_))


@pytest.mark.parametrize("warm_start", [False, True])
def test_held_out_rows_may_lack_a_class_and_have_no_other(warm_start):
    few = HELD & (y != 2)
    a = quick(warm_start=warm_start, max_iter=2)
    for _ in range(2):
        a.fit(X[SEEN], y[SEEN], X_val=X[few], y_val=y[few])
    assert a.classes_.tolist() == [0, 1, 2]
    assert a.validation_scores_[-1] == pytest.approx(a.score(X[few], y[few]))
    wrong = np.where(y[few] == 1, 7, y[few])
    with pytest.raises(ValueError, match=r"y_val has classes .* not have: \[7\]"):
        a.fit(X[SEEN], y[SEEN], X_val=X[few], y_val=wrong)
    # The rows that are learnt from still have to have all of them.
    if warm_start:
        with pytest.raises(ValueError, match="same classes as in the previous call"):
            a.fit(X[y != 2], y[y != 2], X_val=X[few], y_val=y[few])


def test_held_out_rows_may_have_names_and_weights():
    frame = pd.DataFrame(X, columns=list("abcd"))
    weights = np.linspace(0, 1, 50)
    a = quick(monitor="balanced_accuracy").fit(
        frame[SEEN],
        y[SEEN],
        X_val=frame[HELD],
        y_val=y[HELD],
        sample_weight_val=weights,
    )
    assert a.validation_scores_[-1] == pytest.approx(
        balanced_accuracy_score(y[HELD], a.predict(frame[HELD]), sample_weight=weights)
    )


def test_rows_to_look_at_need_targets_that_are_known():
    with pytest.raises(ValueError, match="X_val needs y_val"):
        quick().fit(X, y, X_val=X)
    with pytest.raises(ValueError, match=r"y_val has classes that y does not have"):
        quick().fit(X, y, X_val=X[:2], y_val=[0, 7])
    with pytest.raises(ValueError, match="features"):
        quick().fit(X, y, X_val=X[:2, :3], y_val=[0, 1])


# --- what stops -------------------------------------------------------------------


def test_the_loss_of_held_out_rows_can_stop():
    a = quick(early_stopping=True, monitor="loss", max_iter=300, n_iter_no_change=3)
    other = np.roll(y[HELD], 10)  # what is learned does not hold for these
    a.fit(X[SEEN], y[SEEN], X_val=X[HELD], y_val=other)
    assert a.stop_reason_ == "no improvement"
    best = min(a.validation_loss_curve_)
    assert log_loss(other, a.predict_proba(X[HELD])) == pytest.approx(best)
    assert a.best_validation_score_ == -best
    assert a.validation_loss_curve_.index(best) < a.n_iter_ - 3


@pytest.mark.parametrize(
    "monitor", ["neg_log_loss", lambda clf, X, y: clf.score(X, y) - 1]
)
def test_any_scorer_can_stop(monitor):
    a = quick(early_stopping=True, monitor=monitor, max_iter=400, n_iter_no_change=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no word of missing names either
        a.fit(pd.DataFrame(X, columns=list("abcd")), y)
    assert a.n_iter_ < 400
    assert max(a.validation_scores_) == a.best_validation_score_ <= 0


def test_a_monitor_needs_rows_to_look_at():
    with pytest.raises(ValueError, match="set early_stopping, or give X_val"):
        quick(monitor="loss").fit(X, y)


def test_partial_fit_stops_early_on_rows_that_are_given():
    a = quick(early_stopping=True, n_iter_no_change=3, tol=0.01)
    scores = []
    for _ in range(300):
        a.partial_fit(X[SEEN], y[SEEN], classes=[0, 1, 2], X_val=X[HELD], y_val=y[HELD])
        scores.append(a.score(X[HELD], y[HELD]))
        if a.stop_reason_ == "no improvement":
            break
    assert 4 < len(scores) < 300
    assert a.score(X[HELD], y[HELD]) == max(a.validation_scores_)
    assert a.validation_scores_[:-1] == scores[:-1]


def test_time_can_stop():
    a = quick(max_time=1e-6, max_iter=10_000, tol=0).fit(X, y)
    assert a.stop_reason_ == "max_time"
    assert a.n_iter_ < 10_000


# --- layers -----------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["gelu", "leaky_relu", "sigmoid", "swish"])
def test_any_activation_can_be_named(activation):
    a = quick(activation=activation, max_iter=100).fit(X, y)
    assert a.score(X, y) > 0.8


def test_each_layer_has_an_activation_of_its_own():
    sizes = {"hidden_layer_sizes": (6, 5)}
    mixed = quick(activation=["relu", "tanh"], **sizes).fit(X, y)
    W, b = mixed.coefs_, mixed.intercepts_
    h = np.tanh(np.maximum(X @ W[0] + b[0], 0) @ W[1] + b[1])
    z = h @ W[2] + b[2]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(mixed.predict_proba(X), p)
    same(
        quick(activation=["relu", "relu"], **sizes).fit(X, y), quick(**sizes).fit(X, y)
    )


def test_activations_have_to_fit_the_layers():
    with pytest.raises(ValueError, match="names 1 functions, and there are 2 hidden"):
        quick(activation=["relu"], hidden_layer_sizes=(3, 3)).fit(X, y)
    with pytest.raises(ValueError, match=r"there is no 'cos'; known are .*gelu"):
        quick(activation=["cos"]).fit(X, y)


def test_dropout_is_for_training_only_and_repeats():
    a = quick(dropout=0.5, max_iter=100).fit(X, y)
    np.testing.assert_array_equal(a.predict_proba(X), a.predict_proba(X))
    same(a, quick(dropout=0.5, max_iter=100).fit(X, y))
    other = quick(dropout=0.5, max_iter=100, random_state=1).fit(X, y)
    assert not np.allclose(a.coefs_[0], other.coefs_[0])
    assert not np.allclose(a.coefs_[0], quick(max_iter=100).fit(X, y).coefs_[0])
    assert a.score(X, y) > 0.8


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_weighted_sums_are_normalized(normalization):
    a = quick(normalization=normalization, max_iter=60, batch_size=16).fit(X * 1e4, y)
    assert a.score(X * 1e4, y) > 0.9
    learned = {path.partition(".")[2]: x for path, x in a._others.items()}
    z = X * 1e4 @ a.coefs_[0] + a.intercepts_[0]
    if normalization == "batch":
        mean, var = learned["running_mean"], learned["running_var"]
    else:
        mean, var = z.mean(axis=1, keepdims=True), z.var(axis=1, keepdims=True)
    unit = (z - mean) / np.sqrt(var + 1e-5)
    h = np.maximum(unit * learned["gamma"] + learned["beta"], 0)
    p = np.exp(h @ a.coefs_[1] + a.intercepts_[1])
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(a.predict_proba(X * 1e4), p, rtol=1e-9)


def test_normalization_is_kept_with_the_best_weights():
    a = quick(normalization="batch", early_stopping=True, max_iter=60)
    a.fit(X[SEEN], y[SEEN], X_val=X[HELD], y_val=y[HELD])
    assert a.score(X[HELD], y[HELD]) == a.best_validation_score_


def test_a_row_left_over_joins_the_batch_before_where_it_is_normalized():
    a = quick(normalization="batch", batch_size=50).fit(X[:101], y[:101])
    assert np.isfinite(a.loss_)


# --- losses -----------------------------------------------------------------------


@pytest.mark.parametrize("labels", [y, (y > 0).astype(int), None])
def test_a_classifier_can_learn_by_hinge(labels):
    rows = X
    if labels is None:
        rows, labels = make_multilabel_classification(100, random_state=0)
    a = quick(loss="hinge", max_iter=200).fit(rows, labels)
    assert a.score(rows, labels) > 0.6


@pytest.mark.parametrize(
    "loss",
    ["huber", "absolute_error", "quantile", "poisson", cr.losses.squared_error],
)
def test_a_regressor_can_learn_by_any_loss(loss):
    a = quick(MLPRegressor, loss=loss, max_iter=300, learning_rate_init=0.01).fit(X, y)
    assert a.score(X, y) > 0.7


@pytest.mark.parametrize("q", [0.9, [0.1, 0.5, 0.9]])
def test_a_quantile_is_learned_by_a_function(q):
    noise = np.random.default_rng(0).normal(size=400)
    loss = cr.losses.get("quantile", q=q)
    a = quick(MLPRegressor, loss=loss, max_iter=300, learning_rate_init=0.01, tol=0)
    # A target for each output.
    a.fit(np.zeros((400, 1)), np.stack([noise] * np.size(q), axis=1).squeeze())
    assert a.predict([[0.0]])[0] == pytest.approx(np.quantile(noise, q), abs=0.1)


def test_losses_that_are_not_known_are_refused():
    with pytest.raises(ValueError, match="loss"):
        quick(loss="squared").fit(X, y)


# --- going on ---------------------------------------------------------------------

WAYS = [
    {},
    {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    {"early_stopping": True, "n_iter_no_change": 100},
    {"dropout": 0.3, "normalization": "batch", "batch_size": 32},
    {"learning_rate": cr.optim.ExponentialDecay(0.01, 0.9)},
    {"learning_rate": cr.optim.Plateau(0.01, patience=0), "tol": 0},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_many_short_fits_give_what_one_long_one_gives(way):
    whole = quick(**way, max_iter=6).fit(X, y)
    parts = quick(**way, max_iter=2, warm_start="resume")
    for _ in range(3):
        parts.fit(X, y)
    same(whole, parts)
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.n_iter_ == 2
    np.testing.assert_array_equal(whole.predict_proba(X), parts.predict_proba(X))


def test_a_fit_that_goes_on_can_take_another_solver():
    a = quick(warm_start="resume", max_iter=3).fit(X, y)
    loss = a.loss_
    assert a.set_params(solver="sgd", max_iter=30).fit(X, y).loss_ < loss


# --- steps ------------------------------------------------------------------------


def test_a_schedule_decides_the_learning_rate():
    plain = quick(solver="sgd", momentum=0, learning_rate_init=0.05)
    constant = clone(plain).set_params(learning_rate=cr.optim.Cosine(0.05, floor=0.05))
    same(plain.fit(X, y), constant.fit(X, y))
    falling = clone(plain).set_params(learning_rate=cr.optim.Cosine(0.05)).fit(X, y)
    assert not np.allclose(falling.coefs_[0], plain.coefs_[0])


def test_what_a_schedule_learns_in_one_fit_is_not_known_to_the_next():
    plateau = cr.optim.Plateau(0.1, patience=0)
    a = quick(learning_rate=plateau, max_iter=30, tol=0)
    first = a.fit(X, y).loss_curve_
    assert a.fit(X, y).loss_curve_ == first
    assert plateau(0) == 0.1


def test_long_gradients_are_shortened():
    far = {"solver": "sgd", "momentum": 0, "alpha": 0, "max_iter": 1}
    a = quick(**far, learning_rate_init=1.0, max_grad_norm=0.01)
    before = clone(a).set_params(learning_rate_init=1e-300).fit(X * 100, y)
    a.fit(X * 100, y)
    moved = [
        ((one - other) ** 2).sum()
        for one, other in zip(
            a.coefs_ + a.intercepts_, before.coefs_ + before.intercepts_, strict=True
        )
    ]
    assert np.sqrt(sum(moved)) == pytest.approx(0.01, rel=1e-3)
    same(quick(max_grad_norm=1e9).fit(X, y), quick().fit(X, y))


def test_adamw_takes_weights_away_but_no_biases():
    steps = {"solver": "adamw", "alpha": 0, "max_iter": 1, "learning_rate_init": 0.01}
    free = quick(**steps, weight_decay=0).fit(X, y)
    same(free, quick(**{**steps, "solver": "adam"}).fit(X, y))
    decayed = quick(**steps, weight_decay=0.5).fit(X, y)
    start = quick(**{**steps, "learning_rate_init": 1e-300}, weight_decay=0).fit(X, y)
    for W, W_free, W_start in zip(
        decayed.coefs_, free.coefs_, start.coefs_, strict=True
    ):
        np.testing.assert_allclose(W, W_free - 0.01 * 0.5 * W_start, atol=1e-12)
    for b, b_free in zip(decayed.intercepts_, free.intercepts_, strict=True):
        np.testing.assert_array_equal(b, b_free)


# --- those who look on ------------------------------------------------------------


def test_a_function_is_called_after_each_epoch_and_can_stop():
    seen = []

    def look(clf):
        seen.append((clf.n_iter_, clf.score(X, y)))
        return clf.n_iter_ == 5

    a = quick(callbacks=[look]).fit(X, y)
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4, 5]
    assert seen[-1][1] == a.score(X, y)
    assert a.stop_reason_ == "look asked for it"
    same(a, quick(max_iter=5).fit(X, y))


def test_callbacks_of_chainrule_see_the_run():
    class Watcher(cr.Callback):
        def __init__(self):
            self.seen = []

        def on_start(self, run):
            self.seen.append(run.epochs)

        def on_epoch(self, run):
            gradient = run.look(["0.W.grad"])["0.W.grad"]
            self.seen.append((run.epoch, run.history.last["loss"], gradient.shape))

        def on_end(self, run):
            self.seen.append(len(run.history))

    watcher = Watcher()
    a = quick(max_iter=2, callbacks=[watcher], hidden_layer_sizes=7).fit(X, y)
    epochs = [(i + 1, loss, (4, 7)) for i, loss in enumerate(a.loss_curve_)]
    assert watcher.seen == [2, *epochs, 2]


def test_callbacks_are_told_of_steps():
    class Counter(cr.Callback):
        def __init__(self):
            self.seen = []

        def on_step(self, run, step, loss):
            self.seen.append((step, loss))

    counter = Counter()
    a = quick(max_iter=2, batch_size=50, callbacks=[counter]).fit(X, y)
    assert [step for step, _ in counter.seen] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(
        np.mean([x for _, x in counter.seen[:3]]), a.loss_curve_[0]
    )
    same(a, quick(max_iter=2, batch_size=50).fit(X, y))


def test_callbacks_of_scikit_learn_are_told():
    monitor = ScoringMonitor(scoring="accuracy")
    a = quick(max_iter=3).set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs().data_as_pandas
    assert len(log[log["task_name"] == "epoch"]) == 3
    assert log["accuracy"].iloc[-1] == a.score(X, y)
    same(a, quick(max_iter=3).fit(X, y))


def test_progress_is_shown(capsys):
    quick(progress=True).fit(X, y)
    assert "epoch 12/12" in capsys.readouterr().err
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    "parameters",
    [
        {"dropout": 0.5},
        {"normalization": "batch"},
        {"max_grad_norm": 1.0},
        {"max_time": 1.0},
        {"callbacks": [print]},
        {"warm_start": "resume"},
    ],
    ids=str,
)
def test_what_needs_batches_is_refused_by_lbfgs(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        quick(solver="lbfgs", **parameters).fit(X, y)


# --- out of here ------------------------------------------------------------------


def test_the_network_can_be_had(tmp_path):
    a = quick(normalization="layer", dropout=0.1, hidden_layer_sizes=(5, 4)).fit(X, y)
    net = a.to_network()
    p = cr.softmax(net(X)).numpy()
    np.testing.assert_allclose(p, a.predict_proba(X), rtol=1e-9)
    loaded = cr.load(cr.save(net, tmp_path / "net"))
    np.testing.assert_array_equal(loaded(X).numpy(), net(X).numpy())
    net.parameters()["0.W"].assign(np.zeros((4, 5)))
    assert a.coefs_[0].any()  # it is a copy
