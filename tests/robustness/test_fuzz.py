"""Spoilt files are refused and nothing worse; `fuzz.py` tries thousands of them."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="alarms are those of POSIX")

# How many are tried; CHAINRULE_FUZZ=4000 for all that are tried before a release.
CASES = int(os.environ.get("CHAINRULE_FUZZ", "300"))


def load(name):
    spec = importlib.util.spec_from_file_location(
        name, Path(__file__).with_name(f"{name}.py")
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


script = load("fuzz")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    place = tmp_path_factory.mktemp("good")
    script.write_good(place)
    return place


def test_spoilt_files_are_refused_and_nothing_worse(good):
    assert script.fuzz(good, cases=CASES, seed=0) == {}


def test_cases_are_the_same_each_time_and_differ(good):
    first = [script.case(good, 0, n).content for n in range(48)]
    again = [script.case(good, 0, n).content for n in range(48)]
    assert first == again
    assert len(set(first)) > 40


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (ZeroDivisionError("x"), "ZeroDivisionError at test_fuzz.py"),
        (script.TableError(" "), "AssertionError at fuzz.py"),
        (UserWarning("odd"), "UserWarning"),
    ],
)
def test_what_should_not_come_out_is_noticed(good, monkeypatch, trouble, said):
    def spoilt(*_):
        raise trouble

    monkeypatch.setattr(script, "read_table", spoilt)
    assert script.attempt(script.case(good, 0, 0), good).startswith(said)


def test_a_hang_is_noticed(good, monkeypatch):
    def forever(*_):
        while True:
            pass

    monkeypatch.setattr(script, "read_table", forever)
    monkeypatch.setattr(script, "SECONDS", 1)
    assert script.attempt(script.case(good, 0, 0), good).startswith("HangError")
