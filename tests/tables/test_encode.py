import contextlib
import datetime as dt
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.tables import (
    EmbeddedInput,
    Encoder,
    TableError,
    TableWarning,
    infer_schema,
    labelled_rows,
    read_table,
    split,
)
from chainrule.tables.categories import CategoryColumn, EmbeddedColumn
from chainrule.tables.numbers import NumberColumn

BREAST_CANCER = Path(__file__).parents[2] / "examples" / "breast_cancer.csv"
SAVED = Path(__file__).parents[1] / "tabular" / "runs" / "version-1"
TABLE = {
    "number": [1.0, 2.0, None, 5.0],
    "kind": ["a", "b", "b", None],
    "flag": [True, False, True, True],
    "name": ["always"] * 4,
    "label": ["p", "q", "p", None],
}
ROW = {"number": [1], "kind": ["b"], "flag": [True]}


@pytest.fixture
def encoder():
    return Encoder.fit(TABLE, target="label")


def refused(call, *args, **options):
    with pytest.raises(TableError) as error:
        call(*args, **options)
    return str(error.value)


def test_the_inputs_and_their_groups(encoder):
    assert encoder.inputs == (
        *("number", "number is missing"),
        *("kind = b", "kind = a"),
        "flag",
    )
    assert encoder.groups == {
        "number": range(2),
        "kind": range(2, 4),
        "flag": range(4, 5),
    }


def test_only_labelled_rows_are_learnt_from(encoder):
    assert encoder.schema.rows == 3
    assert encoder.columns[0] == NumberColumn("number", 1.5, 0.5, 1.5, flagged=True)
    assert encoder.transform({**ROW, "number": [None]}).tolist() == [[0, 1, 1, 0, 1]]


def test_arrays_have_the_promised_types(encoder):
    table = labelled_rows(read_table(TABLE), "label")
    X, y = encoder.transform(table), encoder.target(table)
    assert (X.shape, X.dtype) == ((3, 5), np.float32)
    assert (y.tolist(), y.dtype) == ([0, 1, 0], np.int64)
    assert encoder.decode(y).tolist() == ["p", "q", "p"]
    assert encoder.target_values(table).tolist() == ["p", "q", "p"]
    assert encoder.task == "binary"
    assert encoder.classes.tolist() == ["p", "q"]
    assert encoder.summary == encoder.schema.summary


def test_a_regression():
    table = {"x": [1, 2, 3], "price": [10.5, 20.5, 60.5]}
    encoder = Encoder.fit(table, target="price")
    y = encoder.target(table)
    assert y.dtype == np.float32
    assert y.mean() == pytest.approx(0, abs=1e-6)
    assert y.std() == pytest.approx(1, rel=1e-6)
    assert encoder.decode(y) == pytest.approx([10.5, 20.5, 60.5], rel=1e-6)
    assert encoder.decode([[0.0]]).tolist() == [[30.5]]
    assert encoder.target_values(table).tolist() == [10.5, 20.5, 60.5]
    assert (encoder.task, encoder.classes) == ("regression", None)


def test_the_order_and_the_excess_of_columns_do_not_matter(encoder):
    row = {"extra": [[1, 2]], "flag": [True], "kind": ["b"], "number": [1]}
    assert np.array_equal(encoder.transform(row), encoder.transform(ROW))


@pytest.mark.parametrize("convert", [pd.DataFrame, pl.DataFrame, pa.table])
def test_frames_of_every_library(encoder, convert):
    assert np.array_equal(encoder.transform(convert(ROW)), encoder.transform(ROW))


def test_lacking_columns_are_all_named(encoder):
    assert refused(encoder.transform, {"Number": [1], "label": ["p"]}) == (
        "the table lacks the columns 'number', 'kind', 'flag', which the model was "
        "trained on; for 'number', did you mean 'Number'?"
    )
    message = refused(encoder.transform, {"number": [1], "kind": ["a"]})
    assert message == (
        "the table lacks the column 'flag', which the model was trained on"
    )


def test_what_is_new_is_reported(encoder):
    new = {"number": [1, 2], "kind": ["zzz", "a"], "flag": [None, True]}
    encoded = encoder.encode(new)
    assert encoded.X.tolist() == [
        [-1, 0, 0, 0, pytest.approx(2 / 3)],
        [1, 0, 0, 1, 1],
    ]
    assert [(f.column, f.rows, f.problem) for f in encoded.findings] == [
        ("kind", 1, "new category"),
        ("flag", 1, "missing"),
    ]
    with pytest.warns(TableWarning) as told:
        assert np.array_equal(encoder.transform(new), encoded.X)
    assert [str(w.message) for w in told] == [str(f) for f in encoded.findings]
    assert {w.filename for w in told} == {__file__}


