import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from chainrule.tables import MISSING
from chainrule.tables.arrow import tidy

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data_folder():
    """Give the folder of public tables, or skip where there is none."""
    folder = Path(os.environ.get("CHAINRULE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}; CHAINRULE_DATA may name another")
    return folder


@pytest.fixture(scope="session")
def column():
    """Give a function that makes of values a column, as tables hold it."""

    def made(*values, kind=None):
        return tidy(pa.chunked_array([pa.array(values, kind)]), MISSING)

    return made


@pytest.fixture(scope="session")
def encode(column):
    """Give a function that says what a fitted column makes of values."""

    def encoded(fitted, *values):
        values = column(*values)
        X = np.full((len(values), len(fitted.inputs)), np.nan, np.float32)
        findings = [str(finding) for finding in fitted.encode(values, X)]
        return X.tolist(), findings

    return encoded
