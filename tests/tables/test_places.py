import pytest

from chainrule.tables import TableError
from chainrule.tables.places import places


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def found(source, folder):
    return [str(place.path.relative_to(folder)) for place in places(source)]


def refused(source):
    with pytest.raises(TableError) as error:
        places(source)
    return str(error.value)


def test_a_file_is_itself_whatever_its_name(tmp_path):
    touch(tmp_path, "table.xyz", "year=2024/a[1].csv")
    (place,) = places(tmp_path / "table.xyz")
    assert (place.name, place.partition) == (str(tmp_path / "table.xyz"), ())
    (place,) = places(tmp_path / "year=2024" / "a[1].csv")
    assert place.partition == ()


def test_the_tables_of_a_folder_in_the_order_of_their_names(tmp_path):
    touch(tmp_path, "b.csv", "a.csv.gz", "c/d.csv", "README.md", ".x.csv", "_tmp/e.csv")
    assert found(tmp_path, tmp_path) == ["a.csv.gz", "b.csv", "c/d.csv"]
    assert found(str(tmp_path), tmp_path) == ["a.csv.gz", "b.csv", "c/d.csv"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.csv", ["a1.csv", "a2.csv"]),
        ("a[2-9].csv", ["a2.csv"]),
        ("**/*.csv", ["a1.csv", "a2.csv", "more/a3.csv"]),
        ("more/*", ["more/a3.csv"]),
    ],
)
def test_files_that_match_a_pattern(tmp_path, pattern, expected):
    touch(tmp_path, "a1.csv", "a2.csv", "more/a3.csv", "notes.txt")
    assert found(f"{tmp_path}/{pattern}", tmp_path) == expected


def test_folders_name_columns(tmp_path):
    null = "__HIVE_DEFAULT_PARTITION__"
    touch(tmp_path, "year=2024/town=K%C3%B6ln/a.csv", f"year=2025/town={null}/a.csv")
    first, second = (dict(place.partition) for place in places(tmp_path))
    assert first == {"year": "2024", "town": "Köln"}
    assert second == {"year": "2025", "town": None}
    (place,) = places(f"{tmp_path}/year=2024/*/*.csv")
    assert dict(place.partition) == first


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "is a folder without a Parquet, Arrow or CSV file"),
        (["notes.md"], "or CSV file; it holds 'notes.md'"),
        (["a.csv", "b.parquet"], "files of several kinds (.csv, .parquet): files are"),
        (["a.csv", "x=1/b.csv"], "b.csv name 'x', but those of"),
        (["x=1/a.csv", "y=1/b.csv"], "b.csv name 'y', but those of"),
    ],
)
def test_folders_that_are_no_table(tmp_path, files, message):
    touch(tmp_path, *files)
    assert message in refused(tmp_path)


def test_what_is_not_there(tmp_path):
    touch(tmp_path, "sales.csv")
    assert refused(f"{tmp_path}/*.parquet") == f"no file matches {tmp_path}/*.parquet"
    assert refused(tmp_path / "sale.csv").endswith("; did you mean 'sales.csv'?")
    assert "there is no folder" in refused(tmp_path / "x" / "y.csv")
    assert "download the file first" in refused("https://example.org/a.csv")
    assert "is not a path" in refused("a\0b")
