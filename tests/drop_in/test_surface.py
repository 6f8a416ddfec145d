"""The public surface as an application finds it: CONTRACT part A."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import logging
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import remote_store
import remote_store.aio
import remote_store.backends
from remote_store import Backend, Capability, CapabilitySet, ProxyStore, RemotePath, RemoteStoreError, Store
from remote_store.aio import AsyncBackend, AsyncMemoryBackend, AsyncStore, SyncBackendAdapter
from remote_store.backends import LocalBackend, MemoryBackend


def _words(text: str) -> list[str]:
    return text.split()


TOP = _words("""
    Store ProxyStore Registry Backend AsyncBackendSyncAdapter register_backend info InfoResult BackendInfo ExtensionInfo
    resolve_env __version__
    FileInfo FolderEntry FolderInfo WriteResult ContentDigest ResolutionPlan PathEntry RetryPolicy BackendConfig
    StoreProfile RegistryConfig RemotePath Secret SecretRedactionFilter
    Capability CapabilitySet
    RemoteStoreError NotFound AlreadyExists PermissionDenied InvalidPath DirectoryNotEmpty BackendUnavailable
    ResourceLocked CapabilityNotSupported
""")

ADDED = {"read_into", "read_ranges", "abort_uploads", "list_uploads", "presign"}
"""Methods beyond the peer's, on both sides alike (CONTRACT 2a)."""
ADDED_KEYWORDS = {"if_match", "options", "version_id", "start_after", "limit"}
"""Keywords beyond the peer's (DECISIONS 23)."""


@pytest.mark.parametrize("name", TOP)
def test_the_top_level_has_it(name: str) -> None:
    """CONTRACT A1: importable from the top, and in `__all__`."""
    assert hasattr(remote_store, name)
    assert name in remote_store.__all__


@pytest.mark.parametrize(
    "name",
    [
        "AsyncStore",
        "AsyncBackend",
        "AsyncMemoryBackend",
        "SyncBackendAdapter",
        "AsyncWritableContent",
        "AsyncLocalBackend",
    ],
)
def test_the_async_room_has_it(name: str) -> None:
    """CONTRACT A7."""
    assert hasattr(remote_store.aio, name)


def test_other_addresses_that_documents_name() -> None:
    """CONTRACT A7, A8: backends of both kinds, the hashing write, and the protocol that seeds/003 names."""
    from remote_store._async_to_sync_adapter import _SyncSafeHandleProvider
    from remote_store.aio.backends import AsyncMemoryBackend as Same
    from remote_store.aio.ext.write import write_with_hash

    assert Same is AsyncMemoryBackend
    assert inspect.iscoroutinefunction(write_with_hash)
    assert list(inspect.signature(write_with_hash).parameters) == [
        "store", "path", "content", "algorithm", "overwrite", "metadata",
    ]  # fmt: skip

    class Provider:
        def sync_safe_unwrap(self, type_hint: Any) -> Any:
            return None

    assert isinstance(Provider(), _SyncSafeHandleProvider)


