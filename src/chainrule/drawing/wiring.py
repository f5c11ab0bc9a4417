"""Lines of a drawing in a terminal: down which columns of a gap they go."""

from collections.abc import Sequence
from typing import NamedTuple


class Net(NamedTuple):
    """What leaves one place on the left of a gap, at row `start`, for rows `ends`.

    `source` is the node whose value it carries.
    """

    source: int
    start: int
    ends: tuple[int, ...]

    @property
    def bends(self) -> bool:
        """Whether it has to go up or down."""
        return any(end != self.start for end in self.ends)

    @property
    def low(self) -> int:
        """The uppermost row it touches."""
        return min(self.start, *self.ends)

    @property
    def high(self) -> int:
        """The lowermost row it touches."""
        return max(self.start, *self.ends)


def assign_tracks(nets: Sequence[Net]) -> dict[Net, int] | None:
    """The track in which each net that bends goes up or down; `None` if none fits.

    Nets that share rows get different tracks. Where one arrives in the row in which
    another starts, the other turns away first, or their lines would be taken for one:
    that cannot be done for two nets that exchange their rows.
    """
    waiting = sorted((net for net in nets if net.bends), key=_turn)
    tracks: dict[Net, int] = {}
    while waiting:
        ready = (net for net in waiting if not _blocked(net, waiting))
        net = next(ready, None)
        if net is None:
            return None
        waiting.remove(net)
        first = max(
            (tracks[a] + 1 for a in tracks if a.start in net.ends and a is not net),
            default=0,
        )
        used = {t for a, t in tracks.items() if a.low <= net.high and net.low <= a.high}
        tracks[net] = next(t for t in range(first, len(nets) + first) if t not in used)
    return tracks


def _turn(net: Net) -> tuple[bool, int]:
    """Who turns first: of those going down, the lowest, so that they do not cross."""
    down = net.high - net.start >= net.start - net.low
    return down, -net.start if down else net.start


def _blocked(net: Net, waiting: Sequence[Net]) -> bool:
    """Whether another has to turn before `net` does."""
    return any(other.start in net.ends and other is not net for other in waiting)
