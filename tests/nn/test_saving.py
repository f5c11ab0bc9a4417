"""Saving and loading: bit for bit, whole or not at all, and never by running code."""

import errno
import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import chainrule as cr
from chainrule.nn import ModelFileError, load, read_extra, save
from chainrule.nn.architecture import from_json, to_json


class Residual(cr.nn.Module):
    """A module of a user's own."""

    def __init__(self, width, *, depth=2, scale=(1.0, 2.0), dtype=np.float32):
        self.blocks = [cr.nn.Dense(width, width, dtype=dtype) for _ in range(depth)]
        self.scale = scale

    def forward(self, x):
        for block in self.blocks:
            x = x + cr.tanh(block(x)) * self.scale[0]
        return x * self.scale[1]


class Wrapped(cr.nn.Module):
    def __init__(self, net, options=None):
        self.net = net
        self.options = options

    def forward(self, x):
        return self.net(x)


def everything():
    shared = cr.nn.Dense(4, 4, rng=1)
    return cr.nn.Sequential(
        {
            "in": cr.nn.Dense(3, 4, W_init="he_normal", rng=np.random.default_rng(0)),
            "norm": cr.nn.BatchNorm(4, momentum=0.3),
            "act": cr.nn.LeakyReLU(0.2),
            "drop": cr.nn.Dropout(0.5, rng=3),
        },
        shared,
        cr.nn.LayerNorm(4),
        shared,
        Residual(4, depth=3),
        Wrapped(cr.nn.Sequential(cr.nn.GELU(approximate=True)), {"a": [1, None]}),
        cr.nn.Dense(4, 2, b_init=cr.nn.initializers.ones, bias=True),
    )


def batch(rows=5):
    return np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


def equal(a, b):
    a, b = a.state_dict(), b.state_dict()
    assert list(a) == list(b)
    return all(a[k].tobytes() == b[k].tobytes() and a[k].dtype == b[k].dtype for k in a)


def test_everything_comes_back_to_the_bit(folder):
    net = everything()
    net(batch())
    save(net, folder)
    again = load(folder)
    assert equal(net, again)
    assert not again.training
    assert again[4] is again[6]  # still tied
    np.testing.assert_array_equal(again(batch()).numpy(), net.eval()(batch()).numpy())
    # And what is random goes on as it would have.
    np.testing.assert_array_equal(
        again.train()(batch()).numpy(), net.train()(batch()).numpy()
    )


def test_the_folder_holds_two_readable_files(folder):
    assert save(cr.nn.Sequential(cr.nn.Dense(3, 2)), str(folder)) == folder
    assert sorted(p.name for p in folder.iterdir()) == [
        "model.json",
        "model.safetensors",
    ]
    weights = safetensors.numpy.load_file(folder / "model.safetensors")
    assert list(weights) == ["0.W", "0.b"]
    about = json.loads((folder / "model.json").read_text())
    assert about["format_version"] == 1
    assert about["chainrule"] == cr.__version__
    assert about["dtype"] == "float32"


