"""Many calls of one method of a store at the same time, in a task group on the store's loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from .._core.errors import CapabilityNotSupported
from .._http.together import Job, together
from .._store._async.store import AsyncStore

__all__ = ["calls_at_once"]

AT_ONCE = 32
"""Calls in flight where nobody says: what one loop's worker threads and one connection pool carry well."""


async def calls_at_once(
    store: AsyncStore,
    method: str,
    calls: Sequence[tuple[str, ...]],
    options: dict[str, Any],
    limit: int | None,
    kept: tuple[type[Exception], ...],
) -> list[Any]:
    """Return what each call returns, in the order given; an error of a class in `kept` takes its result's place.

    Any other error, and CapabilityNotSupported, cancels the rest and is raised. `limit` is how many calls are in
    flight at most (None: 32). Raises ValueError for a limit below 1.
    """
    at_most = AT_ONCE if limit is None else limit
    if at_most < 1:
        raise ValueError(f"max_workers must be at least 1, not {at_most}")
    results: list[Any] = [None] * len(calls)
    function = getattr(store, method)

    async def one(index: int) -> None:
        try:
            results[index] = await function(*calls[index], **options)
        except CapabilityNotSupported:
            raise
        except kept as error:
            results[index] = error

    def jobs() -> Iterator[Job]:
        for index in range(len(calls)):
            yield partial(one, index)

    await together(jobs(), min(at_most, len(calls)))
    return results
