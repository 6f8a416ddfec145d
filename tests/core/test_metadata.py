"""User metadata: the rules that every store and backend shares."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from remote_store._core.metadata import MAX_METADATA_BYTES, checked_metadata


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ({1: "v"}, "str"),
        ({"k": 1}, "str"),
        ({"k": None}, "str"),
        ({"k": b"v"}, "str"),
        ({"": "v"}, "empty"),
        ({"_k": "v"}, "underscore"),
        ({"ключ": "v"}, "ASCII"),
        ({"k" * 1024: "v" * 1025}, "2048"),
        ({"k": "é" * 1024}, "2048"),
        ({"k": "a\r\nx-amz-acl: public-read"}, "control"),
        ({"k": "a\nb"}, "control"),
        ({"k": "a\0"}, "control"),
        ({"k": "\x7f"}, "control"),
        ({"k\r\n": "v"}, "control"),
        ({"a b": "v"}, "blanks"),
        ({"k": "\udc80"}, "surrogate"),
        ({"Key": "1", "kEY": "2"}, "case"),
    ],
)
def test_what_is_not_allowed_is_a_value_error(metadata: dict[Any, Any], text: str) -> None:
    """CONTRACT 47, RELIABILITY metadata: the text says which rule is broken."""
    with pytest.raises(ValueError, match=text):
        checked_metadata(metadata)


@pytest.mark.parametrize("metadata", ["k=v", [("k", "v")], 3])
def test_what_is_no_mapping_is_a_type_error(metadata: Any) -> None:
    """Pairs are no mapping: nothing is guessed."""
    with pytest.raises(TypeError, match="mapping"):
        checked_metadata(metadata)


def test_exactly_2048_bytes_pass() -> None:
    """CONTRACT 47: keys and UTF-8 values together."""
    metadata = {"k" * 24: "é" * 1000, "n": "x" * (MAX_METADATA_BYTES - 2025)}
    assert checked_metadata(metadata) == metadata


def test_none_and_nothing_are_fine() -> None:
    """CONTRACT 47: `None` and `{}` always are."""
    assert checked_metadata(None) is None
    assert checked_metadata({}) == {}


def test_a_copy_is_returned() -> None:
    """The caller's mapping, of whatever kind, is not kept."""
    given = {"x-amz-k": "a: b; ü", "K2": ""}
    checked = checked_metadata(MappingProxyType(given))
    assert checked == given
    assert checked is not given