@pytest.mark.parametrize("embed", [False, True])
def test_a_new_category_is_no_reason_to_warn_where_others_were_rare(embed):
    table = {"kind": [*"aaaaabbbbbcd"], "y": [*range(11), 0]}
    options = {"embed": embed, "max_categories": 1 if embed else 50, "min_count": 3}
    encoder = Encoder.fit(table, target="y", kinds={"kind": "category"}, **options)
    (fitted,) = encoder.columns
    assert isinstance(fitted, EmbeddedColumn if embed else CategoryColumn)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X = encoder.transform({"kind": ["new", "c"]})
    assert np.array_equal(X[0], X[1])
    (found,) = encoder.encode({"kind": ["new", "c"]}).findings
    assert str(found) == (
        "column 'kind': new category in row 1; 'new' counts as a rare category"
    )
    # Of a gap where there was none, nothing was learnt.
    with pytest.warns(TableWarning, match="missing in row 2; it counts as none"):
        encoder.transform({"kind": ["new", None]})


def test_nothing_is_told_of_the_training_rows(encoder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.transform(labelled_rows(read_table(TABLE), "label"))


def test_targets_that_cannot_be_encoded(encoder):
    assert "there is no column 'label'" in refused(encoder.target, ROW)
    message = refused(encoder.target, {**TABLE, "label": ["p", None, "q", None]})
    assert "the target 'label' is missing in rows 2 and 4" in message
    message = refused(encoder.target, {"label": ["p", "r"]})
    assert "the target 'label' is 'r' in row 2" in message


def test_codes_stay_text_in_another_file(tmp_path):
    training, new = tmp_path / "training.csv", tmp_path / "new.csv"
    training.write_text("code,y\nA1,0\n07,1\n12,0\n07,1\n")
    new.write_text("code\n07\n12\n")
    encoder = Encoder.fit(training, target="y")
    encoded = encoder.encode(new)
    assert encoder.inputs == ("code = 07", "code = 12", "code = A1")
    assert encoded.X.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert encoded.findings == ()
    new.write_text("code;more\n12;1\n")
    assert encoder.transform(encoder.read(new, delimiter=";")).tolist() == [[0, 1, 0]]


def test_the_spellings_of_missing_are_remembered():
    training = read_table(
        {"x": ["NA", "DE", "none", "NA"], "y": [0, 1, 0, 1]}, missing=["none"]
    )
    encoder = Encoder.fit(training, target="y")
    assert encoder.inputs == ("x = NA", "x = DE", "x is missing")
    back = Encoder.from_config(encoder.to_config())
    assert back.transform({"x": ["NA", "none"]}).tolist() == [[1, 0, 0], [0, 0, 1]]


def test_the_rare_categories_share_an_input():
    counts = {f"k{i}": 60 - i for i in range(60)}
    values = [name for name, number in counts.items() for _ in range(number)]
    table = {"k": values, "y": list(np.arange(len(values)) + 0.5)}
    assert len(Encoder.fit(table, target="y").inputs) == 51
    few = Encoder.fit(table, target="y", max_categories=2)
    assert few.inputs == ("k = k0", "k = k1", "k is another")
    assert few.encode({"k": ["k59"]}).findings == ()
    assert "max_categories is 1 at least" in refused(
        Encoder.fit, table, target="y", max_categories=0
    )


def test_options_reach_the_schema():
    table = {"zip": [1, 2, 3] * 4, "x": [1, 2, 3, 4] * 3, "y": [0, 1, 2, 1] * 3}
    encoder = Encoder.fit(
        table, target="y", task="regression", drop=["x"], kinds={"zip": "category"}
    )
    assert encoder.inputs == ("zip = 1", "zip = 2", "zip = 3")
    assert encoder.task == "regression"


def test_the_choices_of_a_schema_bind_the_training_rows():
    table = read_table(
        {
            "text": [f"n{i % 45}" for i in range(60)],
            "id": range(60),
            "x": [str(i) for i in range(60)],
            "y": [f"class {i % 29}" for i in range(60)],
        }
    )
    schema = infer_schema(table, "y")
    assert [c.kind for c in schema.inputs] == ["category", "number"]
    training = table.slice(0, 45)
    encoder = Encoder.fit(training, **schema.choices)
    assert [(c.name, c.kind) for c in encoder.schema.inputs] == [
        ("text", "category"),
        ("x", "number"),
    ]
    assert len(encoder.classes) == 29
    assert Encoder.fit(training, target="y", task="multiclass").inputs == ("x",)


def test_ten_thousand_columns():
    rng = np.random.default_rng(0)
    columns = {f"c{i}": rng.normal(size=8) for i in range(10_000)}
    encoder = Encoder.fit({**columns, "y": ["a", "b"] * 4}, target="y")
    assert encoder.transform(columns).shape == (8, 10_000)
    assert encoder.groups["c9999"] == range(9999, 10_000)


# --- saved and read back ---


def through_json(encoder):
    return Encoder.from_config(json.loads(json.dumps(encoder.to_config())))


@pytest.mark.parametrize(
    "target",
    [
        ["p", "q", "p", "r"],
        [3, 7, 3, 7],
        [True, False] * 2,
        [0.1, 1 / 3, 7e-310, 1e300],
    ],
)
def test_a_saved_encoder_encodes_to_the_same_bits(target):
    table = {**TABLE, "tiny": [1e-300, 1 / 3e300, 2e-301, 5e-324], "label": target}
    encoder = Encoder.fit(table, target="label")
    back = through_json(encoder)
    assert back == encoder
    assert back.transform(table).tobytes() == encoder.transform(table).tobytes()
    assert back.target(table).tobytes() == encoder.target(table).tobytes()
    assert (back.summary, back.inputs) == (encoder.summary, encoder.inputs)
    decoded = back.decode(back.target(table))
    assert decoded.dtype == encoder.decode(encoder.target(table)).dtype


def test_the_config_is_plain_json(encoder):
    config = encoder.to_config()
    assert json.loads(json.dumps(config, allow_nan=False)) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "this is not the saved encoding of a table"),
        ({"version": 99}, "has version 99, but this chainrule reads version 2"),
        ({"inputs": None}, "is damaged"),
        ({"inputs": ["x"]}, "is damaged"),
        ({"inputs": [{"kind": "picture"}]}, "is damaged: 'picture'"),
        ({"target": {"kind": "classes"}}, "is damaged: ClassTarget lacks"),
        ({"missing": "NA"}, "is damaged: 'NA' stands where a list belongs"),
        ({"schema": {}}, "is damaged: Schema lacks"),
    ],
)
def test_a_damaged_config_is_refused(encoder, change, message):
    assert message in refused(Encoder.from_config, {**encoder.to_config(), **change})


