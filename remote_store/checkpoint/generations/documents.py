"""The three documents of a checkpoint as text: manifest, index, pointer (CHECKPOINT D3).

Each is canonical JSON with a checksum over itself, so that a flipped bit anywhere in it is noticed.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._core.errors import InvalidConfig
from ..digests import Digest, digest_named
from ..errors import CheckpointCorrupted, CheckpointFormatError, CheckpointTooNew

__all__ = [
    "INDEX",
    "MANIFEST",
    "MAX_DOCUMENT",
    "POINTER",
    "Kind",
    "canonical",
    "packed_columns",
    "read_document",
    "unpacked_columns",
    "write_document",
]

MAX_DOCUMENT = 16 << 20
"""Bytes of a document at most."""
MAX_COLUMNS = 128 << 20
"""Bytes that an index's items may unpack to: five million of them, and it ends a bomb."""
MAX_DEPTH = 64
"""Levels of a document; ours have six."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document: its `format` and the version written here, which is also the newest that is understood."""

    format: str
    version: int = 1
    features: frozenset[str] = field(default_factory=frozenset)
    is_hint: bool = False
    """Whether a spoilt one is only written anew, so that a spoilt version must not look like a newer one."""


MANIFEST = Kind("remote-store-checkpoint")
INDEX = Kind("remote-store-checkpoint-index")
POINTER = Kind("remote-store-checkpoint-pointer", is_hint=True)


def canonical(document: object) -> bytes:
    """Return JSON in the one form that a document has: sorted keys, no blanks, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")


def write_document(kind: Kind, content: Mapping[str, Any], digest: Digest) -> bytes:
    """Return a document with its own checksum."""
    document = {"format": kind.format, "version": kind.version, "checksum": digest.name, **content}
    document[f"self_{digest.name}"] = digest.hex(digest.of(canonical(document)))
    return canonical(document)


def read_document(kind: Kind, data: bytes, key: str) -> dict[str, Any]:
    """Return a document's content.

    Raises CheckpointFormatError for another kind, a newer version or an unknown feature; CheckpointCorrupted for
    what is no document or doesn't have its checksum.
    """
    if len(data) > MAX_DOCUMENT:
        raise CheckpointFormatError(f"the document has more than {MAX_DOCUMENT} bytes", path=key)
    try:
        document = json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _corrupted(key, "it is no JSON") from error
    if not isinstance(document, dict):
        raise _corrupted(key, "it is no JSON object")
    if not kind.is_hint:
        # First: a newer version may be checked in another way.
        _check_kind(kind, document, key)
    try:
        digest = digest_named(document.get("checksum"))
    except InvalidConfig as error:
        raise _corrupted(key, "it names no checksum that is known here") from error
    _check_sum(document, digest, data, key)
    _check_kind(kind, document, key)
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _check_sum(document: dict[str, Any], digest: Digest, data: bytes, key: str) -> None:
    name = f"self_{digest.name}"
    rest = {other: value for other, value in document.items() if other != name}
    try:
        got = digest.hex(digest.of(canonical(rest)))
        whole = canonical(document)
    except (ValueError, RecursionError) as error:
        raise _corrupted(key, "its text is not what was written") from error
    if document.get(name) != got:
        raise CheckpointCorrupted(
            "The document doesn't have its checksum", path=key, part=_last(key), offset=0,
            expected=str(document.get(name))[:32], got=got,
        )  # fmt: skip
    if whole != data:
        raise _corrupted(key, "its text is not what was written")


def _check_kind(kind: Kind, document: dict[str, Any], key: str) -> None:
    if document.get("format") != kind.format:
        raise CheckpointFormatError(
            f"this is no {kind.format!r} document but {str(document.get('format'))[:80]!r}", path=key
        )
    version = document.get("version")
    if type(version) is not int or version != kind.version:
        raise CheckpointTooNew(
            f"the document has version {version!r}; this library reads version {kind.version}: use a newer one",
            path=key,
        )
    features = document.get("features", [])
    if not isinstance(features, list) or not all(isinstance(name, str) for name in features):
        raise CheckpointFormatError("'features' must be a list of names", path=key)
    unknown = sorted(set(features) - kind.features)
    if unknown:
        raise CheckpointTooNew(
            f"the checkpoint needs features unknown here: {', '.join(unknown)[:200]}; use a newer version", path=key
        )


def _corrupted(key: str, what: str) -> CheckpointCorrupted:
    return CheckpointCorrupted(f"The document can't be read: {what}", path=key, part=_last(key), offset=0)


def _last(key: str) -> str:
    return key.rpartition("/")[2]


# Columns: many rows in few bytes


def packed_columns(columns: Mapping[str, list[Any]]) -> str:
    """Return columns as text: 10,000 realistic names take 3 bytes each."""
    return base64.b85encode(zlib.compress(canonical(columns), 9)).decode("ascii")


def unpacked_columns(text: object, key: str) -> dict[str, list[Any]]:
    """Return what `packed_columns` made, all columns of the same length. Raises CheckpointFormatError."""
    try:
        if not isinstance(text, str):
            raise ValueError("no text")
        engine = zlib.decompressobj()
        data = engine.decompress(base64.b85decode(text), MAX_COLUMNS)
        if engine.unconsumed_tail or not engine.eof:
            raise ValueError("too long or cut")
        columns = json.loads(data)
        if not isinstance(columns, dict) or not all(isinstance(column, list) for column in columns.values()):
            raise ValueError("no columns")
        if len({len(column) for name, column in columns.items() if name != "types"}) > 1:
            raise ValueError("columns of different lengths")
    except (ValueError, RecursionError, zlib.error) as error:
        raise CheckpointFormatError(f"the index's items can't be read: {error}", path=key) from error
    return columns
