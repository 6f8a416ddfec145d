"""Every pairing of a store with a backend of either side keeps the store's part of the contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from remote_store import Store
from remote_store.aio import AsyncStore
from remote_store.aio.backends import AsyncLocalBackend, AsyncMemoryBackend
from remote_store.backends import LocalBackend, MemoryBackend
from remote_store.testing import Case, Check, Face, checks_for, run
from remote_store.testing.inline import InlineBackend, drive
from remote_store.testing.inline_store import seen_as_async

OF_STORES = {"stores", "stores_content", "stores_listing", "refusals"}
FRESH: dict[str, Callable[[Path], Any]] = {
    "async-memory": lambda root: AsyncMemoryBackend(),
    "memory": lambda root: MemoryBackend(),
    "async-local": lambda root: AsyncLocalBackend(str(root)),
    "local": lambda root: LocalBackend(str(root)),
}


class CrossedCase(Case):
    """A case whose stores stand on the other side than its backend, two folders down."""

    other: Any

    def store(self, root: str = "") -> AsyncStore:
        return cast(AsyncStore, self.other(root))


def _chosen(name: str, *, blocking: bool) -> list[Check]:
    capabilities = MemoryBackend.CAPABILITIES if "memory" in name else LocalBackend.CAPABILITIES
    return [
        check
        for check in checks_for(list(capabilities), blocking=blocking)
        if check.topic in OF_STORES and check.face is Face.BOTH
    ]


def _pairs(*names: str, blocking: bool) -> list[Any]:
    return [
        pytest.param(name, check, id=f"{name}-{check.id}")
        for name in names
        for check in _chosen(name, blocking=blocking)
    ]


@pytest.mark.parametrize(("name", "check"), _pairs("memory", "local", blocking=False))
@pytest.mark.anyio
async def test_an_async_store_over_a_blocking_backend(name: str, check: Check, tmp_path: Path) -> None:
    """CONTRACT 6: AsyncStore takes a `Backend`, a generated twin's original where there is one."""
    blocking = FRESH[name](tmp_path)
    case = CrossedCase(AsyncStore(blocking)._backend)
    case.other = lambda root: AsyncStore(blocking, root)
    await run(check, case)


@pytest.mark.parametrize(("name", "check"), _pairs("async-memory", "async-local", blocking=True))
def test_a_blocking_store_over_an_async_backend(name: str, check: Check, tmp_path: Path) -> None:
    """CONTRACT 6: Store takes an `AsyncBackend`, behind an AsyncBackendSyncAdapter."""
    native = FRESH[name](tmp_path)
    store = Store(native)
    adapter = store._backend
    case = CrossedCase(InlineBackend(adapter))
    case.other = lambda root: seen_as_async(Store(adapter, root))
    drive(run(check, case))


@pytest.mark.anyio
async def test_a_store_below_a_root_sees_nothing_else(tmp_path: Path) -> None:
    """CONTRACT 26, 79: two stores with roots of one prefix on one backend share nothing."""
    backend = AsyncLocalBackend(str(tmp_path))
    first, second = AsyncStore(backend, "a"), AsyncStore(backend, "ab")
    await first.write("file", b"first")
    await second.write("file", b"second")
    assert await first.read_bytes("file") == b"first"
    assert [str(info.path) async for info in first.list_files("", recursive=True)] == ["file"]
    assert (await AsyncStore(backend).get_folder_info("")).file_count == 2


def test_a_written_buffer_is_let_go() -> None:
    """DESIGN 6: when a write has returned nobody holds the caller's buffer any more."""
    buffer = bytearray(b"content")
    Store(MemoryBackend()).write("file", buffer)
    buffer.append(1)  # raises BufferError while there is a view of it
