"""Estimators with the interface of scikit-learn: change the import, keep the rest.

`MLPClassifier`, `MLPRegressor` and `LogisticRegression` have the parameters, attributes
and results of scikit-learn's classes of these names, and more. `TableClassifier` and
`TableRegressor` take whole tables, with text, dates and missing values in them.

They need scikit-learn: pip install "chainrule[sklearn]".
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainrule.sklearn.classifier import MLPClassifier
    from chainrule.sklearn.logistic import LogisticRegression
    from chainrule.sklearn.logistic_cv import LogisticRegressionCV
    from chainrule.sklearn.regressor import MLPRegressor
    from chainrule.sklearn.tables import TableClassifier, TableRegressor

# Imported when first asked for: each of them takes what it needs, and no more.
_MODULES = {
    "LogisticRegression": "logistic",
    "LogisticRegressionCV": "logistic_cv",
    "MLPClassifier": "classifier",
    "MLPRegressor": "regressor",
    "TableClassifier": "tables",
    "TableRegressor": "tables",
}
_NEEDED = ("sklearn", "scipy", "joblib")


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'chainrule.sklearn' has no attribute {name!r}")
    try:
        module = import_module(f"chainrule.sklearn.{_MODULES[name]}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in _NEEDED:
            raise
        raise ImportError(
            f"chainrule.sklearn.{name} needs scikit-learn: "
            'pip install "chainrule[sklearn]"'
        ) from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})


__all__ = [
    "LogisticRegression",
    "LogisticRegressionCV",
    "MLPClassifier",
    "MLPRegressor",
    "TableClassifier",
    "TableRegressor",
]
