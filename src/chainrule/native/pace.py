"""How many threads a program is given: as many as prove to be fastest.

By its work a step may be worth several threads and still be slower with them: where
other programs run, or where two cores turn out to be one. Results are the same bits for
any number of threads, so a few steps are taken with another number now and then, and
what was faster is kept to. A program begins with as many as are sure to pay.
"""

from weakref import WeakKeyDictionary

# How long a trial takes; how long a program has run before the first one; after how
# long, and how many times its length, comes the next one.
_TRIAL = 0.02
_FIRST = 0.01
_AGAIN = 2.0
_TIMES = 50
# What counts as faster: times differ from call to call.
_FASTER = 0.9


class Pace:
    """The number of threads of a program that may have `most`, and has `few` at first.

    `choose` says how many threads to take next and for how long at most; `note` is told
    how long steps took. Python threads that run one program share its pace.
    """

    def __init__(self, most: int, few: int, *, fixed: bool = False) -> None:
        self.options = [most]
        while self.options[-1] > 1 and not fixed:
            self.options.append(self.options[-1] // 2)
        # Which of the options.
        self.chosen = sum(count > max(few, self.options[-1]) for count in self.options)
        self._seconds: float | None = None  # that a step takes with the chosen one
        self._ran = 0.0
        self._due = _FIRST
        self._fewer = False

    def choose(self, longest: float) -> tuple[int, float]:
        """How many threads, and for how many seconds, which are at most `longest`."""
        known = self._seconds is not None
        if known and self._ran >= self._due and len(self.options) > 1:
            return self._neighbour(), min(longest, _TRIAL)
        return self.options[self.chosen], longest

    def note(self, wanted: int, granted: int, seconds: float, steps: int) -> None:
        """So many steps took so long, with as many threads as were granted."""
        each = seconds / max(steps, 1)
        before, self._ran = self._seconds, self._ran + seconds
        if wanted != self.options[self.chosen]:
            self._due = self._ran + max(_AGAIN, _TIMES * seconds)
            if before is None or each >= _FASTER * before:
                return
        if granted == wanted:
            self.chosen, self._seconds = self.options.index(wanted), each

    def _neighbour(self) -> int:
        """Fewer threads than now, or more, in turns; what there is at either end."""
        self._fewer = not self._fewer
        step = 1 if self._fewer else -1
        if not 0 <= self.chosen + step < len(self.options):
            step = -step
        return self.options[self.chosen + step]


_paces: WeakKeyDictionary[object, dict[int, Pace]] = WeakKeyDictionary()


def pace_of(code: object, most: int, few: int) -> Pace:
    """The pace of some machine code, as long as that is loaded."""
    known = _paces.setdefault(code, {})
    return known.get(most) or known.setdefault(most, Pace(most, few))
