"""User metadata as the service keeps it: in headers, which are ASCII, with C# identifiers for keys."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from ..._core.metadata import MAX_METADATA_BYTES, checked_metadata
from ..._http.words import text_of, word

__all__ = ["FOLDER", "PREFIX", "WRITE_ID", "from_headers", "new_write_id", "to_stored", "with_write_id"]

PREFIX = "x-ms-meta-"
WRITE_ID = "rs_write_id"
"""Names the write that made a blob, so that a write whose answer was lost finds itself again (DECISIONS 25)."""

FOLDER = "hdi_isfolder"
"""Marks a directory: the service's own on accounts with a hierarchical namespace, Hadoop's on others."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def to_stored(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Return metadata as it is stored; ValueError for what the service can't keep.

    Values that are not ASCII go as RFC 2047 words.
    """
    stored = {}
    for key, value in (checked_metadata(metadata) or {}).items():
        if not _IDENTIFIER.fullmatch(key):
            raise ValueError(f"metadata key {key!r} is no C# identifier (letters, digits, '_'), which Azure asks for")
        if key.lower() in (WRITE_ID, FOLDER):
            raise ValueError(f"metadata key {key!r} has a meaning of its own")
        stored[key] = word(value)
    return stored


def from_headers(headers: Mapping[str, str]) -> tuple[dict[str, str], str | None]:
    """Return metadata as it was given, and our own entry apart from it."""
    found: dict[str, str] = {}
    write_id: str | None = None
    for name, value in headers.items():
        if not name.lower().startswith(PREFIX):
            continue
        key = name[len(PREFIX) :]
        if key.lower() == WRITE_ID:
            write_id = value
        elif key.lower() == FOLDER:
            continue
        else:
            found[key] = text_of(value)
    return found, write_id


def new_write_id() -> str:
    """Return 16 hexadecimal digits that no other write has."""
    return secrets.token_hex(8)


def with_write_id(stored: dict[str, str], write_id: str) -> dict[str, str]:
    """Return the metadata with our entry, or as it is if there is no room for its 27 bytes."""
    size = sum(len(key) + len(value) for key, value in stored.items())
    if size + len(WRITE_ID) + len(write_id) > MAX_METADATA_BYTES:
        return stored
    return {**stored, WRITE_ID: write_id}
