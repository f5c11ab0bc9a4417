import datetime as dt

import numpy as np
import pandas as pd
import pytest

from chainrule.tables import TableError
from chainrule.tables.dates import DateColumn

DAYS = [dt.date(2023, 1, 1) + dt.timedelta(11 * i) for i in range(100)]


def values_of(encode, fitted, *values):
    X, findings = encode(fitted, *values)
    names = fitted.inputs
    return [dict(zip(names, row, strict=True)) for row in X], findings


def test_a_date_is_a_place_in_time_and_in_the_calendar(column, encode):
    fitted = DateColumn.fit("d", column(*DAYS), "iso")
    assert fitted.inputs == (
        *("d (time)", "d (year)"),
        *("d (month, sin)", "d (month, cos)"),
        *("d (day, sin)", "d (day, cos)"),
        *("d (weekday, sin)", "d (weekday, cos)"),
    )
    (april,), findings = values_of(encode, fitted, dt.date(2024, 4, 1))  # a Monday
    assert findings == []
    assert april["d (month, sin)"] == pytest.approx(1)
    assert april["d (month, cos)"] == pytest.approx(0, abs=1e-6)
    assert (april["d (day, sin)"], april["d (day, cos)"]) == (0, 1)
    assert (april["d (weekday, sin)"], april["d (weekday, cos)"]) == (0, 1)
    days = np.array([(day - dt.date(1970, 1, 1)).days for day in DAYS])
    passed = (dt.date(2024, 4, 1) - dt.date(1970, 1, 1)).days
    assert april["d (time)"] == pytest.approx((passed - days.mean()) / days.std())
    years = np.array([day.year for day in DAYS])
    assert april["d (year)"] == pytest.approx((2024 - years.mean()) / years.std())


def test_december_is_next_to_january(column, encode):
    fitted = DateColumn.fit("d", column(*DAYS), "iso")
    months = [dt.date(2024, month, 1) for month in (12, 1, 6)]
    X = np.array(encode(fitted, *months)[0])[:, 2:4]
    assert np.linalg.norm(X[0] - X[1]) < 0.6
    assert np.linalg.norm(X[1] - X[2]) > 1.8


def test_an_hour_has_minutes_and_parts_that_never_differ_are_left_out(column, encode):
    moments = [dt.datetime(2024, 1, 1, hour, 30) for hour in range(24)]  # noqa: DTZ001
    fitted = DateColumn.fit("t", column(*moments), "iso")
    assert fitted.inputs == ("t (time)", "t (hour, sin)", "t (hour, cos)")
    (row,), _ = values_of(encode, fitted, dt.datetime(2024, 1, 1, 6, 0))  # noqa: DTZ001
    assert row["t (hour, sin)"] == pytest.approx(1)


def test_a_time_of_the_day_is_an_hour_only(column, encode):
    clock = DateColumn.fit("t", column(dt.time(6), dt.time(18, 30)), "clock")
    text = DateColumn.fit("t", column("6:00", "6:30 pm"), "clock")
    assert clock == text
    assert clock.inputs == ("t (hour, sin)", "t (hour, cos)")
    assert encode(clock, dt.time(12))[0] == encode(text, "12:00")[0]
    with pytest.raises(
        TableError, match="held times in training, but now holds date32"
    ):
        encode(clock, dt.date(2024, 1, 1))


def test_the_same_moments_from_anywhere(column, encode):
    zone = dt.timezone(dt.timedelta(hours=2))
    aware = [dt.datetime(2024, 1, i + 1, 3, tzinfo=zone) for i in range(9)]
    naive = [moment.astimezone(dt.UTC).replace(tzinfo=None) for moment in aware]
    fitted = DateColumn.fit("t", column(*naive), "iso")
    expected = encode(fitted, *naive)[0]
    for moments in (
        aware,
        [moment.isoformat() for moment in aware],
        pd.Series(naive).astype("datetime64[ns]"),
        pd.Series(aware),
    ):
        assert encode(fitted, *moments)[0] == expected
        assert DateColumn.fit("t", column(*moments), "iso") == fitted


def test_a_missing_date_is_the_middle_of_everything(column, encode):
    fitted = DateColumn.fit("d", column(*DAYS, None), "iso")
    assert fitted.inputs[-1] == "d is missing"
    assert encode(fitted, None, DAYS[0])[0][0] == [0] * 8 + [1]
    unflagged = DateColumn.fit("d", column(*DAYS), "iso")
    X, findings = encode(unflagged, None, DAYS[0])
    assert X[0] == [0] * 8
    assert findings == [
        "column 'd': missing in row 1; the middle of the training rows stands for it"
    ]
    assert encode(unflagged, None)[0] == [[0] * 8]


def test_what_is_no_date_any_more_is_refused(column, encode):
    fitted = DateColumn.fit("d", column(*map(str, DAYS)), "iso")
    with pytest.raises(TableError, match=r"now holds 'soon' and '2024-02-30' \(rows 2"):
        encode(fitted, "2024-01-01", "soon", "2024-02-30")
    with pytest.raises(TableError, match="held dates in training, but now holds int64"):
        encode(fitted, 5)
