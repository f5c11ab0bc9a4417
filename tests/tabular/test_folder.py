"""Folders that are whole or as they were."""

import os
from pathlib import Path

import pytest

from chainrule.tabular.folder import RunError, check_destination, write_folder


def write_model(folder):
    (folder / "model.json").write_text("{}")


def fail(folder):
    (folder / "model.json").write_text("{")
    raise KeyboardInterrupt


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_parents_are_made_and_nothing_else_is_left(tmp_path):
    place = write_folder(tmp_path / "runs" / "a", write_model)
    assert place == tmp_path / "runs" / "a"
    assert names(tmp_path / "runs") == ["a"]
    assert names(place) == ["model.json"]


def test_what_fails_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "a", fail)
    assert names(tmp_path) == []


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "a").mkdir()
    assert names(write_folder(tmp_path / "a", write_model)) == ["model.json"]


def test_an_empty_folder_keeps_its_name(tmp_path):
    (tmp_path / "a").mkdir()
    assert write_folder(tmp_path / "a", write_model, rename=True).name == "a"


def test_a_relative_path_stays_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert write_folder(Path("a"), write_model) == Path("a")
    assert write_folder(Path("a"), write_model, rename=True) == Path("a-2")
    (tmp_path / "b").mkdir()
    assert write_folder(Path("b/../c"), write_model) == Path("b/../c")
    assert names(tmp_path) == ["a", "a-2", "b", "c"]


def test_a_run_is_replaced_only_when_asked(tmp_path):
    old = write_folder(tmp_path / "a", write_model)
    (old / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="--overwrite"):
        write_folder(old, write_model)
    assert names(old) == ["model.json", "notes.txt"]
    write_folder(old, write_model, overwrite=True)
    assert names(old) == ["model.json"]
    assert names(tmp_path) == ["a"]


def test_a_failed_replacement_leaves_the_old_run(tmp_path):
    old = write_folder(tmp_path / "a", write_model)
    with pytest.raises(KeyboardInterrupt):
        write_folder(old, fail, overwrite=True)
    assert (old / "model.json").read_text() == "{}"
    assert names(tmp_path) == ["a"]


def test_other_folders_and_files_are_never_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").touch()
    (tmp_path / "file").touch()
    for name, complaint in (("photos", "other files"), ("file", "is a file")):
        with pytest.raises(RunError, match=complaint):
            check_destination(tmp_path / name, overwrite=True)
    with pytest.raises(RunError, match="file is a file"):
        check_destination(tmp_path / "file" / "run")


def test_a_name_that_is_taken_gets_a_number_if_that_is_allowed(tmp_path):
    places = [write_folder(tmp_path / "a", write_model, rename=True) for _ in range(3)]
    assert [place.name for place in places] == ["a", "a-2", "a-3"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_refused_first(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(RunError, match="may not be written to"):
            check_destination(tmp_path / "runs" / "a")
    finally:
        tmp_path.chmod(0o700)
