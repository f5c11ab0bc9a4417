"""`check_operation` finds each kind of fault, and says what it is."""

from dataclasses import dataclass

import numpy as np
import pytest

from chainrule.ir import Operation, TensorType
from chainrule.ops import Multiply, Sin, Sum, cast, cos, multiply
from chainrule.ops.elementwise import REAL, REALS, Elementwise
from chainrule.testing import CheckError, NumpyBuilder, check_operation

pytestmark = pytest.mark.usefixtures("fresh_registry")


def faulty(base, **members):
    """A frozen dataclass like `base`, but for some members."""
    members.setdefault("__module__", __name__)
    return dataclass(frozen=True)(type("Faulty", (base,), members))


def refuses(operation, message):
    with pytest.raises(CheckError, match=message):
        check_operation(operation)


def test_a_right_operation_passes():
    check_operation(faulty(Sin))
    check_operation(faulty(Sum, __annotations__={"axes": tuple[int, ...]}))


def test_check_error_is_an_assertion_error_and_names_operation_and_sample():
    wrong = faulty(Sin, forward=lambda self, x: np.cos(x))
    with pytest.raises(AssertionError, match=r"faulty of \(f64\[\]\): .*"):
        check_operation(wrong)


def test_wrong_dtype():
    wrong = faulty(Sin, forward=lambda self, x: np.sin(x).astype(np.float64))
    refuses(wrong, r"of \(f32\[\]\), type says f32\[\] and forward gives f64\[\]")


def test_wrong_shape():
    wrong = faulty(Sin, forward=lambda self, x: np.sin(x).reshape(-1))
    refuses(wrong, r"type says f32\[\] and forward gives f32\[1\]")


def test_forward_that_writes_to_its_input():
    def forward(self, x):
        x *= 1.5
        return np.sin(x)

    refuses(faulty(Sin, forward=forward), "forward changed its input")


def test_forward_that_gives_something_else_each_time():
    calls = iter(range(10**6))
    wrong = faulty(Sin, forward=lambda self, x: np.sin(x) + next(calls))
    refuses(wrong, "forward, called a second time gives")


def test_attributes_that_have_no_text():
    class Odd:
        def __repr__(self):
            return "Odd()"

    @dataclass(frozen=True)
    class Faulty(Sin):
        odd: object = None

        @classmethod
        def instances(cls):
            yield cls(Odd())

    with pytest.raises((CheckError, ValueError), match="Odd"):
        check_operation(Faulty)


def test_attributes_whose_text_means_something_else():
    class Odd(float):
        def __repr__(self):
            return "1.00"

    @dataclass(frozen=True)
    class Faulty(Sin):
        odd: float = 1.0

        @classmethod
        def instances(cls):
            yield cls(Odd())

    refuses(Faulty, r"(?s)its text form\n.*odd=1.00.*reads back as\n.*odd=1.0\)")


def test_simplify_that_is_wrong():
    wrong = faulty(Multiply, simplify=lambda self, a, b: a)
    refuses(wrong, "after simplify")


def test_simplify_that_is_wrong_for_a_constant_only():
    wrong = faulty(
        Multiply,
        simplify=lambda self, a, b: a if str(b.operation).startswith("broad") else None,
    )
    refuses(wrong, "after simplify")


def test_simplify_that_is_wrong_for_two_in_a_row():
    def simplify(self, x):
        return x.inputs[0] if isinstance(x.operation, type(self)) else None

    refuses(faulty(Sin, simplify=simplify), "after simplify")


def test_simplify_to_another_type():
    wrong = faulty(Sin, simplify=lambda self, x: cast(x, np.dtype(np.float32)))
    refuses(wrong, r"(?s)after simplify.*gives f32\[\], not f64\[\]")


def test_wrong_gradient():
    wrong = faulty(Sin, vjp=lambda self, dy, y, x: (multiply(dy, y),))
    refuses(wrong, "derivative of order 1 .* by the chain rule and .* by finite")


def test_a_gradient_of_none_where_there_is_one():
    refuses(faulty(Sin, vjp=lambda self, dy, y, x: (None,)), "order 1 .* is 0 by the")


def test_gradient_that_is_right_but_cannot_be_differentiated():
    @dataclass(frozen=True)
    class Slope(Elementwise):
        kinds = REAL

        def forward(self, *inputs):
            return np.cos(*inputs)

        def scalar(self, builder, *inputs):
            return builder.cos(*inputs)

    wrong = faulty(Sin, vjp=lambda self, dy, y, x: (multiply(dy, Slope()(x)),))
    refuses(wrong, "derivative of order 2")


