"""The program as a whole: help, versions, what is not there."""

import inspect
import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

from chainrule.cli import main
from chainrule.cli.commands.train import train
from chainrule.tabular import train_table
from chainrule.tabular.network import ACTIVATIONS
from chainrule.tabular.settings import OPTIMIZERS


def test_version(chainrule):
    assert chainrule("--version").out == f"chainrule {version('chainrule')}\n"


def test_without_a_command_it_lists_them(chainrule):
    told = chainrule()
    assert told.code == 0
    for command in ("train", "predict", "evaluate", "graph"):
        assert f"  {command} " in told.out
    assert told.out == chainrule("--help").out


@pytest.mark.parametrize("command", ["train", "predict", "evaluate", "graph"])
def test_help_ends_with_examples(chainrule, command):
    told = chainrule(command, "--help")
    assert told.code == 0
    assert told.out.startswith(f"Usage: chainrule {command} ")
    examples = told.out.partition("\nExamples\n")[2]
    assert f"  chainrule {command} " in examples
    assert all(len(line) <= 100 for line in told.out.splitlines())
    assert told.out == chainrule(command, "-h").out


def test_help_fits_a_narrow_terminal(chainrule, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    page = chainrule("train", "--help").out.partition("\nExamples\n")[0]
    assert all(len(line) <= 60 for line in page.splitlines())


def test_help_names_what_there_is(chainrule):
    page = " ".join(chainrule("train", "--help").out.split())
    for names in (ACTIVATIONS, OPTIMIZERS):
        *others, last = names
        assert f"{', '.join(others)} or {last}." in page
    assert "Default: 64,64." in page
    assert "Usage: chainrule train TABLE --target COL [OPTIONS]" in page


def test_the_defaults_are_those_of_the_library(chainrule):
    ours = inspect.signature(train).parameters
    theirs = inspect.signature(train_table).parameters
    for name in ("activation", "dropout", "epochs", "batch_size", "optimizer", "lr"):
        assert ours[name].default == theirs[name].default
    for name in ("weight_decay", "patience", "seed"):
        assert ours[name].default == theirs[name].default
    assert float(ours["validation"].default) == theirs["validation"].default
    assert float(ours["test"].default) == theirs["test"].default


def test_a_mistyped_command_is_guessed(chainrule):
    told = chainrule("trian")
    assert told.code == 2
    assert "Did you mean 'train'?" in told.err


def test_the_exit_code_reaches_the_shell(monkeypatch):
    with pytest.raises(SystemExit) as left:
        main(["graph", "x"])
    assert left.value.code == 2


def test_colours_are_left_out_where_nobody_sees_them(chainrule):
    told = chainrule("train", "--help")
    assert not re.search("\x1b", told.out)


def python(program, **environment):
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
        check=False,
    )


def test_python_runs_it_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("chainrule ")


def test_without_the_extra_it_says_how_to_get_it():
    done = python(
        "import sys; sys.modules['typer'] = None\n"
        "from chainrule.cli import main; main(['--help'])"
    )
    assert done.returncode == 1
    assert "pip install 'chainrule[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_pyarrow_it_says_what_is_missing(cancer):
    done = python(
        "import sys; sys.modules['pyarrow'] = None\n"
        f"from chainrule.cli import main; main(['train', {str(cancer)!r}, "
        "'--target', 'diagnosis'])"
    )
    assert done.returncode == 1
    assert "pip install 'chainrule[" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_waits_for_nothing_heavy():
    done = python(
        "import sys\n"
        "from chainrule.cli.app import run\n"
        "run(['--help'])\n"
        "heavy = {'pyarrow', 'matplotlib', 'narwhals', 'chainrule.tables'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr
