"""RELIABILITY "Bad inputs": metadata. Checked before anything else, and before any I/O (CONTRACT 47)."""

from __future__ import annotations

from typing import Any

import pytest

from remote_store._core.errors import CapabilityNotSupported
from tests.badinput.faces import Face, refusal

REFUSED: dict[str, tuple[Any, str]] = {
    "key is no str": ({5: "x"}, "str"),
    "value is no str": ({"a": 5}, "str"),
    "value is None": ({"a": None}, "str"),
    "value is bytes": ({"a": b"x"}, "str"),
    "empty key": ({"": "x"}, "empty"),
    "leading underscore": ({"_a": "x"}, "underscore"),
    "key beyond ASCII": ({"é": "x"}, "ASCII"),
    "blank in a key": ({"b c": "2"}, "b c"),
    "twins by case": ({"A": "1", "a": "2"}, "case"),
    "one byte too many": ({"a": "x" * 2048}, "2048"),
    "one byte too many in all": ({"a": "x" * 1000, "b": "x" * 1047}, "2048"),
    "one byte too many in UTF-8": ({"a": "é" * 1024}, "2048"),
}


@pytest.mark.parametrize(("metadata", "text"), REFUSED.values(), ids=REFUSED)
def test_metadata_that_is_not_allowed_is_refused(face: Face, metadata: Any, text: str) -> None:
    """CONTRACT 47: ValueError that says why, also where metadata can't be kept; nothing is written."""
    before = face.content()
    for method, content in (("write", b"x"), ("write_atomic", b"x"), ("write_text", "x")):
        error = refusal(lambda: face.do(method, "f", content, overwrite=True, metadata=metadata))  # noqa: B023
        assert type(error) is ValueError
        assert text in str(error)
    assert face.content() == before


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": ""},
        {"a": "x" * 2047},
        {"A": "1", "b": "2"},
        {"x-amz-meta-a": "1"},
        {"a": "é😀"},
        {"a": " "},
        {"a": "**********"},
    ],
    ids=lambda value: repr(value)[:20],
)
def test_metadata_that_is_allowed_comes_back_or_is_not_supported(face: Face, metadata: dict[str, str]) -> None:
    """CONTRACT 47, 48: CapabilityNotSupported "user_metadata" before any I/O, where it can't be kept."""
    before = face.content()
    error = refusal(lambda: face.do("write", "new", b"x", metadata=metadata))
    if face.disk == "local":
        assert type(error) is CapabilityNotSupported
        assert "user_metadata" in str(error)
        assert face.content() == before
    else:
        assert error is None
        assert face.do("get_file_info", "new").metadata == metadata


@pytest.mark.parametrize("metadata", [{"a": "x\r\ny"}, {"a\r\nb": "x"}, {"a\0": "x"}], ids=repr)
def test_a_line_break_in_metadata_is_refused_or_kept(face: Face, metadata: dict[str, str]) -> None:
    """RELIABILITY "Metadata": never a header more; refused, or given back to the letter."""
    before = face.content()
    error = refusal(lambda: face.do("write", "new", b"x", metadata=metadata))
    if error is None:
        assert face.do("get_file_info", "new").metadata == metadata
    else:
        assert isinstance(error, (ValueError, CapabilityNotSupported))
        assert face.content() == before


@pytest.mark.parametrize("metadata", [None, {}])
def test_no_metadata_is_always_fine(face: Face, metadata: dict[str, str] | None) -> None:
    """CONTRACT 47."""
    face.do("write", "new", b"x", metadata=metadata)
    assert face.content() == {"f": b"old", "new": b"x"}
