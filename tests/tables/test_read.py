import bz2
import datetime as dt
import gzip
import io
import lzma
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import dataset, feather, parquet
from scipy import sparse

from chainrule.tables import TableError, read_table
from chainrule.tables.read import missing_spellings

CSV = b"size,colour\n1,red\n2,\n"
ZSTD = pa.Codec("zstd")


def zstd(data):
    return ZSTD.compress(data, asbytes=True)


EXPECTED = {"size": [1, 2], "colour": ["red", None]}


@pytest.fixture
def table():
    return pa.table({"size": [1, 2], "colour": ["red", None]})


def refused(source, **options):
    with pytest.raises(TableError) as error:
        read_table(source, **options)
    return str(error.value)


# --- files ---


@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd]
)
def test_text_is_read_whatever_its_name_and_compression(tmp_path, compress):
    path = tmp_path / "table.parquet"
    path.write_bytes(compress(CSV))
    assert read_table(path).to_pydict() == EXPECTED
    assert read_table(str(path)).to_pydict() == EXPECTED


@pytest.mark.parametrize(
    "data",
    [gzip.compress(CSV * 50)[:-9], b"\x1f\x8bgarbage", zstd(CSV * 50)[:-9]],
    ids=["cut off", "no gzip at all", "zstd cut off"],
)
def test_broken_compression_is_told(tmp_path, data):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(data)
    kind = "gzip" if data[:1] == b"\x1f" else "zstd"
    assert f"{path} is damaged ({kind})" in refused(path)


def test_parquet_and_arrow_are_told_by_content(tmp_path, table):
    path = tmp_path / "wrong.csv"
    parquet.write_table(table, path)
    assert read_table(path).to_pydict() == EXPECTED
    feather.write_feather(table, path)
    assert read_table(path).to_pydict() == EXPECTED
    with pa.OSFile(str(path), "wb") as f, pa.ipc.new_stream(f, table.schema) as out:
        out.write_table(table)
    assert read_table(path).to_pydict() == EXPECTED


def test_parquet_text_without_a_text_mark_is_text(tmp_path):
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": pa.array([b"x", b" NA "])}), path)
    assert read_table(path).to_pydict() == {"a": ["x", None]}
    parquet.write_table(pa.table({"a": pa.array([b"\xff"])}), path)
    assert read_table(path).to_pydict() == {"a": [b"\xff"]}


