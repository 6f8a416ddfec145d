"""The SFTP backend keeps the contract on an OpenSSH server: direct, blocking, and lifted back (DECISIONS 5)."""

from __future__ import annotations

from typing import Any

import pytest

from remote_store._bridge.to_async import SyncBackendAdapter
from remote_store.backends.sftp.backend import AsyncSFTPBackend
from remote_store.backends.sftp.sync import SFTPBackend
from remote_store.testing import BackDoor, ConformanceSuite
from tests.servers.openssh import Shelf


class OnOpenSSH(ConformanceSuite):
    """What the three have in common: a fresh folder on the server, and pathlib to look into it."""

    @pytest.fixture(autouse=True)
    def _fresh_folder(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def back_door(self, backend: Any) -> BackDoor:
        return self.shelf


class TestAsync(OnOpenSSH):
    """AsyncSFTPBackend, on both loops."""

    backend_type = AsyncSFTPBackend

    @pytest.fixture
    def backend(self) -> Any:
        return AsyncSFTPBackend(**self.shelf.options)


class TestBlocking(OnOpenSSH):
    """SFTPBackend, the generated twin."""

    backend_type = SFTPBackend

    @pytest.fixture
    def backend(self) -> Any:
        return SFTPBackend(**self.shelf.options)


class TestLifted(OnOpenSSH):
    """SyncBackendAdapter(SFTPBackend(...)): the twin seen as async again, on both loops."""

    backend_type = SyncBackendAdapter
    capabilities = SFTPBackend.CAPABILITIES

    @pytest.fixture
    def backend(self) -> Any:
        return SyncBackendAdapter(SFTPBackend(**self.shelf.options))
