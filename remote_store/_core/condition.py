"""Write conditions: when a write may take a key (RFC 9110, section 13.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

__all__ = ["ALWAYS", "IF_ABSENT", "Condition", "IfMatch", "condition_of"]


class _Plain(Enum):
    ALWAYS = "always"
    IF_ABSENT = "if-absent"


ALWAYS: Final = _Plain.ALWAYS
"""Replace whatever is there."""
IF_ABSENT: Final = _Plain.IF_ABSENT
"""Only where nothing is (``If-None-Match: *``, O_EXCL)."""


@dataclass(frozen=True, slots=True)
class IfMatch:
    """Only in place of the object that has this etag (``If-Match``)."""

    etag: str


Condition: TypeAlias = _Plain | IfMatch


def condition_of(overwrite: bool, if_match: str | None) -> Condition:
    """Return the condition that the two public arguments ask for; an `if_match` wins over `overwrite`.

    Raises TypeError for an etag that is no str and ValueError for an empty one: an empty etag matches nothing,
    and is nearly always one that a backend did not give.
    """
    if if_match is None:
        return ALWAYS if overwrite else IF_ABSENT
    if not isinstance(if_match, str):
        raise TypeError(f"if_match must be a str (an etag), not {type(if_match).__name__}")
    if not if_match:
        raise ValueError("if_match must not be empty; pass the etag of a WriteResult or FileInfo")
    return IfMatch(if_match)
