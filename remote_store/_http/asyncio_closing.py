"""Connections of aiohttp that end when they are closed, even where the peer has stopped reading."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from aiohttp.client_proto import ResponseHandler

__all__ = ["ends_at_once"]


def ends_at_once(connector: Any) -> None:
    """Have an aiohttp connector make connections that end when they are closed. Call it before there are any.

    asyncio's ``close()`` sends first what is still to be sent. The rest of an upload that was given up since nobody
    read it would keep its socket for as long as nobody does; no session knows of it any more.
    """
    connector._factory = partial(_Ending, loop=asyncio.get_running_loop())


class _Ending(ResponseHandler):
    def close(self) -> None:
        """Say farewell where that is possible at once (TLS), and end."""
        transport = self.transport
        super().close()
        if transport is not None:
            transport.abort()
