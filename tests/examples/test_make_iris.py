import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_table_is_what_the_script_writes():
    pytest.importorskip("sklearn")
    path = EXAMPLES / "make_iris.py"
    spec = importlib.util.spec_from_file_location("make_iris", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (EXAMPLES / "iris.csv").read_bytes().decode() == script.iris_csv()
