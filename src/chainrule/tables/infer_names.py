"""What the name of a column tells of the whole numbers in it."""

import re

__all__ = ["is_code", "is_identifier"]

_IDENTIFIER = re.compile(  # patient_id, PassengerId, pandas' unnamed index; not "acid"
    r"(?:^|.*[\s_.-])(?:id|index|uuid|rownames?|row_?number)$"
    r"|^unnamed: ?\d+$|^level_\d+$",
    re.IGNORECASE,
)
_CODE = re.compile(  # zip_code, store, product type, pclass; not "episode"
    r"(?:^|.*[\s_.-])(?:code|zip|zip_?code|post_?code|postal_?code|plz|fips|naics|sic|"
    r"type|kind|class|pclass|category|region|district|store|branch|dept|department)$",
    re.IGNORECASE,
)
_CAMEL_CODE = re.compile(r".*[a-z](Code|Zip|Type|Kind|Class|Category|Region|Store)$")
_CAMEL_IDENTIFIER = re.compile(r".*[a-z](Id|ID)$")


def is_identifier(name: str) -> bool:
    """Whether a column of this name tells rows apart, where its numbers differ.

    >>> is_identifier("patient_id"), is_identifier("acid")
    (True, False)
    """
    return bool(_IDENTIFIER.match(name) or _CAMEL_IDENTIFIER.match(name))


def is_code(name: str) -> bool:
    """Whether a column of this name holds codes rather than amounts.

    >>> is_code("zip_code"), is_code("episode")
    (True, False)
    """
    return bool(_CODE.match(name) or _CAMEL_CODE.match(name))
