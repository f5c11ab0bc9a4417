"""Networks in every format: layers, activations, batches, inputs and outputs."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import ops
from chainrule.export import ExportError
from chainrule.nn.activations import ACTIVATIONS

FORMATS = ["onnx", "numpy", "c"]
S, Dense = cr.nn.Sequential, cr.nn.Dense


def f32(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class Attention(cr.nn.Module):
    """Every item of the axis before the last looks at every other one."""

    def __init__(self, width):
        self.query = Dense(width, width, rng=0)
        self.key = Dense(width, width, rng=1)
        self.value = Dense(width, width, rng=2)

    def forward(self, x):
        scores = self.query(x) @ cr.swapaxes(self.key(x), -1, -2)
        return cr.softmax(scores / x.shape[-1] ** 0.5, -1) @ self.value(x)


class Pair(cr.nn.Module):
    """Two inputs, two outputs."""

    def __init__(self):
        self.embedding = cr.nn.Embedding(5, 3, rng=0)
        self.dense = Dense(7, 2, rng=1)

    def forward(self, values, kinds):
        h = cr.concatenate([values, self.embedding(kinds)], axis=1)
        y = self.dense(h)
        return {"logits": y, "class": cr.argmax(y, 1)}


def trained_norms():
    """Normalizations whose parameters and statistics are not those of the start."""
    net = S(Dense(4, 6, rng=0), cr.nn.BatchNorm(6), cr.nn.ReLU(), cr.nn.LayerNorm(6))
    net(f32(50, 4, seed=3) * 2 + 1)
    for i, parameter in enumerate(net.parameters().values()):
        parameter.assign(parameter.data + f32(*parameter.shape, seed=i) / 4)
    return net


NETWORKS = {
    **{
        name: (lambda name=name: S(Dense(4, 6, rng=0), cr.nn.activation(name)), (4,))
        for name in ACTIVATIONS
    },
    "gelu_tanh": (lambda: S(Dense(4, 3, rng=0), cr.nn.GELU(approximate=True)), (4,)),
    "elu_half": (lambda: S(Dense(4, 3, rng=0), cr.nn.ELU(0.5)), (4,)),
    "no_bias": (lambda: Dense(4, 3, bias=False, rng=0), (4,)),
    "norms": (trained_norms, (4,)),
    "dropout": (lambda: S(Dense(4, 5, rng=0), cr.nn.Dropout(0.5)), (4,)),
    "three_axes": (lambda: S(Dense(4, 5, rng=0), cr.nn.LayerNorm(5)), (3, 4)),
    "flatten": (lambda: S(cr.nn.Flatten(), Dense(12, 2, rng=0)), (3, 4)),
    "attention": (lambda: Attention(4), (5, 4)),
    "nested": (
        lambda: S(S(Dense(4, 8, rng=0), cr.nn.Tanh()), Dense(8, 1, rng=1)),
        (4,),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("format", FORMATS)
def test_layers(name, format, formats, close):
    make, shape = NETWORKS[name]
    net, x = make(), f32(9, *shape)
    model = formats.of_net(net, x[:1])
    expected = net.eval()(x).numpy()
    rows = {"rows": len(x)} if format == "c" else {}
    close(getattr(formats, format)(model, [x], **rows), [expected], 1e-5)


@pytest.mark.parametrize("rows", [0, 1, 33])
@pytest.mark.parametrize("format", FORMATS)
def test_any_number_of_rows(rows, format, formats, close):
    net = S(cr.nn.Flatten(), Dense(6, 4, rng=0), cr.nn.Tanh(), Dense(4, 2, rng=1))
    x = f32(rows, 2, 3)
    more = {"rows": rows} if format == "c" else {}
    found = getattr(formats, format)(formats.of_net(net, f32(1, 2, 3)), [x], **more)
    close(found, [net(x).numpy()], 1e-5)


@pytest.mark.parametrize("format", FORMATS)
def test_float64(format, formats, close):
    net = S(
        Dense(4, 8, dtype=np.float64, rng=0),
        cr.nn.GELU(),
        cr.nn.BatchNorm(8, dtype=np.float64),
        Dense(8, 2, dtype=np.float64, rng=1),
    )
    x = np.random.default_rng(0).normal(size=(7, 4))
    model, expected = formats.of_net(net), net.eval()(x).numpy()
    more = {"rows": 7} if format == "c" else {}
    close(getattr(formats, format)(model, [x], **more), [expected], 1e-12)


@pytest.mark.parametrize("format", FORMATS)
def test_several_inputs_and_outputs(format, formats, close):
    net, x, kinds = Pair(), f32(6, 4), np.array([0, 4, 1, 1, 2, 3])
    model = formats.of_net(net, (x, kinds))
    assert [i.name for i in model.inputs] == ["values", "kinds"]
    assert [o.name for o in model.outputs] == ["logits", "class_"]
    y = net(x, kinds)
    expected = [y["logits"].numpy(), y["class"].numpy()]
    more = {"rows": 6} if format == "c" else {}
    close(getattr(formats, format)(model, [x, kinds], **more), expected, 1e-5)


@pytest.mark.parametrize("format", FORMATS)
def test_inputs_that_are_called_like_what_files_need(format, formats, close):
    def net(t1, i1, a2, row, np, sigmoid):
        return cr.sum(cr.sigmoid(t1 * i1) + a2 * row - np * sigmoid, 1)

    titles = ["t1", "i1", "a2", "row", "np", "sigmoid"]
    xs = [f32(9, 4, seed=i) for i in range(6)]
    model = formats.of_net(
        net, {name: x[:1] for name, x in zip(titles, xs, strict=True)}
    )
    more = {"rows": 9} if format == "c" else {}
    close(
        getattr(formats, format)(model, xs, **more),
        [net(*map(cr.tensor, xs)).numpy()],
        1e-5,
    )


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ["one_hot", "topk", "tril", "sort", "gather", "pad"])
def test_functions_of_each_row(name, format, formats, close):
    functions = {
        "one_hot": lambda x: cr.one_hot(cr.argmax(x, 1), 5) + cr.arange(5),
        "topk": lambda x: cr.topk(x, 2)[0],
        "tril": lambda x: cr.tril(cr.expand_dims(x, 2) * cr.expand_dims(x, 1)),
        "sort": lambda x: cr.cumsum(cr.sort(x, 1), 1),
        "gather": lambda x: cr.gather(x, cr.argsort(x, 1), 1)[:, ::2],
        "pad": lambda x: cr.concatenate([cr.pad(x, ((0, 0), (1, 2))), x], 1),
    }
    function, x = functions[name], f32(9, 4)
    more = {"rows": 9} if format == "c" else {}
    found = getattr(formats, format)(formats.of_net(function, x[:1]), [x], **more)
    close(found, [function(cr.tensor(x)).numpy()], 1e-5)


@pytest.mark.parametrize("format", ["onnx", "numpy"])
def test_rows_that_look_at_one_another(format, formats, close):
    net = Attention(4)
    close(getattr(formats, format)(formats.of_net(net, f32(1, 4)), [f32(9, 4)]),
          [net(f32(9, 4)).numpy()], 1e-5)  # fmt: skip


@pytest.mark.parametrize("format", ["onnx", "numpy"])
def test_sizes_in_numbers(format, formats, close):
    def centred(x):
        return (x - cr.mean(x, 0)) / cr.std(x, 0)

    found = getattr(formats, format)(formats.of_net(centred, f32(1, 4)), [f32(9, 4)])
    close(found, [centred(cr.tensor(f32(9, 4))).numpy()], 1e-5)


@pytest.mark.parametrize(
    ("function", "where"),
    [
        (lambda x: cr.mean(x, 0), "sum"),
        (lambda x: x - cr.mean(x, 0), "sum"),
        (lambda x: x @ cr.transpose(x), "matmul"),
        (lambda x: cr.flip(x, 0), "flip"),
        (lambda x: cr.sort(x, 0), "argsort"),
        (lambda x: cr.cumsum(x, 0), "cumulative_sum"),
        (cr.transpose, "first axis"),
        (lambda x: x[:2], "slice"),
        (lambda x: x + cr.Tensor(ops.iota(x.shape, 0, x.dtype)), "iota"),
        (lambda x: x + cr.expand_dims(cr.sum(x, 1), 0)[0, :1], "slice"),
    ],
)
def test_c_refuses_rows_that_meet(function, where, formats):
    with pytest.raises(ExportError, match=rf"{where}.*one row after the other"):
        formats.c(formats.of_net(function, f32(1, 4)), [f32(3, 4)], rows=3)


def test_c_names_the_layer_where_rows_meet(formats):
    net = S(Dense(4, 4, rng=0), Attention(4))
    with pytest.raises(ExportError, match=r"layer '1', operation matmul"):
        formats.c(formats.of_net(net), [f32(3, 4)], rows=3)


def test_onnx_and_numpy_keep_nan(formats):
    net = S(Dense(2, 2, W_init="ones"), cr.nn.ReLU())
    x = np.array([[np.nan, 1], [1, 2]], np.float32)
    for format in ("numpy", "onnx"):
        (y,) = getattr(formats, format)(formats.of_net(net), [x])
        assert np.isnan(y[0]).all(), format
        assert np.isfinite(y[1]).all(), format
    (y,) = formats.c(formats.of_net(net), [x], rows=2)
    assert np.isnan(y[0]).all()


def test_training_mode_is_as_it_was(formats):
    net = S(Dense(2, 2, rng=0), cr.nn.Dropout(0.5)).train()
    net[0].eval()
    formats.of_net(net)
    assert [m.training for m in net.modules().values()] == [True, False, True]


# --- what cannot be exported ------------------------------------------------------


def test_states_that_change(formats):
    class Counting(cr.nn.Module):
        def __init__(self):
            self.calls = cr.State(0)

        def forward(self, x):
            self.calls.assign(self.calls + 1)
            return x * self.calls

    with pytest.raises(ExportError, match="changes its states 'calls'"):
        formats.of_net(Counting(), f32(1, 2))


def test_a_graph_that_depends_on_the_rows(formats):
    def odd(x):
        return x * 2 if x.shape[0] % 2 else cr.exp(x)

    told = "for 12 rows operation exp, for 13 rows operation multiply"
    with pytest.raises(ExportError, match=told):
        formats.of_net(odd, f32(1, 2))


def test_a_size_that_is_no_polynomial(formats):
    model = formats.of_net(lambda x: x[::2], f32(1, 2))
    with pytest.raises(
        ExportError, match=r"cannot be written down \(it is 11 for 12 rows"
    ):
        formats.numpy(model, [f32(4, 2)])


def test_inputs_that_cannot_be_told(formats):
    with pytest.raises(ExportError, match=r"inputs=X\[:1\]"):
        formats.of_net(Attention(4))


def test_inputs_that_are_no_arrays(formats):
    with pytest.raises(ExportError, match="the example for 'x' is an array of numbers"):
        formats.of_net(Attention(4), 3.0)


def test_results_that_are_no_tensors(formats):
    with pytest.raises(ExportError, match="return tensors and nothing else"):
        formats.of_net(lambda x: (x, "text"), f32(1, 2))


@pytest.mark.parametrize("format", ["numpy", "onnx", "c"])
def test_an_index_out_of_range(format, formats):
    net = S(cr.nn.Embedding(3, 2, rng=0))
    x = np.array([1, 7, 2])
    model = formats.of_net(net)
    if format == "c":
        # There are no exceptions: the row is NaN, and nothing is read beyond the array.
        (y,) = formats.c(model, [x], rows=3)
        assert np.isnan(y).all(axis=1).tolist() == [False, True, False]
    elif format == "numpy":
        with pytest.raises(IndexError):
            formats.numpy(model, [x])
    else:
        with pytest.raises(Exception, match=r"out of (data )?bounds"):
            formats.onnx(model, [x])
