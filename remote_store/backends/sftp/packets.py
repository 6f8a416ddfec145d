"""SFTP version 3 as bytes: what requests and answers look like (draft-ietf-secsh-filexfer-02). No I/O."""

from __future__ import annotations

import stat
import struct
from typing import NamedTuple

from ..._http.retrying import Fault

__all__ = ["Attrs", "Cursor", "Flag", "Kind", "Name", "refusal", "string", "times", "u32", "u64"]


class Kind:
    """Packet types (section 3)."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    SETSTAT = 9
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Flag:
    """How a file is opened (section 6.3)."""

    READ = 0x01
    WRITE = 0x02
    CREATE = 0x08
    EXCLUSIVE = 0x20


_HAS_SIZE = 0x01
_HAS_OWNER = 0x02
_HAS_MODE = 0x04
_HAS_TIMES = 0x08
_HAS_EXTENDED = 0x80000000

_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")

u32 = _U32.pack
u64 = _U64.pack


def string(data: bytes) -> bytes:
    """Return a string as it is sent: its length and its bytes."""
    return _U32.pack(len(data)) + data


class Attrs(NamedTuple):
    """What a server tells of a file; None for what it leaves out. Times are seconds since 1970."""

    size: int | None = None
    mode: int | None = None
    owner: tuple[int, int] | None = None
    accessed: int | None = None
    modified: int | None = None

    @property
    def is_folder(self) -> bool:
        """Whether this is a directory."""
        return self.mode is not None and stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        """Whether this is a regular file; a server that tells no type means one."""
        return self.mode is None or stat.S_ISREG(self.mode) or stat.S_IFMT(self.mode) == 0

    @property
    def is_link(self) -> bool:
        """Whether this is a symbolic link."""
        return self.mode is not None and stat.S_ISLNK(self.mode)


def times(accessed: int, modified: int) -> bytes:
    """Return attributes that set nothing but the two times."""
    return u32(_HAS_TIMES) + u32(accessed) + u32(modified)


class Name(NamedTuple):
    """An entry of a folder, with its attributes as lstat tells them."""

    name: bytes
    attrs: Attrs


class Cursor:
    """Reads an answer from its beginning; a Fault for one that is too short."""

    def __init__(self, body: bytes | memoryview) -> None:
        self._body = body
        self._at = 0

    def u32(self) -> int:
        """Return the next 32 bits."""
        return int(_U32.unpack(self._take(4))[0])

    def u64(self) -> int:
        """Return the next 64 bits."""
        return int(_U64.unpack(self._take(8))[0])

    def string(self) -> bytes:
        """Return the next string."""
        return bytes(self._take(self.u32()))

    def attrs(self) -> Attrs:
        """Return the next attributes (section 5)."""
        flags = self.u32()
        size = self.u64() if flags & _HAS_SIZE else None
        owner = (self.u32(), self.u32()) if flags & _HAS_OWNER else None
        mode = self.u32() if flags & _HAS_MODE else None
        accessed, modified = (self.u32(), self.u32()) if flags & _HAS_TIMES else (None, None)
        for _ in range(self.u32() if flags & _HAS_EXTENDED else 0):
            self.string()
            self.string()
        return Attrs(size, mode, owner, accessed, modified)

    def names(self) -> list[Name]:
        """Return the next entries; the long form, which is for human eyes, is skipped."""
        found = []
        for _ in range(self.u32()):
            name = self.string()
            self.string()
            found.append(Name(name, self.attrs()))
        return found

    def pairs(self) -> dict[bytes, bytes]:
        """Return the rest as pairs of strings: a server's extensions with their versions."""
        found = {}
        while self._at < len(self._body):
            name = self.string()
            found[name] = self.string()
        return found

    def _take(self, size: int) -> bytes | memoryview:
        piece = self._body[self._at : self._at + size]
        if len(piece) < size:
            raise Fault("Garbled", "the server's answer is cut short", maybe_done=True)
        self._at += size
        return piece


_CODES = {
    1: "EndOfFile",
    2: "NoSuchFile",
    3: "PermissionDenied",
    4: "Failure",
    5: "BadMessage",
    6: "NoConnection",
    7: "ConnectionLost",
    8: "Unsupported",
    # Version 5 and 6 of the protocol; some servers use these whatever version was agreed on.
    10: "NoSuchFile",
    11: "Exists",
    12: "WriteProtected",
    14: "NoSpace",
    15: "QuotaExceeded",
    17: "Locked",
    18: "NotEmpty",
    19: "NotAFolder",
    20: "BadName",
    21: "LinkLoop",
    24: "IsAFolder",
}
_MAX_TEXT = 200


def refusal(body: bytes | memoryview, verb: str) -> Fault | None:
    """Return what a status answer means, None for success (section 7)."""
    cursor = Cursor(body)
    number = cursor.u32()
    if number == 0:
        return None
    try:
        text = cursor.string().decode("utf-8", "replace")
    except Fault:
        text = ""
    shown = "".join(character if character.isprintable() else "?" for character in text[:_MAX_TEXT])
    return Fault(_CODES.get(number, f"Status{number}"), shown or "no reason given", verb=verb)
