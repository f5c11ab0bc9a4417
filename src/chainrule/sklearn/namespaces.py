"""Arrays of other libraries, which come in and go out as what they are.

Where scikit-learn looks at the kind of arrays (`array_api_dispatch=True`), what is
fitted to tensors of PyTorch, say, has attributes and predictions of that kind, on the
device of the tensors. What is computed here is computed with NumPy.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn import get_config
from sklearn.utils._array_api import (
    _is_numpy_namespace,
    get_namespace_and_device,
    move_to,
)


@dataclass(frozen=True)
class Home:
    """The library that an array is of, and its device."""

    namespace: Any
    device: Any

    @classmethod
    def of(cls, array: Any) -> Self:
        """That of an array; NumPy's, if it is none or nobody looks at its kind."""
        if not get_config()["array_api_dispatch"]:
            return cls(np, None)
        namespace, _, device = get_namespace_and_device(array)
        return cls(namespace, device)

    @property
    def here(self) -> bool:
        """Whether it is NumPy's."""
        return bool(_is_numpy_namespace(self.namespace))

    def bring(self, array: Any) -> Any:
        """An array of NumPy as one of this library, on this device."""
        if self.here:
            return array
        return move_to(array, xp=self.namespace, device=self.device)


def fetch(array: Any) -> Any:
    """An array of any library as one of NumPy; other things stay as they are.

    >>> fetch([1, 2]), fetch(None)
    ([1, 2], None)
    """
    return array if Home.of(array).here else move_to(array, xp=np, device="cpu")
