"""What the shell offers when Tab is pressed."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from chainrule.cli import completing

START = "import sys; sys.argv[0] = 'chainrule'; from chainrule.cli import main; main()"


@pytest.fixture
def offered(tmp_path, homes_csv):
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "a" / "model.json").touch()
    (tmp_path / "runs" / "more").mkdir()

    def complete(*words):
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", START],
            env={
                **os.environ,
                "_CHAINRULE_COMPLETE": "complete_bash",
                "COMP_WORDS": " ".join(["chainrule", *words]),
                "COMP_CWORD": str(len(words)),
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout.split("\n")[:-1]

    return complete


def test_commands_and_options(offered):
    assert offered("tr") == ["train"]
    assert offered("train", "homes.csv", "--sche") == ["--schedule"]


@pytest.mark.parametrize(
    ("option", "begun", "names"),
    [
        ("--activation", "s", ["silu", "selu", "sigmoid", "softplus"]),
        ("--optimizer", "ada", ["adamw", "adam", "adagrad"]),
        ("--schedule", "c", ["constant", "cosine"]),
        ("--task", "b", ["binary"]),
        ("--target", "", ["size", "town", "price"]),
        ("--drop", "size,t", ["size,town"]),
    ],
)
def test_values_of_options(offered, option, begun, names):
    assert offered("train", "homes.csv", option, begun) == names


def test_columns_with_spaces_are_quoted(offered, tmp_path):
    (tmp_path / "b.csv").write_text("mean radius;y\n1;2\n")
    assert offered("train", "b.csv", "--target", "m") == ["mean\\ radius"]


def test_runs_and_the_folders_on_the_way(offered):
    assert offered("predict", "r") == ["runs/a", "runs/more/"]
    assert offered("predict", "runs/") == ["runs/a", "runs/more/"]
    assert offered("train", "--resume", "runs/a") == ["runs/a"]


def test_zsh_is_offered_nothing_that_it_would_run(monkeypatch, tmp_path):
    (tmp_path / "t.csv").write_text("a b;x\\$(touch no);it's;y\n1;2;3;4\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("_CHAINRULE_COMPLETE", "complete_zsh")
    context = SimpleNamespace(params={"table": "t.csv"}, args=[])
    assert completing.columns(context, "") == ["a b", "y"]


def test_the_script_for_zsh_completes_at_the_first_tab():
    script = "#compdef chainrule\n\ncompdef _chainrule_completion chainrule\n"
    mended = completing._mended(script)
    assert mended.startswith(script)
    assert "[[ $funcstack[1] == _chainrule ]]" in mended
    assert completing._mended(mended) == mended
    assert completing._mended("complete -F f chainrule") == "complete -F f chainrule"


def test_files_are_left_to_the_shell(offered):
    assert [word for word in offered("train", "hom") if word] == []


def test_names_are_those_of_the_library():
    from chainrule.cli.commands import train  # noqa: PLC0415 - after the others
    from chainrule.tabular import network, settings  # noqa: PLC0415

    assert set(train._ACTIVATIONS) == set(network.ACTIVATIONS)
    assert set(train._NORMALIZATIONS) == set(network.NORMALIZATIONS)
    assert set(train._OPTIMIZERS) == set(settings.OPTIMIZERS)
    assert set(train._SCHEDULES) == set(settings.SCHEDULES)
