import datetime as dt

import numpy as np
import pandas as pd
import pytest

from chainrule.tables import TableError, infer_schema, labelled_rows, read_table
from chainrule.tables.schema import INPUTS

N = 100
SIZE = [i + 0.5 for i in range(N)]
KIND = ["a", "b"] * (N // 2)
DAYS = [dt.date(2024, 1, i % 28 + 1) for i in range(N)]


def understand(values, **options):
    """Infer the schema of a column ``c`` beside a number, with a target of classes."""
    table = {"size": SIZE, "c": values, "kind": KIND}
    return infer_schema(table, "kind", **options)


def column(values, **options):
    schema = understand(values, **options)
    return next(c for c in (*schema.inputs, *schema.left_out) if c.name == "c")


def refused(values, **options):
    with pytest.raises(TableError) as error:
        understand(values, **options)
    return str(error.value)


# --- inputs ---


@pytest.mark.parametrize(
    ("values", "kind", "form"),
    [
        (SIZE, "number", "float"),
        ([1, 2, None, 4] * 25, "number", "int"),
        ([5.0] * 5 + [None] * 95, "number", "float"),
        ([1e300, -1e300] * 50, "number", "float"),
        ([True, False] * 50, "boolean", "bool"),
        (["yes", "no"] * 50, "boolean", "text"),
        (["Y", "n", None, "N"] * 25, "boolean", "text"),
        (["yes", None] * 50, "category", "text"),
        (["yes", "f"] * 50, "category", "text"),
        (["x", None] * 50, "category", "text"),
        (DAYS, "date", "date"),
        (pd.date_range("2024-01-01", periods=N), "date", "date"),
        (pd.Categorical(pd.date_range("2024-01-01", periods=N)), "date", "date"),
        ([dt.time(i % 24) for i in range(N)], "date", "time"),
        ([dt.timedelta(i) for i in range(N)], "number", "float"),
        ([str(day) for day in DAYS], "date", "text"),
        ([f"12:{i % 60:02}" for i in range(N)], "date", "text"),
        ([f"{i % 9:05}" for i in range(N)], "category", "text"),
        (["0", "1", "2", "3+"] * 25, "category", "text"),
        ([str(i % 20) for i in range(N)], "category", "text"),
        ([str(i) for i in range(N)], "number", "text"),
        (pd.Categorical(range(N)), "category", "category"),
        (pd.Categorical([f"n{i}" for i in range(N)]), "category", "category"),
        ([f"group {i % 60}" for i in range(N)], "category", "text"),
        ([1] * N, "constant", "int"),
        (["x"] * N, "constant", "text"),
        ([None] * N, "empty", "empty"),
        (["NA", "?"] * 50, "empty", "empty"),
        ([f"n{i}" for i in range(N)], "identifier", "text"),
        ([f"1.{i}.12" for i in range(N)], "identifier", "text"),
    ],
)
def test_the_kind_of_a_column(values, kind, form):
    found = column(values)
    assert (found.kind, found.form) == (kind, form)
    assert bool(found.why) == (kind not in INPUTS)


def test_what_is_known_of_a_number():
    found = column([3, None, 1, 1] * 25)
    assert (found.missing, found.distinct, found.low, found.high) == (25, 2, 1.0, 3.0)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((n, "identifier") for n in ("id", "ID", "patient_id", "Row ID", "index")),
        *((n, "identifier") for n in ("PassengerId", "userID", "Unnamed: 0")),
        *((n, "number") for n in ("acid", "paid", "PAID", "year", "x")),
    ],
)
def test_whole_numbers_that_name_rows(name, kind):
    schema = infer_schema({name: range(N), "size": SIZE, "kind": KIND}, "kind")
    found = {c.name: c.kind for c in (*schema.inputs, *schema.left_out)}
    assert found[name] == kind


