import csv
import io

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.tables import MISSING, TableError, delimited
from chainrule.tables.delimited import Dialect, read_delimited, sniff


def read(data, **options):
    data = data.encode() if isinstance(data, str) else data
    options.setdefault("missing", MISSING)
    return read_delimited(data, "f.csv", Dialect(**options))


def columns(data, **options):
    return read(data, **options).to_pydict()


def refused(data, **options):
    with pytest.raises(TableError) as error:
        read(data, **options)
    return str(error.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter):
    text = 'name,size\n"Smith, J; x|y\tz",1.5\nb,2\n'.replace(
        ",size", delimiter + "size"
    )
    text = text.replace(",1.5", delimiter + "1.5").replace("b,2", f"b{delimiter}2")
    expected = {"name": ["Smith, J; x|y\tz", "b"], "size": [1.5, 2.0]}
    assert columns(text) == expected


def test_a_delimiter_in_the_names_does_not_mislead():
    assert columns("city, state\tname\nAustin, TX\tBob\n") == {
        "city, state": ["Austin, TX"],
        "name": ["Bob"],
    }
    assert sniff(b"a;b,c\n1,2\n3,4\n5,6\n") == ","


def test_a_sample_of_a_long_file_decides():
    long = "a;b\n" + "1;2\n" * 40_000
    assert sniff(long.encode()) == ";"
    assert read(long).num_rows == 40_000


def test_one_column():
    assert columns("a\n1\n2\n") == {"a": [1, 2]}


def test_a_given_delimiter():
    assert columns("a b\n1 2\n", delimiter=" ") == {"a": [1], "b": [2]}
    assert "one character" in refused("a,b\n1,2\n", delimiter=";;")
    assert "one character" in refused("a,b\n1,2\n", delimiter='"')


def test_decimal_commas_where_semicolons_part_the_cells():
    expected = {"a": [1.5, -2.0], "b": ["1,5", "x"]}
    assert columns("a;b\n1,5;1,5\n-2;x\n") == expected
    assert columns('a,b\n"1,5",x\n') == {"a": ["1,5"], "b": ["x"]}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings(ending):
    text = ending.join(["", "a,b", "1,x", "", "   ", '2,"y', 'z"'])
    broken = f"y{ending}z"
    assert columns(text + ending) == {"a": [1, 2], "b": ["x", broken]}
    assert columns(text) == {"a": [1, 2], "b": ["x", broken]}


def test_blank_lines_around_the_header_and_in_between():
    assert columns('\n  \na,b\n\t\n""\n1,2\n  ') == {"a": [1], "b": [2]}
    assert columns("\n  \na\n1\n\n2\n") == {"a": [1, 2]}
    assert refused("\n \r\na,a\n1,2\n").startswith("f.csv, line 3: columns 1 and 2")
    assert refused("\n\na,b\n1,2,3\n").startswith("f.csv, line 4: 3 cells where")


def test_quotes_inside_cells():
    text = 'a,b\n"he said ""hi"", ok",5" pipe\n'
    assert columns(text) == {"a": ['he said "hi", ok'], "b": ['5" pipe']}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks(encoding):
    data = "naïve,日本\n1,é😀\n".encode(encoding)
    assert columns(data) == {"naïve": [1], "日本": ["é😀"]}


def test_latin_1_text_is_told_with_its_line_and_read_when_named():
    data = "a,b\n1,x\n2,café\n".encode("latin-1")
    message = refused(data)
    assert message.startswith("f.csv, line 3: byte 0xe9 (near '2,café')")
    assert "encoding='cp1252'" in message
    assert columns(data, encoding="cp1252")["b"] == ["x", "café"]
    assert "no text encoding 'klingon'" in refused(data, encoding="klingon")


def test_zero_bytes_are_no_text():
    assert refused(b"a,b\n1,\0\n").startswith("f.csv, line 2: holds a zero byte")
    bare = "a,b\n1,é\n".encode("utf-16-le")
    assert "encoding='utf-16'" in refused(bare)
    assert columns(bare, encoding="utf-16-le") == {"a": [1], "b": ["é"]}


