import numpy as np
import pytest
import sklearn.linear_model
from sklearn.datasets import load_iris
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import scale

from chainrule.sklearn import LogisticRegression, LogisticRegressionCV

X, Y = load_iris(return_X_y=True)
X = scale(X)
TIGHT = {"tol": 1e-8, "max_iter": 2000, "scoring": "neg_log_loss"}


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("classes", [2, 3])
def test_attributes_are_those_of_scikit_learn(classes, refit, legacy):
    rows = classes > Y
    given = {
        "Cs": [0.01, 1.0],
        "l1_ratios": (0.0,),
        "refit": refit,
        "use_legacy_attributes": legacy,
        **TIGHT,
    }
    theirs = sklearn.linear_model.LogisticRegressionCV(**given).fit(X[rows], Y[rows])
    ours = LogisticRegressionCV(**given).fit(X[rows], Y[rows])
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-4)
    for name in ("C_", "l1_ratio_", "Cs_", "l1_ratios_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name))
    if not legacy:
        np.testing.assert_allclose(ours.scores_, theirs.scores_, atol=1e-5)
        np.testing.assert_allclose(ours.coefs_paths_, theirs.coefs_paths_, atol=1e-3)
        assert ours.n_iter_.shape == theirs.n_iter_.shape
        return
    assert list(ours.scores_) == list(theirs.scores_)
    for label, scores in theirs.scores_.items():
        np.testing.assert_allclose(ours.scores_[label], scores, atol=1e-5)
        paths = theirs.coefs_paths_[label]
        np.testing.assert_allclose(ours.coefs_paths_[label], paths, atol=1e-3)
    assert ours.n_iter_.shape == theirs.n_iter_.shape


def test_axes_are_folds_then_ratios_then_strengths():
    cv = StratifiedKFold(3)
    given = {"solver": "saga", "tol": 1e-9, "max_iter": 500}
    model = LogisticRegressionCV(
        Cs=[0.1, 1.0],
        l1_ratios=(0.2, 0.5, 1.0),
        cv=cv,
        scoring="accuracy",
        use_legacy_attributes=False,
        **given,
    ).fit(X, Y)
    assert model.coefs_paths_.shape == (3, 3, 2, 3, 5)
    train, test = list(cv.split(X, Y))[1]
    alone = LogisticRegression(C=1.0, l1_ratio=0.5, **given).fit(X[train], Y[train])
    np.testing.assert_allclose(
        model.coefs_paths_[1, 1, 1, :, :-1], alone.coef_, atol=1e-5
    )
    assert model.scores_[1, 1, 1] == alone.score(X[test], Y[test])


def test_what_is_going_to_change_is_said():
    with pytest.warns(FutureWarning) as record:
        LogisticRegressionCV(Cs=1, cv=2).fit(X, Y)
    said = " ".join(str(warning.message) for warning in record)
    assert all(word in said for word in ("l1_ratios", "scoring", "use_legacy"))


def test_weights_of_classes_that_are_not_there_are_refused():
    model = LogisticRegressionCV(
        l1_ratios=(0,),
        scoring="accuracy",
        use_legacy_attributes=False,
        class_weight={7: 1.0},
    )
    with pytest.raises(ValueError, match="must have the class labels as keys"):
        model.fit(X, Y)