def test_gradient_of_the_wrong_type():
    def vjp(self, dy, y, x):
        return (Sum(tuple(range(dy.type.rank)))(multiply(dy, cos(x))),)

    refuses(faulty(Sin, vjp=vjp), r"the gradient of an input of type .* is f64\[\]")


def test_float32_that_loses_digits():
    def forward(self, x):
        return np.sin(x) if x.dtype == np.float64 else (np.sin(x) + 100) - 100

    refuses(faulty(Sin, forward=forward), "in float32 gives")


def test_scalar_rule_that_differs():
    wrong = faulty(Sin, scalar=lambda self, builder, x: builder.cos(x))
    refuses(wrong, r"at \(.*\) scalar gives .* and forward")


def test_scalar_rule_that_swallows_nan():
    def scalar(self, builder, x):
        zero = builder.constant(0, x)
        return builder.select(builder.less(zero, x), x, zero)

    wrong = faulty(Operation.registry["relu"], scalar=scalar)
    refuses(wrong, r"at \(np.float64\(nan\),\) scalar gives .* and forward")


def test_scalar_rule_that_overflows():
    def scalar(self, builder, x):
        e = builder.exp(x)
        return builder.divide(e, builder.add(builder.constant(1, x), e))

    from_ops = Operation.registry["sigmoid"]
    refuses(faulty(from_ops, scalar=scalar), "scalar gives np.float32.nan.|float64.nan")


def test_scalar_rule_of_another_dtype():
    def scalar(self, builder, x):
        return builder.cast(builder.sin(x), np.dtype(np.float32))

    refuses(faulty(Sin, scalar=scalar), "scalar gives float32, forward float64")


def test_integers_that_an_operation_says_it_takes():
    wrong = faulty(
        Multiply,
        kinds="biuf",
        domain=(REALS, REALS),
        forward=lambda self, a, b: (
            np.multiply(a, b) * np.int64(1) if a.dtype == bool else np.multiply(a, b)
        ),
    )
    refuses(wrong, r"type says bool\[\] and forward gives i64\[\]")


def test_access_that_says_too_little():
    wrong = faulty(
        Sum,
        __annotations__={"axes": tuple[int, ...]},
        access=lambda self, x: f"{'ijk'[: x.rank]}->{'ijk'[: x.rank - len(self.axes)]}",
        samples=classmethod(
            lambda cls, rng: iter([(cls((0,)), (rng.normal(size=(3, 3)),))])
        ),
    )
    refuses(wrong, "changes element .* of the output, which its access ij->i does not")


def test_elementwise_that_is_not():
    def forward(self, x):
        return np.sin(x) + (1e-9 * x.flat[-1] if x.size > 1 else 0)

    wrong = faulty(Sin, forward=forward)
    refuses(
        wrong, r"element 4 of input 0 changes element 0 .* \(elementwise\) does not"
    )


def test_an_operation_may_refuse_float32():
    def result(self, dtype):
        if dtype != np.float64:
            raise TypeError("only float64")
        return dtype

    check_operation(faulty(Sin, result=result))


def test_samples_without_an_empty_tensor():
    def samples(cls, rng):
        yield cls(), (rng.normal(size=(3,)),)

    refuses(
        faulty(Sin, samples=classmethod(samples)),
        "faulty needs a sample without elements, and one with one",
    )


def test_operation_that_states_no_access():
    @dataclass(frozen=True)
    class Faulty(Operation):
        def type(self, *inputs):
            if inputs[0].dtype.kind == "b":
                raise TypeError("numbers only")
            return inputs[0]

        def forward(self, *inputs):
            return np.positive(*inputs)

        def vjp(self, dy, y, *inputs):
            return (dy,)

        @classmethod
        def samples(cls, rng):
            yield cls(), (rng.normal(size=(3,)),)

    with pytest.raises(NotImplementedError, match="Faulty does not state its access"):
        check_operation(Faulty)


def test_operation_without_samples():
    @dataclass(frozen=True)
    class Faulty(Operation):
        def type(self, *inputs):
            return TensorType((), np.dtype(np.float64))

        def forward(self, *inputs):
            return np.zeros(())

    with pytest.raises(NotImplementedError, match="Faulty gives no samples"):
        check_operation(Faulty)


def test_an_operation_may_stop_gradients_only_if_it_says_so():
    detach = Operation.registry["detach"]
    check_operation(detach)
    refuses(faulty(detach, stops_gradient=False), "is 0 by the chain rule and")


def test_machine_code_that_is_another_function():
    def scalar(self, builder, x):
        numpy = isinstance(builder, NumpyBuilder)
        return builder.sin(x) if numpy else builder.cos(x)

    refuses(faulty(Sin, scalar=scalar), r"at \(.*\) compiled gives .*, forward")
