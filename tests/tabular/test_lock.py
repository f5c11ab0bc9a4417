"""One process at a time: who comes second is told, and nobody waits for the dead."""

import json
import os
import subprocess
import sys
import time

import pytest

from chainrule.tabular.errors import RunError
from chainrule.tabular.lock import LOCK_FILE, check_unlocked, locked

HOLDING = """
import sys, time, pathlib
from chainrule.tabular.lock import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", HOLDING, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_who_comes_second_is_told_who_is_there(holder, tmp_path):
    start = time.monotonic()
    for refused in (check_unlocked, lambda folder: locked(folder).__enter__()):
        with pytest.raises(RunError, match=f"is in use: process {holder.pid} on .* si"):
            refused(tmp_path)
    assert time.monotonic() - start < 30
    assert holder.poll() is None


def test_a_lock_ends_with_its_process(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert (tmp_path / LOCK_FILE).exists()
    check_unlocked(tmp_path)
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == os.getpid()


def test_nothing_is_left_of_a_lock(tmp_path):
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
    check_unlocked(tmp_path)


def test_it_holds_in_one_process_too(tmp_path):
    with (
        locked(tmp_path),
        pytest.raises(RunError, match="is in use"),
        locked(tmp_path),
    ):
        pass


def test_a_lock_whose_file_says_nothing_is_still_one(tmp_path):
    with locked(tmp_path):
        (tmp_path / LOCK_FILE).write_text("{")
        with pytest.raises(RunError, match="another process trains in it"):
            check_unlocked(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="files that are open stay there")
def test_who_opened_the_file_of_one_who_has_finished_tries_again(tmp_path, monkeypatch):
    """The file is gone, and somebody else's has its name."""
    flock = __import__("fcntl").flock
    tries = []

    def replaced_meanwhile(handle, how):
        if not tries:
            (tmp_path / LOCK_FILE).unlink()
            (tmp_path / LOCK_FILE).touch()
        tries.append(handle)
        flock(handle, how)

    monkeypatch.setattr("chainrule.tabular.lock.fcntl.flock", replaced_meanwhile)
    with locked(tmp_path):
        assert len(tries) == 2
