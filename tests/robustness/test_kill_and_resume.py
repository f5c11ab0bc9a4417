"""Trainings that are killed go on to the same bits; `kill_and_resume.py` does more."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")


def load(name):
    spec = importlib.util.spec_from_file_location(
        name, Path(__file__).with_name(f"{name}.py")
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


script = load("kill_and_resume")


def test_killed_trainings_go_on_to_the_same_bits(tmp_path):
    states = script.disturb(tmp_path, kills=3, seed=3, rows=1000, epochs=30)
    assert states.total() >= 3


def test_other_weights_are_noticed(tmp_path):
    for name in ("run", "whole"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_text(name)
    with pytest.raises(AssertionError, match="its weights differ"):
        script.check_same(tmp_path / "run", tmp_path / "whole")
    (tmp_path / "run" / "model.safetensors").write_text("whole")
    script.check_same(tmp_path / "run", tmp_path / "whole")
    (tmp_path / "run" / "half").touch()
    with pytest.raises(AssertionError, match="its files are"):
        script.check_same(tmp_path / "run", tmp_path / "whole")
