"""A network trained on a table, with everything needed to use it and to trust it.

On disk a run is a folder of plain data; loading one runs no code:

| file | holds |
|---|---|
| `model.safetensors` | the weights |
| `model.json` | the network, the encoding of the columns, settings, provenance |
| `history.jsonl` | what happened in training, one epoch a line |
| `evaluation.json` | scores on the test rows and of the baselines, influence, speed |

The first two are those of any saved network, so `cr.load` reads them too.
"""

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import pyarrow as pa

from chainrule.files import BAD_CONTENT, write_text
from chainrule.ir import Array
from chainrule.nn import Module, initializers
from chainrule.nn.architecture import ModelFileError
from chainrule.nn.saving import load, save
from chainrule.tables import (
    Encoder,
    Schema,
    TableError,
    TableWarning,
)
from chainrule.tables.records import from_plain, to_plain
from chainrule.tabular.answers import answers_for, said
from chainrule.tabular.errors import RunError
from chainrule.tabular.evaluation import Evaluation, Influence
from chainrule.tabular.folder import MODEL_FILE, UNFINISHED, write_folder
from chainrule.tabular.network import Architecture
from chainrule.tabular.provenance import Provenance
from chainrule.training.history import History
from chainrule.training.program import predict
from chainrule.training.scores import probabilities
from chainrule.training.speed import Speed

__all__ = ["WEIGHTS_FILE", "Document", "TableRun", "load_run", "write_files"]

KIND: Final = "table_run"  # under which it is kept with its network
VERSION: Final = 1

WEIGHTS_FILE: Final = "model.safetensors"
HISTORY_FILE: Final = "history.jsonl"
EVALUATION_FILE: Final = "evaluation.json"


@dataclass(frozen=True)
class TableRun:
    """A network trained on a table; made by `train_table` and `load_run`.

    - `net`, and the `architecture` that built it.
    - `encoder`: how columns become inputs, and what the network gives a label.
    - `schema`: what the whole table held; `split`: the rows of each part
      ("training", "validation", "test").
    - `settings`: what training was asked for; `history`: what happened in it.
    - `evaluation`: the scores on the test rows, `None` where there were none;
      `baselines`: those of simpler predictors, by name.
    - `influence`: how much the network leans on each column.
    - `folder`: where it is saved, if it is.
    """

    net: Module = field(repr=False)
    architecture: Architecture
    encoder: Encoder = field(repr=False)
    schema: Schema = field(repr=False)
    split: Mapping[str, int]
    settings: Mapping[str, Any]
    history: History
    provenance: Provenance = field(repr=False)
    evaluation: Evaluation | None = field(default=None, repr=False)
    baselines: Mapping[str, Evaluation] = field(default_factory=dict, repr=False)
    influence: tuple[Influence, ...] = field(default=(), repr=False)
    folder: Path | None = None

    @property
    def task(self) -> str:
        """One of `"binary"`, `"multiclass"` and `"regression"`."""
        return self.schema.task

    @property
    def target(self) -> str:
        """The column that is predicted."""
        return self.schema.target.name

    def predict(
        self, source: Any, *, with_inputs: bool = False, **reading: Any
    ) -> pa.Table:
        """The predictions for a table, one row for each of its rows, as an Arrow table.

        The column `predicted_<target>` holds the most likely class, or the number; for
        classes, a column `probability_<class>` each follows. `with_inputs` puts the
        columns of the table before them.

        What is new in the table since training (a gap in a column that had none, a new
        category in one without rare ones) is told as a `TableWarning`.

        Args:
            source: whatever `chainrule.tables.read_table` takes. It needs the columns
                that the network was trained on, in any order; not the target.
            with_inputs: whether to keep its columns.
            reading: `delimiter` and `encoding`, as for `read_table`.

        Raises:
            TableError: where the table lacks columns, or they hold something else.
        """
        table = self.encoder.read(source, **reading)
        y = predict(self.net, self.encoder.transform(table))
        return self.predictions(y, table if with_inputs else None)

    def predictions(self, y: Array, inputs: pa.Table | None = None) -> pa.Table:
        """What the network gave for some rows, as `predict` tells it.

        Raises `TableError` where `inputs` has a column of one of the names.
        """
        found: dict[str, Any] = {f"predicted_{self.target}": self._named(y)}
        if self.encoder.classes is not None:
            p = probabilities(y)
            for k, label in enumerate(self.encoder.classes.tolist()):
                found[f"probability_{label}"] = p[:, k]
        if inputs is None:
            return pa.table(found)
        taken = [name for name in found if name in inputs.column_names]
        if taken:
            raise TableError(
                f"the table has a column {taken[0]!r} already: drop or rename it, or "
                "do without with_inputs"
            )
        before = dict(zip(inputs.column_names, inputs.columns, strict=True))
        return pa.table({**before, **found})

    def evaluate(self, source: Any, **reading: Any) -> Evaluation:
        """The scores on the rows of a table that has the target too.

        Rows without a target are not counted. Files of any size can be judged: some
        thousand rows are read at a time, and what is kept of a row is its target and
        what the network gave, for the area under a ROC curve needs all of them at once.

        Raises `TableError` as `predict` does, and for labels that were not there in
        training.
        """
        answers = answers_for(self.encoder, self.net, source, **reading)
        for warning in answers.warnings:
            warnings.warn(warning, TableWarning, stacklevel=2)
        return answers.evaluation()

    def save(
        self,
        folder: str | Path,
        *,
        overwrite: bool = False,
        rename: bool = False,
        documents: "Mapping[str, Document] | None" = None,
    ) -> "TableRun":
        """Write the run to `folder`, whole or not at all; the run, with its place.

        Args:
            folder: where; its parents are made.
            overwrite: replace a run that is there already.
            rename: put a number behind the name where it is taken.
            documents: by file name, functions of the run that give the text of further
                files, such as a report.

        Raises:
            RunError: if `folder` holds a run, or anything else.
            OSError: if it cannot be written.
        """
        path = Path(folder)
        placed = replace(self, folder=path)

        def write(beside: Path) -> None:
            write_files(placed, beside, documents or {})

        done = write_folder(path, write, overwrite=overwrite, rename=rename)
        return replace(self, folder=done)

    def _named(self, y: Array) -> Any:
        """What the network gives as labels, or as numbers in their units."""
        found = said(self.encoder, y)
        if self.encoder.classes is None:
            return found
        return self.encoder.decode(found).tolist()


