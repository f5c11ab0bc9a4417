"""Names that any language takes: ASCII letters, digits and underscores."""

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable

# Words of C99 and C++, and names that their headers or our files use.
_C_WORDS = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char class
    compl concept const const_cast consteval constexpr constinit continue decltype
    default delete do double dynamic_cast else enum explicit export extern false float
    for friend goto if inline int int64_t long main mutable namespace new noexcept not
    not_eq nullptr operator or or_eq private protected public register
    reinterpret_cast requires restrict return short signed size_t sizeof static
    static_assert static_cast struct switch template this thread_local throw true try
    typedef typeid typename union unsigned using virtual void volatile wchar_t while
    xor xor_eq
"""
_MATHS = """
    abs acos asin atan ceil cos div erf erfc exp expm1 fabs floor fmax fmin fmod gamma
    index isnan j0 j1 jn labs ldexp lgamma log log1p log2 pow remainder rint round
    signbit sin sqrt tan tanh tgamma trunc y0 y1 yn
"""
_OURS = """
    n np x y rows row i scratch math base64 predict record records predictions found
    table label labels index cell code codes numbers days column prediction
    probabilities sigmoid largest find NAN NULL INFINITY csv sys re datetime
"""
RESERVED = frozenset(
    [
        *(_C_WORDS + _MATHS + _OURS).split(),
        *keyword.kwlist,
        *keyword.softkwlist,
        *dir(builtins),
    ]
)

# Names of loops and of what they compute, in C.
_COUNTED = re.compile(r"[aijt]\d+")

# Letters that Unicode does not take apart into a letter and an accent.
_SPELT = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "đ": "d"}
    | {"ł": "l", "Ł": "L"}
)


def identifier(text: str, default: str = "column") -> str:
    """`text` as a name: accents are dropped, all that is no letter becomes `_`.

    >>> identifier("Größe (m²)"), identifier("2nd floor"), identifier("価格")
    ('Grosse_m2', 'column_2nd_floor', 'column')
    """
    plain = unicodedata.normalize("NFKD", text.translate(_SPELT))
    ascii_ = plain.encode("ascii", "ignore").decode()
    name = re.sub(r"[^0-9A-Za-z]+", "_", ascii_).strip("_")
    if not name:
        return default
    return f"{default}_{name}" if name[0].isdigit() else name


class Unique:
    """Names that nothing else has; a number is added to one that is taken."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._numbers: dict[str, int] = {}

    def fresh(self, name: str) -> str:
        """`name`, or with a number that makes it new."""
        found, number = name, self._numbers.get(name, 1)
        while found in self._taken:
            number += 1
            found = f"{name}_{number}"
        self._numbers[name] = number
        self._taken.add(found)
        return found


class Names(Unique):
    """Gives every thing a name of its own.

    >>> names = Names()
    >>> names.new("class"), names.new("a b"), names.new("a-b")
    ('class_', 'a_b', 'a_b_2')
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        super().__init__({*taken, *RESERVED})

    def new(self, text: str, default: str = "value") -> str:
        """A name for `text` that nothing else has."""
        wanted = identifier(text, default)
        if wanted in RESERVED or _COUNTED.fullmatch(wanted):
            wanted += "_"
        return self.fresh(wanted)

    def reserve(self, name: str) -> str:
        """Take `name` as it is."""
        self._taken.add(name)
        return name
