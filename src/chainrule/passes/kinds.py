"""What operations are to a compiler, by their traits and what their access says."""

from typing import Literal, TypeAlias

from chainrule.ir import Operation, Value
from chainrule.ops.access import Access, Indexed, Letter, Range, Whole
from chainrule.ops.elementwise import Elementwise
from chainrule.ops.folds import Folds
from chainrule.passes.generalise import Samples, Size, times

# `map`: elementwise; `move`: elements moved; `generated`: made of coordinates; `few`: a
# sum at so few indices that each is compared; `fold`: one number of many; `product`: a
# fold of two; `scatter`: a sum at indices; `scan`: running folds; `order`: a sort.
OperationKind: TypeAlias = Literal[
    "leaf",
    "map",
    "move",
    "constant",
    "generated",
    "few",
    "fold",
    "product",
    "scatter",
    "scan",
    "order",
]

# Sums over so few indices are done by comparing each of them.
_FEW_INDICES = 4


def kind_of(samples: Samples, value: Value) -> OperationKind:
    """What an operation is, to a compiler, by its traits and its access."""
    operation = value.operation
    if operation is None:
        return "leaf"
    if isinstance(operation, Elementwise):
        return "map"
    if operation.moves:
        return "move"
    if hasattr(operation, "element"):
        return "generated"
    return _kind_by_access(samples, value, operation) if value.inputs else "constant"


def _kind_by_access(
    samples: Samples, value: Value, operation: Operation
) -> OperationKind:
    access = samples.access(value)
    if any(isinstance(term, Indexed) for term in access.output):
        return "few" if _few_indices(samples, value, access) else "scatter"
    terms = [term for read in access.inputs for term in read]
    if any(isinstance(term, Range) for term in terms):
        return "scan"
    if any(isinstance(term, Whole) for term in terms):
        return "order"
    if not isinstance(operation, Folds):
        raise TypeError(
            f"the operation {operation.name} says with access what it reads, but not "
            "what it makes of it: it has to be elementwise, move elements, or fold them"
        )
    product = len(value.inputs) == 2 and value.type.is_floating
    return "product" if product else "fold"


def _few_indices(samples: Samples, value: Value, access: Access) -> bool:
    """Whether an element of the output can be told by comparing a few indices."""
    shape = samples.shape(value.inputs[0])
    letters = {
        t.name: n
        for t, n in zip(access.inputs[0], shape, strict=True)
        if isinstance(t, Letter)
    }
    outer = {term.name for term in access.output if isinstance(term, Letter)}
    summed = [n for name, n in letters.items() if name not in outer]
    count = times(samples.one, *summed)
    indexed = sum(isinstance(term, Indexed) for term in access.output)
    return indexed == 1 and all(0 < n <= _FEW_INDICES for n in count)


def letters_of(samples: Samples, value: Value, access: Access) -> dict[str, Size]:
    """The size of every letter, those of the output first."""
    shapes = zip((access.output, *access.inputs), (value, *value.inputs), strict=True)
    sizes = {}
    for terms, x in shapes:
        for term, size in zip(terms, samples.shape(x), strict=True):
            if isinstance(term, Letter):
                sizes[term.name] = size
    summed = [n for n in sizes if Letter(n) not in access.output]
    last = [n for n in sizes if n not in summed]
    # The last letter of the output is the one along which vectors lie.
    order = [*last[:-1], *summed, *last[-1:]]
    return {name: sizes[name] for name in order}


def is_plain_product(access: Access) -> bool:
    """Whether an access is that of stacks of matrices: `sik,skj->sij`."""
    names = [
        [term.name for term in terms if isinstance(term, Letter)]
        for terms in (*access.inputs, access.output)
    ]
    a, b, y = names
    lengths = {len(a), len(b), len(y)}
    if len(lengths) != 1 or len(y) < 2:
        return False
    stack = y[:-2]
    i, j = y[-2:]
    k = a[-1]
    return a == [*stack, i, k] and b == [*stack, k, j] and k not in y
