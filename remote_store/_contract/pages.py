"""Listings as async iterators that fetch a page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["AsyncPages"]

T = TypeVar("T")


class AsyncPages(AsyncIterator[T], Generic[T]):
    """An async iterator over pages of entries, which `next_page` fetches one at a time; None ends it.

    It is a class because an async generator that is dropped early needs its loop to finalise it, and trio warns
    about that: this holds nothing that would need it (CONTRACT 111).
    """

    def __init__(self, next_page: Callable[[], Awaitable[Sequence[T] | None]]) -> None:
        self._next_page = next_page
        self._page: Sequence[T] = ()
        self._position = 0

    def __aiter__(self) -> AsyncPages[T]:
        return self

    async def __anext__(self) -> T:
        while self._position >= len(self._page):
            await self._turn()
        entry = self._page[self._position]
        self._position += 1
        return entry

    async def page(self) -> Sequence[T]:
        """Return what is left of the page at hand, or else the next one; empty at the end."""
        while self._position >= len(self._page):  # an empty page (a folder without entries) is not the end
            try:
                await self._turn()
            except StopAsyncIteration:
                return ()
        rest = self._page[self._position :] if self._position else self._page
        self._position = len(self._page)
        return rest

    async def _turn(self) -> None:
        page = await self._next_page()
        if page is None:
            self._page, self._position = (), 0
            raise StopAsyncIteration
        self._page, self._position = page, 0