def test_identifiers_that_repeat_are_numbers():
    repeated = [i // 2 for i in range(N)]
    schema = infer_schema({"id": repeated, "kind": KIND}, "kind")
    assert [c.name for c in schema.inputs] == ["id"]


@pytest.mark.parametrize(
    ("write", "written"),
    [
        ("{:%Y-%m-%d}", "iso"),
        ("{:%Y-%m}", "iso"),
        ("{:%d/%m/%Y}", "d/m/y"),
        ("{:%m/%d/%Y}", "m/d/y"),
        ("{:%d.%m.%Y}", "d/m/y"),
        ("{:%b %d, %Y}", "names"),
    ],
)
def test_how_dates_are_written(write, written):
    days = [day.replace(month=i % 12 + 1) for i, day in enumerate(DAYS)]
    found = column([write.format(day) for day in days])
    assert (found.kind, found.written) == ("date", written)
    assert found.choice == f"date {written}"


def test_day_and_month_in_doubt_are_asked_for():
    days = [f"{i % 12 + 1}/{i % 7 + 1}/2024" for i in range(N)]
    message = refused(days)
    assert "where day and month could be either" in message
    assert "kinds={'c': 'date d/m/y'} or 'date m/d/y'" in message
    found = column(days, kinds={"c": "date m/d/y"})
    assert (found.kind, found.written) == ("date", "m/d/y")


@pytest.mark.parametrize(
    ("spoilt", "where"),
    [(["unknown"] * 5, "rows 96, 97, 98, 99 and 100"), (["2023-02-29"], "row 100")],
)
def test_what_is_no_date_among_dates_is_named(spoilt, where):
    values = [str(day) for day in DAYS[: N - len(spoilt)]] + spoilt
    message = refused(values)
    assert f"holds dates (iso), but also {spoilt[0]!r} ({where}); correct" in message
    assert column(values, drop=["c"]).kind == "dropped"
    assert column(values, kinds={"c": "category"}).kind == "category"


def test_dates_with_years_of_two_digits_are_refused_with_advice():
    message = refused([f"{day:%d/%m/%y}" for day in DAYS])
    assert message.startswith("column 'c' holds dates or times, such as '01/01/24'")
    assert "drop it (drop=['c'], or --drop c)" in message
    assert "the year, the month, or the days since" in message


def test_dates_are_no_numbers():
    assert "which are no number" in refused(DAYS, kinds={"c": "number"})
    message = refused(["a", "b"] * 50, kinds={"c": "date"})
    assert "holds text, not dates, such as 'a'" in message


def test_dates_may_be_categories():
    days = [str(day) for day in DAYS]
    assert column(days, kinds={"c": "category"}).kind == "category"


def test_sentences_are_refused_with_advice():
    review = "the {}th time that I ate here and it was fine"
    message = refused([review.format(i % 60) for i in range(N)])
    assert message.startswith("column 'c' holds free text, such as 'the 0th time")
    assert "drop it (drop=['c'], or --drop c)" in message
    assert "take it as categories" in message
    repeated = [review.format(i % 10) for i in range(N)]
    assert column(repeated).kind == "category"
    names = [f"Dr. Ada {i} Lovelace" for i in range(N)]
    assert column(names).kind == "identifier"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((n, "category") for n in ("zip", "zip_code", "postcode", "product type")),
        *((n, "category") for n in ("Pclass", "storeType", "REGION")),
        *((n, "number") for n in ("episode", "rooms", "archetypes", "x")),
    ],
)
@pytest.mark.parametrize("convert", [list, lambda v: [*v[:-1], None], np.float64])
def test_whole_numbers_that_are_codes(name, kind, convert):
    values = convert([i % 10 for i in range(N)])
    schema = infer_schema({name: values, "kind": KIND}, "kind")
    assert schema.inputs[0].kind == kind
    assert bool(schema.notes) == (kind == "category")


