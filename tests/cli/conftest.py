"""The command line, run in this process, and runs for it to use."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from chainrule.cli.app import run as run_app
from chainrule.tabular import train_table

EXAMPLE = Path(__file__).parents[2] / "examples" / "breast_cancer.csv"


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def chainrule(capsys, monkeypatch, tmp_path):
    """Run a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHAINRULE_TRACEBACK", raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments):
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["chainrule", *map(str, arguments)])
        code = run_app([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def cancer():
    return EXAMPLE


@pytest.fixture(scope="session")
def homes():
    """A table with a category and a number to predict."""
    rng = np.random.default_rng(0)
    size = rng.uniform(20, 200, 200)
    town = rng.choice(["Ulm", "Köln"], 200)
    price = 2 * size + np.where(town == "Ulm", 50.0, 0.0)
    return pa.table({"size": size, "town": town, "price": price})


@pytest.fixture
def homes_csv(homes, tmp_path):
    path = tmp_path / "homes.csv"
    csv.write_csv(homes, path)
    return path


@pytest.fixture(scope="session")
def homes_run(homes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "homes"
    train_table(homes, "price", epochs=3, out=folder)
    return folder


@pytest.fixture(scope="session")
def cancer_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "cancer"
    train_table(EXAMPLE, "diagnosis", epochs=3, out=folder)
    return folder
