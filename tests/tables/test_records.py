import json
from dataclasses import dataclass
from typing import Literal

import pytest

from chainrule.tables.records import from_plain, to_plain


@dataclass(frozen=True)
class Inner:
    kind: Literal["a", "b"]
    labels: tuple[str | int | float | bool, ...]


@dataclass(frozen=True)
class Outer:
    inner: Inner
    pairs: tuple[tuple[str, int], ...]
    size: float
    low: float | None
    flag: bool


RECORD = Outer(Inner("a", ("x", 1, 2.5, True)), (("p", 1), ("q", 2)), 0.1, None, True)


def test_records_survive_json_with_every_type():
    back = from_plain(Outer, json.loads(json.dumps(to_plain(RECORD))))
    assert back == RECORD
    assert [type(label) for label in back.inner.labels] == [str, int, float, bool]


def test_a_float_that_was_shortened_is_a_float():
    back = from_plain(Outer, {**to_plain(RECORD), "size": 1, "low": 2})
    assert (type(back.size), type(back.low)) == (float, float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": "x"}, "'x' stands where float belongs"),
        ({"size": float("nan")}, "nan stands where float"),
        ({"size": True}, "True stands where float"),
        ({"flag": 1}, "1 stands where bool"),
        ({"inner": []}, "stands where Inner belongs"),
        ({"inner": {"kind": "c", "labels": []}}, "'c' stands where"),
        ({"inner": {"kind": "a", "labels": [None]}}, "None stands where str"),
        ({"pairs": "xy"}, "'xy' stands where a list belongs"),
        ({"pairs": [["p"]]}, "argument 2 is longer|is shorter"),
        ({"more": 1}, "Outer lacks or does not know: more"),
    ],
)
def test_damaged_records_are_refused(change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        from_plain(Outer, {**to_plain(RECORD), **change})


def test_lacking_fields_are_named():
    with pytest.raises(ValueError, match="lacks or does not know: flag, low"):
        from_plain(Outer, {"inner": {}, "pairs": [], "size": 1.0})