def test_codes_that_hardly_repeat_and_parts_of_numbers_are_numbers():
    table = {"zip": [i // 2 for i in range(N)], "store": SIZE, "kind": KIND}
    assert [c.kind for c in infer_schema(table, "kind").inputs] == ["number"] * 2


def test_a_word_among_numbers_is_named_with_its_row():
    numbers = [str(i) for i in range(N)]
    numbers[41] = "abc"
    message = refused(numbers)
    assert message.startswith("column 'c' holds numbers, but also 'abc' (row 42);")
    assert "missing=['abc']" in message
    assert column(numbers, drop=["c"]).kind == "dropped"
    assert column(numbers, kinds={"c": "category"}).kind == "category"


def test_a_word_for_missing_is_named_though_frequent():
    values = [str(i) for i in range(60)] + ["unknown"] * 40
    assert "but also 'unknown' (rows 61, 62, 63, 64, 65 and 35 more)" in refused(values)
    table = read_table({"c": values, "kind": KIND}, missing=["unknown"])
    assert infer_schema(table, "kind").inputs[0].kind == "number"


def test_rows_are_counted_in_the_whole_table():
    table = {"x": [1.0, 2.0, np.inf, 4.0], "y": [None, "a", "b", "a"]}
    with pytest.raises(TableError, match="'x' is infinite in row 3;"):
        infer_schema(table, "y")


def test_infinite_values_are_named_with_their_rows():
    assert "'c' is infinite in rows 1 and 100" in refused([np.inf, *SIZE[:98], -np.inf])
    assert "'c' is infinite in row 2" in refused(["1", "1e999", *map(str, SIZE[:98])])
    codes = [1.0, np.inf] * 50
    assert "'c' is infinite in rows 2, 4" in refused(codes, kinds={"c": "category"})


@pytest.mark.parametrize("write", ["${:,}.00".format, "{} %".format, "{},5".format])
def test_numbers_with_signs_are_refused(write):
    message = refused([write(i) for i in range(N)])
    assert "holds numbers written with signs, such as" in message


def test_other_values_are_refused():
    assert "column 'c' holds list<" in refused([[1]] * N)
    assert column([[1]] * N, drop=["c"]).kind == "dropped"


def test_kinds_overrule():
    assert column([1, 2] * 50, kinds={"c": "category"}).kind == "category"
    assert column([True, False] * 50, kinds={"c": "number"}).kind == "number"
    assert column(["1", "2"] * 50, kinds={"c": "number"}).kind == "number"
    assert column(range(N), kinds={"c": "number"}).kind == "number"
    message = refused(["1", "x"] * 50, kinds={"c": "number"})
    assert "holds numbers, but also 'x'" in message
    assert "holds text, not numbers: 'x'" in refused(
        ["x", "y"] * 50, kinds={"c": "number"}
    )


def test_numbers_stored_as_text_are_noted():
    (note,) = understand([str(i) for i in range(N)]).notes
    assert note.startswith("'c' holds numbers stored as text, taken as numbers")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drop": ["C"]}, "there is no column 'C'; did you mean 'c'?"),
        ({"drop": "c"}, "drop= takes a list of columns, such as ['c']"),
        ({"drop": ["kind"]}, "'kind' is the target; it cannot be dropped"),
        ({"kinds": {"q": "number"}}, "there is no column 'q'; the columns are"),
        ({"kinds": {"c": "text"}}, "not 'text' ('c')"),
        ({"kinds": {"c": "date d"}}, "'date d/m/y' or 'date m/d/y' of a column, not"),
        ({"kinds": {"c": "date"}}, "column 'c' holds numbers, not dates"),
        ({"kinds": {"c": "boolean"}}, "is to be true and false, but holds 0.5, 1.5"),
        ({"kinds": {"kind": "number"}}, "say what it is with task="),
        ({"task": "cluster"}, "not 'cluster'"),
        ({"drop": ["size", "c"]}, "predict 'kind' from: 'size' (as asked) and 'c'"),
    ],
)
def test_options_that_do_not_fit(options, message):
    assert message in refused(SIZE, **options)


# --- the target ---


def goal(values, **options):
    return infer_schema({"x": SIZE[: len(values)], "y": values}, "y", **options)


