"""What can be imported from where, and what that costs."""

from __future__ import annotations

import ast
import inspect
import logging
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import remote_store
import remote_store.aio

PACKAGE = Path(remote_store.__file__).parent
LAZY = ["remote_store", "remote_store.aio", "remote_store.aio.backends"]

TOP = {
    # CONTRACT A1
    "Store", "ProxyStore", "Registry", "Backend", "AsyncBackendSyncAdapter", "register_backend", "info", "InfoResult",
    "BackendInfo", "ExtensionInfo", "resolve_env", "__version__",
    # A4
    "FileInfo", "FolderEntry", "FolderInfo", "WriteResult", "WriteOptions", "ContentDigest", "ResolutionPlan", "PathEntry",
    "RetryPolicy", "BackendConfig", "StoreProfile", "RegistryConfig", "RemotePath", "Secret", "SecretRedactionFilter",
    # A5
    "Capability", "CapabilitySet",
    # A6, RELIABILITY
    "RemoteStoreError", "NotFound", "AlreadyExists", "PermissionDenied", "InvalidPath", "DirectoryNotEmpty",
    "BackendUnavailable", "ResourceLocked", "CapabilityNotSupported", "BackendClosed", "HostKeyMismatch",
    "IntegrityError", "InvalidConfig", "NoSpace", "OutcomeUnknown", "PreconditionFailed", "TimeoutExceeded",
    "UnexpectedResponse",
    # Issue 3
    "open_store", "open_async_store",
    # CONTRACT A9
    "BatchResult", "batch_copy", "batch_delete", "batch_exists", "CacheBackend", "CacheStats", "CachedStore",
    "MemoryCache", "cache", "glob_files", "checksum", "content_digest", "verify", "verify_hex", "BufferedObserver",
    "ObservedStore", "StoreEvent", "observe", "set_correlation_id", "ParsedPartition", "parse_partition",
    "partition_path", "ChecksumReader", "ChecksumWriter", "ProgressReader", "ProgressWriter", "read_with_progress",
    "download", "transfer", "upload", "HashingAtomicWriter", "open_atomic_with_hash", "write_with_hash",
}  # fmt: skip
AIO = {
    # CONTRACT A7
    "AsyncStore", "AsyncBackend", "AsyncMemoryBackend", "SyncBackendAdapter", "AsyncWritableContent", "AsyncLocalBackend",
    # DECISIONS 6, 7, issue 3
    "AsyncProxyStore", "AsyncRegistry", "AsyncReadStream", "open_async_store",
    # CONTRACT A7: with its SDK
    "AsyncAzureBackend",
}  # fmt: skip


def python(code: str) -> str:
    """What a fresh interpreter prints; warnings are errors there too."""
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_top_has_the_names_of_the_contract() -> None:
    """CONTRACT A1 to A6: in `__all__`, and nothing that does not exist yet."""
    assert set(remote_store.__all__) == TOP


def test_aio_has_the_names_of_the_contract() -> None:
    """CONTRACT A7."""
    assert set(remote_store.aio.__all__) == AIO
    assert set(import_module("remote_store.aio.backends").__all__) == {
        "AsyncAzureBackend",
        "AsyncLocalBackend",
        "AsyncMemoryBackend",
        "AsyncReadOnlyHttpBackend",
        "AsyncS3Backend",
        "AsyncSFTPBackend",
    }
    assert inspect.iscoroutinefunction(import_module("remote_store.aio.ext.write").write_with_hash)


def test_the_blocking_backends_are_in_their_package() -> None:
    """CONTRACT A8: what needs no extra."""
    assert {"LocalBackend", "MemoryBackend", "ReadOnlyHttpBackend"} <= set(
        import_module("remote_store.backends").__all__
    )


def test_the_adapter_s_module_is_the_address_that_the_seed_names() -> None:
    """CONTRACT A7: `_SyncSafeHandleProvider` is importable from there, and holds for anything with the method."""
    module = import_module("remote_store._async_to_sync_adapter")
    assert hasattr(module, "_SyncSafeHandleProvider")
    assert module.AsyncBackendSyncAdapter is remote_store.AsyncBackendSyncAdapter


def test_a_star_import_brings_all_names() -> None:
    """A lazy module keeps the promise of `__all__`."""
    python(
        "from remote_store import *\n"
        "from remote_store.aio import *\n"
        "import remote_store, remote_store.aio\n"
        "missing = {*remote_store.__all__, *remote_store.aio.__all__} - set(globals())\n"
        "assert not missing, missing\n"
    )


@pytest.mark.parametrize("door", LAZY)
def test_checkers_see_the_names_that_are_there(door: str) -> None:
    """`__all__`, what checkers read under TYPE_CHECKING, and the table that loads them are one list."""
    module = import_module(door)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    for_checkers = {
        alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    homes: dict[str, Any] = {name: home for home, names in module._HOMES.items() for name in names}
    assert for_checkers == homes
    assert set(module.__all__) - {"__version__"} == set(homes)


def test_one_object_wherever_it_is_imported_from() -> None:
    """CONTRACT A1, A7: a name stands for one class in both faces."""
    assert remote_store.aio.AsyncMemoryBackend is import_module("remote_store.aio.backends").AsyncMemoryBackend
    assert remote_store.aio.open_async_store is remote_store.open_async_store


def test_subpackages_come_when_they_are_asked_for() -> None:
    """`import remote_store` is enough to write `remote_store.aio.AsyncStore`."""
    python(
        "import remote_store\n"
        "remote_store.aio.AsyncStore, remote_store.aio.backends.AsyncLocalBackend\n"
        "remote_store.backends.LocalBackend, remote_store.ext\n"
    )


def test_an_unknown_name_is_an_attribute_error_and_an_import_error() -> None:
    """A lazy module fails as any module does."""
    with pytest.raises(AttributeError, match="module 'remote_store' has no attribute 'Stroe'"):
        _ = remote_store.Stroe  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="Stroe"):
        exec("from remote_store import Stroe")


def test_the_import_loads_next_to_nothing() -> None:
    """DESIGN 2: no anyio, no asyncio, no SDK, and four modules of our own."""
    code = "import sys; before = set(sys.modules); import remote_store;print(*sorted(set(sys.modules) - before))"
    loaded = python(code).split()
    ours = [name for name in loaded if name.startswith("remote_store")]
    assert ours == ["remote_store", "remote_store._core", "remote_store._core.lazy", "remote_store._core.version"]
    assert not {name.partition(".")[0] for name in loaded} & {"anyio", "asyncio", "trio", "ssl", "socket", "typer"}


def test_the_async_face_needs_no_sdk() -> None:
    """CONTRACT A7: importing `remote_store.aio` never fails for a missing SDK, for it looks for none."""
    loaded = python("import sys, remote_store.aio.backends, remote_store.aio.ext; print(*sys.modules)").split()
    assert not {name.partition(".")[0] for name in loaded} & {"aiobotocore", "botocore", "azure", "asyncssh", "trio"}


def test_the_logger_is_silent_until_configured() -> None:
    """CONTRACT 146: a NullHandler on `remote_store`."""
    handlers = logging.getLogger("remote_store").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)


@pytest.mark.parametrize("module", ["aiobotocore", "azure", "asyncssh", "torch"])
def test_an_application_without_the_sdk_can_import_everything(module: str) -> None:
    """A missing SDK removes a backend, not the package."""
    python(
        f"import sys; sys.modules[{module!r}] = None\n"
        "from remote_store import *\nfrom remote_store.aio import *\nfrom remote_store.backends import *\n"
        "import remote_store; remote_store.info()\n"
    )
