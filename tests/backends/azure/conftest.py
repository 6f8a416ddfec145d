"""The fault proxy before Azurite, and backends on it whose retries don't pause."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from remote_store._core.retry import RetryPolicy
from remote_store._http import retrying
from remote_store.backends.azure.backend import AsyncAzureBackend
from remote_store.testing.faults import FaultProxy
from tests.servers.azurite import AzureServer
from tests.servers.fixtures import Container

KIB = 1024
AT_ONCE = RetryPolicy(max_attempts=3, backoff_base=0, jitter=0, timeout=20)


@pytest.fixture(scope="session")
def azure_proxy(azure_server: AzureServer) -> Iterator[FaultProxy]:
    """A proxy before the server."""
    with FaultProxy(azure_server.url.removesuffix(f"/{azure_server.account}"), dialect="azure") as proxy:
        yield proxy


@pytest.fixture
def proxy(azure_proxy: FaultProxy) -> FaultProxy:
    """The same, without a script."""
    azure_proxy.script()
    return azure_proxy


@pytest.fixture
def options(container: Container, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a backend behind the proxy is made with: small blocks, no pauses, retries that no test before has used up."""
    monkeypatch.setattr(retrying, "_budgets", {})
    return {
        "container": container.name,
        "account_url": f"{proxy.endpoint}/{container.server.account}",
        "account_key": container.server.key,
        "hns": False,
        "retry": AT_ONCE,
        "block_size": 64 * KIB,
        "single_put_max": 128 * KIB,
        "max_concurrency": 4,
    }


@pytest.fixture
async def backend(options: dict[str, Any]) -> AsyncIterator[AsyncAzureBackend]:
    """A backend behind the proxy."""
    async with AsyncAzureBackend(**options) as backend:
        yield backend