def test_what_is_no_config_is_refused(encoder):
    assert "not the saved encoding" in refused(Encoder.from_config, [])
    config = encoder.to_config()
    config["inputs"][0]["scale"] = 0.0
    assert "is damaged: a standard deviation of 0.0" in refused(
        Encoder.from_config, config
    )


cells = st.one_of(
    st.none(), st.text(max_size=4), st.sampled_from(["NA", "1", "true", "2024-01-01"])
)


@given(
    numbers=st.lists(
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        min_size=6,
        max_size=6,
    ),
    text=st.lists(cells, min_size=6, max_size=6),
    new=st.lists(cells, min_size=1, max_size=4),
    kind=st.sampled_from(["number", "category", "boolean", "date", "date d/m/y"]),
    scaling=st.sampled_from(["standard", "robust", "quantile"]),
)
def test_any_table_is_encoded_or_refused(numbers, text, new, kind, scaling):
    table = {
        "x": numbers,
        "t": [c if c is None else c.encode("utf-8", "ignore").decode() for c in text],
        "z": [1, 2, 3, 4, 5, 6],
        "y": ["a", "b"] * 3,
    }
    try:
        encoder = Encoder.fit(table, target="y", kinds={"t": kind}, scaling=scaling)
    except TableError:
        return
    X = encoder.transform(table)
    assert np.isfinite(X).all()
    assert X.shape == (6, len(encoder.inputs))
    assert through_json(encoder) == encoder
    new = [c if c is None else c.encode("utf-8", "ignore").decode() for c in new]
    rows = {"x": [None] * len(new), "t": new, "z": [1] * len(new)}
    with contextlib.suppress(TableError):  # what was a number may be a word now
        assert np.isfinite(encoder.encode(rows).X).all()


# --- options ---


NUMBERS = {"x": [1.0, 2.0, 3.0, 1e9], "z": [1, 2, 3, 4], "y": [0.0, 1.0, 5.0, 90.0]}


