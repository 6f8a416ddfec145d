"""What S3 and the like will stand on keeps the contract: a twin with a loop, over the memory backend."""

from __future__ import annotations

from typing import Any

import pytest

from remote_store._bridge.to_async import SyncBackendAdapter
from remote_store._bridge.twins import LoopTwin
from remote_store.backends.memory.backend import AsyncMemoryBackend
from remote_store.testing import ConformanceSuite


class MemoryOnLoop(LoopTwin):
    """As the generator writes a twin, on the base that remote backends need."""

    CAPABILITIES = AsyncMemoryBackend.CAPABILITIES

    def __init__(self) -> None:
        super().__init__(AsyncMemoryBackend())


class TestLoopTwin(ConformanceSuite):
    """The twin itself."""

    backend_type = MemoryOnLoop


class TestLiftedLoopTwin(ConformanceSuite):
    """Seen as async again: both bridges in a row, on both loops."""

    backend_type = SyncBackendAdapter
    capabilities = MemoryOnLoop.CAPABILITIES

    @pytest.fixture
    def backend(self) -> Any:
        return SyncBackendAdapter(MemoryOnLoop())
