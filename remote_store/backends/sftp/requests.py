"""The verbs of SFTP that the backend needs, one function each: sent at once, awaited when the answer is wanted."""

from __future__ import annotations

from .packets import Attrs, Cursor, Kind, Name, string, times, u32, u64
from .wire import Channel, Reply

__all__ = [
    "COPY_DATA",
    "FSYNC",
    "HARD_LINK",
    "POSIX_RENAME",
    "STATVFS",
    "attrs_of",
    "close",
    "copy_data",
    "free_blocks",
    "fsync",
    "handle_of",
    "link",
    "lstat",
    "mkdir",
    "names_of",
    "open_file",
    "open_folder",
    "opened",
    "path_of",
    "posix_rename",
    "read",
    "read_folder",
    "real_path",
    "remove",
    "rename",
    "rmdir",
    "set_times",
    "stat",
    "write",
]

POSIX_RENAME = b"posix-rename@openssh.com"
HARD_LINK = b"hardlink@openssh.com"
FSYNC = b"fsync@openssh.com"
COPY_DATA = b"copy-data"
STATVFS = b"statvfs@openssh.com"

_NO_ATTRS = u32(0)


def open_file(channel: Channel, path: bytes, flags: int) -> Reply:
    """Open a file; the answer has its handle."""
    return channel.send("OPEN", Kind.OPEN, string(path), u32(flags), _NO_ATTRS)


def close(channel: Channel, handle: bytes) -> Reply:
    """Close a file or folder."""
    return channel.send("CLOSE", Kind.CLOSE, string(handle))


def read(channel: Channel, handle: bytes, offset: int, size: int) -> Reply:
    """Read up to `size` bytes; past the end the answer is the status EndOfFile."""
    return channel.send("READ", Kind.READ, string(handle), u64(offset), u32(size))


def write(channel: Channel, handle: bytes, offset: int, block: bytes | memoryview) -> Reply:
    """Write a block."""
    return channel.send("WRITE", Kind.WRITE, string(handle), u64(offset), u32(len(block)), block)


def stat(channel: Channel, path: bytes) -> Reply:
    """Ask for what is at a path, links followed."""
    return channel.send("STAT", Kind.STAT, string(path))


def lstat(channel: Channel, path: bytes) -> Reply:
    """Ask for what is at a path, a link as such."""
    return channel.send("LSTAT", Kind.LSTAT, string(path))


def set_times(channel: Channel, path: bytes, accessed: int, modified: int) -> Reply:
    """Set a file's two times, in seconds since 1970."""
    return channel.send("SETSTAT", Kind.SETSTAT, string(path), times(accessed, modified))


def open_folder(channel: Channel, path: bytes) -> Reply:
    """Open a folder; the answer has its handle."""
    return channel.send("OPENDIR", Kind.OPENDIR, string(path))


def read_folder(channel: Channel, handle: bytes) -> Reply:
    """Read the next entries of a folder; at the end the answer is the status EndOfFile."""
    return channel.send("READDIR", Kind.READDIR, string(handle))


def remove(channel: Channel, path: bytes) -> Reply:
    """Remove a file."""
    return channel.send("REMOVE", Kind.REMOVE, string(path))


def mkdir(channel: Channel, path: bytes) -> Reply:
    """Make a folder."""
    return channel.send("MKDIR", Kind.MKDIR, string(path), _NO_ATTRS)


def rmdir(channel: Channel, path: bytes) -> Reply:
    """Remove an empty folder."""
    return channel.send("RMDIR", Kind.RMDIR, string(path))


def real_path(channel: Channel, path: bytes) -> Reply:
    """Ask for a path without links and dots."""
    return channel.send("REALPATH", Kind.REALPATH, string(path))


def rename(channel: Channel, old: bytes, new: bytes) -> Reply:
    """Rename a file; by the draft the server refuses where `new` exists."""
    return channel.send("RENAME", Kind.RENAME, string(old), string(new))


def posix_rename(channel: Channel, old: bytes, new: bytes) -> Reply:
    """Rename a file, in place of what is at `new` (OpenSSH's PROTOCOL, section 4.3)."""
    return channel.extended("POSIX_RENAME", POSIX_RENAME, string(old), string(new))


def link(channel: Channel, old: bytes, new: bytes) -> Reply:
    """Give a file a second name; refused where `new` exists (OpenSSH's PROTOCOL, section 4.5)."""
    return channel.extended("LINK", HARD_LINK, string(old), string(new))


def fsync(channel: Channel, handle: bytes) -> Reply:
    """Have a file written to the server's disk (OpenSSH's PROTOCOL, section 4.6)."""
    return channel.extended("FSYNC", FSYNC, string(handle))


def copy_data(channel: Channel, source: bytes, target: bytes, start: int, size: int) -> Reply:
    """Copy a range of one open file to the same place in another (draft-ietf-secsh-filexfer-extensions-00, section 7)."""
    place = u64(start)
    return channel.extended("COPY_DATA", COPY_DATA, string(source), place, u64(size), string(target), place)


# Answers


async def handle_of(reply: Reply) -> bytes:
    """Return the handle that an answer has."""
    return Cursor(await reply.get(Kind.HANDLE)).string()


async def opened(reply: Reply) -> bytes:
    """Return the handle that an answer has; one that comes after the caller was cancelled is closed."""
    try:
        return await handle_of(reply)
    except BaseException:
        reply.disown()
        raise


async def attrs_of(reply: Reply) -> Attrs:
    """Return the attributes that an answer has."""
    return Cursor(await reply.get(Kind.ATTRS)).attrs()


async def names_of(reply: Reply) -> list[Name]:
    """Return the entries that an answer has."""
    return Cursor(await reply.get(Kind.NAME)).names()


async def path_of(reply: Reply) -> bytes:
    """Return the one path that an answer has."""
    return (await names_of(reply))[0].name


async def free_blocks(channel: Channel, path: bytes) -> int:
    """Return the blocks that an ordinary user has left on the file system of a path (OpenSSH's PROTOCOL, section 4.4)."""
    reply = channel.extended("STATVFS", STATVFS, string(path))
    cursor = Cursor(await reply.get(Kind.EXTENDED_REPLY))
    *_, available = [cursor.u64() for _ in range(5)]
    return available
