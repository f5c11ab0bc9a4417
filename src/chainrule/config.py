"""`config`: how many threads, and where compiled programs are kept."""

from contextlib import AbstractContextManager
from importlib import import_module
from os import PathLike
from typing import Any

from chainrule import settings


class Config:
    """What can be set: read it, assign to it, or set it for a block.

    Results never depend on any of it, to the bit.

    >>> import chainrule as cr
    >>> with cr.config(threads=1):
    ...     print(cr.config.threads)
    1

    An assignment holds for the whole process, `with` for the block and for the Python
    thread that runs it.
    """

    @property
    def threads(self) -> int | None:
        """How many threads a program may use at most; `None` chooses automatically.

        Automatically, it is as many as the work of a step is worth, of the cores that
        this process may use and that no other program of chainrule is using; fewer
        where `OMP_NUM_THREADS` or `LOKY_MAX_CPU_COUNT` is less. The environment
        variable `CHAINRULE_THREADS` says it for all processes started from there.
        """
        return settings.threads()

    @threads.setter
    def threads(self, count: int | None) -> None:
        settings.choose(threads=count)

    @property
    def cache_folder(self) -> Any:
        """The folder in which compiled programs are kept, or `"off"` for none.

        Assign `None` for that of the user (`~/.cache/chainrule`, or what the system
        has for this). The environment variable `CHAINRULE_CACHE` does the same.
        """
        return self._cache.folder() or "off"

    @cache_folder.setter
    def cache_folder(self, folder: str | PathLike[str] | None) -> None:
        settings.choose(cache_folder=folder)

    @property
    def cache_limit(self) -> int:
        """How many bytes the cache may take: what was not used for longest goes first.

        256 MiB unless something else is assigned. A program takes 20 to 100 kB.
        """
        limit: int = self._cache.limit()
        return limit

    @cache_limit.setter
    def cache_limit(self, limit: int | None) -> None:
        settings.choose(cache_limit=limit)

    def cache_size(self) -> int:
        """How many bytes the compiled programs take that are kept now."""
        size: int = self._cache.size()
        return size

    def clear_cache(self) -> None:
        """Remove all compiled programs that are kept; they are compiled when needed."""
        self._cache.clear()

    def __call__(self, **choices: Any) -> AbstractContextManager[None]:
        """Settings for a block: `with cr.config(threads=1, cache_folder="off"):`."""
        return settings.choosing(**choices)

    def __setattr__(self, name: str, choice: Any) -> None:
        if not isinstance(getattr(type(self), name, None), property):
            settings.choose(**{name: choice})  # says which settings there are
        object.__setattr__(self, name, choice)

    def __repr__(self) -> str:
        return (
            f"config(threads={self.threads}, cache_folder={str(self.cache_folder)!r}, "
            f"cache_limit={self.cache_limit})"
        )

    @property
    def _cache(self) -> Any:
        # Imported by who asks, like all of the compiler.
        return import_module("chainrule.native.cache")


config = Config()
