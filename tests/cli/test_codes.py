"""Exit codes: one scheme for all commands, with and without --json."""

import json
import subprocess
import sys

import pytest
import typer

from chainrule.cli import graphing, looking, training
from chainrule.cli.app import app
from chainrule.cli.errors import KINDS, Failure

# What each command makes of something wrong: the code, and what was typed.
WRONG = [
    (1, ("train", "nowhere.csv", "--target", "price")),
    (1, ("train", "homes.csv", "--target", "prize")),
    (1, ("train", "broken.parquet", "--target", "price")),
    (1, ("train", "--config", "nowhere.toml")),
    (1, ("train", "--config", "homes.csv")),
    (1, ("train", "--write-config", "homes.csv")),
    (1, ("train", "--resume", "nowhere")),
    (1, ("train", "--resume", "damaged")),
    (1, ("train", "homes.csv", "--target", "price", "--out", "damaged")),
    (2, ("train",)),
    (2, ("train", "homes.csv")),
    (2, ("train", "homes.csv", "--target", "price", "--frob")),
    (2, ("train", "homes.csv", "--target", "price", "--epochs", "many")),
    (2, ("train", "homes.csv", "--target", "price", "--epochs", "0")),
    (2, ("train", "homes.csv", "--target", "price", "--hidden", "wide")),
    (2, ("train", "homes.csv", "--target", "price", "--optimizer", "magic")),
    (2, ("train", "--config", "typo.toml")),
    (2, ("train", "--resume", "damaged", "--hidden", "3")),
    (1, ("predict", "nowhere", "homes.csv")),
    (1, ("predict", "damaged", "homes.csv")),
    (1, ("predict", "RUN", "nowhere.csv")),
    (1, ("predict", "RUN", "other.csv")),
    (1, ("predict", "RUN", "homes.csv", "-o", "nowhere/out.csv")),
    (2, ("predict", "RUN")),
    (2, ("predict", "RUN", "homes.csv", "-o", "out.docx")),
    (2, ("predict", "RUN", "homes.csv", "-o", "homes.csv")),
    (1, ("evaluate", "nowhere", "homes.csv")),
    (1, ("evaluate", "damaged", "homes.csv")),
    (1, ("evaluate", "RUN", "nowhere.csv")),
    (1, ("evaluate", "RUN", "other.csv")),
    (2, ("evaluate", "RUN")),
    (2, ("evaluate", "RUN", "homes.csv", "--frob")),
    (1, ("info", "nowhere")),
    (1, ("info", "damaged")),
    (1, ("info", "broken.parquet")),
    (2, ("info",)),
    (1, ("compare", "RUN", "nowhere")),
    (1, ("compare", "RUN", "damaged")),
    (1, ("compare", "RUN", "RUN", "--table", "nowhere.csv")),
    (2, ("compare", "RUN")),
    (1, ("export", "nowhere", "--c", "net.h")),
    (1, ("export", "damaged", "--c", "net.h")),
    (1, ("export", "RUN", "--numpy", "nowhere/net.py")),
    (2, ("export", "RUN")),
    (2, ("export", "RUN", "--frob")),
    (1, ("graph", "x", "x=1", "--svg", "nowhere/x.svg")),
    (2, ("graph",)),
    (2, ("graph", "x +", "x=1")),
    (2, ("frob",)),
]


@pytest.fixture
def place(homes_csv, tmp_path):
    """A folder of things that are right and wrong."""
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "model.json").write_text('{"format": ')
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    (tmp_path / "other.csv").write_text("colour\nred\nblue\n")
    (tmp_path / "typo.toml").write_text("batchsize = 3\n")
    return tmp_path


def test_every_command_is_among_them():
    commands = set(typer.main.get_command(app).commands)
    for code in (1, 2):
        assert commands <= {typed[0] for wanted, typed in WRONG if wanted == code}


@pytest.mark.parametrize(("code", "typed"), WRONG, ids=str)
def test_codes_are_the_same_with_json_and_without(
    chainrule, homes_run, place, code, typed
):
    words = [str(homes_run) if word == "RUN" else word for word in typed]
    told = chainrule(*words)
    assert (told.code, told.out) == (code, "")
    assert told.err.startswith("error: ")
    told = chainrule(*words, "--json")
    assert (told.code, told.out) == (code, "")
    error = json.loads(told.err)["error"]
    assert (error["kind"], error["code"]) == (KINDS[code], code)
    assert error["message"]


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_what_is_right_ends_with_0(chainrule, homes_run, place, as_json):
    for typed in (
        ("train", "homes.csv", "--target", "price", "--epochs", 1, "--out", "new"),
        ("predict", homes_run, "homes.csv"),
        ("evaluate", homes_run, "homes.csv"),
        ("info", homes_run),
        ("info", "homes.csv"),
        ("compare", homes_run, "new"),
        ("export", homes_run, "--numpy", "net.py"),
        ("graph", "x*x", "x=3"),
    ):
        told = chainrule(*typed, *as_json, *(["--overwrite"] * (typed[0] == "train")))
        assert told.code == 0, told.err
        assert told.out or typed[0] == "export"


@pytest.mark.parametrize("as_json", [(), ("--json",)])
@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (KeyboardInterrupt(), 130),
        (Failure("stopped", code=130), 130),
        (ZeroDivisionError("oops"), 70),
        (ImportError("chainrule needs magic", name="magic"), 1),
    ],
    ids=lambda x: type(x).__name__,
)
@pytest.mark.parametrize(
    ("module", "verb", "typed"),
    [
        (training, "train_table", ("train", "homes.csv", "--target", "price")),
        (looking, "overview", ("info", "homes.csv")),
        (graphing, "_differentiated", ("graph", "x", "x=1")),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_what_ends_any_command(
    chainrule, place, monkeypatch, module, verb, typed, trouble, code, as_json
):
    def fail(*_, **__):
        raise trouble

    monkeypatch.setattr(module, verb, fail)
    told = chainrule(*typed, *as_json)
    assert told.code == code
    if as_json:
        error = json.loads(told.err)["error"]
        assert (error["kind"], error["code"]) == (KINDS[code], code)


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_nobody_who_reads_is_nothing_to_complain_of(cancer_run, cancer, as_json):
    command = [sys.executable, "-m", "chainrule", "predict", cancer_run, cancer]
    with subprocess.Popen(  # noqa: S603 - our own program
        [*command, *as_json], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
