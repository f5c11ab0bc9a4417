import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.ir import TensorType, dtype_name, dtype_of

NAMES = ["bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64"]


@pytest.mark.parametrize("name", NAMES)
def test_names_and_dtypes_are_inverse(name):
    assert dtype_name(dtype_of(name)) == name


@pytest.mark.parametrize("dtype", ["longlong", "intc", "int", "ulong", float])
def test_every_name_that_numpy_has_for_a_dtype_is_known(dtype):
    assert dtype_of(dtype_name(np.dtype(dtype))) == np.dtype(dtype)


@pytest.mark.parametrize("dtype", ["float16", "complex128", "U3", "O", ">f4", "M8[s]"])
def test_dtypes_that_no_tensor_has(dtype):
    with pytest.raises(TypeError, match="are not supported, only bool, int8"):
        dtype_name(np.dtype(dtype))


def test_unknown_name():
    with pytest.raises(ValueError, match="unknown dtype 'f16'; known are bool, i8"):
        dtype_of("f16")


@given(
    shape=st.lists(st.integers(0, 10**12), max_size=5).map(tuple),
    name=st.sampled_from(NAMES),
)
def test_text_form_reads_back(shape, name):
    type_ = TensorType(shape, dtype_of(name))
    assert TensorType.parse(str(type_)) == type_


@pytest.mark.parametrize(
    "text", ["f32", "f32[", "f32[2", "f16[2]", "f32[a]", "[2]", ""]
)
def test_what_is_no_type(text):
    with pytest.raises(
        ValueError, match=r"is not a type|unknown dtype|invalid literal"
    ):
        TensorType.parse(text)


def test_rank_size_and_floating():
    matrix = TensorType((3, 4), dtype_of("f32"))
    assert (matrix.rank, matrix.size, matrix.is_floating) == (2, 12, True)
    scalar = TensorType((), dtype_of("i64"))
    assert (scalar.rank, scalar.size, scalar.is_floating) == (0, 1, False)
    assert TensorType((3, 0), dtype_of("f64")).size == 0


def test_type_of_an_array():
    assert str(TensorType.of(np.zeros((2, 3), np.float32))) == "f32[2,3]"
