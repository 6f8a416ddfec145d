"""The front door to the backends: each is imported when its name is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._core.lazy import installed

if TYPE_CHECKING:
    from .azure.namespace import AzureUtils as AzureUtils
    from .azure.sync import AzureBackend as AzureBackend
    from .http.sync import ReadOnlyHttpBackend as ReadOnlyHttpBackend
    from .local.sync import LocalBackend as LocalBackend
    from .memory.sync import MemoryBackend as MemoryBackend
    from .s3.sync import S3Backend as S3Backend
    from .sftp.sync import SFTPBackend as SFTPBackend
    from .sftp.utils import SFTPUtils as SFTPUtils

_WHERE = {
    "AzureBackend": "remote_store.backends.azure.sync",
    "AzureUtils": "remote_store.backends.azure.namespace",
    "LocalBackend": "remote_store.backends.local.sync",
    "MemoryBackend": "remote_store.backends.memory.sync",
    "ReadOnlyHttpBackend": "remote_store.backends.http.sync",
    "S3Backend": "remote_store.backends.s3.sync",
    "SFTPBackend": "remote_store.backends.sftp.sync",
    "SFTPUtils": "remote_store.backends.sftp.utils",
}
"""Each public name with the module that defines it."""

_NEEDS: dict[str, tuple[str, str]] = {
    "AzureBackend": ("azure.storage.blob", "azure"),
    "AzureUtils": ("azure.storage.blob", "azure"),
    "S3Backend": ("aiobotocore", "s3"),
    "SFTPBackend": ("asyncssh", "sftp"),
    "SFTPUtils": ("asyncssh", "sftp"),
}
"""Names that need another distribution: the module to look for, and the extra that installs it."""


def _there(name: str) -> bool:
    needed = _NEEDS.get(name)
    return needed is None or installed(needed[0])


__all__ = [name for name in _WHERE if _there(name)]  # names, as the linter can't see


# Hidden from checkers: with a `__getattr__` in sight they would believe in any name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if not _there(name):
            raise AttributeError(f"{name} needs an extra: pip install 'remote-store-aio[{_NEEDS[name][1]}]'")
        value = getattr(import_module(_WHERE[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
