"""Modules: what they find, what they are called, how they are copied and restored."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.ir import topological


class Block(cr.nn.Module):
    """A module with everything that can be found in one."""

    def __init__(self, width=2, *, scale=1.0):
        self.scale = scale
        self.first = cr.nn.Dense(width, width, rng=0)
        self.W = cr.Parameter(np.eye(width, dtype=np.float32))
        self.seen = cr.State(0)
        self.more = [cr.nn.Dense(width, width, rng=1), cr.nn.ReLU()]
        self.named = {"a": (cr.nn.Dense(width, 1, rng=2),)}
        self.words = ["not", "a", "layer"]

    def forward(self, x):
        x = self.first(x) @ self.W * self.scale
        for layer in self.more:
            x = layer(x)
        return self.named["a"][0](x)


class Outer(cr.nn.Module):
    def __init__(self, block):
        self.inner = block

    def forward(self, x):
        return self.inner(x)


def batch(rows=3, width=2):
    return np.random.default_rng(0).normal(size=(rows, width)).astype(np.float32)


def test_members_are_found_in_order_under_their_paths():
    block = Block()
    assert list(block.parameters()) == [
        "first.W",
        "first.b",
        "W",
        "more.0.W",
        "more.0.b",
        "named.a.0.W",
        "named.a.0.b",
    ]
    assert "seen" in block.states()
    assert "seen" not in block.parameters()
    assert list(block.modules()) == ["", "first", "more.0", "more.1", "named.a.0"]
    assert block.modules()[""] is block
    assert next(iter(Outer(block).parameters())) == "inner.first.W"


def test_states_are_named_by_their_path():
    block = Block()
    assert {path: s.name for path, s in block.states().items()} == {
        path: path for path in block.states()
    }
    net = Outer(block)
    assert all(state.name == path for path, state in net.states().items())


def test_what_is_shared_is_listed_once():
    block = Block()
    block.again = block.first
    block.more.append(block.first)
    assert [p for p in block.states() if p.startswith("again")] == []
    assert "again" not in block.modules()
    tied = Outer(block)
    tied.W = block.W
    assert "W" not in tied.states()


def test_a_cycle_of_modules_ends():
    block = Block()
    block.outer = Outer(block)
    assert list(block.modules())[-1] == "outer"


def test_two_states_of_one_path_are_refused():
    block = Block()
    block.more = {"a.W": cr.Parameter(1.0), "a": {"W": cr.Parameter(2.0)}}
    with pytest.raises(ValueError, match=r"two states called 'more\.a\.W'"):
        block.states()


def test_state_dict_is_a_copy_and_comes_back():
    block, other = Block(), Block()
    numbers = block.state_dict()
    numbers["W"][:] = 7
    assert block.W.numpy()[0, 0] == 1
    other.load_state_dict(numbers)
    assert (other.W.numpy() == 7).all()
    for path, array in other.state_dict().items():
        np.testing.assert_array_equal(array, numbers[path])
    numbers["W"][:] = 8  # it has been copied on the way in as well
    assert (other.W.numpy() == 7).all()


def test_a_state_dict_that_does_not_fit_changes_nothing_and_says_all():
    block = Block()
    before = block.state_dict()
    numbers = {**before, "first.b": np.zeros(5), "extra": np.zeros(1), "seen": "x"}
    numbers["first.W"] = before["first.W"] + 1
    numbers["seen"] = np.array(0.5)
    del numbers["W"]
    with pytest.raises(ValueError, match="do not fit Block") as caught:
        block.load_state_dict(numbers)
    for part in (
        "missing W",
        "unexpected extra",
        "first.b has shape (5,), not (2,)",
        "seen has dtype float64, not int64",
    ):
        assert part in str(caught.value)
    for path, array in block.state_dict().items():
        np.testing.assert_array_equal(array, before[path])


def test_a_part_can_be_loaded_if_asked_for():
    block = Block()
    block.load_state_dict({"W": np.full((2, 2), 3.0), "nowhere": 1}, strict=False)
    assert (block.W.numpy() == 3).all()
    with pytest.raises(ValueError, match="W has shape"):
        block.load_state_dict({"W": np.zeros(3)}, strict=False)


def test_real_numbers_are_rounded_to_the_dtype_of_the_state():
    block = Block()
    block.load_state_dict({"W": np.full((2, 2), 0.1)}, strict=False)
    assert block.W.dtype == np.float32
    assert block.W.numpy()[0, 0] == np.float32(0.1)


def test_deep_copies_are_independent_and_keep_what_is_tied():
    block = Block()
    block.again = block.first
    twin = copy.deepcopy(block)
    assert twin.again is twin.first
    assert twin.first is not block.first
    twin.first.W.assign(np.zeros((2, 2), np.float32))
    assert block.first.W.numpy().any()
    assert twin.title() == block.title() == "Block()"
    np.testing.assert_array_equal(
        copy.deepcopy(block)(batch()).numpy(), block(batch()).numpy()
    )


def test_train_and_eval_reach_every_module():
    block = Block()
    assert block.training
    assert block.eval() is block
    assert not any(m.training for m in block.modules().values())
    block.train()
    assert all(m.training for m in block.modules().values())


@pytest.mark.parametrize("make", [np.asarray, cr.tensor, np.ndarray.tolist])
def test_arrays_tensors_and_lists_come_in(make):
    np.testing.assert_array_equal(
        Block()(make(batch())).numpy(), Block()(batch()).numpy()
    )


def test_other_arguments_reach_forward_as_they_are():
    class Scaled(cr.nn.Module):
        def forward(self, x, factor, *, options=None):
            assert isinstance(factor, int)
            assert isinstance(x, cr.Tensor)
            return x * factor + options["add"]

    assert Scaled()(np.ones(1), 3, options={"add": 1}).item() == 4


def test_a_module_without_forward_says_what_to_write():
    class Empty(cr.nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no forward method"):
        Empty()(batch())


def test_values_know_their_layer():
    net = Outer(Block())
    layers = {
        value.location.layer
        for value in topological([net(batch()).value])
        if value.inputs
    }
    assert {"inner", "inner.first", "inner.more.0", "inner.more.1"} <= layers
    assert "inner.named.a.0" in layers
    assert "" not in layers


def test_the_location_is_the_users_line():
    value = Block()(batch()).value
    assert value.location.file == __file__


def test_an_exception_names_the_innermost_layer_once():
    class Broken(cr.nn.Module):
        def forward(self, x):
            raise RuntimeError("broken")

    block = Block()
    block.more[0] = Broken()
    with pytest.raises(RuntimeError, match="broken") as caught:
        Outer(block)(batch())
    assert caught.value.__notes__ == ["raised in layer 'inner.more.0', Broken()"]
    # Outside of any call, nothing is left over.
    with pytest.raises(RuntimeError) as caught:
        block.more[0](batch())
    assert caught.value.__notes__ == ["raised in Broken()"]


def test_a_message_that_names_the_layer_gets_no_note():
    with pytest.raises(ValueError, match=r"layer 'inner\.first', Dense") as caught:
        Outer(Block())(batch(width=5))
    assert not hasattr(caught.value, "__notes__")


def test_a_module_that_is_no_member_has_no_path():
    stranger = cr.nn.Dense(3, 1)

    class Caller(cr.nn.Module):
        def forward(self, x):
            return stranger(x)

    with pytest.raises(ValueError, match=r"^Dense\(3, 1\): takes"):
        Caller()(batch())


def test_the_arguments_of_the_constructor_are_kept():
    assert Block(2).title() == "Block(2)"
    assert Block(scale=2.0).title() == "Block(scale=2.0)"
    assert Block(2, scale=2.0).arguments() == {"width": 2, "scale": 2.0}
    assert Outer(Block()).title() == "Outer(Block())"


def test_a_constructor_that_calls_its_parents_keeps_its_own_arguments():
    class Wide(Block):
        def __init__(self, factor):
            super().__init__(2 * factor)

    class Wider(Wide):
        pass

    assert Wide(3).arguments() == {"factor": 3}
    assert Wider(3).title() == "Wider(3)"
    assert Wider(3).W.shape == (6, 6)


def test_repr_shows_the_tree():
    net = Outer(cr.nn.Sequential(cr.nn.Dense(2, 3, bias=False), cr.nn.Dropout(0.1)))
    net.scale = cr.Parameter([1.0, 2.0])
    assert repr(net).splitlines() == [
        "Outer(",
        "  inner: Sequential(",
        "    0: Dense(2, 3, bias=False)  W (2, 3): 6",
        "    1: Dropout(0.1)",
        "  )  6 parameters",
        "  scale: Parameter (2,)",
        ")  8 parameters",
    ]
    assert repr(net.inner[0]) == "Dense(2, 3, bias=False)"


def test_summary_shows_shapes_of_outputs_without_computing():
    net = cr.nn.Sequential(cr.nn.Dense(2, 3), cr.nn.BatchNorm(3))
    before = net.state_dict()
    lines = net.summary(batch(rows=7)).splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "parameters", "count"]
    assert "f32[7,3]" in lines[1]
    assert lines[-1].split() == ["total", "60", "B", "15"]
    np.testing.assert_array_equal(
        net.state_dict()["1.running_mean"], before["1.running_mean"]
    )
    assert "output" not in net.summary()


def test_a_traced_call_gives_what_an_eager_one_gives():
    net = Outer(Block())
    compiled = cr.compile(net)
    np.testing.assert_array_equal(compiled(batch()).numpy(), net(batch()).numpy())
    net.inner.first.b.assign(np.ones(2, np.float32))
    np.testing.assert_array_equal(compiled(batch()).numpy(), net(batch()).numpy())


def test_a_compiled_module_follows_train_and_eval():
    net = cr.nn.Sequential(cr.nn.Dropout(0.5, rng=0))
    compiled = cr.compile(lambda x: net(x))  # noqa: PLW0108 - not the module itself
    x = np.ones((20, 20), np.float32)
    for _ in range(2):
        assert (compiled(x).numpy() == 0).any()
        net.eval()
        assert (compiled(x).numpy() == 1).all()
        net.train()
    assert net[0].counter.item() == 2
    assert sum(map(len, compiled._traced.values())) == 2


def test_pickle_keeps_everything():
    net = cr.nn.Sequential(Block(scale=2.0), cr.nn.Dropout(0.5, rng=0))
    again = pickle.loads(pickle.dumps(net))  # noqa: S301 - our own
    assert repr(again) == repr(net)
    np.testing.assert_array_equal(again(batch()).numpy(), net(batch()).numpy())


def test_generators_are_not_shown():
    layer = cr.nn.Dense(2, 3, rng=np.random.default_rng(0), dtype=np.float64)
    assert layer.title() == "Dense(2, 3, dtype=float64)"
    assert cr.nn.Dense(2, 3, W_init=cr.nn.initializers.ones).title() == (
        "Dense(2, 3, W_init=ones)"
    )