def refused_goal(values, **options):
    with pytest.raises(TableError) as error:
        goal(values, **options)
    return str(error.value)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"] * 5, "binary"),
        ([True, False] * 5, "binary"),
        ([0, 1] * 5, "binary"),
        ([0.0, 1.0, np.nan] * 5, "binary"),
        (["0", "1", "?"] * 5, "binary"),
        (["a", "b", "c"] * 5, "multiclass"),
        (list(range(10)) * 10, "multiclass"),
        ([str(i % 10) for i in range(N)], "multiclass"),
        (pd.Categorical([1, 2, 3] * 30), "multiclass"),
        (SIZE, "regression"),
        ([0.5, 1.0] * 5, "regression"),
        ([1.0, 2.0, 3.0] * 5, "regression"),
        (list(range(N)), "regression"),
        (list(range(10)), "regression"),
        ([str(i) for i in range(N)], "regression"),
    ],
)
def test_the_task(values, task):
    assert goal(values).task == task


def test_classes_are_in_order_with_their_counts():
    schema = goal(["b", "a", "b", None])
    assert schema.classes == (("a", 1), ("b", 2))
    assert schema.rows == 3
    assert schema.notes == ("1 row without a 'y' left out",)
    assert goal(SIZE).classes == ()


def test_whole_numbers_as_classes_are_noted():
    (note,) = goal(list(range(10)) * 10).notes
    assert "10 different whole numbers, taken as classes" in note
    assert "--task regression" in note
    assert goal(list(range(10)) * 10, task="regression").notes == ()


def test_the_task_can_be_said():
    assert goal([0, 1] * 5, task="regression").task == "regression"
    assert goal([True, False] * 5, task="regression").target.high == 1.0
    assert goal(["a", "b"] * 5, task="classification").task == "binary"
    assert goal(["a", "b", "c"], task="classification").task == "multiclass"
    assert goal(["a", "b"], task="multiclass").task == "multiclass"
    assert goal([0.5, 1.5] * 5, task="binary").classes == ((0.5, 5), (1.5, 5))


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([1] * 5, {}, "'y' is 1 in every row: there is nothing to learn"),
        (["a", "a", None], {}, "'y' is 'a' in every row"),
        ([None] * 5, {}, "'y' has no value in any row"),
        ([1], {}, "one row is not enough"),
        ([f"n{i}" for i in range(N)], {}, "100 different values in 100 rows, too many"),
        (SIZE, {"task": "classification"}, "for a number: task='regression'"),
        (SIZE, {"task": "multiclass"}, "100 different values in 100 rows, too many"),
        (["a", "b", "c"], {"task": "binary"}, "but 'y' has 3: a, b and c"),
        (["a", "b"], {"task": "regression"}, "holds text, not numbers: 'a' and 'b'"),
        (DAYS, {}, "column 'y' holds dates or times (date32[day])"),
        ([str(d) for d in DAYS], {}, "or take it as classes (task='classification'"),
        ([1.0, np.inf, 2.5], {}, "'y' is infinite in row 2"),
        ([1.0, np.inf] * 5, {}, "'y' is infinite in rows"),
        ([*map(str, range(99)), "abc"], {}, "but also 'abc' (row 100)"),
    ],
)
def test_targets_that_are_none(values, options, message):
    found = refused_goal(values, **options)
    assert message in found
    assert "drop" not in found


def test_a_target_that_is_not_there():
    table = {"diagnosis": ["a", "b"], "x": [1, 2]}
    with pytest.raises(TableError, match="'Diagnose'; did you mean 'diagnosis'"):
        infer_schema(table, "Diagnose")
    with pytest.raises(TableError, match=r"has only 'a b c'; .* name the delimiter"):
        infer_schema({"a b c": [1, 2]}, "c")
    with pytest.raises(TableError, match=r"no column is left to predict 'y' from$"):
        infer_schema({"y": [1, 2]}, "y")


def test_labelled_rows():
    table = read_table({"x": [1, 2, 3], "y": ["a", None, "b"]})
    assert labelled_rows(table, "y").to_pydict() == {"x": [1, 3], "y": ["a", "b"]}
    assert labelled_rows(table, "x") is table
    with pytest.raises(TableError, match="there is no column 'z'"):
        labelled_rows(table, "z")