def test_saving_twice_gives_the_same_bytes(folder, tmp_path):
    net = everything()
    for place in (folder, tmp_path / "other"):
        save(net, place, seed=1)
    for name in ("model.json", "model.safetensors"):
        assert (folder / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes(folder, dtype):
    net = cr.nn.Sequential(Residual(3, dtype=dtype), cr.nn.BatchNorm(3, dtype=dtype))
    save(net, folder)
    assert equal(net, load(folder))
    assert json.loads((folder / "model.json").read_text())["dtype"] == (
        np.dtype(dtype).name
    )


def test_extra_comes_back(folder):
    extra = {"columns": ["a", "ü"], "epochs": 3, "score": np.float64(0.5), "seed": None}
    save(cr.nn.ReLU(), folder, **extra)
    assert read_extra(folder) == {**extra, "score": 0.5}
    assert isinstance(load(folder), cr.nn.ReLU)


@pytest.mark.parametrize(
    "extra", [{"x": float("nan")}, {"x": object()}, {"x": np.ones(2)}]
)
def test_extra_that_is_no_json_is_refused(folder, extra):
    with pytest.raises(TypeError, match="what is kept with a network is JSON"):
        save(cr.nn.ReLU(), folder, **extra)
    assert not folder.exists()


def test_loading_draws_nothing_and_leaves_the_default_generator_alone(folder):
    save(everything(), folder)
    cr.random.seed(0)
    expected = cr.random.generator().normal()
    cr.random.seed(0)
    load(folder)
    assert cr.random.generator().normal() == expected


def test_a_subclass_of_sequential_with_arguments_of_its_own(folder):
    class MLP(cr.nn.Sequential):
        def __init__(self, *widths):
            pairs = pairwise(widths)
            super().__init__(*[cr.nn.Dense(a, b) for a, b in pairs])

    net = MLP(3, 5, 2)
    save(net, folder)
    again = load(folder)
    assert type(again) is MLP
    assert equal(net, again)


def test_layers_appended_later_are_saved(folder):
    net = cr.nn.Sequential(cr.nn.Dense(3, 2)).append(cr.nn.Dense(2, 2), "late")
    save(net, folder)
    assert equal(net, load(folder))


# --- what cannot be saved -----------------------------------------------------------


def test_arguments_that_have_no_json_are_named():
    with pytest.raises(TypeError, match=r"^Wrapped\(ReLU\(\), .*\): options: ") as e:
        save(Wrapped(cr.nn.ReLU(), object()), "nowhere")
    assert "text, numbers, lists" in str(e.value)
    assert not Path("nowhere").exists()
    with pytest.raises(TypeError, match="cannot be a key"):
        save(Wrapped(cr.nn.ReLU(), {"$module": 1}), "nowhere")
    with pytest.raises(TypeError, match="1 cannot be a key"):
        save(Wrapped(cr.nn.ReLU(), {1: 1}), "nowhere")


def test_what_was_changed_after_construction_is_refused(folder):
    net = Residual(3)
    net.extra = cr.nn.Dense(3, 3)
    with pytest.raises(ValueError, match="Residual") as caught:
        save(net, folder)
    assert "differs in extra.W, extra.b" in str(caught.value)
    net = Residual(3)
    net.blocks[0] = cr.nn.Dense(3, 4)
    with pytest.raises(ValueError, match=r"blocks\.0\.W \(3, 4\)"):
        save(net, folder)
    assert not folder.exists()


def test_initializers_and_generators_need_no_json(folder):
    def mine(shape, rng, dtype):
        return np.full(shape, 7, dtype)

    net = cr.nn.Dense(3, 2, W_init=mine, rng=np.random.default_rng(0))
    save(net, folder)
    assert (load(folder).W.numpy() == 7).all()


# --- cut short ----------------------------------------------------------------------


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.ENOSPC, "full")])
def test_a_save_cut_short_leaves_a_whole_network(folder, monkeypatch, step, error):
    """Cut at each of the two writes and the two renames."""
    old, new = cr.nn.Dense(3, 2, rng=0), everything()
    save(old, folder, which="old")
    done = 0

    def interrupted(original):
        def call(*args, **keywords):
            nonlocal done
            if done == step:
                raise error
            done += 1
            return original(*args, **keywords)

        return call

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", interrupted(__import__("os").fsync))
        patched.setattr(Path, "replace", interrupted(Path.replace))
        with pytest.raises(type(error) if isinstance(error, OSError) else error):
            save(new, folder, which="new")
    assert equal(load(folder), old)
    assert read_extra(folder) == {"which": "old"}
    assert sorted(p.name for p in folder.iterdir()) == [
        "model.json",
        "model.safetensors",
    ]
    save(new, folder, which="new")
    assert equal(load(folder), new)
    assert read_extra(folder) == {"which": "new"}


# --- files that are not what they should be -----------------------------------------


def edited(folder, change):
    """Save a network, and let `change` do something to its description."""
    save(cr.nn.Sequential(cr.nn.Dense(3, 2), cr.nn.ReLU()), folder)
    path = folder / "model.json"
    about = json.loads(path.read_text())
    change(about)
    path.write_text(json.dumps(about))


def first_layer(about):
    return about["architecture"]["arguments"]["layers"]["$tuple"][0]


def test_no_folder_and_missing_files(folder, tmp_path):
    with pytest.raises(ModelFileError, match="is no folder"):
        load(folder)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelFileError, match="is no folder"):
        load(tmp_path / "file")
    for name in ("model.json", "model.safetensors"):
        save(cr.nn.ReLU(), folder)
        (folder / name).unlink()
        with pytest.raises(ModelFileError, match=f"no {name} is in it"):
            load(folder)
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.json", b"", "model.json is no JSON"),
        ("model.json", b"{", "model.json is no JSON"),
        ("model.json", b"\xff\xfe\x00", "model.json is no JSON"),
        ("model.json", b"[" * 100_000, "model.json is no JSON"),
        ("model.json", b"[]", "does not describe a saved network"),
        ("model.json", b'{"name": "x"}', "does not describe a saved network"),
        ("model.safetensors", b"", "model.safetensors: "),
        ("model.safetensors", b"\x00" * 100, "model.safetensors: "),
    ],
)
def test_damaged_and_foreign_files(folder, name, content, message):
    save(cr.nn.Dense(3, 2), folder)
    (folder / name).write_bytes(content)
    for read in (load, read_extra):
        with pytest.raises(ModelFileError, match=message):
            read(folder)


def test_truncated_weights(folder):
    save(cr.nn.Dense(30, 20), folder)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelFileError, match="is damaged"):
        load(folder)


