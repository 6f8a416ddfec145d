"""The wire verbs of the Data Lake Storage endpoint, one function each, as `..requests` has those of the Blob endpoint.

https://learn.microsoft.com/rest/api/storageservices/data-lake-storage-gen2
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from ...._core.condition import ALWAYS, Condition
from ..bodies import body_of
from ..config import AzureConfig
from ..documents import Page
from ..errors import unexpected
from ..precondition import quoted, write_condition
from ..requests import Wire
from ..sending import Sender
from ..signing import sas_of
from .documents import paths_of

__all__ = ["PathWire"]

_BLOB_HEADER = "x-ms-blob-"


class PathWire:
    """The verbs, for one container, which this endpoint calls a filesystem."""

    def __init__(self, config: AzureConfig, wire: Wire) -> None:
        self._config = config
        self._sender = Sender(config.account.dfs_url, wire.clients, wire.sent)
        self._filesystem = quote(config.container, safe="")

    def _path(self, key: str) -> str:
        return f"{self._filesystem}/{quote(key, safe='/')}" if key else self._filesystem

    # Filesystem - Get Properties

    async def filesystem_has_hns(self) -> bool:
        """Get Filesystem Properties: whether the account has a hierarchical namespace, for whoever may read the container."""
        reply = await self._sender.send(
            "GetFilesystemProperties", "HEAD", self._filesystem, query={"resource": "filesystem"}, ok=(200,)
        )
        told = reply.headers.get("x-ms-namespace-enabled")
        if told is None:
            raise unexpected("the answer does not tell of the namespace", "GetFilesystemProperties")
        return told.lower() == "true"

    # Path - Create

    async def create(
        self, key: str, *, metadata: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Create File: an empty one, with its parents; a fault where something is there."""
        sent = {"If-None-Match": "*", **_properties(metadata), **_content_headers(headers)}
        await self._sender.send(
            "CreateFile", "PUT", self._path(key), query={"resource": "file"}, headers=sent, ok=(201,)
        )

    async def create_directory(self, key: str) -> None:
        """Create Directory, with its parents; a fault where something is there."""
        await self._sender.send(
            "CreateDirectory",
            "PUT",
            self._path(key),
            query={"resource": "directory"},
            headers={"If-None-Match": "*"},
            ok=(201,),
        )

    async def rename(
        self, source: str, target: str, *, condition: Condition = ALWAYS, source_etag: str | None = None
    ) -> None:
        """Rename File: in one step, onto a file too unless the condition forbids it. The target's parent must exist."""
        sas = sas_of(self._config.account)
        sent = {"x-ms-rename-source": f"/{self._path(source)}" + (f"?{sas}" if sas else "")}
        sent |= write_condition(condition)
        if source_etag is not None:
            sent["x-ms-source-if-match"] = quoted(source_etag)
        await self._sender.send("RenameFile", "PUT", self._path(target), headers=sent, ok=(201,))

    # Path - Update

    async def append(
        self, key: str, position: int, buffers: Sequence[memoryview], size: int, *, md5: str | None = None
    ) -> None:
        """Append Data: bytes for a position, in any order, that nobody sees until they are flushed."""
        await self._sender.send(
            "AppendData",
            "PATCH",
            self._path(key),
            query={"action": "append", "position": str(position)},
            headers={} if md5 is None else {"Content-MD5": md5},
            body=body_of(buffers, size),
            size=size,
            ok=(202,),
        )

    async def flush(self, key: str, position: int, *, md5: str | None = None) -> None:
        """Flush Data: make what was appended, `position` bytes in all, the file's content. `md5` is kept as its own."""
        query = {"action": "flush", "position": str(position), "close": "true"}
        headers = {} if md5 is None else {"x-ms-content-md5": md5}
        await self._sender.send("FlushData", "PATCH", self._path(key), query=query, headers=headers, ok=(200,))

    # Path - Delete

    async def delete_directory(self, key: str, *, recursive: bool, continuation: str | None = None) -> str | None:
        """Delete a directory, or as much of it as one request can; return where to go on, None at the end."""
        query = {"recursive": "true" if recursive else "false"}
        if continuation is not None:
            query["continuation"] = continuation
        reply = await self._sender.send("DeleteDirectory", "DELETE", self._path(key), query=query, ok=(200,))
        return reply.headers.get("x-ms-continuation") or None

    # Path - List

    async def list_page(self, directory: str, *, recursive: bool, continuation: str | None = None) -> Page:
        """List Paths: a page of what is in a directory, files as blobs and directories as prefixes."""
        query = {"resource": "filesystem", "recursive": "true" if recursive else "false"}
        given = {"directory": directory, "continuation": continuation}
        query |= {name: value for name, value in given.items() if value}
        reply = await self._sender.send("ListPaths", "GET", self._filesystem, query=query, ok=(200,))
        return paths_of(reply.body, reply.headers.get("x-ms-continuation"), "ListPaths")


def _properties(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Return metadata as this endpoint wants it: pairs with base64 values."""
    pairs = [f"{key}={base64.b64encode(value.encode()).decode()}" for key, value in (metadata or {}).items()]
    return {"x-ms-properties": ",".join(pairs)} if pairs else {}


def _content_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return headers of the Blob endpoint by this endpoint's names."""
    return {
        f"x-ms-{name.removeprefix(_BLOB_HEADER)}" if name.startswith(_BLOB_HEADER) else name: value
        for name, value in (headers or {}).items()
    }
