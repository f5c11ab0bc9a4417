from chainrule.tables import TableError
from chainrule.tables.errors import (
    Finding,
    count,
    did_you_mean,
    drop_advice,
    listed,
    names,
    rows,
)


def test_a_table_error_is_a_value_error():
    assert issubclass(TableError, ValueError)


def test_counts_take_the_right_plural():
    assert count(1, "row") == "1 row"
    assert count(0, "category") == "0 categories"
    assert count(3, "class") == "3 classes"
    assert count(12_345, "value") == "12,345 values"


def test_lists_show_a_few_and_count_the_rest():
    assert listed([], 0) == ""
    assert listed(["a"], 1) == "a"
    assert listed("abc", 3) == "a, b and c"
    assert listed(range(100), 100) == "0, 1, 2, 3, 4 and 95 more"
    assert names(["a", "b"]) == "'a' and 'b'"
    assert rows([999]) == "row 1,000"
    assert rows([0, 1]) == "rows 1 and 2"


def test_close_names_are_suggested_whatever_their_capitals():
    known = ["Mean Radius", "diagnosis ", "age"]
    assert did_you_mean("mean radius", known) == "did you mean 'Mean Radius'?"
    assert did_you_mean("DIAGNOSIS", known) == "did you mean 'diagnosis '?"
    assert did_you_mean("xyz", known).startswith("the columns are 'Mean Radius'")


def test_advice_quotes_names_for_the_shell():
    assert drop_advice("age") == "drop it (drop=['age'], or --drop age)"
    assert drop_advice("my age").endswith('--drop "my age")')


def test_a_finding_is_one_sentence():
    finding = Finding("age", 1, "missing", "the median 38 stands for it")
    assert str(finding) == (
        "column 'age': missing in 1 row; the median 38 stands for it"
    )
