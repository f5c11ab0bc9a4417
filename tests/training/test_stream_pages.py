"""Mapped files are in memory for as long as somebody reads them."""

from pathlib import Path

import numpy as np
import pytest

from chainrule.training.stream_pages import bring, forget

ENTRIES = 1 << 20
STATUS = Path("/proc/self/status")


@pytest.fixture
def file(tmp_path):
    """Four megabytes of numbers."""
    path = tmp_path / "numbers"
    np.arange(ENTRIES, dtype=np.float32).tofile(path)
    return path


def resident():
    """How many bytes of mapped files this process has in memory."""
    line = STATUS.read_text().split("RssFile:")[1]
    return int(line.split()[0]) * 1024


@pytest.mark.skipif(not STATUS.exists(), reason="Linux says what is in memory")
@pytest.mark.parametrize("mode", ["r", "r+"])
def test_what_is_forgotten_is_not_in_memory_until_it_is_read_again(file, mode):
    array = np.memmap(file, np.float32, mode)
    before = resident()
    bring(array)
    brought = resident()
    assert brought - before > 0.9 * array.nbytes
    forget(array[: ENTRIES // 2])
    assert 0.4 * array.nbytes < brought - resident() < 0.6 * array.nbytes
    forget(array[5:])
    assert brought - resident() > 0.9 * array.nbytes
    assert (array == np.arange(ENTRIES)).all()


def test_changes_are_not_forgotten(file):
    shared = np.memmap(file, np.float32, "r+")
    own = np.memmap(file, np.float32, "c")
    for array in (shared, own, np.asarray(own)[3:], own[3:]):
        array[10:20] = -1
        forget(array)
        assert (array[10:20] == -1).all()


def test_a_part_that_is_not_whole_lies_where_it_should(file):
    array = np.memmap(file, np.float32, "r", offset=12_300)
    for start, stop in ((0, 1), (1023, 5000), (len(array) - 3, len(array))):
        forget(array[start:stop])
        bring(array[start:stop])
    assert (array == np.arange(12_300 // 4, ENTRIES)).all()


@pytest.mark.parametrize(
    "array", [np.zeros(4), np.zeros((0, 3)), np.zeros((4, 4)).T, [1.0, 2.0]]
)
def test_other_arrays_are_left_alone(array):
    forget(array)
    if isinstance(array, np.ndarray) and array.flags.c_contiguous:
        bring(array)
