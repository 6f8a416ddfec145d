"""One SFTP channel: requests are sent as they come, any number at a time, and answers find their way back.

Nothing waits for an answer but whoever asks for it, so that a transfer keeps many blocks under way without a task
for each (docs/decisions/0014).
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from threading import get_ident
from time import monotonic

import anyio
import asyncssh

from ..._http.retrying import Fault
from .packets import Cursor, Kind, refusal, string, u32

__all__ = ["Channel", "Reply", "gone"]

MAX_PACKET = 1024 * 1024
"""Bytes of an answer: four times what OpenSSH ever sends. A longer one is not waited for."""
SAFE_BLOCK = 32 * 1024
"""Bytes of a block that every server must take (section 3 of the draft), where it doesn't tell its limits."""
MAX_BLOCK = 255 * 1024
"""Bytes of a block at most: what OpenSSH takes. Larger ones gain nothing."""


class Reply:
    """The answer to one request, once it is there."""

    __slots__ = ("_channel", "_disowned", "_event", "body", "done", "fault", "kind", "verb")

    def __init__(self, channel: Channel, verb: str) -> None:
        self._channel = channel
        self._event: anyio.Event | None = None
        self._disowned = False
        self.verb = verb
        self.done = False
        self.kind = 0
        self.body: bytes = b""
        self.fault: Fault | None = None

    def settle(self, kind: int, body: bytes, fault: Fault | None = None) -> None:
        """Take the answer, or what became of the connection."""
        self.kind, self.body, self.fault, self.done = kind, body, fault, True
        if self._event is not None:
            self._event.set()
        if self._disowned:
            self._drop()

    def disown(self) -> None:
        """Have the handle closed that this brings, or has brought: whoever waited for it was cancelled."""
        self._disowned = True
        if self.done:
            self._drop()

    def _drop(self) -> None:
        if self.kind == Kind.HANDLE:
            self._channel.dropped.append(bytes(self.body[4:]))

    async def get(self, kind: int) -> bytes:
        """Wait for the answer and return its body. Raises a Fault for a refusal, a loss or an answer of another kind."""
        if not self.done:
            if self._channel.foreign:
                raise gone(None)
            self._event = anyio.Event()
            await self._channel.wait(self._event)
        if self.fault is not None:
            raise Fault(
                self.fault.code,
                self.fault.text,
                verb=self.verb,
                may_retry=self.fault.may_retry,
                maybe_done=self.fault.maybe_done,
                stale=self.fault.stale,
            )
        if self.kind == Kind.STATUS:
            fault = refusal(self.body, self.verb)
            if fault is not None:
                raise fault
        if self.kind != kind:
            raise Fault(
                "Garbled", f"the server answered with packet type {self.kind} instead of {kind}", maybe_done=True
            )
        return self.body

    async def data(self) -> bytes:
        """Wait for the answer to READ and return the bytes of the file."""
        return await self.get(Kind.DATA)

    async def ok(self) -> None:
        """Wait for a request whose only answer is its status."""
        await self.get(Kind.STATUS)


