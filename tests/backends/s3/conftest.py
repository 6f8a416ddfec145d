"""The strict fake, and a backend on it whose retries don't pause."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from remote_store._core.retry import RetryPolicy
from remote_store.backends.s3.backend import AsyncS3Backend
from tests.servers.strict import StrictS3, strict_s3

AT_ONCE = RetryPolicy(max_attempts=3, backoff_base=0, jitter=0, timeout=20)


@pytest.fixture
def strict() -> Iterator[StrictS3]:
    """A fresh server."""
    with strict_s3() as server:
        yield server


@pytest.fixture
def options(strict: StrictS3) -> dict[str, Any]:
    """What a backend on it is made with."""
    return {"bucket": "b", "endpoint_url": strict.endpoint, "key": "k", "secret": "s" * 20, "retry": AT_ONCE}


@pytest.fixture
async def backend(options: dict[str, Any]) -> AsyncIterator[AsyncS3Backend]:
    """A backend that already knows that the server keeps conditions."""
    async with AsyncS3Backend(**options) as backend:
        backend._core.probe._puts = backend._core.probe._copies = backend._core.probe._deletes = True
        yield backend
