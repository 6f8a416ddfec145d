"""A fake account with a hierarchical namespace, and backends on it whose retries don't pause."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from remote_store._core.retry import RetryPolicy
from remote_store.backends.azure.backend import AsyncAzureBackend
from tests.servers.dfs import FakeAccount, Filesystem, fake_account

KIB = 1024
AT_ONCE = RetryPolicy(max_attempts=3, backoff_base=0, jitter=0, timeout=20)


@pytest.fixture
def account() -> Iterator[FakeAccount]:
    """A fake account."""
    with fake_account() as running:
        yield running


@pytest.fixture
def filesystem(account: FakeAccount) -> Filesystem:
    """Its filesystem."""
    return account.filesystem("fs")


@pytest.fixture
def options(filesystem: Filesystem) -> dict[str, Any]:
    """What a backend on it is made with: small blocks, no pauses."""
    sizes = {"block_size": 64 * KIB, "single_put_max": 128 * KIB, "max_concurrency": 4}
    return {**filesystem.options, **sizes, "hns": True, "retry": AT_ONCE}


@pytest.fixture
async def backend(options: dict[str, Any]) -> AsyncIterator[AsyncAzureBackend]:
    """A backend on the fake."""
    async with AsyncAzureBackend(**options) as backend:
        yield backend
