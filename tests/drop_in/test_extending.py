"""Code that reaches in as the peer's users do: subclasses, mocks, replaced methods. CONTRACT 4-6, 160, 161."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from unittest.mock import MagicMock

import pytest

from remote_store import (
    Backend,
    Capability,
    CapabilityNotSupported,
    CapabilitySet,
    ProxyStore,
    Registry,
    RegistryConfig,
    RemotePath,
    Store,
    WriteResult,
    register_backend,
)
from remote_store.aio import AsyncMemoryBackend, AsyncStore, SyncBackendAdapter
from remote_store.backends import LocalBackend, MemoryBackend
from tests.drop_in.third_party import AsyncTableBackend, TableBackend


def _mock() -> MagicMock:
    backend = MagicMock(spec=Backend)
    backend.name = "mock"
    backend.capabilities = CapabilitySet(set(Capability))
    return backend


def test_a_mock_backend_serves_a_store() -> None:
    """CONTRACT 161: the store calls the documented methods with the documented arguments, and nothing else."""
    backend = _mock()
    backend.read_bytes.return_value = b"content"
    backend.write.return_value = WriteResult(RemotePath("root/a"), 1)
    backend.list_files.return_value = iter([])
    backend.exists.return_value = True
    store = Store(backend, "root")
    assert store.read_bytes("a") == b"content"
    backend.read_bytes.assert_called_once_with("root/a")
    assert store.write("a", b"1").path == RemotePath("a")
    backend.write.assert_called_once_with("root/a", b"1", overwrite=False, metadata=None)
    assert list(store.list_files("b", max_depth=2)) == []
    backend.list_files.assert_called_once_with("root/b", recursive=True, max_depth=2)
    assert store.exists("a") is True
    store.delete("a", missing_ok=True)
    backend.delete.assert_called_once_with("root/a", missing_ok=True)
    store.delete_folder("f")
    backend.delete_folder.assert_called_once_with("root/f", recursive=False, missing_ok=False)
    store.move("a", "b")
    backend.move.assert_called_once_with("root/a", "root/b", overwrite=False)
    store.copy("a", "b", overwrite=True)
    backend.copy.assert_called_once_with("root/a", "root/b", overwrite=True)
    store.ping()
    backend.check_health.assert_called_once_with()
    store.close()
    backend.close.assert_called_once_with()


def test_a_mock_of_a_shipped_class_serves_too() -> None:
    """CONTRACT 161: private attributes, which a mock answers to with anything, are never looked at."""
    backend = MagicMock(spec=LocalBackend)
    backend.name = "local"
    backend.capabilities = CapabilitySet({Capability.READ})
    backend.read_bytes.return_value = b"1"
    assert Store(backend).read_bytes("a") == b"1"
    with pytest.raises(CapabilityNotSupported):
        Store(backend).write("a", b"1")


@pytest.mark.anyio
async def test_a_mock_backend_is_adapted() -> None:
    """CONTRACT 6, 161: AsyncStore wraps it, since its spec makes it an instance of Backend."""
    backend = _mock()
    backend.read_bytes.return_value = b"content"
    store = AsyncStore(backend)
    assert isinstance(store._backend, SyncBackendAdapter)
    assert await store.read_bytes("a") == b"content"
    backend.read_bytes.assert_called_once_with("a")


def test_replaced_methods_and_new_attributes_are_seen(tmp_path: Path) -> None:
    """CONTRACT 5, 85: on the instance, through the store, the capabilities too."""
    for backend in (LocalBackend(str(tmp_path)), MemoryBackend()):
        backend.note = "mine"  # type: ignore[union-attr]
        backend.read_bytes = lambda path: b"replaced"  # type: ignore[method-assign, assignment, misc]
        assert Store(backend).read_bytes("anything") == b"replaced"


@pytest.mark.anyio
async def test_a_touched_backend_is_not_bypassed_by_the_async_side(tmp_path: Path) -> None:
    """CONTRACT 5, DECISIONS 5: the replaced method is called; an untouched twin gives its original."""
    touched = LocalBackend(str(tmp_path))
    touched.read_bytes = lambda path: b"replaced"  # type: ignore[method-assign, assignment, misc]
    assert await AsyncStore(touched).read_bytes("anything") == b"replaced"

    class Own(MemoryBackend):
        def read_bytes(self, path: str) -> bytes:
            return b"overridden"

    assert await AsyncStore(Own()).read_bytes("anything") == b"overridden"


def test_capabilities_are_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTRACT 85."""
    store = Store(TableBackend())
    store.write("a", b"1")
    monkeypatch.setattr(TableBackend, "capabilities", CapabilitySet({Capability.READ}))
    assert store.supports(Capability.WRITE) is False
    with pytest.raises(CapabilityNotSupported, match="write"):
        store.write("b", b"1")
    assert store.read_bytes("a") == b"1"


