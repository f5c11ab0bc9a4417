"""Dates and times, as such and as text."""

import datetime as dt

import pytest

N = 100
DAYS = [dt.date(2024, 1, i % 28 + 1) for i in range(N)]


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
def test_how_dates_are_written(understood, write, written):
    days = [day.replace(month=i % 12 + 1) for i, day in enumerate(DAYS)]
    found = understood([write.format(day) for day in days])
    assert (found.kind, found.written) == ("date", written)
    assert found.choice == f"date {written}"


def test_day_and_month_in_doubt_are_asked_for(understood, refused):
    days = [f"{i % 12 + 1}/{i % 7 + 1}/2024" for i in range(N)]
    message = refused(days)
    assert "where day and month could be either" in message
    assert "kinds={'c': 'date d/m/y'} or 'date m/d/y'" in message
    found = understood(days, kinds={"c": "date m/d/y"})
    assert (found.kind, found.written) == ("date", "m/d/y")


@pytest.mark.parametrize(
    ("spoilt", "where"),
    [(["unknown"] * 5, "rows 96, 97, 98, 99 and 100"), (["2023-02-29"], "row 100")],
)
def test_what_is_no_date_among_dates_is_named(understood, refused, spoilt, where):
    values = [str(day) for day in DAYS[: N - len(spoilt)]] + spoilt
    message = refused(values)
    assert f"holds dates (iso), but also {spoilt[0]!r} ({where}); correct" in message
    assert understood(values, drop=["c"]).kind == "dropped"
    assert understood(values, kinds={"c": "category"}).kind == "category"


def test_dates_with_years_of_two_digits_are_refused_with_advice(refused):
    message = refused([f"{day:%d/%m/%y}" for day in DAYS])
    assert message.startswith("column 'c' holds dates or times, such as '01/01/24'")
    assert "drop it (drop=['c'], or --drop c)" in message
    assert "the year, the month, or the days since" in message


def test_dates_are_no_numbers(refused):
    assert "which are no number" in refused(DAYS, kinds={"c": "number"})
    message = refused(["a", "b"] * 50, kinds={"c": "date"})
    assert "holds text, not dates, such as 'a'" in message


def test_dates_may_be_categories(understood):
    days = [str(day) for day in DAYS]
    assert understood(days, kinds={"c": "category"}).kind == "category"