Document: TypeAlias = Callable[[TableRun], str]


# --- writing ------------------------------------------------------------------------


def write_files(run: TableRun, folder: Path, documents: Mapping[str, Document]) -> None:
    """Write the files of a run and its documents; those that make it one come last."""
    for name, document in documents.items():
        write_text(folder / name, document(run))
    run.history.save(folder / HISTORY_FILE)
    scores = {
        "test": None if run.evaluation is None else run.evaluation.to_json(),
        "baselines": {name: b.to_json() for name, b in run.baselines.items()},
        "influence": [asdict(found) for found in run.influence],
        # Not with the network: that is the same in every run, and times never are.
        "speed": None if run.history.speed is None else run.history.speed.to_dict(),
    }
    write_text(folder / EVALUATION_FILE, _json(scores))
    about = {
        "version": VERSION,
        "task": run.task,
        "target": run.target,
        "architecture": to_plain(run.architecture),
        "settings": dict(run.settings),
        "split": dict(run.split),
        "best_epoch": run.history.best_epoch,
        "stopped": run.history.stopped,
        "table": to_plain(run.schema),
        "encoding": run.encoder.to_config(),
    }
    provenance = to_plain(run.provenance)
    save(run.net, folder, provenance=provenance, **{KIND: about})


def _json(data: Any) -> str:
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


# --- reading ------------------------------------------------------------------------


def load_run(folder: str | Path) -> TableRun:
    """The run that was saved to `folder`.

    `model.json` and `model.safetensors` are needed; without the other files, history
    and evaluation are empty. No code in the folder is run.

    Raises `RunError` if it is no run, is damaged, or is of a newer version.
    """
    path = Path(folder)
    _check_folder(path)
    about = _described(_read_json(path / MODEL_FILE))
    if about is None:
        raise RunError(f"{path / MODEL_FILE} does not describe a run of chainrule")
    if about.get("version") != VERSION:
        raise RunError(
            f"{path} is a run of format {about.get('version')!r}, and this chainrule "
            f"reads format {VERSION}: a newer one may read it "
            "(pip install --upgrade chainrule)"
        )
    try:
        return _assemble(path, about)
    except RunError:
        raise
    except BAD_CONTENT as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise _damaged(path, what) from None


def _described(model: Any) -> dict[str, Any] | None:
    """What is kept of a run with its network, if that is what was saved."""
    extra = model.get("extra") if isinstance(model, dict) else None
    if not isinstance(extra, dict) or not isinstance(extra.get(KIND), dict):
        return None
    return {**extra, **extra[KIND]}


