"""Sockets that are held, looked after and let go: what the HTTP side and the raw side of the proxy share."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
import time

__all__ = ["Link", "held", "reset"]

GLANCE_MS = 20
"""How often a wait looks whether it still has a reason."""
FAREWELL_SECONDS = 0.5
"""How long a client may take to answer TLS's farewell."""
_LEFT = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)


class Link:
    """A connection, whatever its socket is at the moment: TLS puts another in its place."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.doomed = False
        """Whether it is to be reset as soon as its thread comes round to it."""
        self.abandoned = False
        """Whether it is to end without TLS's farewell."""

    def doom(self) -> None:
        """Have the connection reset: its thread is woken, for a close from another thread would wait for it."""
        self.doomed = True
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_RD)

    def end(self) -> None:
        """Close the connection, or reset it."""
        if self.doomed:
            reset(self.socket)
            return
        if isinstance(self.socket, ssl.SSLSocket) and not self.abandoned:
            with contextlib.suppress(OSError, ValueError):
                self.socket.settimeout(FAREWELL_SECONDS)
                self.socket.unwrap()
        self.socket.close()


def held(connection: socket.socket, seconds: float | None, ended: threading.Event) -> bool:
    """Wait so long, None without an end; less where the peer goes away or the script ends. Return whether that was so."""
    limit = None if seconds is None else time.monotonic() + seconds
    poll = select.poll()
    poll.register(connection, _LEFT)
    while limit is None or time.monotonic() < limit:
        left = GLANCE_MS if limit is None else min(GLANCE_MS, max(1, int((limit - time.monotonic()) * 1000)))
        if poll.poll(left) or ended.is_set():
            return True
    return False


def reset(connection: socket.socket) -> None:
    """Close a connection so that its peer sees a reset, and no farewell of TLS."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(connection, ssl.SSLSocket):
        connection = socket.socket(fileno=connection.detach())
    connection.close()
