"""Bytes passed on without being read: faults for protocols that the proxy does not speak, such as SSH."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass

from .fault import Fault
from .script import Strike
from .waiting import Link, held, reset

__all__ = ["RAW_KINDS_DOWN", "RAW_KINDS_UP", "pumped"]

PIECE = 64 * 1024
CONNECT_SECONDS = 10.0
RAW_KINDS_DOWN = frozenset({"cut", "trickle", "flip-down"})
"""Kinds that count bytes from the server on; a stall stops them."""
RAW_KINDS_UP = frozenset({"stall-upload", "flip-up"})
"""Kinds that count bytes from the client on."""


def pumped(link: Link, host: str, port: int, strike: Strike) -> None:
    """Pass bytes on in both directions until one side closes; a fault's offset counts from the connection's start."""
    with socket.create_connection((host, port), CONNECT_SECONDS) as server:
        server.settimeout(None)
        fault, ended = strike.fault, strike.ended
        down = Flow(server, link.socket, fault if fault and fault.kind in RAW_KINDS_DOWN else None, ended)
        up = Flow(link.socket, server, fault if fault and fault.kind in RAW_KINDS_UP else None, ended)
        if fault is not None:
            strike.record.text = f"{fault.kind} at byte {fault.offset or 0}"
        other = threading.Thread(target=up.run, daemon=True)
        other.start()
        down.run()
        if down.broken and fault is not None and fault.argument == "reset":
            link.doomed = True
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
            socket.socket.shutdown(link.socket, socket.SHUT_RDWR if not link.doomed else socket.SHUT_RD)
        other.join()
        if link.doomed:
            reset(link.socket)


@dataclass
class Flow:
    """One direction."""

    source: socket.socket
    target: socket.socket
    fault: Fault | None
    ended: threading.Event
    done: int = 0
    broken: bool = False

    def run(self) -> None:
        """Pass on what comes, to its end."""
        try:
            while not self.broken and (piece := self.source.recv(PIECE)):
                self._pass(piece)
                self.done += len(piece)
            if not self.broken:
                self.target.shutdown(socket.SHUT_WR)
        except OSError:
            self.broken = True  # one of both is gone, and so is this direction

    def _pass(self, piece: bytes) -> None:
        fault = self.fault
        at = (fault.offset or 0) - self.done if fault is not None else len(piece)
        if fault is None or at >= len(piece):
            self.target.sendall(piece)
        elif fault.kind in ("flip-down", "flip-up"):
            self.fault = None
            self.target.sendall(piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1 :])
        elif fault.kind == "cut":
            self.target.sendall(piece[: max(0, at)])
            self.broken = True
        elif fault.kind == "trickle":
            self._trickle(piece, max(0, at), fault.seconds or 1.0)
        else:
            self.target.sendall(piece[: max(0, at)])
            self.fault = None
            held(self.source, fault.seconds or None, self.ended)
            self.target.sendall(piece[max(0, at) :])

    def _trickle(self, piece: bytes, at: int, pace: float) -> None:
        self.target.sendall(piece[:at])
        for index in range(at, len(piece)):
            if held(self.target, pace, self.ended):
                self.broken = True
                return
            self.target.sendall(piece[index : index + 1])