def test_weights_of_another_program(folder):
    save(cr.nn.Dense(3, 2), folder)
    safetensors.numpy.save_file(
        {"W": np.zeros((3, 2))}, folder / "model.safetensors", {"by": "x"}
    )
    with pytest.raises(ModelFileError, match=r"not written by chainrule\.save"):
        load(folder)


def test_a_newer_format_says_so(folder):
    edited(folder, lambda about: about.update(format_version=2, chainrule="9.0"))
    with pytest.raises(ModelFileError, match=r"by chainrule 9\.0.*update chainrule"):
        load(folder)


@pytest.mark.parametrize("key", ["id", "architecture", "extra"])
def test_a_description_without_something(folder, key):
    edited(folder, lambda about: about.pop(key))
    with pytest.raises(ModelFileError, match=f"model.json has no {key}"):
        load(folder)


def change_layer(**changes):
    return lambda about: first_layer(about).update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_layer(**{"$module": "Missing", "from": "my_layers"}), "my_layers"),
        (change_layer(**{"$module": "system", "from": "os"}), "needs the class system"),
        (
            change_layer(**{"$module": "dict", "from": "builtins"}),
            "needs the class dict",
        ),
        (change_layer(arguments={"inputs": 3}), "damaged: TypeError"),
        (change_layer(arguments={"inputs": -3, "outputs": 2}), "at least 1, not -3"),
        (change_layer(arguments={"inputs": 10**30, "outputs": 2}), "damaged"),
        (change_layer(arguments={"inputs": 10**9, "outputs": 10**9}), "damaged"),
        (change_layer(arguments={"inputs": 3, "x": 2}), "Dense takes no argument x"),
        (change_layer(arguments={"inputs": 4, "outputs": 2}), "0.W has shape"),
        (change_layer(arguments={"self": 1}), "takes no argument self"),
        (lambda about: about.update(architecture=None), "is no network"),
        (lambda about: about.update(architecture={"$same": 3}), "damaged: KeyError"),
        (lambda about: about.update(architecture={"$dtype": "f99"}), "unknown dtype"),
        (lambda about: about.update(architecture=[[1]]), "is no network"),
    ],
)
def test_descriptions_that_make_no_sense(folder, change, message):
    edited(folder, change)
    with pytest.raises(ModelFileError, match=message):
        load(folder)


def test_a_deep_description_is_no_crash(folder):
    save(cr.nn.ReLU(), folder)
    path = folder / "model.json"
    about = json.loads(path.read_text())
    text = json.dumps({**about, "architecture": "HERE"})
    nested = '{"a":' * 20_000 + "1" + "}" * 20_000
    path.write_text(text.replace('"HERE"', nested))
    with pytest.raises(ModelFileError):
        load(folder)


# --- finding classes ----------------------------------------------------------------


def test_the_last_definition_of_a_class_is_taken():
    def define(factor):
        class Again(cr.nn.Module):
            def forward(self, x):
                return x * factor

        return Again

    first, second = define(1), define(2)
    assert type(from_json(to_json(first()))) is second


def test_a_class_that_moved_is_found_if_it_is_the_only_one():
    coded = to_json(Residual(2))
    coded["from"] = "where.it.was.before"
    assert type(from_json(coded)) is Residual


def test_one_of_two_classes_of_a_name_is_told_by_its_module():
    class Twin(cr.nn.Module):
        pass

    here = Twin

    class Twin(cr.nn.Module):
        __module__ = "elsewhere"

    assert type(from_json(to_json(here()))) is here
    assert type(from_json(to_json(Twin()))) is Twin
    coded = to_json(here()) | {"from": "a.third.place"}
    with pytest.raises(ModelFileError, match=r"others in .*elsewhere, .*test_saving"):
        from_json(coded)


def test_special_values_come_back():
    values = [float("inf"), float("-inf"), (1, (2.5, None)), True, np.float32, "text"]
    net = from_json(json.loads(json.dumps(to_json(Wrapped(cr.nn.ReLU(), values)))))
    assert net.options == [*values[:4], np.dtype(np.float32), "text"]
    net = from_json(to_json(Wrapped(cr.nn.ReLU(), float("nan"))))
    assert np.isnan(net.options)


def test_one_flipped_bit_in_the_weights_is_found_out(tmp_path):
    cr.save(cr.nn.Dense(2, 2, rng=0), tmp_path)
    file = tmp_path / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelFileError, match="is not the one that was saved"):
        cr.load(tmp_path)


def test_when_and_how_does_not_change_the_weights_file(tmp_path):
    net = cr.nn.Dense(2, 2, rng=0)
    for day in ("monday", "tuesday"):
        cr.save(net, tmp_path / day, data="x", provenance={"day": day})
        assert read_extra(tmp_path / day) == {"data": "x", "provenance": {"day": day}}
    contents = {p.read_bytes() for p in tmp_path.glob("*/model.safetensors")}
    assert len(contents) == 1
