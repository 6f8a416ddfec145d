"""Azure with a hierarchical namespace, against a fake account: direct and lifted on both loops, and through the twin.

What passes here proves what we send and how we take answers, not what the service does; `AZURE_HNS_CONNECTION_STRING`
in the environment names a real account (a connection string with rights to make containers) for the same checks.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest

from remote_store._bridge.to_async import SyncBackendAdapter
from remote_store.backends.azure.backend import AsyncAzureBackend
from remote_store.backends.azure.sync import AzureBackend
from remote_store.testing import BackDoor, ConformanceSuite
from tests.servers.dfs import Filesystem

_numbers = itertools.count()


class OnFake(ConformanceSuite):
    """What the three have in common."""

    flat = False

    @pytest.fixture(autouse=True)
    def _fresh_filesystem(self, filesystem: Filesystem) -> None:
        self.filesystem = filesystem

    def back_door(self, backend: Any) -> BackDoor:
        return self.filesystem


class TestAsync(OnFake):
    """AsyncAzureBackend(hns=True), on both loops."""

    backend_type = AsyncAzureBackend

    @pytest.fixture
    def backend(self) -> Any:
        return AsyncAzureBackend(**self.filesystem.options, hns=True)


class TestBlocking(OnFake):
    """AzureBackend(hns=True), the generated twin."""

    backend_type = AzureBackend

    @pytest.fixture
    def backend(self) -> Any:
        return AzureBackend(**self.filesystem.options, hns=True)


class TestLifted(OnFake):
    """SyncBackendAdapter(AzureBackend(hns=True)): the twin seen as async again, on both loops."""

    backend_type = SyncBackendAdapter
    capabilities = AzureBackend.CAPABILITIES

    @pytest.fixture
    def backend(self) -> Any:
        return SyncBackendAdapter(AzureBackend(**self.filesystem.options, hns=True))


_REAL = os.environ.get("AZURE_HNS_CONNECTION_STRING")


@pytest.mark.skipif(not _REAL, reason="no real account: AZURE_HNS_CONNECTION_STRING is not set")
class TestRealAccount(ConformanceSuite):
    """The same checks on an account of Azure's own (CONTRIBUTING tells how)."""

    flat = False
    backend_type = AsyncAzureBackend

    @pytest.fixture
    def backend(self) -> Iterator[Any]:
        from azure.storage.filedatalake import DataLakeServiceClient

        name = f"remote-store-test-{os.getpid()}-{next(_numbers)}"
        with DataLakeServiceClient.from_connection_string(str(_REAL)) as service:
            service.create_file_system(name)
            try:
                yield AsyncAzureBackend(name, connection_string=_REAL)
            finally:
                service.delete_file_system(name)
