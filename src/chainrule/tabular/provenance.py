"""Where a run came from."""

import platform
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Self

import numpy as np

__all__ = ["Provenance"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a run came from: enough to repeat it.

    `source` names the table that was read, `command` what was typed.
    """

    date: str
    source: str
    command: str
    seed: int
    version: str
    python: str
    numpy: str
    machine: str

    @classmethod
    def here_and_now(cls, source: str, command: str, seed: int) -> Self:
        """That of a run which is being made.

        >>> Provenance.here_and_now("table.csv", "chainrule train table.csv", 0).seed
        0
        """
        return cls(
            date=datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"),
            source=source,
            command=command,
            seed=seed,
            version=version("chainrule"),
            python=platform.python_version(),
            numpy=np.__version__,
            machine=f"{platform.system()} {platform.machine()}",
        )
