"""User metadata as S3 keeps it: in headers, which are ASCII, of 2 KiB, with keys in lower case."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from ..._core.metadata import MAX_METADATA_BYTES, checked_metadata
from ..._http.words import text_of, word

__all__ = ["WRITE_ID", "from_headers", "new_write_id", "to_headers", "with_write_id"]

WRITE_ID = "rs-write-id"
"""Names the write that made an object, so that a write whose answer was lost finds itself again (DECISIONS 25)."""

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def to_headers(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Return metadata as it is stored; ValueError for what S3 can't keep.

    Values that are not ASCII go as RFC 2047 words, in which AWS gives such values back too.
    """
    checked = checked_metadata(metadata) or {}
    stored = {}
    for key, value in checked.items():
        if not _TOKEN.fullmatch(key):
            raise ValueError(f"metadata key {key!r} has characters that no header name can have")
        if key.lower() == WRITE_ID:
            raise ValueError(f"metadata key {key!r} is used by the library itself")
        stored[key] = word(value)
    return stored


def from_headers(stored: Mapping[str, str] | None) -> dict[str, str]:
    """Return metadata as it was given, without our own entry."""
    return {key: text_of(value) for key, value in (stored or {}).items() if key.lower() != WRITE_ID}


def new_write_id() -> str:
    """Return 16 hexadecimal digits that no other write has."""
    return secrets.token_hex(8)


def with_write_id(stored: dict[str, str], write_id: str) -> dict[str, str]:
    """Return the metadata with our entry, or as it is if there is no room for its 27 bytes."""
    size = sum(len(key) + len(value) for key, value in stored.items())
    if size + len(WRITE_ID) + len(write_id) > MAX_METADATA_BYTES:
        return stored
    return {**stored, WRITE_ID: write_id}
