"""Packets as a table, and a channel fed byte by byte: what a server may send and what becomes of it."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from remote_store._core.errors import (
    AlreadyExists,
    BackendUnavailable,
    InvalidPath,
    NoSpace,
    NotFound,
    PermissionDenied,
    RemoteStoreError,
    TimeoutExceeded,
    UnexpectedResponse,
)
from remote_store._http.retrying import Fault
from remote_store.backends.sftp.errors import failure
from remote_store.backends.sftp.names import backup_name, is_hidden, key_name, temp_name, within
from remote_store.backends.sftp.packets import Attrs, Cursor, Kind, refusal, string, u32, u64
from remote_store.backends.sftp.wire import Channel


def packet(kind: int, number: int, body: bytes = b"") -> bytes:
    """An answer as it comes over the wire."""
    return u32(5 + len(body)) + bytes([kind]) + u32(number) + body


class Sink:
    """Where a channel writes to: asyncssh's side of it."""

    def __init__(self) -> None:
        self.sent = b""
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted


def channel() -> tuple[Channel, Sink]:
    """A channel and where it writes to."""
    made, sink = Channel(None), Sink()
    made.connection_made(sink)
    return made, sink


def fed(made: Channel, data: bytes, step: int) -> None:
    """Feed bytes in pieces."""
    for start in range(0, len(data), step):
        made.data_received(data[start : start + step], None)


STATUS_OK = u32(0) + string(b"") + string(b"")


@pytest.mark.anyio
@pytest.mark.parametrize("step", [1, 2, 3, 5, 9, 12, 14, 1000])
async def test_answers_come_whole_however_the_bytes_are_cut_and_in_any_order(step: int) -> None:
    """RELIABILITY 23: replies out of order."""
    made, sink = channel()
    first = made.send("READ", Kind.READ, b"x")
    second = made.send("LSTAT", Kind.LSTAT, b"y")
    assert sink.sent == packet(Kind.READ, 0, b"x") + packet(Kind.LSTAT, 1, b"y")
    attrs = u32(1) + u64(7)
    fed(made, packet(Kind.ATTRS, 1, attrs) + packet(Kind.DATA, 0, string(b"hello")), step)
    assert await first.data() == b"hello"
    assert Cursor(await second.get(Kind.ATTRS)).attrs() == Attrs(size=7)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "garbage",
    [
        packet(Kind.DATA, 9, string(b"nobody asked")),
        u32(3) + b"\x65ab" + bytes(4),
        u32(2**31) + bytes(5),
        packet(Kind.DATA, 0, u32(10) + b"short"),
        packet(Kind.DATA, 0, b"ab"),
    ],
)
async def test_garbage_ends_the_channel_and_is_told(garbage: bytes) -> None:
    """RELIABILITY 18, 23: nothing of it is believed; what waits gets an error."""
    made, sink = channel()
    reply = made.send("READ", Kind.READ)
    made.data_received(garbage, None)
    with pytest.raises(Fault, match="server") as raised:
        await reply.data()
    assert raised.value.code == "Garbled"
    assert sink.aborted
    assert made.lost
    with pytest.raises(Fault):
        await made.send("LSTAT", Kind.LSTAT).get(Kind.ATTRS)


@pytest.mark.anyio
async def test_an_answer_of_another_kind_is_refused() -> None:
    """RELIABILITY 18."""
    made, _ = channel()
    reply = made.send("OPEN", Kind.OPEN)
    made.data_received(packet(Kind.NAME, 0, u32(0)), None)
    with pytest.raises(Fault, match="packet type 104 instead of 102"):
        await reply.get(Kind.HANDLE)


@pytest.mark.anyio
async def test_what_a_server_says_on_stderr_is_no_answer() -> None:
    """A start-up script may print."""
    made, _ = channel()
    reply = made.send("REMOVE", Kind.REMOVE)
    made.data_received(b"Welcome!", 1)
    made.data_received(packet(Kind.STATUS, 0, STATUS_OK), None)
    await reply.ok()


