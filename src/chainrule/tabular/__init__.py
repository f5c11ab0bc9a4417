"""Networks for tables: train one, judge it, save it, use it.

    run = train_table("people.csv", "income", out="runs/income")
    run.evaluation.metrics["accuracy"], run.baselines, run.influence
    run = load_run("runs/income")
    run.predict("new.csv")
    resume_run("runs/income", epochs=400)

All but evaluations and influence needs the extra ``chainrule[tables]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainrule.tabular.evaluation import Evaluation, Influence
from chainrule.tabular.provenance import Provenance

if TYPE_CHECKING:
    from chainrule.tabular.errors import RunError
    from chainrule.tabular.learning import TableCallback
    from chainrule.tabular.network import SettingError
    from chainrule.tabular.predicting import predict_file, predict_stream
    from chainrule.tabular.run import TableRun, load_run
    from chainrule.tabular.train import default_folder, resume_run, train_table

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
    "predict_file",
    "predict_stream",
    "resume_run",
    "train_table",
]

# Imported once they are asked for: charts of evaluations need no pyarrow.
_HOMES = {
    "RunError": "errors",
    "SettingError": "network",
    "TableRun": "run",
    "load_run": "run",
    "TableCallback": "learning",
    "predict_file": "predicting",
    "predict_stream": "predicting",
    "default_folder": "train",
    "resume_run": "train",
    "train_table": "train",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
