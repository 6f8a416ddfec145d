"""Writing files: under a hidden name first, in many blocks at a time, then one step that the server decides."""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import Iterable

import anyio
from anyio.lowlevel import checkpoint

from ..._contract._sync.content import Buffer
from ..._core.errors import CapabilityNotSupported
from ..._core.keys import split
from ..._http.ranges import split as ranges
from ..._http.retrying import Fault
from . import requests
from .clients import Connection
from .core import Core
from .errors import MISSING, VAGUE, exists, exists_as_folder
from .names import backup_name, join, temp_name
from .packets import Attrs, Flag
from .reading import BULK, IN_FLIGHT, MAX_RESUMES
from .wire import Channel, Reply

__all__ = ["Upload", "committed"]

log = logging.getLogger("remote_store.sftp")

ABORT_SECONDS = 10.0
"""How long a write that failed may take to remove its hidden file; after that it is left to the next connection."""
COPY_STEP = 64 * 1024 * 1024
"""Bytes that the server copies in one request."""

_FRESH = Flag.WRITE | Flag.CREATE | Flag.EXCLUSIVE


class Upload:
    """One write, step by step: `begin`, `send` as often as there is content, `finish`; `abort` after any failure."""

    def __init__(self, core: Core, key: str, path: str, *, overwrite: bool, size: int | None) -> None:
        self._core = core
        self._key = key
        self._path = path
        self._overwrite = overwrite
        self._is_small = size is not None and size <= BULK
        self._target = self._temp = b""
        self._channel: Channel | None = None
        self._handle = b""
        self._window: deque[tuple[int, bytes | memoryview, Reply]] = deque()
        self._rest: list[Buffer] = []
        self._rest_size = 0
        self._resumes = 0
        self.size = 0

    # The beginning

    async def begin(self) -> None:
        """Look at the target and open the hidden file. Raises what can be known by now (CONTRACT 43)."""
        await self._core.run(self._begin)

    async def _begin(self, connection: Connection) -> None:
        places, label = self._core.places, self._core.label
        if self._core.config.fsync and not connection.main.has(requests.FSYNC):
            raise CapabilityNotSupported(
                "fsync=True needs the server's extension fsync@openssh.com, which this one lacks",
                path=self._path, backend=label, capability="fsync",
            )  # fmt: skip
        above, name = split(self._key)
        try:
            folder = await places.folder(connection, above, self._path)
        except Fault as fault:
            if fault.code not in MISSING and fault.code not in VAGUE:
                raise
            folder = await places.make_folder(connection, above, self._path)
        try:
            await self._open(connection, folder, name.encode())
        except Fault as fault:
            if fault.code not in MISSING and fault.code != "Failure":
                raise
            # The folder has gone since it was found, or a file stands in its place.
            folder = await places.make_folder(connection, above, self._path)
            await self._open(connection, folder, name.encode())

    async def _open(self, connection: Connection, folder: bytes, name: bytes) -> None:
        channel = connection.main if self._is_small else await connection.bulk()
        self._target = join(folder, name)
        self._temp = join(folder, temp_name(name))
        seen = requests.lstat(connection.main, self._target)
        opened = requests.open_file(channel, self._temp, _FRESH)
        try:
            await self._check_target(connection, seen)
            self._handle = await requests.handle_of(opened)
        except BaseException:
            with anyio.move_on_after(ABORT_SECONDS, shield=True) as scope:
                await self._undo(channel, opened)
            if scope.cancelled_caught:
                self._core.clients.debris.add(self._temp)
            self._temp = b""
            raise
        self._channel = channel
        channel.users += 1

    async def _undo(self, channel: Channel, opened: Reply) -> None:
        """Take away a hidden file that was asked for together with a look that ruled the write out."""
        try:
            requests.close(channel, await requests.handle_of(opened))
            await requests.remove(channel, self._temp).ok()
        except Fault:
            if channel.lost:
                self._core.clients.debris.add(self._temp)

    async def _check_target(self, connection: Connection, seen: Reply) -> None:
        try:
            attrs = await requests.attrs_of(seen)
        except Fault as fault:
            if fault.code in MISSING:
                return
            raise
        if attrs.is_link:
            node = await self._core.places.followed(connection, self._target, self._path)
            self._target = node.path
            if node.attrs is None:
                return  # a link to nothing is replaced
            attrs = node.attrs
        if not attrs.is_file:
            raise exists_as_folder(self._path, self._core.label)
        if not self._overwrite:
            raise exists(self._path, self._core.label)

    # The content

    async def send(self, buffers: Iterable[Buffer]) -> None:
        """Take buffers; they are cut into blocks and on their way, or copied, when this returns."""
        for buffer in buffers:
            await self._cut(memoryview(buffer))

    async def _cut(self, view: memoryview) -> None:
        assert self._channel is not None
        while view:
            block = self._channel.write_block
            if not self._rest and len(view) >= block:
                await self._put(bytes(view[:block]))
                view = view[block:]
                continue
            piece, view = view[: block - self._rest_size], view[block - self._rest_size :]
            self._rest.append(bytes(piece))
            self._rest_size += len(piece)
            if self._rest_size >= block:
                await self._flush()

    async def _flush(self) -> None:
        rest, self._rest, self._rest_size = self._rest, [], 0
        if rest:
            await self._put(b"".join(rest))

    async def _put(self, block: bytes) -> None:
        while len(self._window) >= IN_FLIGHT or (self._window and self._window[0][2].done):
            await self._settle()
        assert self._channel is not None
        await self._channel.writable()
        await checkpoint()  # to encrypt a block takes a millisecond of the loop, which others need too
        self._window.append((self.size, block, requests.write(self._channel, self._handle, self.size, block)))
        self.size += len(block)

    async def _settle(self) -> None:
        """Wait for the oldest block's answer; if the connection is lost, send all that has none again."""
        try:
            await self._window[0][2].ok()
        except Fault as fault:
            await self._may_resume(fault)
            await self._core.run(self._resume)
        else:
            self._window.popleft()
            self._resumes = 0

    async def _may_resume(self, fault: Fault) -> None:
        self._resumes += 1
        if fault.code == "Failure" and await self._is_full():
            raise Fault("NoSpace", fault.text, verb=fault.verb) from fault
        if not fault.may_retry or self._resumes > min(MAX_RESUMES, self._core.config.policy.max_attempts - 1):
            raise fault

    async def _is_full(self) -> bool:
        """Whether the server's disk has no room left: OpenSSH calls that plain Failure."""
        channel = self._channel
        if channel is None or not channel.has(requests.STATVFS):
            return False
        try:
            return await requests.free_blocks(channel, self._temp) == 0
        except Fault:
            return False

    async def _resume(self, connection: Connection) -> None:
        """Open the hidden file again on a new connection: blocks have their offsets, so that none can come twice."""
        self._leave()
        channel = connection.main if self._is_small else await connection.bulk()
        self._handle = await requests.opened(requests.open_file(channel, self._temp, Flag.WRITE))
        self._channel = channel
        channel.users += 1
        for number, (offset, block, _) in enumerate(list(self._window)):
            await channel.writable()
            await checkpoint()
            self._window[number] = (offset, block, requests.write(channel, self._handle, offset, block))

    def _leave(self) -> Channel | None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.users -= 1
        return channel

    async def copy_data(self, place: bytes, size: int) -> bool:
        """Have the server copy a file into this one; false if it can't."""
        if self._channel is None or not self._channel.has(requests.COPY_DATA):
            return False

        async def attempt(connection: Connection) -> bool:
            if self._channel is None or self._channel.lost:
                await self._resume(connection)
            assert self._channel is not None
            channel = self._channel
            source = await requests.opened(requests.open_file(channel, place, Flag.READ))
            try:
                # In steps: a server that copies for minutes without an answer looks like one that is stuck.
                for start, stop in ranges(0, size, COPY_STEP):
                    await requests.copy_data(channel, source, self._handle, start, stop - start).ok()
            except Fault as fault:
                return _can(channel, requests.COPY_DATA, fault)
            finally:
                if not channel.lost:
                    requests.close(channel, source)
            return True

        if not await self._core.run(attempt):
            return False
        self.size = size
        return True

    # The end

    async def finish(self) -> int:
        """Put the file in its place and return its size. Raises AlreadyExists as the server decides."""
        await self._flush()
        while True:
            try:
                await self._closed()
                break
            except Fault as fault:
                await self._may_resume(fault)
                await self._core.run(self._resume)
        self._leave()
        await committed(self._core, self._temp, self._target, self._path, overwrite=self._overwrite)
        return self.size

    async def _closed(self) -> None:
        assert self._channel is not None
        synced = None
        if self._core.config.fsync:
            while self._window:
                await self._settle()
            synced = requests.fsync(self._channel, self._handle)
        # From here on the server may give the handle's number to another file: never close it twice.
        handle, self._handle = self._handle, b""
        closed = requests.close(self._channel, handle)
        while self._window:
            await self._window[0][2].ok()
            self._window.popleft()
        if synced is not None:
            await synced.ok()
        await closed.ok()

    async def abort(self) -> None:
        """Remove the hidden file; where the connection is lost that is left to the next one."""
        channel = self._leave()
        self._window.clear()
        self._rest = []
        if not self._temp:
            return
        with anyio.move_on_after(ABORT_SECONDS, shield=True) as scope:
            if channel is not None and not channel.lost and self._handle:
                requests.close(channel, self._handle)
            await self._removed(channel)
        if scope.cancelled_caught:
            self._core.clients.debris.add(self._temp)

    async def _removed(self, channel: Channel | None) -> None:
        if channel is None or channel.lost or channel.foreign:
            connection = self._core.clients.alive()
            channel = connection.main if connection is not None else None
        try:
            if channel is not None:
                await requests.remove(channel, self._temp).ok()
                return
        except Fault as fault:
            if fault.code in MISSING:
                return
        self._core.clients.debris.add(self._temp)


