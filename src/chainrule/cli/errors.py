"""What is said when a command cannot do what it was asked: one sentence."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["KINDS", "Failure", "expecting"]


# What went wrong, by exit code, as --json says it. Usage is what the words of the
# command line show to be wrong; data, what only a look at tables, runs and disks does.
KINDS: Final = {1: "data", 2: "usage", 70: "bug", 130: "stopped"}


class Failure(Exception):  # noqa: N818 - it ends the command, with `code`
    """The end of a command, with what to tell the user and the exit code."""

    def __init__(self, message: str, *notes: str, code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.notes = notes
        self.code = code


@contextmanager
def expecting(
    *kinds: type[Exception], code: int = 1, stopped: str = "stopped"
) -> Iterator[None]:
    """Turn errors of these kinds, which are the user's to mend, into a `Failure`.

    A file that cannot be read or written is expected everywhere, and so is Ctrl-C.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read our output has gone: nothing to tell
    except kinds as error:
        notes = getattr(error, "__notes__", [])
        raise Failure(_sentence(str(error)), *notes, code=code) from error
    except OSError as error:
        notes = getattr(error, "__notes__", [])
        raise Failure(_file_trouble(error), *notes) from error
    except KeyboardInterrupt:
        raise Failure(stopped, code=130) from None
    except MemoryError as error:
        notes = getattr(error, "__notes__", [])
        raise Failure("there is not enough memory for this", *notes) from error


def _sentence(message: str) -> str:
    """On one line, whatever the message holds."""
    return " ".join(message.split()) or "it failed without saying why"


_TROUBLE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your share of the disk is used up",
    errno.EFBIG: "the file would be larger than is allowed here",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the disk is read-only",
    errno.ENOENT: "there is no such file or folder",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
}


def _file_trouble(error: OSError) -> str:
    what = _TROUBLE.get(error.errno or 0) or error.strerror or str(error)
    if error.filename is None:
        return f"{what}; nothing was left half-written"
    return f"{os.fsdecode(error.filename)}: {what}"
