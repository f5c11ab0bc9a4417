"""From a trained network to what its report tells."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from chainrule.nn import Dense
from chainrule.tabular.run import TableRun
from chainrule.view.facts import Layer, Report

__all__ = ["report_of"]


def report_of(run: TableRun, next_commands: Sequence[tuple[str, str]] = ()) -> Report:
    """The facts of a run, for `write_report`.

    `next_commands` are pairs of a command and what it does.
    """
    metrics = [name for name in run.history.columns if name.startswith("val_")]
    return Report(
        title=f"{run.target} from {Path(run.provenance.source).name}",
        provenance=run.provenance,
        schema=run.schema,
        split=run.split,
        layers=list(_layers(run)),
        history=run.history,
        test=run.evaluation,
        metric=next((name for name in metrics if name != "val_loss"), None),
        baselines=run.baselines,
        influence=run.influence,
        next_commands=next_commands,
    )


def _layers(run: TableRun) -> Iterator[Layer]:
    width = run.architecture.inputs
    for path, layer in run.net.modules().items():
        if path:
            width = layer.outputs if isinstance(layer, Dense) else width
            count = sum(p.size for p in layer.parameters().values())
            yield Layer(type(layer).__name__, str(width), count)
