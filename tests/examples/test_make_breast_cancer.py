import importlib.util
from pathlib import Path

import numpy as np
import pytest

from chainrule.tables import read_table

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLE = EXAMPLES / "breast_cancer.csv"


@pytest.fixture
def script():
    pytest.importorskip("sklearn")
    path = EXAMPLES / "make_breast_cancer.py"
    spec = importlib.util.spec_from_file_location("make_breast_cancer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_what_the_script_writes(script):
    assert TABLE.read_bytes().decode() == script.breast_cancer_csv()


def test_the_script_writes_the_file_whole(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "__file__", str(tmp_path / "make.py"))
    script.main()
    assert [path.name for path in tmp_path.iterdir()] == ["breast_cancer.csv"]
    assert (tmp_path / "breast_cancer.csv").read_bytes() == TABLE.read_bytes()


def test_every_value_is_exact():
    data = pytest.importorskip("sklearn.datasets").load_breast_cancer()
    table = read_table(TABLE)
    *features, target = table.column_names
    assert features == list(data.feature_names)
    assert target == "diagnosis"
    X = np.column_stack([table[name].to_numpy() for name in features])
    assert np.array_equal(X, data.data)
    assert table[target].to_pylist() == data.target_names[data.target].tolist()
