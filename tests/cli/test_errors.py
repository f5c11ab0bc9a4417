"""Errors as one sentence."""

import errno

import pytest

from chainrule.cli.console import command
from chainrule.cli.errors import Failure, expecting


def failure_of(error, *kinds):
    with pytest.raises(Failure) as caught, expecting(*kinds):
        raise error
    return caught.value


def test_a_message_of_several_lines_is_one_sentence():
    assert failure_of(ValueError("one\n  two"), ValueError).message == "one two"
    assert failure_of(ValueError(), ValueError).message


def test_notes_are_kept():
    error = ValueError("wrong")
    error.add_note("in layer 'output'")
    assert failure_of(error, ValueError).notes == ("in layer 'output'",)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(errno.EACCES, "no", "a.csv"), "a.csv: permission denied"),
        (OSError(errno.EROFS, "no", "a.csv"), "a.csv: the disk is read-only"),
        (OSError(errno.EIO, "Input/output error", "a"), "a: Input/output error"),
        (
            OSError(errno.ENOSPC, "no"),
            "the disk is full; nothing was left half-written",
        ),
        (MemoryError(), "there is not enough memory for this"),
        (KeyboardInterrupt(), "stopped"),
    ],
)
def test_what_can_happen_anywhere(error, message):
    assert failure_of(error).message == message


@pytest.mark.parametrize("error", [ValueError("bug"), BrokenPipeError()])
def test_anything_else_is_not_caught(error):
    with pytest.raises(type(error)), expecting():
        raise error


def test_commands_are_shown_as_they_can_be_typed(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["/nowhere/bin/chainrule"])
    assert command("predict", "my run") == "/nowhere/bin/chainrule predict 'my run'"
    program = tmp_path / "chainrule"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command("predict") == "/nowhere/bin/chainrule predict"
    monkeypatch.setattr("sys.argv", [str(program)])
    assert command("predict") == "chainrule predict"
    monkeypatch.setattr("sys.argv", ["-c"])
    assert command("predict") == "chainrule predict"
