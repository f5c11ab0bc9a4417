"""Every operation, whoever wrote it, keeps every rule."""

import pytest

import chainrule  # noqa: F401 - defines the operations
from chainrule.ir import Operation
from chainrule.testing import check_operation

NAMES = sorted(
    name
    for name, operation in Operation.registry.items()
    if operation.__module__.startswith("chainrule.")
)


@pytest.mark.parametrize("name", NAMES)
def test_operation_keeps_every_rule(name):
    check_operation(Operation.registry[name])


@pytest.mark.parametrize("name", NAMES)
def test_operation_keeps_every_rule_at_other_points(name):
    check_operation(Operation.registry[name], seed=1, compiled=False)
