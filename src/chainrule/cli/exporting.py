"""Writes networks in other formats."""

from collections.abc import Mapping
from pathlib import Path

from chainrule.cli.console import new_console, say_json
from chainrule.cli.errors import expecting
from chainrule.cli.using import check_out
from chainrule.export import ExportError
from chainrule.export import export as write
from chainrule.tabular import RunError, load_run
from chainrule.view.numbers import size

__all__ = ["export_and_say"]


def export_and_say(
    folder: Path, files: Mapping[str, Path], name: str | None, *, as_json: bool
) -> None:
    """Write each of the files, by format."""
    for path in files.values():
        check_out(path)
    with expecting(RunError, ExportError):
        run = load_run(folder)
        for kind, path in files.items():
            write(run, path, kind, name=name)
    if as_json:
        written = {
            kind: {"file": str(path), "bytes": path.stat().st_size}
            for kind, path in files.items()
        }
        say_json({"run": str(folder), "files": written})
        return
    for path in files.values():
        line = f"{size(path.stat().st_size)} written to {path}"
        new_console(stderr=True).print(line, markup=False, soft_wrap=True)
