import re

import pyarrow as pa
import pytest

from chainrule.tables.text import (
    DATE,
    DECORATED,
    NUMBER,
    from_text,
    matches,
    parse_numbers,
    with_decimal_points,
)


def column(*cells):
    return pa.chunked_array([pa.array(cells, pa.large_string())])


def match(pattern, cell):
    found = matches(column(cell), pattern).to_pylist() == [True]
    assert found == bool(re.match(pattern, cell))  # RE2 and Python agree
    return found


NUMBERS = ["1", "-1", "+2.", ".5", "1e5", "1E-5", "007", "inf", "-Infinity"]
WORDS = ["", "1_000", "0x1F", "1 2", "1,5", "e5", ".", "--1", "abc", "1.2.3", "nan"]


def test_numbers():
    assert [cell for cell in NUMBERS if not match(NUMBER, cell)] == []
    assert [cell for cell in WORDS if match(NUMBER, cell)] == []


@pytest.mark.parametrize("cell", NUMBERS)
def test_what_looks_like_a_number_is_read_as_one(cell):
    assert parse_numbers(column(cell)).to_pylist() == [float(cell)]


@pytest.mark.parametrize("cell", WORDS)
def test_words_are_no_numbers(cell):
    assert parse_numbers(column("1", cell)) is None


def test_whole_numbers_stay_whole_and_exact():
    numbers = parse_numbers(column("9007199254740993", "+2", None))
    assert numbers.to_pylist() == [9007199254740993, 2, None]
    assert parse_numbers(column("9223372036854775808")).to_pylist() == [2.0**63]


@pytest.mark.parametrize(
    "cell",
    [
        *("2024-01-31", "2024/1/3", "2024.12.31", "2024-01", "31/12/2024", "1/31/24"),
        *("1-2-2024", "31.1.2024", "Jan 31, 2024", "31 January 2024", "31-Jan-2024"),
        *("Wed, 31 Jan 2024", "2024-01-31 12:30", "2024-01-31T12:30:00.5Z", "May 2024"),
        *("2024-01-31 12:30:00+01:00", "12:30", "12:30:59", "3:05 pm"),
    ],
)
def test_dates_and_times(cell):
    assert match(DATE, cell)


@pytest.mark.parametrize(
    "cell",
    [
        "2024",
        "2024-13-01",
        "1.10.12",
        "10.0.0.1",
        "12/34",
        "Mar",
        "a-b-c",
        "1-2",
        "20-29",
    ],
)
def test_what_only_resembles_a_date(cell):
    assert not match(DATE, cell)


def test_numbers_with_signs():
    signed = ["$1,234.50", "12 %", "1,234", "3,14", "1.234,5", "€ 5", "12%", "-$3"]
    assert [cell for cell in signed if not match(DECORATED, cell)] == []
    others = ["1.2.3", "10.0.0.1", "A1", "5kg", "$", "12/3"]
    assert [cell for cell in others if match(DECORATED, cell)] == []


def test_decimal_commas_only_where_all_cells_agree():
    assert with_decimal_points(column("1,5", None)).to_pylist() == ["1.5", None]
    assert with_decimal_points(column("1,5", "1.5")).to_pylist() == ["1,5", "1.5"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("TRUE", None, "false"), [True, None, False]),
        (("true", "maybe"), ["true", "maybe"]),
        (("maybe", "true"), ["maybe", "true"]),
        ((None, "1", "2"), [None, 1, 2]),
        (("1", "2.5"), [1.0, 2.5]),
        (("1", "x"), ["1", "x"]),
        ((None, None), [None, None]),
    ],
)
def test_the_type_that_all_cells_agree_on(cells, expected):
    found = from_text(column(*cells)).to_pylist()
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]
