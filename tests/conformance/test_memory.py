"""The memory backend keeps the contract: direct, blocking, behind the bare adapter, and lifted back."""

from __future__ import annotations

from typing import Any

import pytest

from remote_store._bridge.to_async import SyncBackendAdapter
from remote_store._bridge.to_sync import AsyncBackendSyncAdapter
from remote_store._core.capability import Capability, CapabilitySet
from remote_store.backends.memory.backend import AsyncMemoryBackend
from remote_store.backends.memory.sync import MemoryBackend
from remote_store.testing import ConformanceSuite


class TestAsync(ConformanceSuite):
    """AsyncMemoryBackend, on both loops."""

    backend_type = AsyncMemoryBackend


class TestBlocking(ConformanceSuite):
    """MemoryBackend, the generated twin."""

    backend_type = MemoryBackend


class TestBareAdapter(ConformanceSuite):
    """AsyncBackendSyncAdapter(AsyncMemoryBackend()), without the twin's policies."""

    backend_type = AsyncBackendSyncAdapter
    capabilities = CapabilitySet(set(AsyncMemoryBackend.CAPABILITIES) - {Capability.SEEKABLE_READ})

    @pytest.fixture
    def backend(self) -> Any:
        return AsyncBackendSyncAdapter(AsyncMemoryBackend())


class TestLifted(ConformanceSuite):
    """SyncBackendAdapter(MemoryBackend()): the twin seen as async again, on both loops."""

    backend_type = SyncBackendAdapter
    capabilities = MemoryBackend.CAPABILITIES

    @pytest.fixture
    def backend(self) -> Any:
        return SyncBackendAdapter(MemoryBackend())
