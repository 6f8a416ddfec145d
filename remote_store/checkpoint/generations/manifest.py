"""The manifest of a generation, whose existence is the commit, and what users see of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..digests import Digest, digest_named
from ..errors import CheckpointFormatError
from . import documents
from .index import Index
from .layout import index_name, parse_generation

__all__ = ["Generation", "IndexEntry", "Manifest", "new_manifest"]


@dataclass(frozen=True)
class Generation:
    """A committed checkpoint: the result of one save.

    `name` is what it is called in the store, `step` the step it was saved as. `created` is when it was committed
    (UTC), `total_bytes` the size of its items, `items` how many there are. `user` is what the save was given.
    """

    name: str
    step: int
    save_id: str
    created: datetime
    writers: int
    items: int
    total_bytes: int
    user: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What a manifest says of a writer's index: its size in bytes and its checksum, its items and their bytes."""

    writer: int
    size: int
    checksum: str
    items: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as read. `inline` is the index itself, where there is one writer."""

    generation: Generation
    digest: Digest
    indexes: list[IndexEntry]
    inline: dict[str, Any] | None
    checksum: str
    """Of the whole document as stored: LATEST names it."""

    @property
    def rows(self) -> list[tuple[int, str]]:
        """What makes two commits of a generation the same."""
        return [(entry.writer, entry.checksum) for entry in self.indexes]

    @classmethod
    def parse(cls, name: str, data: bytes, key: str) -> Manifest:
        """Return a manifest. Raises CheckpointFormatError and CheckpointCorrupted as `read_document`."""
        document = documents.read_document(documents.MANIFEST, data, key)
        try:
            return cls._parsed(name, document, data)
        except CheckpointFormatError:
            raise
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise CheckpointFormatError(f"the manifest can't be read: {error!r}"[:400], path=key) from error

    @classmethod
    def _parsed(cls, name: str, document: dict[str, Any], data: bytes) -> Manifest:
        digest = digest_named(document["checksum"])
        own = parse_generation(name)
        if (
            own is None
            or document["generation"] != name
            or document["step"] != own.step
            or document["save_id"] != own.save_id
        ):
            raise ValueError(f"it is the manifest of {str(document.get('generation'))[:80]!r}")
        entries = [_entry(row, digest) for row in document["indexes"]]
        writers, user = document["writers"], document["user"]
        if type(writers) is not int or [entry.writer for entry in entries] != list(range(writers)) or not entries:
            raise ValueError("the writers don't fit the indexes")
        if not isinstance(user, dict):
            raise ValueError("'user' must be an object")
        inline = document.get("inline")
        if inline is not None and (not isinstance(inline, dict) or writers != 1):
            raise ValueError("'inline' must be an index, of the only writer")
        generation = Generation(
            name=name, step=own.step, save_id=own.save_id, created=_time(document["created"]), writers=writers,
            items=sum(entry.items for entry in entries), total_bytes=sum(entry.bytes for entry in entries),
            user=user,
        )  # fmt: skip
        if document["total_bytes"] != generation.total_bytes:
            raise ValueError("the sizes don't add up")
        return cls(generation, digest, entries, inline, digest.hex(digest.of(data)))


def new_manifest(name: str, digest: Digest, indexes: list[IndexEntry], user: Mapping[str, Any], **others: Any) -> bytes:
    """Return a manifest's bytes. Raises TypeError or ValueError for a `user` that is no JSON."""
    own = parse_generation(name)
    assert own is not None
    content = {
        "features": [],
        "generation": name,
        "step": own.step,
        "save_id": own.save_id,
        "created": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "writers": len(indexes),
        "user": dict(user),
        "indexes": [_row(entry, digest) for entry in indexes],
        "total_bytes": sum(entry.bytes for entry in indexes),
        **{key: value for key, value in others.items() if value is not None},
    }
    return documents.write_document(documents.MANIFEST, content, digest)


def entry_of(index: Index, data: bytes, digest: Digest) -> IndexEntry:
    """Return what a manifest says of an index whose document is `data`."""
    return IndexEntry(index.writer, len(data), digest.hex(digest.of(data)), len(index.items), index.payload)


def _row(entry: IndexEntry, digest: Digest) -> dict[str, Any]:
    return {
        "writer": entry.writer,
        "name": index_name(entry.writer),
        "size": entry.size,
        digest.name: entry.checksum,
        "items": entry.items,
        "bytes": entry.bytes,
    }


def _entry(row: dict[str, Any], digest: Digest) -> IndexEntry:
    numbers = [row[name] for name in ("writer", "size", "items", "bytes")]
    if any(type(number) is not int or not 0 <= number < 1 << 62 for number in numbers):
        raise ValueError("an index's numbers are out of range")
    if not isinstance(row[digest.name], str) or row["name"] != index_name(row["writer"]):
        raise ValueError("an index's name or checksum is none")
    return IndexEntry(row["writer"], row["size"], row[digest.name], row["items"], row["bytes"])


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("'created' has no time zone")
    return moment.astimezone(UTC)