@pytest.mark.parametrize("magic", [b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"])
def test_a_damaged_file_is_told(tmp_path, magic):
    path = tmp_path / "t.parquet"
    path.write_bytes(magic + b"and then something else")
    assert f"{path} is damaged" in refused(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04...", "Excel workbook; save the sheet as CSV"),
        (b'{"a": [1, 2]}', "JSON"),
        (b'[ {"a": 1} ]', "JSON"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (b"SQLite format 3\0", "SQLite"),
        (b"\x93NUMPY\x01\0", "NumPy"),
    ],
)
def test_other_kinds_of_file_are_named(tmp_path, data, message):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    assert message in refused(path)


def test_a_missing_file_suggests_a_close_name(tmp_path):
    (tmp_path / "people.csv").write_bytes(CSV)
    path = tmp_path / "pepole.csv"
    assert refused(path) == f"there is no file {path}; did you mean 'people.csv'?"
    lone = tmp_path / "zzzzzzz"
    assert refused(lone) == f"there is no file {lone}"
    nowhere = tmp_path / "none" / "a.csv"
    assert refused(nowhere).endswith(f"there is no folder {nowhere.parent}")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    def forbidden(path):
        raise PermissionError(13, "Permission denied", str(path))

    path = tmp_path / "a.csv"
    path.write_bytes(CSV)
    monkeypatch.setattr(Path, "read_bytes", forbidden)
    assert refused(path) == f"{path} cannot be read: Permission denied"


def test_paths_that_are_none():
    assert "download the file first" in refused("https://example.org/a.csv")
    assert "is not a path" in refused("a\0b")


def test_open_files(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(CSV)
    with path.open("rb") as file:
        assert read_table(file).to_pydict() == EXPECTED
    with path.open() as file:
        assert read_table(file).to_pydict() == EXPECTED
    assert read_table(io.BytesIO(CSV)).to_pydict() == EXPECTED
    assert "the open file is empty" in refused(io.StringIO(""))


def test_a_home_folder_is_expanded(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_bytes(CSV)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_table("~/a.csv").to_pydict() == EXPECTED


# --- frames, dicts and arrays ---


def test_what_arrow_holds(table, tmp_path):
    parquet.write_table(table, tmp_path / "a.parquet")
    (batch,) = table.to_batches()
    for source in (
        table,
        batch,
        pa.RecordBatchReader.from_batches(table.schema, [batch]),
        dataset.dataset(tmp_path),
        dataset.dataset(tmp_path).scanner(columns=["size", "colour"]),
    ):
        assert read_table(source).to_pydict() == EXPECTED


def test_pandas_columns_of_every_kind():
    frame = pd.DataFrame(
        {
            7: [1, 2],
            "text": ["x", None],
            "category": pd.Categorical(["u", "v"]),
            "codes": pd.Categorical([3, 4]),
            "float": [1.5, np.nan],
            "mixed": [1, "abc"],
            "bool": [True, None],
            "nullable": pd.array([1, None], dtype="Int64"),
            "sparse": pd.arrays.SparseArray([0.0, 1.0]),
            "na": [pd.NA, "a"],
        }
    )
    table = read_table(frame)
    assert table.to_pydict() == {
        "7": [1, 2],
        "text": ["x", None],
        "category": ["u", "v"],
        "codes": [3, 4],
        "float": [1.5, None],
        "mixed": ["1", "abc"],
        "bool": [True, None],
        "nullable": [1, None],
        "sparse": [0.0, 1.0],
        "na": [None, "a"],
    }
    assert pa.types.is_dictionary(table.schema.field("codes").type)


def test_polars_columns_of_every_kind():
    frame = pl.DataFrame(
        {
            "text": ["x", " ? "],
            "category": pl.Series(["a", "b"], dtype=pl.Categorical),
            "float": [1.0, float("nan")],
            "object": pl.Series([1, "a"], dtype=pl.Object),
            "decimal": pl.Series(["1.5", "2"]).cast(pl.Decimal(10, 2)),
        }
    )
    expected = {
        "text": ["x", None],
        "category": ["a", "b"],
        "float": [1.0, None],
        "object": ["1", "a"],
        "decimal": [1.5, 2.0],
    }
    assert read_table(frame).to_pydict() == expected
    lazy = frame.drop("object").lazy()
    assert read_table(lazy).column_names == ["text", "category", "float", "decimal"]


def test_the_same_table_from_every_library(table):
    sources = [table, table.to_pandas(), pl.from_arrow(table), EXPECTED]
    assert all(read_table(source).equals(read_table(table)) for source in sources)
    rows = [{"size": 1, "colour": "red"}, {"size": 2}]
    assert read_table(rows).equals(read_table(table))


def test_reading_twice_changes_nothing(table):
    once = read_table(table, missing=["red"])
    twice = read_table(once)
    assert twice.equals(once)
    assert missing_spellings(twice) == ("", "red")
    assert twice["colour"].to_pylist() == [None, None]


def test_arrays():
    X = np.array([[1.0, 2.0], [3.0, np.nan]])
    expected = {"p": [1.0, 3.0], "q": [2.0, None]}
    assert read_table(X, names=["p", "q"]).to_pydict() == expected
    assert read_table(X.astype(">f4"), names=["p", "q"]).to_pydict() == expected
    assert read_table(X).column_names == ["x0", "x1"]
    objects = np.array([[1, "a"], [2, None]], dtype=object)
    assert read_table(objects).to_pydict() == {"x0": [1, 2], "x1": ["a", None]}
    records = np.array([(1, 2.5)], dtype=[("a", int), ("b", float)])
    assert read_table(records).to_pydict() == {"a": [1], "b": [2.5]}
    large = np.array([[2**64 - 1]], dtype=np.uint64)
    assert read_table(large).to_pydict() == {"x0": [1.8446744073709552e19]}


def test_columns_of_python_values():
    columns = {
        "mixed": [1, "b", None, float("nan")],
        "numbers": [True, 2, 2.5, None],
        "large": [2**70, 1, None, 2],
        "numpy": [np.float64("nan"), np.int64(3), np.True_, 1],
    }
    assert read_table(columns).to_pydict() == {
        "mixed": ["1", "b", None, None],
        "numbers": [1.0, 2.0, 2.5, None],
        "large": [2.0**70, 1.0, None, 2.0],
        "numpy": [None, 3.0, 1.0, 1.0],
    }


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "the table has no columns"),
        (pd.DataFrame(), "the table has no columns"),
        (np.zeros((2, 0)), "the table has no columns"),
        (pd.DataFrame({"a": []}), "no rows, only the columns 'a'"),
        (np.zeros((0, 2)), "no rows, only the columns 'x0' and 'x1'"),
        (np.zeros(3), "of shape (3,); one column: X.reshape(-1, 1)"),
        (np.zeros((1, 2, 3)), "not 3-D of shape (1, 2, 3)"),
        ({"a": [1, 2], "b": [3]}, "'a' has 2 rows, 'b' has 1"),
        ({"a": 1}, "column 'a' is one int, not a list of values"),
        ({"a": "xy"}, "column 'a' is one str, not a list of values"),
        ({"a": np.eye(2)}, "column 'a' has shape (2, 2)"),
        ({"a": [1, object()]}, "column 'a' holds a value of type object (row 2)"),
        ({"a": np.array([1j])}, "column 'a' holds a value of type complex"),
        ({"a": [10**400]}, "column 'a' holds whole numbers too large"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "names must be distinct"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "repeated: '1'"),
        (pa.table([[1], [2]], names=["a", "a"]), "repeated: 'a'"),
        (pl.Series([1]), "cannot read a table from a Series"),
        ([1, 2], "cannot read a table from a list"),
        (None, "cannot read a table from a NoneType"),
        (sparse.eye_array(2).tocsr(), "make it dense with .toarray()"),
    ],
)
def test_what_is_no_table(source, message):
    assert message in refused(source)


def test_names_belong_to_arrays_and_text():
    assert "names= is for arrays" in refused({"a": [1]}, names=["b"])
    assert "the array has 2 columns, but names= has 1" in refused(
        np.eye(2), names=["a"]
    )
    assert "repeated: 'a'" in refused(np.eye(2), names=["a", "a"])


def test_missing_takes_a_list():
    assert "missing=" in refused({"a": [1]}, missing="NA")
    read = read_table({"a": ["NA", "unknown", ""]}, missing=["unknown"])
    assert read.to_pydict() == {"a": ["NA", None, None]}


def test_dates_stay_dates():
    days = [dt.date(2024, 1, 1), None]
    assert read_table({"a": days}).to_pydict() == {"a": days}


def test_the_extra_is_named_where_it_is_missing():
    code = "import sys; sys.modules['pyarrow'] = None; import chainrule.tables"
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "ImportError: tables need pyarrow and narwhals" in done.stderr
    assert "pip install 'chainrule[tables]'" in done.stderr


def test_the_slow_dataset_module_is_not_imported(tmp_path, table):
    path = tmp_path / "t.parquet"
    parquet.write_table(table, path)
    code = (
        "import sys; from chainrule.tables import read_table; "
        f"read_table({str(path)!r}); sys.exit('pyarrow.dataset' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603
    assert done.returncode == 0
