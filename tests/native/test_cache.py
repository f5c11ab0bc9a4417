"""The object cache: quick when all is well, unnoticed when not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.native import cache
from chainrule.native.target import named


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Builder:
    """Counts how often it was asked."""

    def __init__(self, content=b"machine code"):
        self.content = content
        self.count = 0

    def __call__(self):
        self.count += 1
        return self.content


def entries(directory):
    return sorted(directory.glob("*.program"))


def test_a_program_is_built_once():
    build = Builder()
    assert [cache.fetch("a graph", build) for _ in range(3)] == [build.content] * 3
    assert build.count == 1


def test_programs_differ_by_text_and_target():
    build = Builder()
    cache.fetch("a graph", build, named("x86-64"))
    cache.fetch("another", build, named("x86-64"))
    cache.fetch("a graph", build, named("x86-64-v3"))
    assert build.count == 3


def test_programs_differ_by_version(monkeypatch):
    build = Builder()
    cache.fetch("a graph", build)
    monkeypatch.setattr(cache, "_versions", lambda: ("a later version",))
    cache.fetch("a graph", build)
    assert build.count == 2


def test_the_versions_name_the_compiler_s_files_and_llvm():
    versions = cache._versions()
    assert {"emit.py", "cache.py", "matmul.py", "differentiate.py"} <= set(versions)
    assert "version" in cache._llvm_version()


@pytest.mark.parametrize("place", [0, 20, 30, -1])
def test_a_damaged_entry_is_built_anew(directory, place):
    build = Builder()
    cache.fetch("a graph", build)
    (path,) = entries(directory)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert cache.fetch("a graph", build) == build.content
    assert cache.fetch("a graph", build) == build.content
    assert build.count == 2


@pytest.mark.parametrize("length", [0, 5, 30, 40])
def test_a_cut_entry_is_built_anew(directory, length):
    build = Builder()
    cache.fetch("a graph", build)
    (path,) = entries(directory)
    path.write_bytes(path.read_bytes()[:length])
    assert cache.fetch("a graph", build) == build.content
    assert build.count == 2


def test_without_a_cache_each_program_is_built(directory, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", "off")
    build = Builder()
    cache.fetch("a graph", build)
    cache.fetch("a graph", build)
    assert build.count == 2
    assert not directory.exists()
    assert cache.size() == 0
    cache.clear()


def test_a_folder_that_cannot_be_is_no_error(directory):
    directory.write_text("a file stands where the folder should be")
    build = Builder()
    assert cache.fetch("a graph", build) == build.content
    assert cache.size() == 0


def test_a_full_disk_is_no_error(monkeypatch, directory):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "write_bytes", full)
    build = Builder()
    assert cache.fetch("a graph", build) == build.content
    assert entries(directory) == []


def test_what_fails_to_build_is_not_kept(directory):
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.fetch("a graph", fail)
    assert entries(directory) == []


def test_the_least_recently_used_go_first(directory, monkeypatch):
    monkeypatch.setattr(cache, "LIMIT", 3500)
    for i in range(3):
        cache.fetch(f"graph {i}", Builder(bytes(1000)))
        (new,) = set(entries(directory)) - {p for p in entries(directory) if aged(p)}
        os.utime(new, (1000 + i, 1000 + i))
    cache.fetch("graph 0", Builder(b"never asked"))  # used again
    cache.fetch("graph 3", Builder(bytes(1000)))
    asked = [Builder(bytes(1000)) for _ in range(4)]
    monkeypatch.setattr(cache, "LIMIT", 10**6)
    for i, build in enumerate(asked):
        cache.fetch(f"graph {i}", build)
    assert [build.count for build in asked] == [0, 1, 0, 0]


def aged(path):
    return path.stat().st_mtime < 1e6


def test_one_program_too_large_for_the_cache_is_kept_until_the_next(
    directory, monkeypatch
):
    monkeypatch.setattr(cache, "LIMIT", 100)
    for text in ("a graph", "another"):
        cache.fetch(text, Builder(bytes(1000)))
        assert len(entries(directory)) == 1


def test_size_and_clear(directory):
    for i in range(3):
        cache.fetch(f"graph {i}", Builder(bytes(1000)))
    assert 3000 < cache.size() < 3300
    (directory / "a file of somebody else").write_text("kept")
    cache.clear()
    assert cache.size() == 0
    assert [path.name for path in directory.iterdir()] == ["a file of somebody else"]


def test_what_was_left_half_written_is_removed(directory):
    directory.mkdir()
    old, new = (directory / f".{i}.program.abc" for i in range(2))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1000, 1000))
    cache.fetch("a graph", Builder())
    assert not old.exists()
    assert new.exists()


def test_the_folder_of_the_user(monkeypatch):
    monkeypatch.delenv("CHAINRULE_CACHE")
    assert cache.folder().name == "chainrule"


def test_the_folder_of_a_user_on_each_system(monkeypatch, tmp_path):
    monkeypatch.delenv("CHAINRULE_CACHE")
    monkeypatch.setattr(cache.Path, "home", lambda: tmp_path)
    for name, variable, below in [
        ("win32", "LOCALAPPDATA", "AppData/Local"),
        ("darwin", "NOTHING", "Library/Caches"),
        ("linux", "XDG_CACHE_HOME", ".cache"),
    ]:
        monkeypatch.setattr(cache.sys, "platform", name)
        monkeypatch.delenv(variable, raising=False)
        assert cache.folder() == tmp_path / below / "chainrule"
        if variable != "NOTHING":
            monkeypatch.setenv(variable, str(tmp_path / "chosen"))
            assert cache.folder() == tmp_path / "chosen" / "chainrule"


def test_a_user_without_a_home_has_no_cache(monkeypatch):
    def none():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("CHAINRULE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(cache.sys, "platform", "linux")
    monkeypatch.setattr(cache.Path, "home", none)
    assert cache.folder() is None


@pytest.mark.skipif(os.name == "nt", reason="files have no such owner")
def test_an_entry_that_somebody_else_wrote_is_not_run(directory, monkeypatch):
    build = Builder()
    cache.fetch("a graph", build)
    monkeypatch.setattr(cache, "_is_ours", lambda _state: False)
    cache.fetch("a graph", build)
    assert build.count == 2
    mine = next(iter(entries(directory))).stat()
    monkeypatch.undo()
    monkeypatch.setattr(cache.os, "geteuid", lambda: mine.st_uid + 1)
    assert cache._is_ours(mine) == (mine.st_uid == 0)


PROCESS = """
import random, sys, time
from chainrule.native import cache
cache.LIMIT = 20_000
for i in range(150):
    text = f"graph {random.randrange(12)}"
    content = (text * 400).encode()
    assert cache.fetch(text, lambda: content) == content
    if i % 50 == 49:
        cache.clear()
"""


def test_several_processes_at_once(directory):
    running = [
        subprocess.Popen([sys.executable, "-c", PROCESS])  # noqa: S603 - ours
        for _ in range(3)
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert [p for p in Path(directory).iterdir() if p.name.startswith(".")] == []
