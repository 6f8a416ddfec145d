"""The peer of the example service: Starlette and its own FileResponse, with no store between."""

from __future__ import annotations

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

FOLDER = os.environ.get("STORE_URL", "").removeprefix("file://")


async def health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def download(request: Request) -> Response:
    return FileResponse(os.path.join(FOLDER, request.path_params["key"]))


app = Starlette(routes=[Route("/health", health), Route("/files/{key:path}", download)])
