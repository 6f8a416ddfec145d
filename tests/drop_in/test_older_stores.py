"""Stores that people wrote for the peer, below a proxy: no `if_match` in their signatures, or no real store at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unittest.mock import MagicMock

import pytest

from remote_store import PreconditionFailed, ProxyStore, Store, WriteResult
from remote_store.aio import AsyncMemoryBackend, AsyncProxyStore, AsyncStore
from remote_store.backends import MemoryBackend


class Upper(Store):
    """A store as an application overrides one, with the peer's signatures."""

    def write(  # type: ignore[override]  # from before `if_match`
        self, path: str, content: Any, *, overwrite: bool = False, metadata: Mapping[str, str] | None = None
    ) -> WriteResult:
        return super().write(path, content.upper(), overwrite=overwrite, metadata=metadata)

    def write_atomic(  # type: ignore[override]
        self, path: str, content: Any, *, overwrite: bool = False, metadata: Mapping[str, str] | None = None
    ) -> WriteResult:
        return super().write_atomic(path, content.upper(), overwrite=overwrite, metadata=metadata)

    def write_text(  # type: ignore[override]
        self,
        path: str,
        text: str,
        *,
        encoding: str = "utf-8",
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> WriteResult:
        return super().write_text(path, text.upper(), encoding=encoding, overwrite=overwrite, metadata=metadata)


class AsyncUpper(AsyncStore):
    """The same on the other face."""

    async def write(  # type: ignore[override]
        self, path: str, content: Any, *, overwrite: bool = False, metadata: Mapping[str, str] | None = None
    ) -> WriteResult:
        return await super().write(path, content.upper(), overwrite=overwrite, metadata=metadata)


@pytest.mark.parametrize("method", ["write", "write_atomic", "write_text"])
def test_a_proxy_writes_through_a_store_from_before_if_match(method: str) -> None:
    """CONTRACT 147, 160; DECISIONS 8: what the caller did not give is not handed on."""
    proxy = ProxyStore(Upper(MemoryBackend()))
    getattr(proxy, method)("a", "x" if method == "write_text" else b"x", overwrite=True)
    assert proxy.read_bytes("a") == b"X"
    with pytest.raises(TypeError, match="if_match"):
        getattr(proxy, method)("a", "x" if method == "write_text" else b"x", if_match="etag")


@pytest.mark.anyio
async def test_an_async_proxy_writes_through_a_store_from_before_if_match() -> None:
    """CONTRACT 147, 160; DECISIONS 8."""
    proxy = AsyncProxyStore(AsyncUpper(AsyncMemoryBackend()))
    await proxy.write("a", b"x")
    assert await proxy.read_bytes("a") == b"X"


def test_a_proxy_hands_on_the_condition_it_is_given() -> None:
    """CONTRACT 147: and no store of ours loses one on the way."""
    proxy = ProxyStore(ProxyStore(Store(MemoryBackend())))
    etag = proxy.write("a", b"1").etag
    proxy.write("a", b"2", if_match=etag)
    with pytest.raises(PreconditionFailed):
        proxy.write_atomic("a", b"3", if_match=etag)


def test_a_proxy_wraps_a_double_of_the_class() -> None:
    """CONTRACT 147: `MagicMock(spec=Store)` has only what the class has, and is asked in the peer's words."""
    double = MagicMock(spec=Store)
    proxy = ProxyStore(double)
    proxy.write("key", b"data")
    double.write.assert_called_once_with("key", b"data", overwrite=False, metadata=None)
    assert proxy.inner is double


class Reversed(Store):
    """A store as an application writes one that encrypts: it overrides reading and writing bytes, and no more."""

    def read_bytes(self, path: str) -> bytes:
        return super().read_bytes(path)[::-1]

    def write(  # type: ignore[override]
        self, path: str, content: Any, *, overwrite: bool = False, metadata: Mapping[str, str] | None = None
    ) -> WriteResult:
        return super().write(path, content[::-1], overwrite=overwrite, metadata=metadata)


def test_text_goes_through_the_bytes_of_a_subclass() -> None:
    """CONTRACT 39, seeds/003: `read_text` is `read_bytes` decoded, `write_text` is `write` of the encoded text."""
    store = Reversed(MemoryBackend())
    store.write_text("a", "abc")
    assert Store(store._backend).read_bytes("a") == b"cba"
    assert store.read_text("a") == "abc"


@pytest.mark.anyio
async def test_text_goes_through_the_bytes_of_an_async_subclass() -> None:
    """CONTRACT 39, seeds/003."""
    store = AsyncUpper(AsyncMemoryBackend())
    await store.write_text("a", "x")
    assert await store.read_text("a") == "X"
