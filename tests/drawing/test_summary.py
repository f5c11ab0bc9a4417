import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chainrule.drawing import summarise
from chainrule.drawing.summary import downsample


def test_few_elements_are_shown_in_rows():
    summary = summarise(np.arange(6.0).reshape(3, 2))
    assert summary.rows == (("0", "1"), ("2", "3"), ("4", "5"))
    assert str(summary) == "[[0, 1], [2, 3], [4, 5]]"


def test_a_scalar_has_no_brackets():
    assert str(summarise(np.asarray(2.5))) == "2.5"


def test_more_elements_are_summed_up():
    summary = summarise(np.linspace(-1, 3, 101))
    assert str(summary) == "-1 … 1 … 3"
    assert summary.describe() == "(101,), min -1, mean 1, max 3"


def test_equal_elements_are_said_once():
    assert str(summarise(np.full((4, 4), 0.25))) == "all 0.25"


def test_a_few_equal_elements_are_shown():
    assert str(summarise(np.zeros(2))) == "[0, 0]"


def test_rounding_noise_beside_a_number_is_nought():
    assert str(summarise(np.array([0.3, 1e-17, -1e-18]))) == "[0.3, 0, 0]"


def test_a_number_that_is_small_by_itself_stays():
    assert str(summarise(np.array([1e-17, 2e-17]))) == "[1e-17, 2e-17]"


def test_a_number_beside_a_huge_one_stays():
    assert str(summarise(np.array([1e20, 1]))) == "[1e20, 1]"


def test_single_precision_has_more_noise():
    assert str(summarise(np.array([1, 3e-8], np.float32))) == "[1, 0]"
    assert str(summarise(np.array([1, 3e-8]))) == "[1, 3e-8]"


def test_a_mean_that_rounding_has_left_is_nought():
    array = np.linspace(-1, 1, 99)
    assert summarise(array).mean == 0.0


def test_integers_and_booleans_are_themselves():
    assert str(summarise(np.array([3, -1]))) == "[3, -1]"
    assert str(summarise(np.array([True, False]))) == "[True, False]"
    assert str(summarise(np.array([-128, 127], np.int8))) == "[-128, 127]"


def test_what_is_not_finite_is_counted():
    array = np.arange(10.0)
    array[[1, 2, 5]] = np.nan, np.inf, -np.inf
    summary = summarise(array)
    assert summary.alarm == "1 NaN, 2 inf"
    assert str(summary) == "0 … 5.286 … 9 ! 1 NaN, 2 inf"


def test_nothing_finite_has_no_span():
    array = np.array([np.nan, np.inf] * 5)
    assert str(summarise(array)) == "nothing finite ! 5 NaN, 5 inf"


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
def test_an_array_without_elements_is_empty(shape):
    assert str(summarise(np.zeros(shape))) == "empty"


def test_a_short_form_keeps_the_alarm():
    array = np.linspace(-1, 1, 100)
    array[3] = np.nan
    assert summarise(array).short(5) == "-1 … 1 ! 1 NaN"


@given(
    hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=40),
        elements=st.floats(-1e6, 1e6),
    )
)
def test_a_heat_map_is_small_and_within_the_values(matrix):
    cells = np.array(downsample(matrix, 16, 16))
    assert cells.shape == tuple(np.minimum(matrix.shape, 16))
    assert cells.min() >= matrix.min() - 1e-3
    assert cells.max() <= matrix.max() + 1e-3


def test_a_heat_map_shows_the_means_of_blocks():
    matrix = np.arange(16.0).reshape(4, 4)
    assert downsample(matrix, 2, 2) == ((2.5, 4.5), (10.5, 12.5))


def test_a_small_heat_map_is_the_matrix():
    matrix = np.arange(6.0).reshape(2, 3)
    assert downsample(matrix, 16, 16) == ((0, 1, 2), (3, 4, 5))


def test_nan_and_infinity_show_in_the_heat_map():
    matrix = np.zeros((32, 32))
    matrix[0, 0], matrix[31, 31], matrix[31, 30] = np.nan, np.inf, -np.inf
    cells = np.array(downsample(matrix, 16, 16))
    assert np.argwhere(~np.isfinite(cells)).tolist() == [[0, 0], [15, 15]]
