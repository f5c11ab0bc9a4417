"""Which column of the drawing each node stands in: all edges lead to the right."""

from collections.abc import Collection, Sequence

Link = tuple[int, int]

# A leaf further than this from its reader moves up to it; a nearer one stays at the
# left edge of the picture, where inputs are expected.
_FARTHEST_LEAF = 3


def assign_layers(
    count: int, links: Sequence[Link], late: Collection[int] = ()
) -> list[int]:
    """The layer of each node, so that every link leads to a later one.

    Nodes are numbered after the nodes that they stand on. Each gets the layer after
    its last input's (longest path); then, from the right, those that shorten more links
    than they lengthen move up to their first reader. Nodes in `late` always do.
    """
    sources: list[list[int]] = [[] for _ in range(count)]
    readers: list[list[int]] = [[] for _ in range(count)]
    for source, target in links:
        sources[target].append(source)
        readers[source].append(target)
    layer = [0] * count
    for node in range(count):
        layer[node] = max((layer[x] + 1 for x in sources[node]), default=0)
    for node in reversed(range(count)):
        if not readers[node]:
            continue
        latest = min(layer[reader] for reader in readers[node]) - 1
        if sources[node]:
            # An input that only this node reads can come along.
            held = sum(bool(sources[x]) or len(readers[x]) > 1 for x in sources[node])
            moves = len(readers[node]) > held
        else:
            moves = node in late or latest - layer[node] >= _FARTHEST_LEAF
        if moves:
            layer[node] = latest
    return layer
