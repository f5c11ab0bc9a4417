"""The command line: `chainrule train`, `predict`, `evaluate` and `graph`.

It asks, shows and says what went wrong; everything else is in the library.
"""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 bad data, 2 bad usage, 130 stopped."""
    try:
        from chainrule.cli.app import run  # noqa: PLC0415 - typer is optional
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"typer", "rich", "click"}:
            raise
        sys.exit(
            f"error: the command line needs {error.name}: pip install 'chainrule[cli]'"
        )
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))
