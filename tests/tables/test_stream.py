"""Tables that are read a batch at a time, and what one pass over them finds."""

import gzip
import lzma
import threading

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pytest
from pyarrow import parquet

from chainrule.tables import TableError, infer_schema, read_table
from chainrule.tables.errors import numbered, rows
from chainrule.tables.stream import is_file, open_stream, survey, together

ROWS = 3000


def table(seed=0):
    """Numbers, gaps, text, a number that is nearly constant, and a target with gaps."""
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "size": rng.normal(size=ROWS),
            "count": pa.array(rng.integers(0, 5, ROWS), mask=rng.random(ROWS) < 0.001),
            "colour": np.array(["red", "blue", "lilac"])[rng.integers(0, 3, ROWS)],
            "nearly": [1] * (ROWS - 1) + [2],
            "kind": pa.array(
                [*np.array(["no", "yes"])[rng.integers(0, 2, ROWS - 1)], "rare"],
                mask=np.arange(ROWS) % 100 == 7,
            ),
        }
    )  # fmt: skip


def as_parquet(whole, folder):
    parquet.write_table(whole, folder / "t.parquet", row_group_size=700)
    return folder / "t.parquet"


def as_folder(whole, folder):
    (folder / "part" / "deep").mkdir(parents=True)
    parquet.write_table(whole.slice(0, 1000), folder / "part" / "a.parquet")
    parquet.write_table(whole.slice(1000), folder / "part" / "deep" / "b.parquet")
    (folder / "part" / "_SUCCESS").touch()
    (folder / "part" / ".hidden.parquet").touch()
    return folder / "part"


def as_arrow(whole, folder):
    with pa.ipc.new_file(folder / "t.arrow", whole.schema) as file:
        file.write_table(whole, 450)
    return folder / "t.arrow"


def as_arrow_stream(whole, folder):
    with pa.ipc.new_stream(folder / "t.arrows", whole.schema) as file:
        file.write_table(whole, 450)
    return folder / "t.arrows"


def as_csv(whole, folder):
    arrow_csv.write_csv(whole, folder / "t.csv")
    return folder / "t.csv"


def as_gzip(whole, folder):
    path = folder / "t.csv.gz"
    path.write_bytes(gzip.compress(as_csv(whole, folder).read_bytes()))
    return path


def as_xz(whole, folder):
    path = folder / "t.csv.xz"
    path.write_bytes(lzma.compress(as_csv(whole, folder).read_bytes()))
    return path


def as_zstd(whole, folder):
    with pa.CompressedOutputStream(str(folder / "t.csv.zst"), "zstd") as file:
        arrow_csv.write_csv(whole, file)
    return folder / "t.csv.zst"


WAYS = [
    *(as_parquet, as_folder, as_arrow, as_arrow_stream),
    *(as_csv, as_gzip, as_xz, as_zstd),
]


def everything(stream, **options):
    return together([batch.table for batch in stream.batches(**options)])


# --- batches ----------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_batches_hold_what_the_whole_table_holds(way, tmp_path):
    stream = open_stream(way(table(), tmp_path))
    assert everything(stream, rows=256).to_pydict() == table().to_pydict()


@pytest.mark.parametrize("way", WAYS)
def test_batches_are_small_and_say_where_they_are(way, tmp_path):
    start, firsts = 0, {}
    for batch in open_stream(way(table(), tmp_path)).batches(rows=256):
        assert 0 < len(batch) <= 256
        assert batch.start == start
        assert batch.first == firsts.get(batch.file, 0)
        start += len(batch)
        firsts[batch.file] = batch.first + len(batch)
    assert start == ROWS


@pytest.mark.parametrize("way", WAYS)
def test_some_columns_can_be_read_alone(way, tmp_path):
    found = everything(open_stream(way(table(), tmp_path)), columns=["kind", "size"])
    assert found.column_names == ["size", "kind"]


