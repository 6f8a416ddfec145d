"""Listings as async iterators that fetch a page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Generic, TypeVar

__all__ = ["AsyncPages"]

T = TypeVar("T")


class AsyncPages(AsyncIterator[T], Generic[T]):
    """An async iterator over pages of entries, which `next_page` fetches one at a time; None ends it.

    A page may make its entries as they are taken.

    It is a class because an async generator that is dropped early needs its loop to finalise it, and trio warns
    about that: this holds nothing that would need it (CONTRACT 111).
    """

    def __init__(self, next_page: Callable[[], Awaitable[Iterable[T] | None]]) -> None:
        self._next_page = next_page
        self._rest: Iterator[T] = iter(())

    def __aiter__(self) -> AsyncPages[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            for entry in self._rest:
                return entry
            await self._turn()

    async def page(self) -> list[T]:
        """Return what is left of the page at hand, or else the next one; empty at the end."""
        while not (rest := list(self._rest)):  # an empty page (a folder without entries) is not the end
            try:
                await self._turn()
            except StopAsyncIteration:
                break
        return rest

    async def _turn(self) -> None:
        page = await self._next_page()
        if page is None:
            raise StopAsyncIteration
        self._rest = iter(page)
