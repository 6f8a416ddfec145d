"""The Azure backend keeps the contract on an Azurite: direct, blocking, and lifted back (DECISIONS 5)."""

from __future__ import annotations

from typing import Any

import pytest

from remote_store._bridge.to_async import SyncBackendAdapter
from remote_store.backends.azure.backend import AsyncAzureBackend
from remote_store.backends.azure.sync import AzureBackend
from remote_store.testing import BackDoor, ConformanceSuite
from tests.servers.fixtures import Container


class OnAzurite(ConformanceSuite):
    """What the three have in common: a fresh container, and the SDK to look into it."""

    flat = True

    @pytest.fixture(autouse=True)
    def _fresh_container(self, container: Container) -> None:
        self.container = container

    def back_door(self, backend: Any) -> BackDoor:
        return self.container


class TestAsync(OnAzurite):
    """AsyncAzureBackend, on both loops."""

    backend_type = AsyncAzureBackend

    @pytest.fixture
    def backend(self) -> Any:
        return AsyncAzureBackend(**self.container.options)


class TestBlocking(OnAzurite):
    """AzureBackend, the generated twin."""

    backend_type = AzureBackend

    @pytest.fixture
    def backend(self) -> Any:
        return AzureBackend(**self.container.options)


class TestLifted(OnAzurite):
    """SyncBackendAdapter(AzureBackend(...)): the twin seen as async again, on both loops."""

    backend_type = SyncBackendAdapter
    capabilities = AzureBackend.CAPABILITIES

    @pytest.fixture
    def backend(self) -> Any:
        return SyncBackendAdapter(AzureBackend(**self.container.options))
