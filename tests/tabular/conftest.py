"""Tables to learn from, small enough that training takes a moment."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from chainrule.tables import Encoder

EXAMPLE = Path(__file__).parents[2] / "examples" / "breast_cancer.csv"


@pytest.fixture
def cancer():
    return EXAMPLE


@pytest.fixture
def houses():
    """A regression with a category and gaps: the price is nearly a sum."""
    rng = np.random.default_rng(0)
    size = rng.uniform(20, 200, 300)
    town = rng.choice(["Ulm", "Aachen", "Köln"], 300)
    extra = np.where(town == "Ulm", 50.0, np.where(town == "Köln", 90.0, 0.0))
    price = 2 * size + extra + rng.normal(0, 5, 300)
    age = rng.integers(0, 80, 300).astype(float)
    age[::9] = np.nan
    return pa.table(
        {
            "size": size,
            "town": town,
            "age": pa.array(age, from_pandas=True),
            "price": price,
        }
    )


@pytest.fixture
def flowers():
    """Three classes around three points."""
    rng = np.random.default_rng(1)
    kind = rng.choice(["iris", "rose", "tulip"], 240, p=[0.2, 0.5, 0.3])
    place = {"iris": (0, 0), "rose": (3, 0), "tulip": (0, 3)}
    centre = np.array([place[k] for k in kind])
    x, y = (centre + rng.normal(0, 0.7, (240, 2))).T
    return pa.table({"length": x, "width": y, "kind": kind})


@pytest.fixture
def flowers_csv(flowers, tmp_path):
    path = tmp_path / "flowers.csv"
    csv.write_csv(flowers, path)
    return path


@pytest.fixture
def encoded(monkeypatch):
    """How many rows each table had that was encoded."""
    counts = []
    encode = Encoder.encode

    def counting(self, rows):
        counts.append(rows.num_rows)
        return encode(self, rows)

    monkeypatch.setattr(Encoder, "encode", counting)
    return counts


@pytest.fixture
def houses_parquet(houses, tmp_path):
    path = tmp_path / "houses.parquet"
    parquet.write_table(houses, path)
    return path