def _public(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")}


def _shape(cls: type, name: str) -> list[tuple[str, Any, Any]]:
    parameters = inspect.signature(getattr(cls, name)).parameters.values()
    return [(each.name, each.kind, each.default) for each in parameters]


STORE = {
    "read": "path", "read_bytes": "path", "read_text": "path, *, encoding='utf-8', errors='strict'",
    "read_seekable": "path",
    "write": "path, content, *, overwrite=False, metadata=None",
    "write_text": "path, text, *, encoding='utf-8', overwrite=False, metadata=None",
    "write_atomic": "path, content, *, overwrite=False, metadata=None",
    "open_atomic": "path, *, overwrite=False",
    "delete": "path, *, missing_ok=False", "delete_folder": "path, *, recursive=False, missing_ok=False",
    "list_files": "path, *, recursive=False, pattern=None, max_depth=None",
    "list_folders": "path, *, pattern=None, max_depth=None", "iter_children": "path", "glob": "pattern",
    "move": "src, dst, *, overwrite=False", "copy": "src, dst, *, overwrite=False",
    "exists": "path", "is_file": "path", "is_folder": "path",
    "get_file_info": "path", "get_folder_info": "path, *, max_depth=None", "head": "path",
    "ping": "", "close": "", "child": "subpath",
    "unwrap": "type_hint", "resolve": "key", "native_path": "key", "to_key": "path", "supports": "capability",
}  # fmt: skip
"""CONTRACT A2 as it stands there."""


@pytest.mark.parametrize("name", STORE)
def test_store_methods_have_the_documented_parameters(name: str) -> None:
    """CONTRACT A2: names, kinds, order and defaults; what ours adds is keyword-only with a default."""
    parameters = [each for each in inspect.signature(getattr(Store, name)).parameters.values() if each.name != "self"]
    documented = [each for each in parameters if each.name not in ADDED_KEYWORDS]
    text = ", ".join(
        str(each.replace(annotation=inspect.Parameter.empty)) for each in documented if each.kind != each.KEYWORD_ONLY
    )
    keywords = [
        str(each.replace(annotation=inspect.Parameter.empty)) for each in documented if each.kind == each.KEYWORD_ONLY
    ]
    if keywords:
        text += ("" if not text else ", ") + "*, " + ", ".join(keywords)
    assert text == STORE[name]
    for added in set(parameters) - set(documented):
        assert added.kind == added.KEYWORD_ONLY
        assert added.default is None


def test_store_and_async_store_have_the_same_methods() -> None:
    """CONTRACT 1, DECISIONS 7: they differ by read_seekable and close / aclose; ours adds what 2a lists."""
    assert _public(Store) == set(STORE) | ADDED
    assert _public(AsyncStore) == (_public(Store) - {"read_seekable", "close"}) | {"aclose"}


@pytest.mark.parametrize("name", sorted(_public(Store) & _public(AsyncStore)))
def test_shared_store_methods_have_the_same_parameters(name: str) -> None:
    """CONTRACT 1: names, kinds, defaults."""
    assert _shape(Store, name) == _shape(AsyncStore, name)


PLAIN = {
    "read", "list_files", "list_folders", "iter_children", "glob", "child", "unwrap", "resolve", "native_path", "to_key",
    "supports", "open_atomic",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(_public(AsyncStore)))
def test_async_store_methods_are_coroutines_where_documented(name: str) -> None:
    """CONTRACT A2: `read` and the listings are plain functions that give async iterators."""
    assert inspect.iscoroutinefunction(getattr(AsyncStore, name)) is (name not in PLAIN)


ABSTRACT = set(
    _words("""name capabilities exists is_file is_folder read read_bytes write write_atomic delete delete_folder list_files
    list_folders get_file_info get_folder_info move copy""")
)
CONCRETE = {"iter_children", "glob", "to_key", "native_path", "resolve", "check_health", "unwrap"}


def test_backends_have_exactly_the_documented_abstract_members() -> None:
    """CONTRACT A3, 2: one more would break every third-party backend."""
    assert Backend.__abstractmethods__ == ABSTRACT | {"open_atomic"}
    assert AsyncBackend.__abstractmethods__ == ABSTRACT


def test_backends_of_both_kinds_have_the_same_methods() -> None:
    """CONTRACT 2."""
    shared = ABSTRACT | CONCRETE | ADDED | {"close_is_terminal", "native_options"}
    assert _public(Backend) == shared | {"open_atomic", "read_seekable", "close"}
    assert _public(AsyncBackend) == shared | {"aclose"}
    for name in sorted(shared - {"name", "capabilities", "close_is_terminal", "native_options"}):
        assert _shape(Backend, name) == _shape(AsyncBackend, name), name
    assert (Backend.close_is_terminal, AsyncBackend.close_is_terminal) == (False, False)


@pytest.mark.parametrize(
    "cls", [LocalBackend, MemoryBackend, AsyncMemoryBackend, SyncBackendAdapter, remote_store.aio.AsyncLocalBackend]
)
def test_shipped_backends_declare_their_capabilities_on_the_class(cls: Any) -> None:
    """CONTRACT A3, part C."""
    assert isinstance(cls.CAPABILITIES, CapabilitySet)
    missing = {
        "LocalBackend": {Capability.USER_METADATA}, "AsyncLocalBackend": {Capability.USER_METADATA},
        "MemoryBackend": {Capability.GLOB, Capability.LAZY_READ}, "AsyncMemoryBackend": {Capability.GLOB},
        "SyncBackendAdapter": set[Capability](),
    }  # fmt: skip
    assert set(Capability) - set(cls.CAPABILITIES) == missing[cls.__name__]


@pytest.mark.parametrize("cls", [LocalBackend, MemoryBackend])
def test_constructors_refuse_unknown_keywords(cls: Any, tmp_path: Path) -> None:
    """CONTRACT part C: TypeError; neither takes `retry`."""
    arguments = [str(tmp_path)] if cls is LocalBackend else []
    for keyword in ("retry", "nonsense"):
        with pytest.raises(TypeError):
            cls(*arguments, **{keyword: None})


# Models

MODELS = {
    "FileInfo": "path name size modified_at digest etag content_type metadata extra",
    "FolderEntry": "path name",
    "FolderInfo": "path file_count total_size modified_at extra",
    "WriteResult": "path size source digest etag version_id last_modified metadata",
    "ContentDigest": "algorithm value",
    "ResolutionPlan": "kind backend key native_path details",
    "RetryPolicy": "max_attempts backoff_base backoff_max jitter timeout",
    "BackendConfig": "type options retry",
    "StoreProfile": "backend root_path options",
    "RegistryConfig": "backends stores",
}

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXAMPLES: dict[str, tuple[Any, ...]] = {
    "FileInfo": (RemotePath("a/b"), "b", 1, NOW),
    "FolderEntry": (RemotePath("a/b"), "b"),
    "FolderInfo": (RemotePath("a/b"), 1, 2),
    "WriteResult": (RemotePath("a/b"), 1),
    "ContentDigest": ("md5", "ff"),
    "ResolutionPlan": ("memory", "memory", "a", "a", {}),
    "RetryPolicy": (),
    "BackendConfig": ("memory",),
    "StoreProfile": ("main",),
    "RegistryConfig": (),
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "FileInfo": {"digest": None, "etag": None, "content_type": None, "metadata": None, "extra": {}},
    "FolderInfo": {"modified_at": None, "extra": {}},
    "WriteResult": dict.fromkeys(("digest", "etag", "version_id", "last_modified", "metadata")) | {"source": "basic"},
    "RetryPolicy": {"max_attempts": 3, "backoff_base": 1.0, "backoff_max": 60.0, "jitter": 1.0, "timeout": None},
    "BackendConfig": {"options": {}, "retry": None},
    "StoreProfile": {"root_path": "", "options": {}},
    "RegistryConfig": {"backends": {}, "stores": {}},
}


@pytest.mark.parametrize("name", MODELS)
def test_models_are_dataclasses_with_the_documented_fields(name: str) -> None:
    """CONTRACT A4: frozen, the fields in order, the defaults; positional and by keyword; `dataclasses` works."""
    cls = getattr(remote_store, name)
    fields = [each.name for each in dataclasses.fields(cls)]
    assert fields == MODELS[name].split()
    made = cls(*EXAMPLES[name])
    assert cls(**dict(zip(fields, EXAMPLES[name], strict=False))) == made
    for field, value in DEFAULTS.get(name, {}).items():
        assert getattr(made, field) == value, field
    with pytest.raises(AttributeError):
        setattr(made, fields[0], None)
    assert dataclasses.replace(made) == made
    if name != "ResolutionPlan":
        assert pickle.loads(pickle.dumps(made)) == made
        assert copy.copy(made) == made
        assert dataclasses.asdict(made).keys() == set(fields)
    assert repr(made).startswith(f"{name}({fields[0]}=")


def test_infos_compare_by_path_alone() -> None:
    """CONTRACT 7."""
    one, other = (remote_store.FileInfo(RemotePath("a"), "a", size, NOW) for size in (1, 2))
    assert one == other
    assert hash(one) == hash(other)
    assert one.__eq__("a") is NotImplemented
    assert remote_store.WriteResult(RemotePath("a"), 1) != remote_store.WriteResult(RemotePath("a"), 2)
    assert isinstance(one, remote_store.PathEntry)
    assert remote_store.FolderInfo(RemotePath("a/b"), 0, 0).name == "b"


def test_resolution_plans_are_read_only() -> None:
    """CONTRACT 10."""
    plan = remote_store.ResolutionPlan("k", "b", "key", "native", {"root": "r"})
    with pytest.raises(TypeError):
        plan.details["root"] = "x"  # type: ignore[index]
    with pytest.raises(TypeError):
        hash(plan)


# Capabilities and errors

CAPABILITIES = _words("""read write delete list glob move copy atomic_write atomic_move metadata user_metadata seekable_read
lazy_read write_result_native ranged_read conditional_write""")


def test_capabilities_are_the_documented_ones() -> None:
    """CONTRACT A5: 14 of the peer's and two of ours, names being the values in upper case."""
    assert sorted(each.value for each in Capability) == sorted(CAPABILITIES)
    assert all(each.name == each.value.upper() for each in Capability)


def test_capability_sets_behave() -> None:
    """CONTRACT 12-14."""
    some = CapabilitySet({Capability.WRITE, Capability.READ})
    assert some.supports(Capability.READ)
    assert Capability.LIST not in some
    assert len(some) == len(list(some)) == 2
    assert repr(some) == "CapabilitySet({READ, WRITE})"
    with pytest.raises(AttributeError, match="immutable"):
        some.x = 1  # type: ignore[attr-defined]
    with pytest.raises(remote_store.CapabilityNotSupported, match="glob") as caught:
        some.require(Capability.GLOB)
    assert "is not supported" in str(caught.value)
    assert "Supported" in str(caught.value)
    assert (caught.value.capability, caught.value.backend) == ("glob", None)


ERRORS = {
    "NotFound": FileNotFoundError, "AlreadyExists": FileExistsError, "PermissionDenied": PermissionError,
    "InvalidPath": ValueError, "DirectoryNotEmpty": OSError, "BackendUnavailable": OSError, "ResourceLocked": OSError,
    "CapabilityNotSupported": NotImplementedError,
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors_derive_from_ours_first_and_then_the_builtin(name: str) -> None:
    """CONTRACT A6, DECISIONS 9."""
    cls = getattr(remote_store, name)
    assert cls.__mro__[1] is RemoteStoreError
    assert issubclass(cls, ERRORS[name])


@pytest.mark.parametrize("name", ["RemoteStoreError", *ERRORS])
def test_errors_tell_and_travel(name: str) -> None:
    """CONTRACT 15-18: attributes, text, repr, pickle and copy."""
    cls = getattr(remote_store, name)
    more = {"capability": "glob"} if name == "CapabilityNotSupported" else {}
    error = cls("it failed", path="a/b", backend="local", **more)
    tail = " | capability='glob'" if more else ""
    assert str(error) == f"it failed | path='a/b' | backend='local'{tail}"
    assert repr(error) == f"{name}('it failed', path='a/b', backend='local'" + (", capability='glob')" if more else ")")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (type(twin), str(twin), repr(twin)) == (cls, str(error), repr(error))
    assert (str(cls("x")), cls("x").path, cls("x").backend) == ("x", None, None)
    assert repr(cls("x")) == f"{name}('x')"
    if more:
        assert str(cls(capability="glob")) == "capability='glob'"


# Text forms and logging


def test_reprs(tmp_path: Path) -> None:
    """CONTRACT 145, 112."""
    assert repr(Store(MemoryBackend(), "x")) == "Store(backend='memory', root_path='x')"
    assert repr(AsyncStore(AsyncMemoryBackend(), "x")) == "AsyncStore(backend='async-memory', root_path='x')"
    assert repr(LocalBackend(str(tmp_path))) == f"LocalBackend(root='{tmp_path}')"
    backend = MemoryBackend()
    Store(backend).write("a/b", b"1")
    assert repr(backend) == "MemoryBackend(files=1, folders=1)"
    assert repr(AsyncMemoryBackend()) == "AsyncMemoryBackend(files=0, folders=0)"


def test_the_store_logs_calls_and_changes(caplog: pytest.LogCaptureFixture) -> None:
    """CONTRACT 146: DEBUG at each call, INFO after changes, with `op`, `path` and `backend`; no content."""
    assert any(isinstance(handler, logging.NullHandler) for handler in logging.getLogger("remote_store").handlers)
    store = Store(MemoryBackend(), "root")
    with caplog.at_level(logging.DEBUG, "remote_store"):
        store.write("a.txt", b"sensitive")
        store.write_text("t.txt", "sensitive")
        store.write_atomic("b.txt", b"sensitive")
        with store.open_atomic("c.txt") as file:
            file.write(b"sensitive")
        store.read_bytes("a.txt")
        store.copy("a.txt", "d.txt")
        store.move("d.txt", "e.txt")
        store.delete("e.txt")
        store.write("f/g", b"")
        store.delete_folder("f", recursive=True)
        store.exists("a.txt")
        store.head("a.txt")
        list(store.list_files(""))
    ours: list[Any] = [each for each in caplog.records if each.name == "remote_store._store"]
    debugs = [(each.op, each.path, each.backend) for each in ours if each.levelno == logging.DEBUG]
    infos = [(each.op, each.path, each.backend) for each in ours if each.levelno == logging.INFO]
    assert ("write", "a.txt", "memory") in debugs
    assert ("read_bytes", "a.txt", "memory") in debugs
    assert ("exists", "a.txt", "memory") in debugs
    changes = ["write", "write", "write_atomic", "open_atomic", "copy", "move", "delete", "write", "delete_folder"]
    assert [op for op, _, _ in infos] == changes
    assert any(each.getMessage().startswith("write path='a.txt'") for each in ours if each.levelno == logging.DEBUG)
    assert all("complete" in each.getMessage() for each in ours if each.levelno == logging.INFO)
    assert "sensitive" not in caplog.text


# Proxies


class Plain(ProxyStore):
    """A proxy as an application writes one."""

    def _wrap_child(self, inner_child: Store) -> Store:
        return Plain(inner_child)


@pytest.mark.parametrize("name", sorted(set(STORE) | ADDED))
def test_a_proxy_delegates_every_public_method(name: str) -> None:
    """CONTRACT 147: the very arguments go to the inner store, and its answer comes back."""
    asked: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    answer = Store(MemoryBackend())

    class Recording(Store):
        pass

    def record(self: Store, *args: Any, **options: Any) -> Any:
        asked.append((args, options))
        return answer

    setattr(Recording, name, record)
    proxy = Plain(Recording(MemoryBackend()))
    parameters = list(inspect.signature(getattr(Store, name)).parameters.values())[1:]
    positional = [f"<{each.name}>" for each in parameters if each.kind != each.KEYWORD_ONLY]
    options = {each.name: f"<{each.name}>" for each in parameters if each.kind == each.KEYWORD_ONLY}
    found = getattr(proxy, name)(*positional, **options)
    assert asked == [(tuple(positional), options)]
    if name == "child":
        assert isinstance(found, Plain)
        assert found.inner is answer
    elif name != "close":
        assert found is answer or found is None  # ping, delete and the like give nothing


def test_proxies_in_general() -> None:
    """CONTRACT 147: equality by exact type and inner store, `with` closes the inner store, the base can't wrap."""
    store = Store(MemoryBackend())
    assert Plain(store) == Plain(store)
    assert hash(Plain(store)) == hash(Plain(store))
    assert Plain(store) != ProxyStore(store)
    assert Plain(store) != store
    assert Plain(store) != Plain(Store(MemoryBackend()))
    with pytest.raises(NotImplementedError):
        ProxyStore(store).child("a")
    closed = []
    store.close = lambda: closed.append(1)  # type: ignore[method-assign]
    with Plain(store) as entered:
        assert isinstance(entered, Plain)
    assert closed == [1]
    assert (Plain(store).inner, Plain(store)._inner, Plain(store)._backend, Plain(store)._root) == (
        store, store, store._backend, "",
    )  # fmt: skip