def test_numbers_are_scaled_as_asked():
    kinds = [type(c) for c in Encoder.fit(NUMBERS, target="y").columns]
    assert kinds == [NumberColumn, NumberColumn]
    encoder = Encoder.fit(NUMBERS, target="y", scaling="quantile")
    assert encoder.transform(NUMBERS)[:, 0].tolist() == pytest.approx(
        [-1.1503, -0.3186, 0.3186, 1.1503], abs=1e-4
    )
    encoder = Encoder.fit(NUMBERS, target="y", scaling={"x": "robust"})
    assert np.abs(encoder.transform(NUMBERS)[:, 0]).max() <= 3
    assert encoder.columns[1] == Encoder.fit(NUMBERS, target="y").columns[1]


WIDE = {
    "code": [f"c{i}" for i in range(30) for _ in range(6)] + ["once"],
    "size": list(range(181)),
    "y": ["a", "b"] * 90 + ["a"],
}


def test_wide_columns_are_embedded_when_asked():
    plain = Encoder.fit(WIDE, target="y", max_categories=20)
    assert plain.embedded == ()
    assert len(plain.inputs) == 20 + 1 + 1
    encoder = Encoder.fit(WIDE, target="y", max_categories=20, embed=True)
    assert encoder.inputs == ("code (number)", "size")
    assert encoder.embedded == (EmbeddedInput(position=0, count=31, features=7),)
    numbers = encoder.transform(WIDE)[:, 0]
    assert sorted(set(numbers)) == list(range(31))
    assert numbers[-1] == 0
    assert through_json(encoder) == encoder
    narrow = Encoder.fit(WIDE, target="y", max_categories=30, embed=True)
    assert narrow.embedded == ()


def test_categories_of_few_rows_are_rare_when_asked():
    encoder = Encoder.fit(WIDE, target="y", min_count=2)
    assert encoder.inputs[30] == "code is another"
    encoder = Encoder.fit(WIDE, target="y", min_count=7, embed=True, max_categories=20)
    assert encoder.inputs == ("code is another", "size")


def test_a_target_is_transformed_when_asked():
    encoder = Encoder.fit(NUMBERS, target="y", target_transform="log1p")
    y = encoder.target(NUMBERS)
    assert encoder.decode(y) == pytest.approx(NUMBERS["y"], abs=1e-4)
    logs = np.log1p(NUMBERS["y"])
    assert y == pytest.approx((logs - logs.mean()) / logs.std(), rel=1e-5)
    assert through_json(encoder).decode(y).tolist() == encoder.decode(y).tolist()
    assert Encoder.fit(WIDE, target="y", target_transform="auto").task == "binary"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_categories": 0}, "max_categories is 1 at least, not 0"),
        ({"min_count": 0}, "min_count is 1 at least, not 0"),
        ({"scaling": "minmax"}, "one of standard, robust, quantile; not 'minmax'"),
        ({"scaling": {"size": "log"}}, "one of standard, robust, quantile; not 'log'"),
        ({"scaling": {"sise": "robust"}}, "'sise' is none; did you mean 'size'?"),
        ({"target_transform": "log"}, "one of none, auto, log1p"),
        ({"target_transform": "log1p"}, "for a target of numbers, and 'y' holds class"),
    ],
)
def test_options_that_make_no_sense(options, message):
    assert message in refused(Encoder.fit, WIDE, target="y", **options)


# --- older files ---


def test_an_encoding_of_the_first_version_is_read_still():
    config = json.loads((SAVED / "model.json").read_text())
    encoding = config["extra"]["table_run"]["encoding"]
    assert encoding["version"] == 1
    encoder = Encoder.from_config(encoding)
    row = {"size": [100], "town": ["Ulm"], "age": [None], "garden": [True]}
    expected = [-0.2875435, 0.0, 1.0, 0.0, 0.1023434, 1.0, 1.0, 0.0]
    assert encoder.transform(row)[0] == pytest.approx(expected, rel=1e-6)


# --- the same rows give the same bits ---

