"""A small file service over one `AsyncStore`, for any ASGI server, on asyncio and on trio.

`STORE_URL` names the store (``file:///data``, ``s3://bucket/prefix?endpoint=...``, ``memory://files``), `TRANSFER_BYTES`
how much all transfers together may hold in memory (64 MiB).
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from email.utils import format_datetime
from typing import Any, TypedDict

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from remote_store import (
    AlreadyExists,
    BackendUnavailable,
    CapabilityNotSupported,
    FileInfo,
    InvalidPath,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    RemoteStoreError,
)
from remote_store.aio import AsyncStore, open_async_store

from .conditions import chosen_range, is_current, write_condition
from .transfers import Download, Stalled, Transfers

MIB = 1024 * 1024
STATUS: dict[type[RemoteStoreError], int] = {
    NotFound: 404,
    InvalidPath: 400,
    AlreadyExists: 412,
    PreconditionFailed: 412,
    CapabilityNotSupported: 501,
    PermissionDenied: 502,  # the service may not, which is no business of its client's
    BackendUnavailable: 503,
    RemoteStoreError: 502,
}


class State(TypedDict):
    """What every request finds: the one store of the process, and the turns of transfers."""

    store: AsyncStore
    transfers: Transfers


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[State]:
    """Open the store with the server and close it with the server."""
    budget = int(os.environ.get("TRANSFER_BYTES", 64 * MIB))
    async with open_async_store(os.environ["STORE_URL"]) as store:
        yield {"store": store, "transfers": Transfers(budget)}


class Files:
    """``/files/{key}``: PUT, GET, HEAD and DELETE. An ASGI application, so that what is opened is closed in one block."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive, send)
        key: str = request.path_params["key"]
        answer = {"PUT": upload, "GET": download, "HEAD": download, "DELETE": remove}.get(request.method)
        if answer is None:
            response: Any = Response(status_code=405, headers={"Allow": "GET, HEAD, PUT, DELETE"})
        else:
            response = await answer(request, request.state.store, key)
        await response(scope, receive, send)


async def upload(request: Request, store: AsyncStore, key: str) -> Response:
    """Store the body as it comes, whole or not at all. ``If-None-Match: *`` creates, ``If-Match`` replaces."""
    overwrite, if_match = write_condition(request.headers)
    transfers: Transfers = request.state.transfers
    try:
        if if_match == "*":  # whatever is there, if anything is
            if_match = (await store.get_file_info(key)).etag
        async with transfers.turn(), aclosing(transfers.body(request)) as body:
            result = await store.write(key, body, overwrite=overwrite, if_match=if_match)
    except NotFound:
        return Response(status_code=412)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it; nothing was stored
    except Stalled:
        return Response(status_code=408)
    headers = {"ETag": f'"{result.etag}"'} if result.etag else {}
    return JSONResponse({"key": key, "size": result.size}, status_code=201, headers=headers)


async def download(request: Request, store: AsyncStore, key: str) -> Response | Download:
    """Send a file, or one range of it, unless the client has it already."""
    info = await store.get_file_info(key)
    headers = described(info)
    if is_current(request.headers, info.etag):
        return Response(status_code=304, headers=headers)
    # A range is a matter of GET alone (RFC 9110, section 14.2).
    wanted = chosen_range(request.headers, info.size, info.etag) if request.method == "GET" else None
    if wanted is None:
        start, stop, status = 0, info.size, 200
    else:
        start, stop = wanted
        status = 206 if start < stop else 416
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{info.size}" if status == 206 else f"bytes */{info.size}"
    if status == 416:
        return Response(status_code=416, headers=headers)
    headers["Content-Length"] = str(stop - start)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return Download(store, key, info, start, stop, status, headers, request.state.transfers)


def described(info: FileInfo) -> dict[str, str]:
    """Return the headers that tell of a file."""
    headers = {"Accept-Ranges": "bytes", "Content-Type": info.content_type or "application/octet-stream"}
    if info.etag:
        headers["ETag"] = f'"{info.etag}"'
    headers["Last-Modified"] = format_datetime(info.modified_at, usegmt=True)
    return headers


async def remove(request: Request, store: AsyncStore, key: str) -> Response:
    """Delete a file."""
    await store.delete(key)
    return Response(status_code=204)


async def listing(request: Request) -> Response:
    """Stream the files of a folder as JSON lines, in the store's order; ``?recursive=1`` goes into subfolders."""
    recursive = request.query_params.get("recursive") == "1"
    files = request.state.store.list_files(request.path_params["folder"], recursive=recursive)

    async def lines() -> AsyncIterator[bytes]:
        async for info in files:
            line = json.dumps({"key": str(info.path), "size": info.size, "etag": info.etag})
            yield line.encode() + b"\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


async def health(request: Request) -> Response:
    """Answer at once, whatever the store and the transfers are doing."""
    return JSONResponse({"status": "ok", "transfers": request.state.transfers.running})


async def failed(request: Request, error: Exception) -> Response:
    """Answer with the status of an error of ours, and its text, which never has a secret in it."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    return JSONResponse({"error": str(error)}, status_code=status)


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/list/{folder:path}", listing),
        Route("/files/{key:path}", Files()),
    ],
    exception_handlers={RemoteStoreError: failed},
    lifespan=lifespan,
)