async def committed(
    core: Core, temp: bytes, target: bytes, path: str, *, overwrite: bool, moved: Attrs | None = None
) -> None:
    """Give a finished file its name. With `overwrite` it takes the place of what is there, else the server refuses.

    `moved` are the attributes of a file that is moved: then `temp` is no name of ours, and others may take it away.
    """
    commit = _Commit(core, temp, target, path, moved)
    try:
        await core.run(commit.replace if overwrite else commit.create)
    except Fault as fault:
        if commit.doubt and fault.maybe_done:
            raise Fault("Unknown", fault.text, verb=fault.verb) from fault
        raise
    if commit.linked:
        await commit.tidy()


def _can(channel: Channel, extension: bytes, fault: Fault) -> bool:
    """Return False for an extension that a server has announced and can't do, which is remembered; else raise."""
    if fault.code != "Unsupported":
        raise fault
    channel.extensions.pop(extension, None)
    return False


class _Commit:
    """The last step of a write. It may be repeated: `temp` is a name that nobody else has."""

    def __init__(self, core: Core, temp: bytes, target: bytes, path: str, moved: Attrs | None) -> None:
        self._core = core
        self._temp = temp
        self._target = target
        self._path = path
        self._moved = moved
        self.doubt = False
        """Whether the step may have been done without our knowing."""
        self.linked = False
        """Whether the file has both names now."""

    async def replace(self, connection: Connection) -> None:
        """Rename over what is there."""
        channel = connection.main
        if self.doubt and await self._is_done(channel):
            return
        self.doubt = True
        try:
            if not await self._renamed(channel):
                await self._replace_in_steps(channel)
        except Fault as fault:
            await self._explain(connection, fault, may_exist=True)
            raise

    async def _renamed(self, channel: Channel) -> bool:
        """Rename in one step; false if the server can't."""
        if not channel.has(requests.POSIX_RENAME):
            return False
        try:
            await requests.posix_rename(channel, self._temp, self._target).ok()
        except Fault as fault:
            return _can(channel, requests.POSIX_RENAME, fault)
        return True

    async def _replace_in_steps(self, channel: Channel) -> None:
        """Replace without the extension: for a moment nothing is there, which the capabilities tell."""
        try:
            await requests.rename(channel, self._temp, self._target).ok()
            return
        except Fault as fault:
            if fault.code not in VAGUE:
                raise
        folder, _, name = self._target.rpartition(b"/")
        backup = join(folder or b"/", backup_name(name))
        await requests.rename(channel, self._target, backup).ok()
        try:
            await requests.rename(channel, self._temp, self._target).ok()
        except Fault:
            await requests.rename(channel, backup, self._target).ok()
            raise
        await requests.remove(channel, backup).ok()

    async def create(self, connection: Connection) -> None:
        """Link the file to its name, which fails if that is taken, and take the hidden name away."""
        channel = connection.main
        if not channel.has(requests.HARD_LINK):
            await self._create_by_rename(connection)
            return
        again, self.doubt = self.doubt, True
        try:
            await requests.link(channel, self._temp, self._target).ok()
        except Fault as fault:
            if fault.code == "Unsupported":
                self.doubt = _can(channel, requests.HARD_LINK, fault)
                await self._create_by_rename(connection)
                return
            if not (again and fault.code in VAGUE and await self._is_ours(channel)):
                await self._explain(connection, fault)
                raise
        self.linked = True

    async def tidy(self) -> None:
        """Take the first name away, now that the file has its own. Of a write it is only litter; of a move it counts."""
        try:
            await self._core.run(lambda connection: requests.remove(connection.main, self._temp).ok())
        except Fault as fault:
            if fault.code in MISSING:
                return
            if self._moved is not None:
                raise
            self._core.clients.debris.add(self._temp)

    async def _create_by_rename(self, connection: Connection) -> None:
        channel = connection.main
        if self.doubt and await self._is_done(channel):
            return
        if await self._attrs(channel, self._target) is not None:
            raise exists(self._path, self._core.label)
        self.doubt = True
        try:
            await requests.rename(channel, self._temp, self._target).ok()
        except Fault as fault:
            await self._explain(connection, fault)
            raise

    async def _is_done(self, channel: Channel) -> bool:
        """Whether a rename whose answer was lost has been carried out. Raises a Fault "Unknown" if that can't be said."""
        if await self._attrs(channel, self._temp) is not None:
            return False
        if self._moved is None:
            return True  # nobody but our own rename takes a hidden file away
        there = await self._attrs(channel, self._target)
        if there is not None and (there.size, there.modified) == (self._moved.size, self._moved.modified):
            return True
        raise Fault("Unknown", "the source has gone, and what is at the destination is not it", verb="RENAME")

    async def _attrs(self, channel: Channel, place: bytes) -> Attrs | None:
        try:
            return await requests.attrs_of(requests.lstat(channel, place))
        except Fault as fault:
            if fault.code in MISSING:
                return None
            raise

    async def _is_ours(self, channel: Channel) -> bool:
        """Whether the target is the very file that we wrote, linked before the answer was lost.

        Version 3 tells no inode. But a second name of one file has the same times, also when they are set to a
        moment that nothing else has.
        """
        before = await requests.attrs_of(requests.lstat(channel, self._temp))
        mark = 1 + secrets.randbelow(2**30)
        await requests.set_times(channel, self._temp, mark, mark).ok()
        try:
            there = await self._attrs(channel, self._target)
            return there is not None and there.modified == mark
        finally:
            if before.accessed is not None and before.modified is not None:
                await requests.set_times(channel, self._temp, before.accessed, before.modified).ok()

    async def _explain(self, connection: Connection, fault: Fault, *, may_exist: bool = False) -> None:
        """Raise what a vague refusal meant; return if a look does not tell."""
        if fault.code not in VAGUE:
            return
        try:
            attrs = await requests.attrs_of(requests.lstat(connection.main, self._target))
        except Fault:
            return
        if attrs.is_folder:
            raise exists_as_folder(self._path, self._core.label) from fault
        if not may_exist:
            raise exists(self._path, self._core.label) from fault