class Channel(asyncssh.SSHClientSession[bytes]):
    """An SFTP session on a connection. `stall` is the time in seconds without any answer after which it is given up.

    `extensions` are the server's, `read_block` and `write_block` the bytes that it takes in one request.
    """

    def __init__(self, stall: float | None) -> None:
        self._stall = inf if stall is None else stall
        self._home = get_ident()
        self._ssh: asyncssh.SSHClientChannel[bytes] | None = None
        self._waiting: dict[int, Reply] = {}
        self._next_id = 0
        self._head = bytearray()
        self._kind = 0
        self._id = 0
        self._body: list[bytes | memoryview] = []
        self._missing = 0
        self._heard = 0.0
        self._paused = False
        self._writable: anyio.Event | None = None
        self._version: Reply | None = None
        self._lost: Fault | None = None
        self.extensions: dict[bytes, bytes] = {}
        self.read_block = self.write_block = SAFE_BLOCK
        self.dropped: list[bytes] = []
        """Handles that the next call closes: of streams collected unread (CONTRACT 111), of calls cancelled."""
        self.sent: dict[str, int] = {}
        """Requests by their verb: what the tests of round trips count."""
        self.users = 0
        """Transfers that run here."""

    # What asyncssh calls

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """Take the channel."""
        self._ssh = chan
        chan.set_write_buffer_limits(high=4 * MAX_BLOCK, low=2 * MAX_BLOCK)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Take bytes as they come and settle the answers that are whole."""
        if datatype is not None:
            return  # what a server's start-up script says on stderr
        view: bytes | memoryview = data
        while view:
            if self._missing == 0:
                view = self._take_head(view)
                continue
            piece, view = view[: self._missing], memoryview(view)[self._missing :]
            self._body.append(piece)
            self._missing -= len(piece)
            if self._missing == 0:
                self._settle()

    def _take_head(self, view: bytes | memoryview) -> bytes | memoryview:
        """Collect length, type and request id, nine bytes in all; of VERSION the number stands where the id does."""
        want = 9 - len(self._head)
        self._head += view[:want]
        if len(self._head) == 9:
            size = int.from_bytes(self._head[:4], "big")
            if not 5 <= size <= MAX_PACKET:
                self.fail(
                    Fault("Garbled", f"the server sent a packet of {size} bytes", may_retry=True, maybe_done=True)
                )
                return b""
            self._kind = self._head[4]
            self._id = int.from_bytes(self._head[5:9], "big")
            self._missing = size - 5
            self._head.clear()
            if self._missing == 0:
                self._settle()
        return memoryview(view)[want:]

    def _settle(self) -> None:
        pieces, self._body = self._body, []
        if self._kind == Kind.DATA and not _unwrapped(pieces):
            self.fail(Fault("Garbled", "the server sent another number of bytes than it told", maybe_done=True))
            return
        body = pieces[0] if len(pieces) == 1 and isinstance(pieces[0], bytes) else b"".join(pieces)
        self._heard = monotonic()
        reply = self._version if self._kind == Kind.VERSION else self._waiting.pop(self._id, None)
        if reply is None:
            self.fail(Fault("Garbled", "the server answered what was not asked", may_retry=True, maybe_done=True))
        else:
            reply.settle(self._kind, body)

    def pause_writing(self) -> None:
        """Take no more blocks: the server is slower than we are."""
        self._paused = True

    def resume_writing(self) -> None:
        """Take blocks again."""
        self._paused = False
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    def eof_received(self) -> bool:
        """Give the channel up: without its answers it is of no use."""
        self.fail(gone(None))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Settle what still waits."""
        self.fail(gone(exc))

    # What the backend calls

    @property
    def lost(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._lost is not None or self._ssh is None or self._ssh.is_closing()

    @property
    def foreign(self) -> bool:
        """Whether it belongs to another thread's loop, as after a close that ended the thread of a stream's loop."""
        return get_ident() != self._home

    @property
    def idle(self) -> bool:
        """Whether no request is under way."""
        return not self._waiting

    def send(self, verb: str, kind: int, *parts: bytes | memoryview) -> Reply:
        """Send a request, at once and without waiting."""
        number = self._next_id
        self._next_id = (number + 1) & 0xFFFFFFFF
        reply = Reply(self, verb)
        if self.foreign:
            reply.settle(0, b"", gone(None))
            return reply
        self.sent[verb] = self.sent.get(verb, 0) + 1
        if not self._waiting:
            self._heard = monotonic()
        self._waiting[number] = reply
        self._write(bytes((kind,)) + u32(number), parts)
        if self._lost is not None and not reply.done:
            reply.settle(0, b"", self._lost)
        return reply

    def extended(self, verb: str, name: bytes, *parts: bytes) -> Reply:
        """Send a request of an extension."""
        return self.send(verb, Kind.EXTENDED, string(name), *parts)

    def _write(self, head: bytes, parts: tuple[bytes | memoryview, ...]) -> None:
        packet = b"".join((u32(len(head) + sum(map(len, parts))), head, *parts))
        try:
            if self._ssh is None:
                raise BrokenPipeError("the channel is not open")
            self._ssh.write(packet)
        except OSError as error:
            self.fail(gone(error))

    async def writable(self) -> None:
        """Wait until the server takes more blocks."""
        while self._paused and self._lost is None and not self.foreign:
            if self._writable is None:
                self._writable = anyio.Event()
            await self.wait(self._writable)

    async def wait(self, event: anyio.Event) -> None:
        """Wait for an event of this channel, as long as answers come at all."""
        while not event.is_set():
            with anyio.move_on_after(self._heard + self._stall - monotonic()):
                await event.wait()
            if not event.is_set() and monotonic() >= self._heard + self._stall:
                self.fail(_stalled(self._stall))
                return

    def fail(self, fault: Fault) -> None:
        """Give the channel up: all that waits gets this fault, and so does all that comes."""
        if self._lost is not None:
            return
        self._lost = fault
        waiting, self._waiting = self._waiting, {}
        for reply in [*waiting.values(), *([self._version] if self._version is not None else [])]:
            if not reply.done:
                reply.settle(0, b"", fault)
        self.resume_writing()
        if self._ssh is not None:
            self._ssh.abort()

    async def start(self) -> None:
        """Agree on version 3 and learn what the server can do."""
        self._version = Reply(self, "INIT")
        self._heard = monotonic()
        self._write(bytes((Kind.INIT,)) + u32(3), ())
        body = await self._version.get(Kind.VERSION)
        self._version = None
        if self._id < 3:
            raise Fault("Garbled", f"the server speaks SFTP version {self._id}; 3 is needed")
        self.extensions = Cursor(body).pairs()
        if b"limits@openssh.com" in self.extensions:
            limits = Cursor(await self.extended("LIMITS", b"limits@openssh.com").get(Kind.EXTENDED_REPLY))
            limits.u64()
            self.read_block = _block(limits.u64())
            self.write_block = _block(limits.u64())

    def has(self, extension: bytes) -> bool:
        """Return whether the server has an extension."""
        return extension in self.extensions

    def reap(self, close: Callable[[Channel, bytes], object]) -> None:
        """Close what was dropped."""
        while self.dropped:
            close(self, self.dropped.pop())

    async def aclose(self) -> None:
        """Close the channel."""
        if self._ssh is not None:
            self.fail(Fault("Lost", "the connection was closed", may_retry=True, maybe_done=True, stale=True))
            with anyio.move_on_after(2, shield=True):
                await self._ssh.wait_closed()


def _unwrapped(pieces: list[bytes | memoryview]) -> bool:
    """Take the length off an answer to READ; false if it is not that of the bytes.

    Without it the pieces are what a reader is given: they are put together once and never copied.
    """
    if len(pieces) > 1 and len(pieces[0]) < 4:
        pieces[:] = [b"".join(pieces)]
    if not pieces or len(pieces[0]) < 4:
        return False
    size = int.from_bytes(pieces[0][:4], "big")
    pieces[0] = memoryview(pieces[0])[4:]
    return size == sum(map(len, pieces))


def _block(limit: int) -> int:
    return min(limit, MAX_BLOCK) if limit else SAFE_BLOCK


def gone(error: Exception | None) -> Fault:
    """Return the fault for a connection that is lost."""
    reason = str(error) if error is not None and str(error) else "the server closed it"
    return Fault("Lost", f"the connection was lost: {reason}", may_retry=True, maybe_done=True, stale=True)


def _stalled(seconds: float) -> Fault:
    return Fault("Stalled", f"no answer within io_timeout={seconds:g} s", may_retry=True, maybe_done=True)
