"""What a contender can do: the same few operations, on an event loop or in threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias

MIB = 1024 * 1024
PART = 8 * MIB
"""Bytes of a part and of a range, for all who let themselves be told."""
PIECE = b"\x5a" * MIB


@dataclass(frozen=True)
class Target:
    """A bucket on a server."""

    endpoint: str
    key: str
    secret: str
    bucket: str


Call: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Calls:
    """The operations; each an async function, or a blocking one, by the contender's kind. None: it has no such thing.

    `put(key, data)`, `get(key)` gives the number of bytes, `exists(key)`, `listed(prefix)` gives the number of keys,
    `put_large(key, data, ways)`, `get_large(key, size, ways)`, `put_stream(key, pieces)`.
    """

    put: Call
    get: Call
    exists: Call
    listed: Call
    put_large: Call
    get_large: Call
    put_stream: Call | None = None


@dataclass(frozen=True)
class Contender:
    """`kind` is ``"asyncio"``, ``"trio"`` or ``"threads"``; `needs` the package without which it is left out."""

    name: str
    kind: str
    needs: str
    open: Callable[[Target], AbstractAsyncContextManager[Calls] | AbstractContextManager[Calls]]


def blocking_pieces(count: int) -> Iterator[bytes]:
    """Yield so many MiB."""
    for _ in range(count):
        yield PIECE


async def async_pieces(count: int) -> AsyncIterator[bytes]:
    """Yield so many MiB."""
    for _ in range(count):
        yield PIECE


class Pieces:
    """So many MiB as a readable file."""

    def __init__(self, count: int) -> None:
        self._left = count * MIB

    def read(self, size: int | None = -1) -> bytes:
        want = self._left if size is None or size < 0 else min(size, self._left)
        self._left -= want
        return PIECE[:want] if want <= MIB else PIECE * (want // MIB) + PIECE[: want % MIB]