def test_what_is_missing_is_missing_in_text_and_numbers(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b\n1;NA\n none ;x\n;y\n2,5;none\n")
    found = everything(open_stream(path, missing=["none"])).to_pydict()
    assert found == {"a": [1.0, None, None, 2.5], "b": ["NA", "x", "y", None]}


def test_text_stays_text_where_that_is_asked_for(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n07,1\n08,2\n")
    found = everything(open_stream(path, text=["a"])).to_pydict()
    assert found == {"a": ["07", "08"], "b": [1, 2]}


def test_numbers_may_become_real_later(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a\n" + "1\n" * 10 + "2.5\n")
    assert everything(open_stream(path), rows=5)["a"].to_pylist()[-2:] == [1.0, 2.5]


def test_rows_in_quotes_may_have_several_lines(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('\n\na,b\n"1\n2",3\n')
    assert everything(open_stream(path)).to_pydict() == {"a": ["1\n2"], "b": [3]}


def test_other_encodings_are_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("Straße,b\nKöln,1\n".encode("cp1252"))
    found = everything(open_stream(path, encoding="cp1252"))
    assert found.to_pydict() == {"Straße": ["Köln"], "b": [1]}


def test_folders_name_columns_and_patterns_files(tmp_path):
    for year, value in (("2023", 1), ("2024", 2)):
        (tmp_path / f"year={year}").mkdir()
        table = pa.table({"a": [value, value]})
        parquet.write_table(table, tmp_path / f"year={year}" / "t.parquet")
    stream = open_stream(tmp_path)
    assert stream.columns == ("a", "year")
    assert everything(stream).to_pydict() == {
        "a": [1, 1, 2, 2],
        "year": [2023] * 2 + [2024] * 2,
    }
    assert everything(stream, columns=["a"]).column_names == ["a"]
    found = survey(stream, "year", sample=10)
    assert found.classes == {2023: 2, 2024: 2}
    assert len(everything(open_stream(tmp_path / "*" / "t.parquet"))) == 4


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_says_the_encoding(encoding, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("Straße,b\nKöln,1\n", encoding=encoding)
    found = everything(open_stream(path))
    assert found.to_pydict() == {"Straße": ["Köln"], "b": [1]}


def test_memory_grows_with_the_table(tmp_path):
    parquet.write_table(table(), tmp_path / "one.parquet")
    parquet.write_table(together([table()] * 3), tmp_path / "three.parquet")
    small, large = (
        open_stream(tmp_path / f"{n}.parquet").memory for n in ("one", "three")
    )
    assert large == 3 * small > table().nbytes


def test_a_file_is_told_from_a_frame(tmp_path):
    assert is_file("t.csv")
    assert is_file(tmp_path)
    assert not is_file({"a": [1]})
    assert not is_file("https://example.org/t.csv")


# --- what is wrong with files -----------------------------------------------------


def test_a_word_among_numbers_is_named_with_file_row_and_column(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2\n" * 500 + "1,many\n")
    with pytest.raises(TableError) as caught:
        list(open_stream(path).batches(rows=100))
    message = str(caught.value)
    assert f"{path}, row 501: column 'b' is 'many'" in message
    assert "missing=['many']" in message
    assert "kinds={'b': 'category'}" in message
    assert len(everything(open_stream(path, missing=["many"]))) == 501


def test_a_column_that_changes_its_type_is_named(tmp_path):
    parquet.write_table(pa.table({"a": [1, 2]}), tmp_path / "1.parquet")
    parquet.write_table(pa.table({"a": ["x"]}), tmp_path / "2.parquet")
    with pytest.raises(TableError, match=r"2\.parquet, rows 1 to 1: column 'a' holds"):
        list(open_stream(tmp_path).batches())


def test_a_file_that_lacks_a_column_is_named(tmp_path):
    parquet.write_table(pa.table({"age": [1]}), tmp_path / "1.parquet")
    parquet.write_table(pa.table({"Age": [1]}), tmp_path / "2.parquet")
    with pytest.raises(TableError, match=r"2\.parquet lacks the column 'age'.*'Age'"):
        list(open_stream(tmp_path).batches())


def test_a_file_with_one_column_more_is_named(tmp_path):
    parquet.write_table(pa.table({"a": [1]}), tmp_path / "1.parquet")
    parquet.write_table(pa.table({"a": [1], "b": [2]}), tmp_path / "2.parquet")
    with pytest.raises(TableError, match=r"2\.parquet has the column 'b'"):
        list(open_stream(tmp_path).batches())


def test_what_is_no_table_is_refused(tmp_path):
    for name, content in (("t.csv", b"PK\x03\x04zip"), ("u.csv", b'[{"a": 1}]')):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TableError, match=name):
            open_stream(tmp_path / name)


def test_parquet_within_gzip_is_refused(tmp_path):
    path = tmp_path / "t.parquet.gz"
    path.write_bytes(gzip.compress(as_parquet(table(), tmp_path).read_bytes()))
    with pytest.raises(TableError, match="decompress it first"):
        open_stream(path)


def test_a_ragged_row_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n\n1,2,3\n")
    with pytest.raises(TableError, match=r"t\.csv.*3 cells where the header has 2"):
        list(open_stream(path).batches())


@pytest.mark.parametrize("way", [as_parquet, as_arrow, as_gzip, as_xz, as_zstd])
def test_a_damaged_file_is_named(way, tmp_path):
    path = way(table(), tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 4 : len(content) // 2] = b"\xff" * (
        len(content) // 2 - len(content) // 4
    )
    path.write_bytes(content)
    with pytest.raises(TableError, match=path.name.replace(".", r"\.")):
        list(open_stream(path).batches())


@pytest.mark.parametrize("way", [as_parquet, as_gzip, as_zstd, as_xz])
def test_a_file_that_was_cut_off_is_named(way, tmp_path):
    path = way(table(), tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(TableError, match=path.name.replace(".", r"\.")):
        list(open_stream(path).batches())


def test_a_name_that_is_wrong_gets_a_suggestion(tmp_path):
    (tmp_path / "people.csv").write_text("a\n1\n")
    with pytest.raises(TableError, match=r"people\.csv"):
        open_stream(tmp_path / "peple.csv")


def test_a_folder_of_several_kinds_is_refused(tmp_path):
    for name in ("a.csv", "b.parquet"):
        (tmp_path / name).touch()
    with pytest.raises(TableError, match="several kinds"):
        open_stream(tmp_path)


@pytest.mark.parametrize("content", ["", "\n\n", "a,a\n1,2\n"])
def test_a_file_without_a_table_is_refused(content, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(TableError, match=r"t\.csv"):
        open_stream(path)


def test_a_table_without_rows_is_refused(tmp_path):
    parquet.write_table(table().slice(0, 0), tmp_path / "t.parquet")
    with pytest.raises(TableError, match="no rows"):
        list(open_stream(tmp_path / "t.parquet").batches())


def test_no_thread_is_left_whatever_happens(tmp_path):
    good, bad = as_csv(table(), tmp_path), tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n3\n")
    batches = open_stream(good).batches(rows=100)
    next(batches)
    batches.close()
    with pytest.raises(TableError, match="line 3: 1 cell where"):
        list(open_stream(bad).batches())
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith("chainrule-table")]


# --- the survey -------------------------------------------------------------------


OPTIONS = {"validation": 0.1, "test": 0.05, "seed": 3, "sample": 500}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    path = as_parquet(table(), tmp_path_factory.mktemp("found"))
    return survey(open_stream(path), "kind", **OPTIONS)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_found_does_not_depend_on_files_and_batches(way, tmp_path, found):
    again = survey(open_stream(way(table(), tmp_path)), "kind", **OPTIONS)
    for name in ("rows", "total", "missing", "ranges", "classes", "last_held"):
        assert getattr(again, name) == getattr(found, name), name
    for name in ("test", "validation", "sample"):
        assert getattr(again, name).to_pydict() == getattr(found, name).to_pydict()


def test_everything_is_counted(found):
    whole = table().filter(table()["kind"].is_valid())
    assert (found.total, found.rows) == (ROWS, whole.num_rows)
    assert found.missing == {n: whole[n].null_count for n in whole.column_names}
    low, high = pc.min_max(whole["size"]).as_py().values()
    assert found.ranges["size"] == (low, high)
    counted = {
        c["values"]: c["counts"] for c in pc.value_counts(whole["kind"]).to_pylist()
    }
    assert found.classes == counted


def test_every_row_is_in_one_part(found, tmp_path):
    held = [*found.test["size"].to_pylist(), *found.validation["size"].to_pylist()]
    assert found.test.num_rows == round(found.rows * 0.05)
    assert found.validation.num_rows == round(found.rows * 0.1)
    trained = []
    for batch in open_stream(as_parquet(table(), tmp_path)).batches(rows=333):
        trained += batch.table["size"].take(found.training_rows(batch)).to_pylist()
    whole = table().filter(table()["kind"].is_valid())
    assert len(trained) == found.training
    assert sorted(trained + held) == sorted(whole["size"].to_pylist())
    assert set(found.sample["size"].to_pylist()[:500]) <= set(trained)


def test_another_seed_draws_other_rows(found, tmp_path):
    stream = open_stream(as_parquet(table(), tmp_path))
    other = survey(stream, "kind", **{**OPTIONS, "seed": 4})
    assert other.test.to_pydict() != found.test.to_pydict()


def test_the_sample_shows_what_few_rows_hold(tmp_path):
    stream = open_stream(as_parquet(table(), tmp_path))
    sample = survey(stream, "kind", sample=20).sample
    assert sample["count"].null_count
    assert set(sample["nearly"].to_pylist()) == {1, 2}
    assert "rare" in sample["kind"].to_pylist()


def test_held_out_rows_are_limited(tmp_path):
    stream = open_stream(as_parquet(table(), tmp_path))
    found = survey(stream, "kind", validation=0.5, test=0.2, held=100)
    assert (found.validation.num_rows, found.test.num_rows) == (100, 100)
    assert found.training == found.rows - 200


def test_a_schema_gets_the_numbers_of_the_whole_table(found):
    schema = found.corrected(infer_schema(found.sample, "kind"))
    assert schema.rows == found.rows
    assert dict(schema.classes) == found.classes
    columns = {column.name: column for column in schema.inputs}
    assert columns["count"].missing == found.missing["count"]
    assert (columns["size"].low, columns["size"].high) == found.ranges["size"]


def test_many_values_of_a_target_are_no_classes(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"{k},{k}.5\n" for k in range(2000)))
    assert survey(open_stream(path), "b").classes is None


def test_a_target_that_is_not_there_is_refused(tmp_path):
    stream = open_stream(as_parquet(table(), tmp_path))
    with pytest.raises(TableError, match="did you mean 'kind'"):
        survey(stream, "kimd")


def test_a_target_without_a_value_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,\n2,\n")
    with pytest.raises(TableError, match="no value in any row"):
        survey(open_stream(path), "b")


def test_too_few_rows_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,x\n2,y\n")
    with pytest.raises(TableError, match="too few"):
        survey(open_stream(path), "b", validation=0.5, test=0.5)


def test_rows_are_named_as_those_of_the_larger_table():
    with numbered([99, 199]):
        assert rows([0, 1]) == "rows 100 and 200"
    assert rows([0]) == "row 1"


def test_a_table_in_memory_reads_the_same(tmp_path):
    path = as_csv(table(), tmp_path)
    assert everything(open_stream(path)).to_pydict() == read_table(path).to_pydict()
