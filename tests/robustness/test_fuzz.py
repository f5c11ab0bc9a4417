"""Spoilt files are refused and nothing worse; `fuzz.py` tries thousands of them."""

import importlib.util
import os
import signal
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


# --- processes that die ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "said", "death", "again"),
    [
        (0, "", "", False),
        (1, "Trace\nValueError: x\n", "the process ended with 1: ValueError: x", False),
        (-signal.SIGSEGV, "", "the process crashed with SIGSEGV: nothing", False),
        (-signal.SIGABRT, "assert(x)", "crashed with SIGABRT: assert(x)", False),
        (-signal.SIGABRT, "LLVM ERROR: out of memory", "at the limit of its", True),
        (-signal.SIGABRT, "what():  std::bad_alloc", "at the limit of its", True),
        (-signal.SIGKILL, "", "SIGKILL from outside, as the system's", True),
    ],
)
def test_what_a_process_died_of(monkeypatch, capsys, code, said, death, again):
    tried = []

    def dies(_, __, numbers):
        tried.append(numbers)
        dead = bool(code) and 3 in numbers
        return script.Ended({}, 3 if dead else numbers[-1], code if dead else 0, said)

    monkeypatch.setattr(script, "run_worker", dies)
    wrong = script.fuzz(Path(), cases=10, seed=0)
    assert list(wrong) == ([3] if code else [])
    assert death in wrong.get(3, "")
    alone = range(3, 4)
    rest = [alone] * again + [range(4, 10)] * bool(code)
    assert tried == [range(10), *rest]
    assert ("case 3: " in capsys.readouterr().err) == again


def test_what_is_right_when_it_is_alone_is_right(monkeypatch):
    def dies_with_others(_, __, numbers):
        dead = 3 in numbers and len(numbers) > 1
        return script.Ended({}, 3 if dead else numbers[-1], -9 if dead else 0, "")

    monkeypatch.setattr(script, "run_worker", dies_with_others)
    assert script.fuzz(Path(), cases=10, seed=0) == {}


@pytest.mark.parametrize(
    ("does", "death"),
    [
        ("os.kill(os.getpid(), 9)", "SIGKILL from outside"),
        ("os.write(2, b'bad_alloc'); os.abort()", "SIGABRT at the limit of its memory"),
        ("os.write(1, b'{cut'); os._exit(7)", "the process ended with 7: {cut"),
    ],
)
def test_a_process_that_dies_is_told_by_what_it_left(
    monkeypatch, tmp_path, does, death
):
    worker = tmp_path / "worker.py"
    worker.write_text(f"import os\nprint('{{\"began\": 5}}', flush=True)\n{does}\n")
    monkeypatch.setattr(script, "__file__", str(worker))
    ended = script.run_worker(tmp_path, 0, range(4, 9))
    assert ended.last == 5
    assert ended.death.startswith(death)
