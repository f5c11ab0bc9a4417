import csv
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location(
        "make_samples", EXAMPLES / "make_samples.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_samples"] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    yield module
    del sys.modules["make_samples"]


def test_the_samples_are_what_the_script_writes(script, data_folder, tmp_path):
    script.main(data_folder, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(script.SAMPLES)
    for name in script.SAMPLES:
        assert (EXAMPLES / name).read_bytes() == (tmp_path / name).read_bytes()


def test_a_sample_is_every_so_manieth_row_without_some_columns(script, tmp_path):
    (tmp_path / "whole.csv").write_text('a,b,c\n1.0,"x",2.50\n2,y,3\n-1.0,z,4.01\n')
    sample = script.Sample("whole.csv", 2, ("b",))
    assert script.sample_csv(sample, tmp_path) == "a,c\n1,2.50\n-1.0,4.01\n"


@pytest.mark.parametrize("name", ["adult", "california", "credit", "diamonds"])
def test_samples_are_small_and_whole(script, name):
    path = EXAMPLES / f"{name}.csv"
    assert path.stat().st_size < 200_000
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert 1_000 <= len(rows) <= 3_000
    assert {len(row) for row in rows} == {len(header)}
    assert not set(header) & set(script.SAMPLES[f"{name}.csv"].drop)
