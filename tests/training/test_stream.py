"""Rows that come window by window: each once an epoch, in a known order, in bounds."""

import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.training import ArraySource, Callback, Source
from chainrule.training.checkpoint import CheckpointError
from chainrule.training.data import batch_bounds
from chainrule.training.stream import Stream
from chainrule.training.stream_disk import ClassWeighted
from chainrule.training.stream_source import row_bytes, window_bytes

FLOAT32 = np.dtype(np.float32)


@pytest.fixture(scope="module", autouse=True, params=["in place", "read"])
def lying(request):
    """Go through all tests with rows that are read where they lie, and copied rows."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "read":
            patch.setattr(ArraySource, "in_place", Source.in_place)
        yield request.param


def numbered(rows, *, block=10, window=None, weights=None):
    """A source in which X and y are the numbers of the rows."""
    X = np.arange(rows, dtype=np.float32).reshape(-1, 1)
    source = ArraySource(X, np.arange(rows), weights, block_rows=block)
    if window is not None:
        source.window_bytes = window * row_bytes(source.like)
    return source


def regression(rows=300, *, block=16, window=None):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 4)).astype(np.float32)
    y = (X @ rng.normal(size=(4, 1))).astype(np.float32)
    source = ArraySource(X, y, block_rows=block)
    if window is not None:
        source.window_bytes = window * row_bytes(source.like)
    return X, y, source


def network():
    return cr.nn.Sequential(
        cr.nn.Dense(4, 8, rng=0), cr.nn.Tanh(), cr.nn.Dense(8, 1, rng=1)
    )


def weights(net):
    return [p.numpy().tobytes() for p in net.parameters().values()]


def visited(stream, epoch, bounds, *, seed=0, shuffle=True):
    """The rows of an epoch in their order, and how many each batch has."""
    rows, sizes = [], []
    for piece in stream.pieces(seed, epoch, bounds, shuffle=shuffle):
        assert piece.before == len(sizes)
        rows += piece.rows.y[piece.order[: piece.bounds[-1]]].tolist()
        sizes += np.diff(piece.bounds).tolist()
    return rows, sizes


def reader_threads():
    return [t for t in threading.enumerate() if t.name.startswith("chainrule-reader")]


# --- an epoch ---------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 400),
    block=st.integers(1, 60),
    batch=st.integers(1, 50),
    window=st.integers(50, 500),
    least=st.integers(1, 2),
    epoch=st.integers(0, 3),
)
def test_an_epoch_has_every_row_once_in_full_batches(
    rows, block, batch, window, least, epoch
):
    stream = Stream(numbered(rows, block=block, window=window + block + batch), FLOAT32)
    bounds = batch_bounds(rows, min(batch, rows), least)
    seen, sizes = visited(stream, epoch, bounds)
    assert sorted(seen) == list(range(rows))
    assert sizes == np.diff(bounds).tolist()


def test_the_order_is_known_by_seed_and_epoch():
    bounds = batch_bounds(200, 8)
    orders = {
        (seed, epoch): visited(
            Stream(numbered(200, window=60), FLOAT32), epoch, bounds, seed=seed
        )[0]
        for seed, epoch in ((0, 0), (0, 1), (1, 0))
    }
    again = visited(Stream(numbered(200, window=60), FLOAT32), 0, bounds)[0]
    assert again == orders[0, 0]
    assert len({tuple(order) for order in orders.values()}) == 3


def test_rows_of_a_block_are_parted_and_windows_differ_between_epochs():
    stream = Stream(numbered(1000, block=10, window=250), FLOAT32)
    bounds = batch_bounds(1000, 10)
    firsts = [set(visited(stream, epoch, bounds)[0][:200]) for epoch in (0, 1)]
    assert firsts[0] != firsts[1]
    order = visited(stream, 0, bounds)[0]
    neighbours = sum(b - a == 1 for a, b in pairwise(order))
    assert neighbours < 20  # of 1000, in a fair shuffle of windows about 4


def test_unshuffled_rows_come_as_they_are():
    stream = Stream(numbered(100, block=7, window=40), FLOAT32)
    rows, _ = visited(stream, 5, batch_bounds(100, 9), shuffle=False)
    assert rows == list(range(100))


def test_rows_know_their_numbers():
    stream = Stream(numbered(100, window=40), FLOAT32)
    for piece in stream.pieces(0, 0, batch_bounds(100, 7)):
        batch = piece.rows.take(piece.order)
        assert (batch.numbers == batch.y).all()


def test_batches_come_in_the_order_of_the_source():
    stream = Stream(numbered(23, block=4), FLOAT32)
    assert [b.y.tolist() for b in stream.batches(10, least=4)] == [
        list(range(10)),
        list(range(10, 23)),
    ]


def test_rows_are_taken_by_number():
    stream = Stream(numbered(50, block=7), FLOAT32)
    assert stream.take(np.array([49, 0, 8, 7])).y.tolist() == [49, 0, 8, 7]
    with pytest.raises(IndexError, match="row 50"):
        stream.take(np.array([50]))


# --- memory -----------------------------------------------------------------------


def test_two_windows_are_all_that_is_in_memory(lying):
    source = numbered(1000, block=10, window=120)
    stream = Stream(source, FLOAT32)
    bounds = batch_bounds(1000, 20)
    homes = set()
    for epoch in range(3):
        for piece in stream.pieces(0, epoch, bounds):
            homes.add(piece.rows.X.__array_interface__["data"][0])
            assert len(piece.order) * row_bytes(source.like) <= source.window_bytes
    assert len(homes) == (2 if lying == "read" else 1)


def test_a_window_stays_while_the_next_is_read():
    stream = Stream(numbered(500, block=10, window=100), FLOAT32)
    for piece in stream.pieces(0, 0, batch_bounds(500, 10)):
        before = piece.rows.y.copy()
        threading.Event().wait(0.005)  # time for the other thread to do harm
        assert (piece.rows.y == before).all()


def test_a_block_may_fill_a_window():
    stream = Stream(numbered(1000, block=90, window=100), FLOAT32)
    rows, _ = visited(stream, 0, batch_bounds(1000, 10))
    assert sorted(rows) == list(range(1000))


def test_too_little_memory_is_said_with_what_is_needed():
    stream = Stream(numbered(1000, block=500, window=100), FLOAT32)
    with pytest.raises(ValueError, match=r"blocks of 500 rows .* memory=\d+MB"):
        next(stream.pieces(0, 0, batch_bounds(1000, 10)))


def test_windows_take_a_fifth_of_the_memory_but_never_more_than_enough():
    assert window_bytes("100MB") == 20_000_000
    assert window_bytes("100GB") == window_bytes(None)


# --- held-out rows ----------------------------------------------------------------


def test_held_out_rows_do_not_depend_on_blocks():
    found = []
    for block in (3, 100):
        rest, held = Stream(numbered(400, block=block), FLOAT32).hold_out(0.25, 7)
        bounds = batch_bounds(len(rest), 16)
        assert sorted(visited(rest, 0, bounds)[0] + held.y.tolist()) == list(range(400))
        found.append(held.y.tolist())
    assert found[0] == found[1] == sorted(found[0])
    assert 60 < len(found[0]) < 140


def test_held_out_rows_fit_into_half_a_window():
    source = numbered(4000, window=400)
    _, held = Stream(source, FLOAT32).hold_out(0.5, 0)
    assert 100 < len(held) < 300


def test_a_share_has_to_be_one():
    with pytest.raises(ValueError, match="no share"):
        Stream(numbered(10), FLOAT32).hold_out(1.5, 0)


# --- training ---------------------------------------------------------------------


def test_one_window_gives_the_bits_of_rows_in_memory():
    X, y, source = regression()
    arrays, streamed = network(), network()
    first = cr.fit(arrays, X, y, loss="squared", epochs=3)
    second = cr.fit(streamed, source, loss="squared", epochs=3)
    assert weights(arrays) == weights(streamed)
    assert first["loss"] == second["loss"]


def test_unshuffled_windows_give_the_bits_of_rows_in_memory():
    X, y, source = regression(window=90)
    arrays, streamed = network(), network()
    cr.fit(arrays, X, y, loss="squared", epochs=2, shuffle=False)
    cr.fit(streamed, source, loss="squared", epochs=2, shuffle=False)
    assert weights(arrays) == weights(streamed)


def test_all_rows_before_a_move_give_what_rows_in_memory_give():
    X, y, source = regression(window=90)
    arrays, streamed = network(), network()
    for net, rows in ((arrays, (X, y)), (streamed, (source,))):
        cr.fit(net, *rows, loss="squared", epochs=4, optimizer=cr.optim.LBFGS())
    assert weights(arrays) == weights(streamed)


def test_the_same_bits_in_every_run_and_with_any_number_of_threads():
    def train():
        net = network()
        cr.fit(net, regression(window=90)[2], loss="squared", epochs=3, validation=0.2)
        return weights(net)

    found = [train(), train()]
    with cr.config(threads=1):
        found.append(train())
    assert found[0] == found[1] == found[2]


def test_fit_n_is_fit_k_and_then_the_rest():
    whole, parts = network(), network()
    optimizer = cr.optim.Adam(1e-2)
    options = {"loss": "squared", "batch_size": 16}
    cr.fit(
        whole, regression(window=90)[2], optimizer=cr.optim.Adam(1e-2), epochs=5,
        **options,
    )  # fmt: skip
    for epochs in (2, 3):
        source = regression(window=90)[2]
        cr.fit(parts, source, optimizer=optimizer, epochs=epochs, **options)
    assert weights(whole) == weights(parts)


class Stopping(Callback):
    """Raises what it is given, after so many steps."""

    def __init__(self, error, after):
        self.error, self.after = error, after

    def on_step(self, run, step, loss):
        del run, loss
        if step == self.after:
            raise self.error


def test_what_was_interrupted_within_an_epoch_resumes_from_the_last_one(tmp_path):
    options = {"loss": "squared", "epochs": 4, "batch_size": 16}
    whole, broken = network(), network()
    cr.fit(whole, regression(window=90)[2], **options)
    kept = {"checkpoint": tmp_path / "c", "resume": True, **options}
    with pytest.raises(KeyboardInterrupt):
        cr.fit(
            broken,
            regression(window=90)[2],
            callbacks=[Stopping(KeyboardInterrupt(), 50)],
            **kept,
        )
    assert not reader_threads()
    again = network()
    history = cr.fit(again, regression(window=90)[2], callbacks=[Callback()], **kept)
    assert weights(again) == weights(whole)
    assert len(history) == 4


def test_other_windows_cannot_go_on_with_a_checkpoint(tmp_path):
    options = {"loss": "squared", "checkpoint": tmp_path / "c", "resume": True}
    cr.fit(network(), regression(window=90)[2], epochs=1, **options)
    with pytest.raises(CheckpointError, match="window"):
        cr.fit(network(), regression(window=150)[2], epochs=2, **options)


def test_metrics_are_of_the_validation_rows():
    source = regression(window=90)[2]
    history = cr.fit(
        network(), source, loss="squared", epochs=1, validation=0.2, metrics=["rmse"]
    )
    assert history.last["val_rmse"] == pytest.approx(
        history.last["val_loss"] ** 0.5, rel=1e-5
    )
    with pytest.raises(ValueError, match="need validation="):
        cr.fit(network(), source, loss="squared", metrics=["rmse"])


def test_weights_of_rows_count_as_in_memory():
    rng = np.random.default_rng(1)
    X, y, _ = regression()
    w = rng.uniform(0.5, 2, len(X)).astype(np.float32)
    source = ArraySource(X, y, w, block_rows=16)
    arrays, streamed = network(), network()
    first = cr.fit(arrays, X, y, sample_weight=w, loss="squared", epochs=2)
    second = cr.fit(streamed, source, loss="squared", epochs=2)
    assert weights(arrays) == weights(streamed)
    assert first["loss"] == second["loss"]


def test_the_weight_of_a_class_is_looked_up():
    source = ClassWeighted(numbered(4, block=2), np.float32([1, 2, 3, 4]))
    (batch,) = Stream(source, FLOAT32).batches(4)
    assert batch.weights.tolist() == [1, 2, 3, 4]
    assert source.fingerprint() != numbered(4, block=2).fingerprint()
    with pytest.raises(ValueError, match="weights above 0"):
        ClassWeighted(source, np.float32([0, 1]))


def test_a_callback_can_look_at_the_last_step_and_at_any_row():
    seen = []

    class Looking(Callback):
        def on_epoch(self, run):
            seen.append(run.look(["0"])["0"].shape)
            seen.append(run.look(["0"], rows=[299, 3, 4])["0"].shape)

    source = regression(window=90)[2]
    cr.fit(network(), source, loss="squared", epochs=1, callbacks=[Looking()])
    assert seen == [(300 % 32, 8), (3, 8)]


@pytest.mark.parametrize(
    "option",
    [
        {"y": np.zeros(3)},
        {"sample_weight": np.ones(300)},
        {"class_weight": "balanced"},
        {"columns": list("abcd")},
        {"order": np.arange},
    ],
)
def test_what_a_source_says_itself_is_refused(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        cr.fit(network(), regression()[2], loss="squared", **option)


# --- what goes wrong --------------------------------------------------------------


class Failing(Source):
    """Cannot read one of its blocks."""

    name = "shelf"

    def __init__(self, source, block, error):
        self._source, self._block, self._error = source, block, error
        self.window_bytes = source.window_bytes

    @property
    def sizes(self):
        return self._source.sizes

    @property
    def like(self):
        return self._source.like

    def read(self, block, into):
        if block == self._block:
            raise self._error
        self._source.read(block, into)

    def fingerprint(self):
        return ""


@pytest.mark.parametrize("block", [0, 5, 18])
def test_what_goes_wrong_while_reading_is_raised_by_fit(block):
    source = Failing(regression(window=90)[2], block, OSError("the disk is gone"))
    source.checked = True
    with pytest.raises(OSError, match="the disk is gone") as caught:
        cr.fit(network(), source, loss="squared", epochs=3)
    assert f"block {block} of shelf" in "".join(caught.value.__notes__)
    assert not reader_threads()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("no more")])
def test_the_thread_ends_when_training_does(error):
    source = regression(window=90)[2]
    with pytest.raises(type(error)):
        cr.fit(network(), source, loss="squared", callbacks=[Stopping(error, 3)])
    assert not reader_threads()


@pytest.mark.parametrize(("name", "value"), [("X", np.nan), ("y", np.inf)])
def test_numbers_that_are_not_finite_are_named(name, value):
    X, y, _ = regression()
    (X if name == "X" else y)[123, 0] = value
    source = ArraySource(X, y, block_rows=16, columns=list("abcd"))
    with pytest.raises(ValueError, match=rf"{name}\[123, 0\].* is {value}"):
        cr.fit(network(), source, loss="squared")


def test_a_target_that_no_class_has_is_refused_before_training():
    net = cr.nn.Dense(1, 3, rng=0)
    with pytest.raises(ValueError, match="3"):
        cr.fit(net, numbered(300))


def test_class_numbers_are_integers():
    source = ArraySource(np.zeros((4, 1)), np.zeros(4))
    with pytest.raises(TypeError, match="integers"):
        cr.fit(cr.nn.Dense(1, 3, rng=0), source)


def test_arrays_that_do_not_fit_together_are_refused():
    X = np.zeros((4, 1), np.float32)
    with pytest.raises(ValueError, match="4 rows and y has 3"):
        ArraySource(X, np.zeros(3))
    with pytest.raises(ValueError, match="no rows"):
        ArraySource(X[:0], np.zeros(0))
    with pytest.raises(ValueError, match="positive"):
        ArraySource(X, np.zeros(4), np.zeros(4))


@pytest.mark.parametrize("dtype", [">f4", ">f8", "f2", ">i2", "u1"])
def test_numbers_may_be_kept_in_other_ways(dtype):
    X, y, _ = regression()
    X = (10 * X).round().clip(0).astype(dtype)
    arrays, streamed = network(), network()
    cr.fit(arrays, X, y, loss="squared")
    cr.fit(streamed, ArraySource(X, y.astype(">f4")), loss="squared")
    assert weights(arrays) == weights(streamed)


def test_arrays_on_disk_are_read_from_there(tmp_path):
    X, y, _ = regression()
    for name, array in (("X", X), ("y", y)):
        np.save(tmp_path / f"{name}.npy", array)
    mapped = [np.load(tmp_path / f"{n}.npy", mmap_mode="r") for n in "Xy"]
    source = ArraySource(*mapped, block_rows=16)
    source.window_bytes = 60 * row_bytes(source.like)
    arrays, streamed = network(), network()
    options = {"loss": "squared", "epochs": 2, "batch_size": 20}
    again = ArraySource(X, y, block_rows=16)
    again.window_bytes = source.window_bytes
    cr.fit(arrays, again, **options)
    cr.fit(streamed, source, **options)
    assert weights(arrays) == weights(streamed)
