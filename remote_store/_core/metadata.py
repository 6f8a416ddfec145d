"""User metadata: what may be stored beside an object (CONTRACT 47)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["MAX_METADATA_BYTES", "checked_metadata"]

MAX_METADATA_BYTES = 2048
"""Bytes of all keys and UTF-8 values together: S3's limit, and the smallest of the services'."""


def checked_metadata(metadata: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return a copy of `metadata`, None for None.

    Keys are ASCII, without blanks and control characters, don't start with an underscore, and differ in more than
    their case (services keep keys in lower case). Values are str without control characters, which would end a
    header. Raises ValueError for what breaks these rules or is over 2048 bytes; TypeError for no mapping.
    """
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata must be a mapping of str to str, not {type(metadata).__name__}")
    checked = dict(metadata)
    size = 0
    for key, value in checked.items():
        _check_key(key)
        size += len(key) + _value_size(key, value)
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"metadata has {size} bytes of keys and values; {MAX_METADATA_BYTES} are the most")
    if len({key.lower() for key in checked}) < len(checked):
        raise ValueError(f"metadata keys must differ in more than their case: {sorted(checked)}")
    return checked


def _check_key(key: Any) -> None:
    if not isinstance(key, str):
        raise ValueError(f"metadata keys must be str, not {type(key).__name__}")
    if not key:
        raise ValueError("metadata keys must not be empty")
    if key.startswith("_"):
        raise ValueError(f"metadata key {key!r} must not start with an underscore")
    if not key.isascii():
        raise ValueError(f"metadata key {key!r} must be ASCII")
    if " " in key or not key.isprintable():
        raise ValueError(f"metadata key {key!r} must not have blanks or control characters")


def _value_size(key: str, value: Any) -> int:
    """Return the bytes that a value takes, or raise ValueError for one that can't be stored."""
    if not isinstance(value, str):
        raise ValueError(f"metadata values must be str; that of {key!r} is {type(value).__name__}")
    if any(character < " " or character == "\x7f" for character in value):
        raise ValueError(f"the metadata value of {key!r} must not have control characters such as line breaks")
    try:
        return len(value.encode("utf-8"))
    except UnicodeEncodeError:
        raise ValueError(f"the metadata value of {key!r} has a lone surrogate, which is no text") from None