GATES = {
    Capability.READ: ["read", "read_bytes", "read_text", "read_seekable", "read_into", "read_ranges"],
    Capability.WRITE: ["write", "write_text"], Capability.ATOMIC_WRITE: ["write_atomic", "open_atomic"],
    Capability.DELETE: ["delete", "delete_folder"], Capability.LIST: ["list_files", "list_folders", "iter_children"],
    Capability.GLOB: ["glob"], Capability.MOVE: ["move"], Capability.COPY: ["copy"],
    Capability.METADATA: ["get_file_info", "get_folder_info", "head"],
}  # fmt: skip
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "write": (b"1",), "write_text": ("1",), "write_atomic": (b"1",), "move": ("b",), "copy": ("b",),
    "read_into": (bytearray(1),), "read_ranges": ([(0, 1)],),
}  # fmt: skip


@pytest.mark.parametrize(("capability", "name"), [(cap, name) for cap, names in GATES.items() for name in names])
def test_each_method_needs_its_capability(capability: Capability, name: str) -> None:
    """CONTRACT 84: refused before the backend is asked for anything."""
    backend = _mock()
    backend.capabilities = CapabilitySet(set(Capability) - {capability})
    with pytest.raises(CapabilityNotSupported, match=capability.value) as caught:
        with Store(backend) as store:
            found = getattr(store, name)("a", *ARGUMENTS.get(name, ()))
            if hasattr(found, "__enter__") and name == "open_atomic":
                found.__enter__()
            list(found)
    assert caught.value.capability == capability.value
    assert [call for call in backend.method_calls if call[0] != "close"] == []


def test_subclasses_read_the_names_they_know() -> None:
    """CONTRACT 160: `_backend`, `_root`, `_owns_backend`, `_inner`."""

    class Mine(Store):
        def where(self) -> tuple[str, str, bool]:
            return self._backend.name, self._root, self._owns_backend

        def read_bytes(self, path: str) -> bytes:
            return super().read_bytes(path) + b"!"

    mine = Mine(MemoryBackend(), "a/b")
    assert mine.where() == ("memory", "a/b", True)
    assert mine.child("c")._owns_backend is False
    mine.write("x", b"1")
    assert mine.read_bytes("x") == b"1!"


class Audited(ProxyStore):
    """A proxy that counts reads, its children's too."""

    def __init__(self, inner: Store, seen: list[str]) -> None:
        super().__init__(inner)
        self.seen = seen

    def read(self, path: str) -> BinaryIO:
        self.seen.append(path)
        return super().read(path)

    def _wrap_child(self, inner_child: Store) -> Store:
        return Audited(inner_child, self.seen)


def test_a_proxy_of_ones_own_works_for_children_too() -> None:
    """CONTRACT 147, 160."""
    seen: list[str] = []
    store = Audited(Store(MemoryBackend()), seen)
    store.write("a/b", b"1")
    with store.read("a/b") as one, store.child("a").read("b") as other:
        assert one.read() == other.read() == b"1"
    assert seen == ["a/b", "b"]
    assert isinstance(store._inner, Store)
    assert store.supports(Capability.READ)


@pytest.mark.parametrize("cls", [TableBackend, AsyncTableBackend])
def test_third_parties_implement_the_abstract_members_alone(cls: Any) -> None:
    """CONTRACT 4: the other tests of this folder use them; here is proof that they cheat in nothing."""
    base: Any = cls.__mro__[1]
    own = {name for name in vars(cls) if not name.startswith("_")}
    assert own == set(base.__abstractmethods__)


def test_third_party_backends_register(monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTRACT 119, 120."""
    register_backend("table-of-drop-in", TableBackend)
    config = RegistryConfig.from_dict(
        {"backends": {"t": {"type": "table-of-drop-in"}}, "stores": {"s": {"backend": "t", "root_path": "r"}}}
    )
    with Registry(config) as registry:
        store = registry.get_store("s")
        store.write("a", b"1")
        assert repr(store) == "Store(backend='table', root_path='r')"
        assert registry.get_store("s")._backend is store._backend


UNSUPPORTED: list[Callable[[Any], Any]] = [
    lambda backend: backend.glob("*"),
    lambda backend: backend.unwrap(int),
]


@pytest.mark.parametrize("call", UNSUPPORTED)
def test_defaults_of_backend_refuse_clearly(call: Callable[[Any], Any]) -> None:
    """CONTRACT 65, 83: from a backend itself, `capability` says what."""
    with pytest.raises(CapabilityNotSupported, match="does not (support glob|expose native handle)") as caught:
        list(call(TableBackend()))
    assert caught.value.capability in ("glob", "unwrap")


@pytest.mark.anyio
async def test_defaults_of_async_backend_refuse_clearly() -> None:
    """CONTRACT 65: at the first item at the latest."""
    with pytest.raises(CapabilityNotSupported, match="does not support glob"):
        found = AsyncTableBackend().glob("*")
        [_ async for _ in found]
    children = [child async for child in AsyncTableBackend().iter_children("")]
    assert children == []
    assert inspect.iscoroutinefunction(AsyncMemoryBackend.exists)
