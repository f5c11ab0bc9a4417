"""Networks for tables: train one, judge it, save it, use it.

    run = train_table("people.csv", "income", out="runs/income")
    run.evaluation.metrics["accuracy"], run.baselines, run.influence
    run = load_run("runs/income")
    run.predict("new.csv")

All but evaluations and influence needs the extra ``chainrule[tables]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainrule.tabular.evaluation import Evaluation, Influence
from chainrule.tabular.provenance import Provenance

if TYPE_CHECKING:
    from chainrule.tabular.folder import RunError
    from chainrule.tabular.network import SettingError
    from chainrule.tabular.run import TableRun, load_run
    from chainrule.tabular.train import TableCallback, default_folder, train_table

__all__ = [
    "Evaluation",
    "Influence",
    "Provenance",
    "RunError",
    "SettingError",
    "TableCallback",
    "TableRun",
    "default_folder",
    "load_run",
    "train_table",
]

# Imported once they are asked for: charts of evaluations need no pyarrow.
_HOMES = {
    "RunError": "folder",
    "SettingError": "network",
    "TableRun": "run",
    "load_run": "run",
    "TableCallback": "train",
    "default_folder": "train",
    "train_table": "train",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
