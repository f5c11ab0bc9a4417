"""Settings: for a process, for a block, from the environment."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import settings
from chainrule.native import cache, threads


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch):
    monkeypatch.setattr(settings, "_chosen", {})
    for name in (settings.THREADS, "OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
        monkeypatch.delenv(name, raising=False)


def test_threads_are_chosen_automatically_at_first():
    assert cr.config.threads is None
    assert threads.available() >= 1


def test_an_assignment_holds_everywhere():
    cr.config.threads = 3
    seen = []
    other = threading.Thread(target=lambda: seen.append(threads.available()))
    other.start()
    other.join()
    assert [cr.config.threads, *seen] == [3, 3]
    cr.config.threads = None
    assert cr.config.threads is None


def test_a_block_has_settings_of_its_own():
    cr.config.threads = 3
    with cr.config(threads=1):
        assert threads.available() == 1
        with cr.config(threads=2, cache_limit=5):
            assert (cr.config.threads, cr.config.cache_limit) == (2, 5)
        with cr.config(threads=None):
            assert cr.config.threads is None
        seen = []
        other = threading.Thread(target=lambda: seen.append(cr.config.threads))
        other.start()
        other.join()
        assert (cr.config.threads, seen) == (1, [3])
        cr.config.threads = 4
        assert cr.config.threads == 4
    assert cr.config.threads == 3
    with pytest.raises(ZeroDivisionError), cr.config(threads=1):
        raise ZeroDivisionError
    assert cr.config.threads == 3


def test_the_environment_is_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_THREADS", "2")
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    assert (cr.config.threads, cr.config.cache_folder) == (2, tmp_path)
    with cr.config(threads=5, cache_folder="off"):
        assert (threads.available(), cr.config.cache_folder) == (5, "off")
        assert cache.folder() is None


@pytest.mark.parametrize(
    ("choice", "error", "message"),
    [
        ({"threads": 0}, ValueError, "threads=0 has to be at least 1, or None"),
        ({"threads": 1.5}, TypeError, "threads=1.5 has to be a whole number"),
        ({"threads": True}, TypeError, "threads=True has to be a whole number"),
        ({"threads": "2"}, TypeError, "threads='2' has to be a whole number"),
        ({"cache_limit": -1}, ValueError, "cache_limit=-1 has to be a number of bytes"),
        ({"cache_folder": 3}, TypeError, "cache_folder=3 has to be a path, 'off'"),
        ({"cache_folder": ""}, TypeError, "has to be a path"),
        ({"thread": 1}, TypeError, "no setting 'thread'; there are threads, cache_fol"),
    ],
)
def test_what_makes_no_sense_changes_nothing(choice, error, message):
    (name,) = choice
    with pytest.raises(error, match=message):
        setattr(cr.config, name, choice[name])
    with pytest.raises(error, match=message), cr.config(**{"cache_limit": 1, **choice}):
        pytest.fail("the block must not run")
    assert settings._chosen == {}


def test_the_cache_can_be_moved_measured_and_cleared(tmp_path):
    with cr.config(cache_folder=tmp_path / "programs"):
        assert cr.config.cache_folder == tmp_path / "programs"
        assert cr.config.cache_size() == 0
        cr.compile(lambda x: x * 2 + 1)(np.ones(3))
        assert cr.config.cache_size() > 1000
        cr.config.clear_cache()
        assert cr.config.cache_size() == 0


def test_the_cache_is_kept_below_its_limit(tmp_path):
    with cr.config(cache_folder=tmp_path, cache_limit=3000):
        for i in range(5):
            cache.fetch(f"graph {i}", lambda: b"c" * 1000)
        assert 0 < cr.config.cache_size() <= 3000


def test_it_prints(tmp_path):
    with cr.config(threads=2, cache_folder=tmp_path, cache_limit=7):
        expected = f"config(threads=2, cache_folder={str(tmp_path)!r}, cache_limit=7)"
        assert repr(cr.config) == expected


def test_the_default_folder_is_the_user_s(monkeypatch):
    monkeypatch.delenv("CHAINRULE_CACHE", raising=False)
    assert isinstance(cr.config.cache_folder, Path)
    assert cr.config.cache_limit == cache.LIMIT


def test_results_do_not_depend_on_threads():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(301, 257)), rng.normal(size=(257, 129))
    f = cr.compile(lambda x, w: cr.softmax(cr.tanh(x @ w), axis=1))
    with cr.config(threads=1):
        alone = f(x, w).numpy()
    for count in (2, 3, 5):
        with cr.config(threads=count):
            np.testing.assert_array_equal(f(x, w).numpy(), alone)


def test_asking_imports_no_compiler():
    program = """
import sys, chainrule as cr
cr.config.threads = 2
with cr.config(threads=1): assert cr.config.threads == 1
assert not any(name.startswith("chainrule.native") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - ours
