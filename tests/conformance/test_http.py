"""The HTTP backend keeps what the contract asks of a backend that only reads: native, blocking, lifted back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from remote_store import RetryPolicy
from remote_store._bridge.to_async import SyncBackendAdapter
from remote_store.backends.http.backend import AsyncReadOnlyHttpBackend
from remote_store.backends.http.sync import ReadOnlyHttpBackend
from remote_store.testing import BackDoor, Check, ConformanceSuite
from tests.servers.web import Web, web_server


class Door:
    """Puts pages on the server."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def peek(self, key: str) -> bytes | None:
        page = self._web.pages.get(f"/{key}")
        return page.data if page is not None else None

    def poke(self, key: str, data: bytes) -> None:
        self._web.put(key, data)


FOLDERS = {
    "a_file_has_no_folder_information",
    "a_folder_cannot_be_read",
    "a_folder_has_no_file_information",
    "a_folder_is_counted_at_every_depth",
    "a_missing_file_is_told_at_the_call",
    "an_empty_root_counts_zero",
    "probes_tell_files_from_folders",
    "ranges_need_a_file",
    "root_is_a_folder",
}
"""Checks that suppose folders, of which web servers know nothing (CONTRACT 152); tests/backends/http has the rest."""


class _OnTheWeb(ConformanceSuite):
    @classmethod
    def _checks(cls) -> list[Check]:
        return [check for check in super()._checks() if check.name not in FOLDERS]

    @pytest.fixture(autouse=True)
    def web(self) -> Iterator[None]:
        with web_server() as web:
            web.put("", b"index")  # what `check_health` asks for
            self.server = web
            yield

    def back_door(self, backend: Any) -> BackDoor:
        return Door(self.server)


class TestAsync(_OnTheWeb):
    """AsyncReadOnlyHttpBackend, on both loops."""

    backend_type = AsyncReadOnlyHttpBackend

    @pytest.fixture
    def backend(self, web: None) -> Any:
        return AsyncReadOnlyHttpBackend(self.server.base, retry=RetryPolicy.disabled())


class TestAsyncInThreads(TestAsync):
    """The same on the standard library."""

    @pytest.fixture
    def backend(self, web: None) -> Any:
        return AsyncReadOnlyHttpBackend(self.server.base, retry=RetryPolicy.disabled(), http_client="urllib")


class TestBlocking(_OnTheWeb):
    """ReadOnlyHttpBackend, the generated twin."""

    backend_type = ReadOnlyHttpBackend

    @pytest.fixture
    def backend(self, web: None) -> Any:
        return ReadOnlyHttpBackend(self.server.base, retry=RetryPolicy.disabled())


class TestLifted(_OnTheWeb):
    """SyncBackendAdapter(ReadOnlyHttpBackend(...)): the twin seen as async again."""

    backend_type = SyncBackendAdapter
    capabilities = ReadOnlyHttpBackend.CAPABILITIES

    @pytest.fixture
    def backend(self, web: None) -> Any:
        return SyncBackendAdapter(ReadOnlyHttpBackend(self.server.base, retry=RetryPolicy.disabled()))