@pytest.mark.anyio
async def test_a_silent_server_is_given_up_after_io_timeout() -> None:
    """CONTRACT 155: and so is all that waits for it."""
    made = Channel(0.05)
    sink: Any = Sink()
    made.connection_made(sink)
    reply, other = made.send("STAT", Kind.STAT), made.send("STAT", Kind.STAT)
    for waiting in (reply, other):
        with pytest.raises(Fault, match=r"io_timeout=0\.05"):
            await waiting.get(Kind.ATTRS)
    assert sink.aborted


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (2, NotFound), (3, PermissionDenied), (4, BackendUnavailable), (5, UnexpectedResponse), (8, NotImplementedError),
        (10, NotFound), (11, AlreadyExists), (12, PermissionDenied), (14, NoSpace), (15, NoSpace), (20, InvalidPath),
        (99, BackendUnavailable), (2**32 - 1, BackendUnavailable),
    ],
)  # fmt: skip
def test_every_status_becomes_an_error_of_ours(number: int, error: type[Exception]) -> None:
    """CONTRACT 86, RELIABILITY 23: unknown ones too; the server's text is shown without control characters."""
    fault = refusal(u32(number) + string(b"no \x1b[31m\n way") + string(b"en"), "OPEN")
    assert fault is not None
    made = failure(fault, "a/b", "sftp")
    assert isinstance(made, error)
    assert isinstance(made, RemoteStoreError)
    assert (made.path, made.backend) == ("a/b", "sftp")
    assert "\x1b" not in str(made)
    assert "a/b" in str(made)


def test_a_status_may_lack_its_text() -> None:
    """Old servers leave it out."""
    assert refusal(u32(0), "OPEN") is None
    fault = refusal(u32(4), "OPEN")
    assert fault is not None
    assert "no reason given" in str(failure(fault, None, "sftp"))
    assert isinstance(failure(Fault("Stalled", "x"), None, "sftp"), TimeoutExceeded)


def test_attributes_of_every_shape_are_read() -> None:
    """Section 5 of the draft: each part may be missing, extended ones are passed over."""
    whole = struct.pack(">IQIIIII", 0x8000000F, 5, 1, 2, 0o100644, 10, 20) + u32(1) + string(b"a@b") + string(b"c")
    assert Cursor(whole).attrs() == Attrs(5, 0o100644, (1, 2), 10, 20)
    assert Cursor(u32(0)).attrs() == Attrs()
    assert Attrs().is_file
    assert Attrs(mode=0o040755).is_folder
    assert Attrs(mode=0o120777).is_link
    assert not Attrs(mode=0o010644).is_file
    with pytest.raises(Fault):
        Cursor(whole[:-1]).attrs()


@pytest.mark.parametrize("name", [b"a", b"n" * 255, "ü".encode() * 127, b".~tmp.x"])
def test_hidden_names_fit_and_are_recognised(name: bytes) -> None:
    """CONTRACT 155: .~tmp.<name>.<8 hex>, at most 255 bytes, never half a character."""
    for made in (temp_name(name), backup_name(name)):
        assert len(made) <= 255
        assert is_hidden(made)
        made.decode()
    assert not is_hidden(name)
    assert temp_name(name) != temp_name(name)
    assert temp_name(b"a")[:8] == b".~tmp.a."


@pytest.mark.parametrize("name", [b"\xff", b"a\\b", b".", b"..", b"", b"a/b", b"../x", b"/etc/passwd", b"a\0b"])
def test_names_from_a_server_that_can_t_be_keys_are_none(name: bytes) -> None:
    """RELIABILITY, server-supplied values: none can lead anywhere."""
    assert key_name(name) is None


def test_a_path_is_within_its_root_by_segments() -> None:
    """CONTRACT 59: look-alikes are outside."""
    assert within(b"/srv/a", b"/srv/a")
    assert within(b"/srv/a/b", b"/srv/a")
    assert within(b"/x", b"/")
    assert not within(b"/srv/ab", b"/srv/a")
    assert not within(b"/srv", b"/srv/a")
