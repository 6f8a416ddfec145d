"""The wire verbs that the backend needs, one function each: the seam where the transport can be replaced.

Every function sends one request, counts it, and raises Fault for whatever goes wrong. Nothing here retries.
https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from ..._core.condition import ALWAYS, Condition
from ..._http.ranges import range_header
from ..._http.retrying import Fault
from .answers import Download, Head, Put, head_of, put_of
from .bodies import body_of
from .clients import Clients
from .config import AzureConfig
from .documents import Page, block_list, commit_list, key_request, page_of, record_of
from .errors import unexpected
from .metadata import PREFIX
from .precondition import quoted, write_condition
from .sending import Query, Sender
from .signing import sas_of

__all__ = ["Wire"]

Headers = Mapping[str, str]


class Wire:
    """The verbs, for one container."""

    def __init__(self, config: AzureConfig, clients: Clients) -> None:
        self._config = config
        self.clients = clients
        self.sender = Sender(config.account.url, clients)
        self._container = quote(config.container, safe="")

    @property
    def sent(self) -> Counter[str]:
        """Requests by verb since the backend was made."""
        return self.sender.sent

    def url(self, key: str) -> str:
        """Return a blob's address, unsigned."""
        return f"{self._config.account.url}/{self._path(key)}"

    def _path(self, key: str) -> str:
        return f"{self._container}/{quote(key, safe='/')}" if key else self._container

    # Blobs

    async def head(self, key: str, *, version_id: str | None = None) -> Head:
        """Get Blob Properties."""
        reply = await self.sender.send(
            "GetBlobProperties", "HEAD", self._path(key), query=_version(version_id), ok=(200,)
        )
        return head_of(reply.headers, "GetBlobProperties")

    async def get(
        self,
        key: str,
        *,
        start: int | None = None,
        stop: int | None = None,
        if_match: str | None = None,
        version_id: str | None = None,
    ) -> Download:
        """Get Blob, or a half-open range of it; `stop` None means to its end."""
        headers: dict[str, str] = {}
        if start is not None:
            headers["x-ms-range"] = range_header(start, stop)
        if if_match is not None:
            headers["If-Match"] = quoted(if_match)
        reply = await self.sender.open("GetBlob", "GET", self._path(key), query=_version(version_id), headers=headers)
        download = Download(reply)
        try:
            download.check(start, stop)
        except BaseException:
            await download.aclose()
            raise
        return download

    async def put(
        self,
        key: str,
        buffers: Sequence[memoryview],
        size: int,
        *,
        condition: Condition = ALWAYS,
        metadata: Headers | None = None,
        headers: Headers | None = None,
        md5: str | None = None,
    ) -> Put:
        """Put Blob."""
        sent = {"x-ms-blob-type": "BlockBlob", **(headers or {}), **_meta(metadata), **write_condition(condition)}
        if md5 is not None:
            sent["Content-MD5"] = md5
        reply = await self.sender.send(
            "PutBlob", "PUT", self._path(key), headers=sent, body=body_of(buffers, size), size=size, ok=(201,)
        )
        return put_of(reply.headers, "PutBlob")

    async def copy(
        self, source: str, target: str, *, condition: Condition = ALWAYS, source_etag: str | None = None
    ) -> tuple[str, str | None]:
        """Copy Blob inside the account, with its metadata; return its status and id."""
        sas = sas_of(self._config.account)
        sent = {"x-ms-copy-source": self.url(source) + (f"?{sas}" if sas else ""), **write_condition(condition)}
        if source_etag is not None:
            sent["x-ms-source-if-match"] = quoted(source_etag)
        reply = await self.sender.send("CopyBlob", "PUT", self._path(target), headers=sent, ok=(202,))
        status = reply.headers.get("x-ms-copy-status")
        if status not in ("success", "pending"):
            raise unexpected(f"the copy has the status {status!r}", "CopyBlob", maybe_done=True)
        return status, reply.headers.get("x-ms-copy-id")

    async def abort_copy(self, key: str, copy_id: str) -> None:
        """Abort Copy Blob."""
        query = {"comp": "copy", "copyid": copy_id}
        headers = {"x-ms-copy-action": "abort"}
        await self.sender.send("AbortCopyBlob", "PUT", self._path(key), query=query, headers=headers, ok=(204,))

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Delete Blob, with its snapshots."""
        sent = {"x-ms-delete-snapshots": "include"}
        if if_match is not None:
            sent["If-Match"] = quoted(if_match)
        await self.sender.send("DeleteBlob", "DELETE", self._path(key), headers=sent, ok=(202,))

    # Blocks

    async def put_block(
        self, key: str, block_id: str, buffers: Sequence[memoryview], size: int, *, md5: str | None = None
    ) -> None:
        """Put Block: bytes that nobody sees until they are committed."""
        await self.sender.send(
            "PutBlock",
            "PUT",
            self._path(key),
            query={"comp": "block", "blockid": block_id},
            headers={} if md5 is None else {"Content-MD5": md5},
            body=body_of(buffers, size),
            size=size,
            ok=(201,),
        )

    async def put_block_list(
        self,
        key: str,
        ids: Sequence[str],
        *,
        condition: Condition = ALWAYS,
        metadata: Headers | None = None,
        headers: Headers | None = None,
        md5: str | None = None,
    ) -> Put:
        """Put Block List: make a blob of its blocks. `md5` is kept as that of the whole."""
        sent = {**(headers or {}), **_meta(metadata), **write_condition(condition)}
        if md5 is not None:
            sent["x-ms-blob-content-md5"] = md5
        body = commit_list(ids)
        reply = await self.sender.send(
            "PutBlockList",
            "PUT",
            self._path(key),
            query={"comp": "blocklist"},
            headers=sent,
            body=body,
            size=len(body),
            ok=(201,),
        )
        put = put_of(reply.headers, "PutBlockList")
        return Put(put.etag, put.version_id, None, put.modified)  # the MD5 in this answer is the list's

    async def get_block_list(self, key: str) -> tuple[list[str], list[str]]:
        """Get Block List: ids of the committed and of the uncommitted blocks."""
        query = {"comp": "blocklist", "blocklisttype": "all"}
        reply = await self.sender.send("GetBlockList", "GET", self._path(key), query=query, ok=(200,))
        return block_list(reply.body, "GetBlockList")

    # Containers and the account

    async def list_page(
        self,
        prefix: str,
        *,
        delimiter: str = "",
        marker: str | None = None,
        limit: int | None = None,
        include: str = "",
    ) -> Page:
        """List Blobs: a page of those whose name starts with `prefix`, in the service's order."""
        query = {"restype": "container", "comp": "list"}
        given = {"prefix": prefix, "delimiter": delimiter, "marker": marker, "include": include}
        query |= {name: value for name, value in given.items() if value}
        if limit is not None:
            query["maxresults"] = str(limit)
        reply = await self.sender.send("ListBlobs", "GET", self._path(""), query=query, ok=(200,))
        return page_of(reply.body, "ListBlobs")

    async def head_container(self) -> None:
        """Get Container Properties."""
        query = {"restype": "container"}
        reply = await self.sender.send("GetContainerProperties", "HEAD", self._path(""), query=query, ok=(200,))
        if "etag" not in reply.headers:
            raise unexpected("the answer has no etag", "GetContainerProperties")

    async def account_has_hns(self) -> bool:
        """Get Account Information: whether the account has a hierarchical namespace.

        A SAS may be for one container; it is told there too.
        """
        query = {"restype": "account", "comp": "properties"}
        path = self._container if sas_of(self._config.account) is not None else ""
        try:
            reply = await self.sender.send("GetAccountInfo", "HEAD", path, query=query, ok=(200,))
        except Fault as fault:
            if fault.code in ("ResourceNotFound", "404"):
                fault.code = "AuthorizationFailure"  # what tokens hear that may not ask this
            raise
        # Azurite says nothing of it to those who come with a SAS.
        return reply.headers.get("x-ms-is-hns-enabled", "").lower() == "true"

    async def delegation_key(self, start: str, expiry: str) -> dict[str, str]:
        """Get User Delegation Key: what a token's owner signs with."""
        body = key_request(start, expiry)
        query = {"restype": "service", "comp": "userdelegationkey"}
        reply = await self.sender.send(
            "GetUserDelegationKey", "POST", "", query=query, body=body, size=len(body), ok=(200,)
        )
        return record_of(reply.body, "UserDelegationKey", "GetUserDelegationKey")


def _meta(metadata: Headers | None) -> dict[str, str]:
    return {f"{PREFIX}{key}": value for key, value in (metadata or {}).items()}


def _version(version_id: str | None) -> Query:
    return {} if version_id is None else {"versionid": version_id}
