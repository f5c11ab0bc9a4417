"""How long the ticks are that native code counts with `@clock`."""

import time
from functools import cache

from chainrule.native.services import services

_LONG_ENOUGH = 0.01  # seconds: an error of 1 us in it is one of 0.01 %


def ticks() -> int:
    """The clock that native code reads, which goes on steadily."""
    return services().ticks()


@cache
def ticks_per_second() -> float:
    """How fast the clock goes. Takes up to 10 ms at first."""
    start, began = services().began
    elapsed = time.perf_counter() - began
    if elapsed < _LONG_ENOUGH:
        time.sleep(_LONG_ENOUGH - elapsed)
    # The two are read in the order in which they were read at the start.
    now, end = services().ticks(), time.perf_counter()
    return (now - start) / (end - began)
