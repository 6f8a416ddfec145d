"""The local backend keeps the contract: direct, blocking, behind the bare adapter, and lifted back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from remote_store._bridge.to_async import SyncBackendAdapter
from remote_store._bridge.to_sync import AsyncBackendSyncAdapter
from remote_store._core.capability import Capability, CapabilitySet
from remote_store.backends.local.backend import AsyncLocalBackend
from remote_store.backends.local.sync import LocalBackend
from remote_store.testing import BackDoor, ConformanceSuite
from tests.conformance.local_texts import OWN


class Disk:
    """The folder itself, by pathlib."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def peek(self, key: str) -> bytes | None:
        """Read the file."""
        path = self.root / key
        return path.read_bytes() if path.is_file() else None

    def poke(self, key: str, data: bytes) -> None:
        """Write the file."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


class OnDisk(ConformanceSuite):
    """What the four have in common: the folder, the way to look into it, and what is promised beyond the contract."""

    own_checks = OWN

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.root = tmp_path / "root"

    def back_door(self, backend: Any) -> BackDoor:
        return Disk(self.root)


class TestAsync(OnDisk):
    """AsyncLocalBackend, on both loops."""

    backend_type = AsyncLocalBackend

    @pytest.fixture
    def backend(self) -> Any:
        return AsyncLocalBackend(str(self.root))


class TestBlocking(OnDisk):
    """LocalBackend, the generated twin."""

    backend_type = LocalBackend

    @pytest.fixture
    def backend(self) -> Any:
        return LocalBackend(str(self.root))


class TestBareAdapter(OnDisk):
    """AsyncBackendSyncAdapter(AsyncLocalBackend(...)), without the twin's policies."""

    backend_type = AsyncBackendSyncAdapter
    capabilities = CapabilitySet(set(AsyncLocalBackend.CAPABILITIES) - {Capability.SEEKABLE_READ})

    @pytest.fixture
    def backend(self) -> Any:
        return AsyncBackendSyncAdapter(AsyncLocalBackend(str(self.root)))


class TestLifted(OnDisk):
    """SyncBackendAdapter(LocalBackend(...)): the twin seen as async again, on both loops."""

    backend_type = SyncBackendAdapter
    capabilities = LocalBackend.CAPABILITIES

    @pytest.fixture
    def backend(self) -> Any:
        return SyncBackendAdapter(LocalBackend(str(self.root)))
