from chainrule import functions, losses
from chainrule.nn import functional


def test_it_gathers_what_is_defined_elsewhere():
    for name in functional.__all__:
        source = losses if hasattr(losses, name) else functions
        assert getattr(functional, name) is getattr(source, name)
    assert {"softmax", "relu", "cross_entropy", "one_hot"} <= set(functional.__all__)
