import pytest

from chainrule.ir import Operation


@pytest.fixture
def fresh_registry():
    """Operations that a test defines are gone after it."""
    known = dict(Operation.registry)
    yield Operation.registry
    Operation.registry.clear()
    Operation.registry.update(known)