@pytest.mark.parametrize("text", ["", " \n\n", "\ufeff"])
def test_empty_files(text):
    assert refused(text).startswith("f.csv is empty")


def test_a_header_alone():
    assert refused("a,b\n") == "f.csv has column names but no rows below them"


def test_ragged_rows_are_named_with_their_lines():
    message = refused('a,b\n1,"x\ny"\n1,2,3\n5,6\n4\n')
    assert message == (
        "f.csv, line 4: 3 cells where the header has 2 ('1,2,3'); likewise line 6; "
        "a cell that contains the delimiter ',' must stand in quotes"
    )
    assert "likewise" not in refused("a,b\n1\n")
    assert "..." in refused("a,b\n1,2," + "x" * 100 + "\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a,b\n1,"x\n2,y\n', 2),
        ('a,b\n1,2\n"x,2\n2,y\n', 3),
        ('a,b\n1,2\n3,"' + "x" * 200_000 + "\n\n", 3),
    ],
)
def test_quotes_that_never_close(text, line):
    assert refused(text).startswith(f'f.csv, line {line}: a quote (") opens')


def test_names_that_are_repeated_or_blank():
    assert refused("a,b, a\n1,2,3\n") == (
        "f.csv, line 1: columns 1 and 3 are both named 'a'; every column needs a name "
        "of its own"
    )
    assert refused("a,,c\n1,2,3\n") == "f.csv, line 1: column 2 has no name"
    assert "is this line data already (it holds '5.1')?" in refused("5.1,5.1\n1,2\n")


def test_blank_names_that_do_no_harm():
    assert columns("a,b,\n1,2,\n") == {"a": [1], "b": [2]}
    assert columns(",a\n0,5\n") == {"Unnamed: 0": [0], "a": [5]}


def test_a_file_without_a_header():
    assert columns("5,x\n6,y\n", names=["n", "c"]) == {"n": [5, 6], "c": ["x", "y"]}
    assert "has 2 columns, but names= has 1" in refused("5,x\n", names=["n"])
    assert "repeats a name" in refused("5,x\n", names=["n", "n"])


def test_missing_cells():
    text = "a,b\nNA, ? \n 1 ,N/A\nnull,x\n"
    assert columns(text) == {"a": [None, 1, None], "b": [None, None, "x"]}
    assert columns("a\nNA\n", missing=("",)) == {"a": ["NA"]}


def test_columns_kept_as_text():
    assert columns("a,b\n7,7\n", text=["b"]) == {"a": [7], "b": ["7"]}


def test_digits_after_a_zero_are_codes():
    assert columns("a,b\n07,0.5\n12,007\n") == {"a": ["07", "12"], "b": [0.5, 7.0]}


def test_cells_and_rows_beyond_a_block():
    wide = "x" * 9_000_000
    assert columns(f"a,b\n{wide},2\n") == {"a": [wide], "b": [2]}


def test_what_arrow_alone_refuses_is_told(monkeypatch):
    def fail(*args):
        raise pa.ArrowInvalid("no reason known")

    monkeypatch.setattr(delimited, "_cut", fail)
    assert refused("a\n1\n") == (
        "f.csv cannot be read as a text table: no reason known"
    )


def test_ten_thousand_columns():
    names = [f"c{i}" for i in range(10_000)]
    table = read(",".join(names) + "\n" + ",".join(map(str, range(10_000))) + "\n")
    assert table.column_names == names
    assert table.to_pylist()[0]["c9999"] == 9999


cells = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
)


@given(
    st.lists(st.tuples(cells, cells), min_size=1, max_size=8), st.sampled_from(",;\t|")
)
def test_what_the_csv_module_writes_is_read_back(rows, delimiter):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("first", "second"), *rows])
    kept = ["first", "second"]
    table = read(file.getvalue(), missing=("",), text=kept, delimiter=delimiter)
    expected = [
        {"first": a.strip() or None, "second": b.strip() or None} for a, b in rows
    ]
    assert table.to_pylist() == expected
