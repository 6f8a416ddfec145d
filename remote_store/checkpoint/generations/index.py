"""What one writer has written: its parts with their checksums, its items with their places in them."""

from __future__ import annotations

import base64
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

from ..digests import Digest
from ..errors import CheckpointFormatError
from . import documents
from .layout import is_own

__all__ = ["Index", "Item", "Part", "Span", "aligned"]

LARGE = 1 << 20
"""Bytes: items from here on begin at a page, for O_DIRECT and mmap; a page lost for a MiB is 0.4 %."""
PAGE = 4096
SMALL_STEP = 8
STREAM = "stream"
"""The codec of an item whose length was not known before it was written: placed as a large one."""
MAX_SIZE = 1 << 62
MAX_ITEMS = 50_000_000


def aligned(position: int, length: int, codec: str) -> int:
    """Return where an item begins that comes after `position`: the rule that makes offsets follow from the order."""
    if length == 0:
        return position
    step = PAGE if length >= LARGE or codec == STREAM else SMALL_STEP
    return -(-position // step) * step


@dataclass(frozen=True, slots=True)
class Part:
    """One object of a writer: `sums` has the checksum of each `block` bytes."""

    name: str
    size: int
    checksum: str
    block: int
    sums: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """What was saved under a name. `length` is in bytes; `shape` and `dtype` are those of a tensor.

    `start` is where it lies in its writer's parts, joined.
    """

    name: str
    kind: str
    codec: str
    length: int
    dtype: str = ""
    shape: tuple[int, ...] = ()
    start: int = 0
    writer: int = 0

    @property
    def stop(self) -> int:
        """Where it ends in its writer's parts, joined."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a part, and where in the item it belongs: bytes `start` to `stop` of the part."""

    part: int
    start: int
    stop: int
    at: int


@dataclass(frozen=True)
class Index:
    """A writer's receipt."""

    writer: int
    parts: list[Part]
    items: list[Item]

    @property
    def payload(self) -> int:
        """Bytes of the items, without what lies between them."""
        return sum(item.length for item in self.items)

    @cached_property
    def _starts(self) -> list[int]:
        return list(accumulate((part.size for part in self.parts), initial=0))

    def spans(self, start: int, stop: int) -> Iterable[Span]:
        """Yield the ranges of parts that bytes `start` to `stop` of all parts joined lie in."""
        number = bisect_right(self._starts, start) - 1
        at = 0
        while start < stop:
            begin, end = self._starts[number], self._starts[number + 1]
            upto = min(stop, end)
            if upto > start:
                yield Span(number, start - begin, upto - begin, at)
            at += upto - start
            start = upto
            number += 1

    def items_at(self, part: int, offset: int) -> str:
        """Return the name of the item that a byte of a part belongs to, empty for none."""
        position = self._starts[part] + offset
        found = bisect_right(self.items, position, key=lambda item: item.start) - 1
        while found >= 0:
            item = self.items[found]
            if item.length:
                return item.name if item.start <= position < item.stop else ""
            found -= 1
        return ""

    # As a document

    def document(self, digest: Digest) -> bytes:
        """Return the index as the bytes that are stored."""
        return documents.write_document(documents.INDEX, self.content(digest), digest)

    def content(self, digest: Digest) -> dict[str, Any]:
        """Return the index as a JSON object."""
        return {
            "writer": self.writer,
            "parts": [_part_row(part, digest) for part in self.parts],
            "encoding": "zlib+columns",
            "count": len(self.items),
            "items": documents.packed_columns(_columns(self.items)),
        }

    @classmethod
    def parse(cls, document: dict[str, Any], digest: Digest, key: str) -> Index:
        """Return the index that a document holds. Raises CheckpointFormatError for what can't be one."""
        try:
            writer = _number(document["writer"], 99_999)
            parts = [_part(row, digest) for row in _list(document["parts"])]
            if document["encoding"] != "zlib+columns":
                raise ValueError(f"unknown encoding {str(document['encoding'])[:40]!r}")
            items = _items(documents.unpacked_columns(document["items"], key), writer)
            if document["count"] != len(items):
                raise ValueError("the items are not as many as it says")
        except CheckpointFormatError:
            raise
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise CheckpointFormatError(f"the index can't be read: {error!r}"[:400], path=key) from error
        index = cls(writer, parts, items)
        index._check(key)
        return index

    def _check(self, key: str) -> None:
        """Check that items lie inside the parts and that no name comes twice."""
        whole = self._starts[-1]
        if any(item.stop > whole for item in self.items):
            raise CheckpointFormatError("an item lies beyond the parts", path=key)
        if self.items and self.items[-1].stop != whole:
            raise CheckpointFormatError("the parts don't end where the items do", path=key)
        if len({item.name for item in self.items}) != len(self.items):
            raise CheckpointFormatError("a name comes twice", path=key)


def _part_row(part: Part, digest: Digest) -> dict[str, Any]:
    sums = base64.b85encode(digest.packed(part.sums)).decode("ascii")
    return {"name": part.name, "size": part.size, digest.name: part.checksum, "block": part.block, "blocks": sums}


def _part(row: dict[str, Any], digest: Digest) -> Part:
    name, size, block = row["name"], _number(row["size"], MAX_SIZE), _number(row["block"], MAX_SIZE)
    if not isinstance(name, str) or not is_own(name) or not name.startswith("part-"):
        raise ValueError(f"{str(name)[:80]!r} is no part's name")
    checksum = row[digest.name]
    if not isinstance(checksum, str) or not name.endswith(f"-{checksum}"):
        raise ValueError(f"part {name} has another checksum than its name")
    sums = digest.unpacked(base64.b85decode(row["blocks"]))
    if size < 1 or block < 1 or len(sums) != -(-size // block):
        raise ValueError(f"part {name} has {size} bytes and {len(sums)} checksums of {block}")
    return Part(name, size, checksum, block, sums)


def _number(value: object, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{str(value)[:40]!r} is no number from 0 to {most}")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list was expected")
    return value


# Items as columns: what rows have in common stands once, in a table of types; a name says how much of its
# beginning it shares with the one before.


def _columns(items: Sequence[Item]) -> dict[str, list[Any]]:
    types: dict[tuple[Any, ...], int] = {}
    shared, ends, numbers = [], [], []
    last = ""
    for item in items:
        common = _common(last, item.name)
        shared.append(common)
        ends.append(item.name[common:])
        last = item.name
        row = (item.kind, item.codec, item.dtype, item.shape, item.length)
        numbers.append(types.setdefault(row, len(types)))
    return {"shared": shared, "end": ends, "type": numbers, "types": [list(row) for row in types]}


def _common(one: str, other: str) -> int:
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def _items(columns: dict[str, list[Any]], writer: int) -> list[Item]:
    types = [_type(row) for row in columns["types"]]
    rows = list(zip(columns["shared"], columns["end"], columns["type"], strict=True))
    if len(rows) > MAX_ITEMS:
        raise ValueError("too many items")
    items: list[Item] = []
    last, position = "", 0
    for common, end, number in rows:
        if not isinstance(end, str):
            raise ValueError("a name must be text")
        last = last[: _number(common, len(last))] + end
        kind, codec, dtype, shape, length = types[_number(number, len(types) - 1)]
        start = aligned(position, length, codec)
        items.append(Item(last, kind, codec, length, dtype, shape, start, writer))
        position = start + length
    return items


def _type(row: list[Any]) -> tuple[str, str, str, tuple[int, ...], int]:
    kind, codec, dtype, shape, length = row
    if not all(isinstance(text, str) for text in (kind, codec, dtype)):
        raise ValueError("kind, codec and dtype must be text")
    return kind, codec, dtype, tuple(_number(size, MAX_SIZE) for size in _list(shape)), _number(length, MAX_SIZE)