def _check_folder(path: Path) -> None:
    if not path.exists():
        raise RunError(f"there is no run folder {path}{_nearby(path)}")
    if not path.is_dir():
        raise RunError(f"{path} is a file; a run is a folder, give that")
    if (path / MODEL_FILE).is_file():
        return
    if (path / UNFINISHED).is_dir():
        raise RunError(
            f"{path} is not finished: its training goes on, or was interrupted and can "
            f"be gone on with (resume_run, or chainrule train --resume {path})"
        )
    raise RunError(f"{path} is not a run: there is no {MODEL_FILE} in it")


def _nearby(path: Path) -> str:
    parent = path.parent
    if not parent.is_dir():
        return ""
    runs = sorted(p for p in parent.iterdir() if (p / MODEL_FILE).is_file())
    runs = [p for p in runs if not p.name.startswith(".")]
    return f"; the latest in {parent} is {_latest(runs)}" if runs else ""


def _latest(runs: list[Path]) -> Path:
    return max(runs, key=lambda p: (p / MODEL_FILE).stat().st_mtime)


def _assemble(path: Path, about: Mapping[str, Any]) -> TableRun:
    encoder = Encoder.from_config(about["encoding"])
    architecture = from_plain(Architecture, about["architecture"])
    _check_match(encoder, architecture)
    _check_labels(encoder)
    net = _load_net(path, architecture)
    test, baselines, influence, speed = _load_scores(path / EVALUATION_FILE)
    return TableRun(
        net=net,
        architecture=architecture,
        encoder=encoder,
        schema=from_plain(Schema, about["table"]),
        split={str(name): int(rows) for name, rows in about["split"].items()},
        settings=dict(about["settings"]),
        history=replace(_load_history(path / HISTORY_FILE, about), speed=speed),
        provenance=from_plain(Provenance, about["provenance"]),
        evaluation=test,
        baselines=baselines,
        influence=influence,
        folder=path,
    )


def _check_match(encoder: Encoder, architecture: Architecture) -> None:
    classes = encoder.classes
    outputs = 1 if classes is None or len(classes) == 2 else len(classes)
    if (architecture.inputs, architecture.outputs) != (len(encoder.inputs), outputs):
        raise ValueError("its network does not fit the encoding of its columns")


def _check_labels(encoder: Encoder) -> None:
    """Refuse categories that are not of the form which their column has."""
    for column in encoder.columns:
        labels = (*getattr(column, "categories", ()), *getattr(column, "rare", ()))
        kinds = {type(label) for label in labels}
        if len(kinds) > 1 or (getattr(column, "form", "") == "text" and kinds - {str}):
            raise ValueError(f"the categories of column {column.name!r} are mixed up")


def _load_net(path: Path, architecture: Architecture) -> Module:
    if not (path / WEIGHTS_FILE).is_file():
        raise _damaged(path, f"there is no {WEIGHTS_FILE} in it")
    try:
        net = load(path)
    except ModelFileError as error:
        raise RunError(str(error)) from None
    with initializers.skipped():
        expected = architecture.build(seed=0)
    if _shapes(net) != _shapes(expected):
        raise ValueError("its network is not of the architecture that it names")
    return net


def _shapes(net: Module) -> dict[str, tuple[int, ...]]:
    return {name: state.shape for name, state in net.states().items()}


def _load_scores(
    file: Path,
) -> tuple[
    Evaluation | None, dict[str, Evaluation], tuple[Influence, ...], Speed | None
]:
    if not file.exists():
        return None, {}, (), None
    scores = _read_json(file)
    test, speed = scores["test"], scores.get("speed")  # older runs have no speed
    return (
        None if test is None else Evaluation.from_json(test),
        {name: Evaluation.from_json(b) for name, b in scores["baselines"].items()},
        tuple(from_plain(Influence, found) for found in scores["influence"]),
        None if speed is None else Speed.from_dict(speed),
    )


def _load_history(file: Path, about: Mapping[str, Any]) -> History:
    if not file.exists():
        return History()
    lines = _read(file).splitlines()
    records = [json.loads(line) for line in lines]
    for record in records:
        if any(type(x) not in (int, float) for x in record.values()):
            raise TypeError(f"{file.name} holds something else than numbers")
    return History(records, about["best_epoch"], about["stopped"])


def _read_json(file: Path) -> Any:
    try:
        return json.loads(_read(file))
    except (ValueError, RecursionError) as error:
        raise _damaged(file.parent, f"{file.name} is not JSON: {error}") from None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise _damaged(file.parent, f"{file.name} is not text") from None


def _damaged(path: Path, why: str) -> RunError:
    return RunError(f"{path} is damaged: {why}")
