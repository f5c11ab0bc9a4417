"""How far down each node stands: as level with its neighbours as there is room."""

from collections.abc import Sequence


def spread(
    wanted: Sequence[float], weights: Sequence[float], apart: Sequence[float]
) -> list[float]:
    """The positions closest to `wanted` that keep their distances.

    They minimise `sum of weight (position - wanted)^2` with `position[i + 1]` at least
    `position[i] + apart[i]`: isotonic regression, by pooling adjacent violators.

    >>> spread([0, 0, 10], [1, 1, 1], [2, 2])
    [-1.0, 1.0, 10.0]
    """
    offsets = [0.0]
    for distance in apart:
        offsets.append(offsets[-1] + distance)
    # Each pool: the mean of what its members want, their weight, their number.
    pools: list[tuple[float, float, int]] = []
    for want, weight, offset in zip(wanted, weights, offsets, strict=False):
        pool = (want - offset, weight, 1)
        while pools and pools[-1][0] >= pool[0]:
            mean, heavy, members = pools.pop()
            total = heavy + pool[1]
            both = (mean * heavy + pool[0] * pool[1]) / total
            pool = (both, total, members + pool[2])
        pools.append(pool)
    means = [mean for mean, _, members in pools for _ in range(members)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=False)]


def spread_within(
    wanted: Sequence[float], apart: float, low: float, high: float
) -> list[float]:
    """As `spread`, between `low` and `high`; closer together if it must be."""
    gaps = max(len(wanted) - 1, 1)
    apart = min(apart, (high - low) / gaps)
    places = spread(wanted, [1] * len(wanted), [apart] * (len(wanted) - 1))
    return [
        min(max(place, low + i * apart), high - (len(wanted) - 1 - i) * apart)
        for i, place in enumerate(places)
    ]
