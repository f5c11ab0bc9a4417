"""Compute values where they stand, remembering each: how eager tensors get data."""

import numpy as np

from chainrule.ir import Array, Value


def evaluate(value: Value) -> bool:
    """Compute `value.data` and that of all it stands on; say whether it was possible.

    It is not where a leaf has no data, as the inputs of a graph being traced.
    """
    with np.errstate(all="ignore"):  # NaN and infinities are values, not warnings
        waiting = [value]
        while waiting:
            y = waiting[-1]
            missing = [x for x in y.inputs if x.data is None]
            if missing:
                waiting.extend(missing)
                continue
            if y.data is None:
                if y.operation is None:
                    return False
                y.remember(np.asarray(y.operation.forward(*_data(y))))
            waiting.pop()
    return True


def _data(y: Value) -> list[Array]:
    return [x.data for x in y.inputs if x.data is not None]
