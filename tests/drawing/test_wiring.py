from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from chainrule.drawing.wiring import Net, assign_tracks


@st.composite
def gaps(draw):
    rows = st.integers(0, 14)
    starts = draw(st.lists(rows, min_size=1, max_size=6, unique=True))
    ends = draw(st.permutations(range(15)))
    nets = []
    for source, start in enumerate(starts):
        count = draw(st.integers(1, 2))
        mine, ends = ends[:count], ends[count:]
        nets.append(Net(source, start, tuple(sorted(mine))))
    return nets


@given(gaps())
def test_lines_of_different_nets_never_cover_each_other(nets):
    tracks = assign_tracks(nets)
    if tracks is None:
        return
    assert set(tracks) == {net for net in nets if net.bends}
    for a, b in combinations(tracks, 2):
        if tracks[a] == tracks[b]:
            assert a.high < b.low or b.high < a.low
        if b.start in a.ends:
            assert tracks[b] < tracks[a]
        if a.start in b.ends:
            assert tracks[a] < tracks[b]


def test_nets_that_exchange_their_rows_do_not_fit():
    assert assign_tracks([Net(0, 1, (2,)), Net(1, 2, (1,))]) is None


def test_a_straight_net_needs_no_track():
    assert assign_tracks([Net(0, 1, (1,))]) == {}


def test_parallel_nets_do_not_cross():
    upper, lower = Net(0, 1, (5,)), Net(1, 2, (6,))
    assert assign_tracks([upper, lower]) == {lower: 0, upper: 1}