words = st.sampled_from(["a", "b", "c", "d", "yes", "NA", "", None])
days = st.none() | st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2030, 1, 1))  # noqa: DTZ001
frames = st.integers(8, 30).flatmap(
    lambda n: st.fixed_dictionaries(
        {
            "number": st.lists(
                st.none() | st.floats(-1e9, 1e9), min_size=n, max_size=n
            ),
            "whole": st.lists(st.none() | st.integers(0, 9), min_size=n, max_size=n),
            "word": st.lists(words, min_size=n, max_size=n),
            "flag": st.lists(st.none() | st.booleans(), min_size=n, max_size=n),
            "day": st.lists(days, min_size=n, max_size=n),
            "goal": st.lists(st.floats(-1e3, 1e3), min_size=n, max_size=n),
        }
    )
)
options = st.fixed_dictionaries(
    {
        "scaling": st.sampled_from(["standard", "robust", "quantile"]),
        "embed": st.booleans(),
        "max_categories": st.integers(1, 4),
        "target_transform": st.sampled_from(["none", "yeo-johnson", "quantile"]),
        "kinds": st.sampled_from([{"word": "category"}]),
    }
)


def arrow(columns):
    kinds = [
        *(("number", pa.float64()), ("whole", pa.int64()), ("word", pa.string())),
        *(("flag", pa.bool_()), ("day", pa.timestamp("us")), ("goal", pa.float64())),
    ]
    return pa.table({name: pa.array(columns[name], kind) for name, kind in kinds})


def fitted(table, chosen):
    """Fit an encoder, or give ``None`` where the table is refused."""
    try:
        return Encoder.fit(table, target="goal", task="regression", **chosen)
    except TableError:
        return None


@given(frames, options, st.randoms(use_true_random=False))
def test_the_same_rows_give_the_same_bits(columns, chosen, random):
    table = arrow(columns)
    encoder = fitted(table, chosen)
    if encoder is None:
        return
    X, y = encoder.encode(table).X, encoder.target(table)
    # in another order of the rows and of the columns
    order = list(range(table.num_rows))
    random.shuffle(order)
    other = table.take(order)
    again = fitted(other, chosen)
    assert again.columns == encoder.columns
    assert again.goal == encoder.goal
    assert np.array_equal(encoder.encode(other).X, X[order])
    swapped = table.select(table.column_names[::-1])
    assert np.array_equal(encoder.encode(swapped).X, X)
    # from another library
    for frame in (table.to_pandas(), pl.from_arrow(table)):
        other = fitted(frame, chosen)
        assert np.array_equal(other.encode(frame).X, X)
        assert np.array_equal(other.target(frame), y)
    # in pieces
    cut = random.randrange(1, table.num_rows)
    pieces = [table.slice(0, cut), table.slice(cut)]
    assert fitted(pa.concat_tables(pieces), chosen) == encoder
    assert np.array_equal(np.concatenate([encoder.encode(p).X for p in pieces]), X)


# --- real tables ---


def test_the_example_table():
    table = read_table(BREAST_CANCER)
    encoder = Encoder.fit(table, target="diagnosis")
    X = encoder.transform(table)
    assert X.shape == (569, 30)
    assert np.allclose(X.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(X.std(axis=0), 1, atol=1e-5)
    assert encoder.schema.classes == (("benign", 357), ("malignant", 212))


@pytest.mark.parametrize(
    ("file", "target", "shape", "task"),
    [
        ("adult_train.csv", "income", (32_561, 108), "binary"),
        ("diamonds.csv", "price", (53_940, 26), "regression"),
        ("california_housing.csv", "MedHouseVal", (20_640, 8), "regression"),
        ("credit_g.csv", "class", (1_000, 60), "binary"),
    ],
)
def test_public_tables(data_folder, file, target, shape, task):
    path = data_folder / file
    if not path.exists():
        pytest.skip(f"no {path}")
    table = read_table(path)
    schema = infer_schema(table, target)
    labels = table[target] if schema.classes else None
    parts = split(table.num_rows, stratify=labels)
    encoder = Encoder.fit(table.take(parts.train), **schema.choices)
    X = encoder.encode(table).X
    assert (X.shape, encoder.task) == (shape, task)
    assert np.isfinite(X).all()
    actual = pd.read_csv(path)[target]
    if schema.classes:
        assert encoder.decode(encoder.target(table)).tolist() == actual.tolist()
    else:
        assert encoder.target_values(table).tolist() == actual.tolist()


def test_the_official_test_rows_of_adult(data_folder):
    encoder = Encoder.fit(data_folder / "adult_train.csv", target="income")
    encoded = encoder.encode(data_folder / "adult_test.csv")
    assert encoded.X.shape == (16_281, 108)
    frame = pd.read_csv(data_folder / "adult_test.csv")
    sex = encoded.X[:, encoder.inputs.index("sex = Female")]
    assert sex.tolist() == (frame["sex"] == "Female").tolist()
