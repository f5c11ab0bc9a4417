import datetime as dt

import pyarrow as pa
import pytest
from pyarrow import parquet

from chainrule.tables import Encoder, TableError, infer_schema, read_table


@pytest.fixture
def folder(tmp_path):
    """Give a function that writes columns, or text, to the files of a folder."""

    def written(**files):
        for name, content in files.items():
            stem = tmp_path / name.replace("__", "/")
            stem.parent.mkdir(exist_ok=True)
            if isinstance(content, str):
                stem.with_suffix(".csv").write_text(content)
            else:
                parquet.write_table(pa.table(content), stem.with_suffix(".parquet"))
        return tmp_path

    return written


def refused(source):
    with pytest.raises(TableError) as error:
        read_table(source)
    return str(error.value)


def test_rows_are_below_one_another_whatever_the_order_of_the_columns(folder):
    source = folder(b={"y": ["c"], "x": [3]}, a={"x": [1, 2], "y": ["a", "b"]})
    assert read_table(source).to_pydict() == {"x": [1, 2, 3], "y": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (pa.array([1], pa.int8()), pa.array([2], pa.int64()), [1, 2]),
        (pa.array([1]), pa.array([2.5], pa.float32()), [1.0, 2.5]),
        (pa.nulls(1), pa.array(["a"]), [None, "a"]),
        (pa.array(["NA"]), pa.array([2]), [None, 2]),
        (pa.array(["a"]).dictionary_encode(), pa.array(["b"]), ["a", "b"]),
        (
            pa.array(["a"]).dictionary_encode(),
            pa.array(["b"]).dictionary_encode(),
            "ab",
        ),
        (pa.array([dt.date(2024, 1, 1)]), pa.array([dt.datetime(2024, 1, 2)]), None),  # noqa: DTZ001
        (pa.nulls(1), pa.nulls(1), [None, None]),
    ],
)
def test_types_that_go_together(folder, first, second, expected):
    table = read_table(folder(a={"x": first, "n": [1]}, b={"x": second, "n": [2]}))
    found = table["x"].to_pylist()
    if expected is None:
        assert [value.day for value in found] == [1, 2]
    else:
        assert found == list(expected)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"a": {"x": [1], "y": [1]}, "b": {"x": [2], "z": [2]}},
            "b.parquet lacks the column 'y', which {0}/a.parquet has",
        ),
        (
            {"a": {"x": [1]}, "b": {"x": [2], "z": [2], "w": [3]}},
            "b.parquet has the columns 'z' and 'w', which {0}/a.parquet has not",
        ),
        (
            {"a": {"x": [1]}, "b": {"x": [1]}, "c": {"x": ["one"]}},
            "'x' holds numbers in {0}/a.parquet, but text in {0}/c.parquet; write it",
        ),
        (
            {"a": {"x": [True]}, "b": {"x": [1]}},
            "'x' holds true and false in {0}/a.parquet, but numbers in {0}/b.parquet",
        ),
        (
            {"y=1__a": {"y": [1]}},
            "a.parquet has a column 'y', and its folders name one too",
        ),
        (
            {"a": "x,y\n1,2\n", "b": "x,y\n1,2,3\n"},
            "b.csv, line 2: 3 cells where the header has 2",
        ),
    ],
)
def test_files_that_differ_are_named(folder, files, message):
    source = folder(**files)
    assert message.format(source) in refused(source)


def test_a_damaged_file_among_others_is_named(folder):
    source = folder(a={"x": [1]}, b={"x": [2]})
    path = source / "b.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    assert refused(source).startswith(f"{path} is damaged")


def test_cells_of_text_are_typed_when_all_files_are_read(folder):
    source = folder(
        a="code,size,flag,gap\n1,1,true,\n",
        b="code,size,flag,gap\nA1,2.5,FALSE,\n",
    )
    assert read_table(source).to_pydict() == {
        "code": ["1", "A1"],
        "size": [1.0, 2.5],
        "flag": [True, False],
        "gap": [None, None],
    }
    assert read_table(source, text=["size"])["size"].to_pylist() == ["1", "2.5"]


def test_decimal_commas_are_told_file_by_file(folder):
    source = folder(a="x;y\n1,5;a\n", b="x;y\n2;b\n")
    assert read_table(source)["x"].to_pylist() == [1.5, 2.0]


def test_folders_make_columns(folder):
    rows = {"x": [1, 2]}
    source = folder(**{"year=2024__a": rows, "year=2025__a": rows})
    expected = {"x": [1, 2, 1, 2], "year": [2024, 2024, 2025, 2025]}
    assert read_table(source).to_pydict() == expected


def test_rows_are_named_with_their_file(folder):
    inf = float("inf")
    source = folder(
        a={"x": [1.0, 2.0], "y": [1.0, None]}, b={"x": [3.0, inf], "y": [3.0, 4.5]}
    )
    with pytest.raises(TableError, match=rf"infinite in row 2 of {source}/b\.parquet"):
        infer_schema(source, "y")
    encoder = Encoder.fit({"x": [1.0, 2.0, 4.0], "y": [1.0, 2.5, 3.0]}, target="y")
    with pytest.raises(TableError, match=rf"infinite in row 2 of {source}/b\.parquet"):
        encoder.encode(source)
    with pytest.raises(TableError, match="infinite in row 1;"):
        encoder.encode(read_table(source).slice(3))
