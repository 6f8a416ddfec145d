"""What the SFTP backend promises beyond the contract, on a real OpenSSH server."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import pickle
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from remote_store import (
    AlreadyExists,
    CapabilityNotSupported,
    DirectoryNotEmpty,
    InvalidPath,
    NoSpace,
    NotFound,
    PermissionDenied,
    open_store,
)
from remote_store._core.capability import Capability
from remote_store.aio import AsyncStore, open_async_store
from remote_store.aio.backends import AsyncSFTPBackend
from remote_store.backends import SFTPBackend
from tests.backends.sftp.conftest import hidden
from tests.servers.asyncssh_server import AsyncsshServer
from tests.servers.openssh import OpenSSH, Shelf, openssh

MIB = 1024 * 1024


@pytest.fixture
def backend(shelf: Shelf) -> Iterator[SFTPBackend]:
    """A blocking backend on the shelf."""
    backend = SFTPBackend(**shelf.options)
    yield backend
    backend.close()


def sent(backend: SFTPBackend) -> dict[str, int]:
    """How many requests of each kind have gone over the connection."""
    original: Any = backend._async_backend
    return dict(original.requests_sent)


def more(backend: SFTPBackend, before: dict[str, int]) -> dict[str, int]:
    """How many have gone since."""
    return {verb: count - before.get(verb, 0) for verb, count in sent(backend).items() if count > before.get(verb, 0)}


# Requests


@pytest.mark.parametrize(("overwrite", "trips"), [(True, 4), (False, 5)])
def test_a_write_of_a_mebibyte_takes_few_requests_beyond_its_data(
    backend: SFTPBackend, overwrite: bool, trips: int
) -> None:
    """DECISIONS 34: 4 with overwrite, 5 without, and one REALPATH a folder, which the next write there is spared."""
    backend.write("folder/first", b"makes the folder")
    before = sent(backend)
    backend.write("folder/second", bytes(MIB), overwrite=overwrite)
    asked = more(backend, before)
    assert asked.pop("WRITE") == 5  # blocks of 261,120 bytes
    assert asked.pop("REALPATH", 0) <= 1
    assert sum(asked.values()) == trips
    before = sent(backend)
    backend.write("folder/third", bytes(MIB), overwrite=overwrite)
    assert "REALPATH" not in more(backend, before)


def test_a_small_read_takes_four_requests_and_an_info_one(backend: SFTPBackend) -> None:
    """The guide's table."""
    backend.write("a", b"x" * 1000)
    before = sent(backend)
    assert backend.read_bytes("a") == b"x" * 1000
    assert more(backend, before) == {"LSTAT": 1, "OPEN": 1, "READ": 2, "CLOSE": 1}
    before = sent(backend)
    backend.get_file_info("a")
    backend.delete("a")
    assert more(backend, before) == {"LSTAT": 1, "REMOVE": 1}


def test_ranges_are_fetched_and_not_the_file(backend: SFTPBackend) -> None:
    """Issue 9: read_ranges; near ones come together, far ones apart."""
    content = os.urandom(3 * MIB)
    backend.write("a", content)
    before = sent(backend)
    wanted = [(2 * MIB, 2 * MIB + 10), (0, 5), (7, 20), (3 * MIB - 4, 4 * MIB)]
    assert backend.read_ranges("a", wanted) == [content[start:stop] for start, stop in wanted]
    assert more(backend, before)["READ"] == 3


def test_a_copy_stays_in_the_server(backend: SFTPBackend, shelf: Shelf) -> None:
    """Issue 9: copy-data where it is there: not a byte of the file goes over the wire."""
    content = os.urandom(2 * MIB)
    shelf.poke("a", content)
    backend.exists("a")
    before = sent(backend)
    backend.copy("a", "b/c")
    asked = more(backend, before)
    assert shelf.peek("b/c") == content
    assert asked["COPY_DATA"] == 1
    assert not {"READ", "WRITE"} & asked.keys()


def test_fsync_is_asked_for_when_wanted(shelf: Shelf) -> None:
    """Issue 9: the fsync extension, before the file gets its name."""
    with SFTPBackend(**shelf.options, fsync=True) as backend:
        backend.write("a", b"a")
        assert sent(backend)["FSYNC"] == 1


# Files come into sight whole


def test_no_torso_is_seen_while_a_stream_is_written(backend: SFTPBackend, shelf: Shelf) -> None:
    """CONTRACT 51, issue 9: the hidden file has the target's name in its own, and no listing shows it."""
    seen: list[list[str]] = []

    def content() -> Iterator[bytes]:
        for _ in range(3):
            yield b"x" * MIB
            seen.append(hidden(shelf.base))
            assert shelf.peek("a") is None
            assert list(backend.list_files("")) == []

    backend.write("a", content())
    assert all(name.startswith(".~tmp.a.") for names in seen for name in names)
    assert any(seen)
    assert shelf.names() == ["a"]


def test_a_source_that_fails_leaves_nothing(backend: SFTPBackend, shelf: Shelf) -> None:
    """CONTRACT 49."""

    def content() -> Iterator[bytes]:
        yield b"x" * MIB
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        backend.write("a", content())
    assert shelf.names() == []


@pytest.mark.anyio
async def test_a_cancelled_write_leaves_nothing(shelf: Shelf) -> None:
    """Issue 9: cancellation reaches the transfer, on trio too, and the hidden file goes."""
    backend = AsyncSFTPBackend(**shelf.options)
    begun = anyio.Event()

    async def content() -> Any:
        yield b"x" * MIB
        begun.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(backend.write, "a", content())
        await begun.wait()
        assert await backend.exists("a") is False
        group.cancel_scope.cancel()
    await backend.write("b", b"still works")
    assert shelf.names() == ["b"]
    await backend.aclose()


async def stream(backend: AsyncSFTPBackend) -> None:
    """Read a large file as a stream."""
    async for _ in backend.read("large"):
        pass


CANCELLED: dict[str, Callable[[AsyncSFTPBackend], Awaitable[object]]] = {
    "read_bytes": lambda backend: backend.read_bytes("small"),
    "read_ranges": lambda backend: backend.read_ranges("large", [(0, 9), (MIB, MIB + 9)]),
    "stream": stream,
    "list": lambda backend: anext(backend.list_files("")),
    "copy": lambda backend: backend.copy("large", "other", overwrite=True),
    "write": lambda backend: backend.write("new", b"x" * MIB, overwrite=True),
}


@pytest.mark.anyio
@pytest.mark.parametrize("name", CANCELLED)
async def test_what_a_cancelled_call_has_opened_is_closed(shelf: Shelf, name: str) -> None:
    """CONTRACT 115: a server that has given out all its handles serves nobody, so none may be left by a timeout."""
    backend = AsyncSFTPBackend(**shelf.options)
    shelf.poke("small", b"small")
    shelf.poke("large", b"x" * (2 * MIB))
    await backend.exists("small")

    async def run(before: int, done: anyio.Event) -> None:
        await CANCELLED[name](backend)
        done.set()

    for nth in range(1, 9):
        before, done = sum(backend.requests_sent.values()), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(run, before, done)
            while sum(backend.requests_sent.values()) < before + nth and not done.is_set():
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    latest: Any = backend._core.clients.latest
    with anyio.fail_after(10):
        while not all(channel.idle for channel in latest._channels):
            await backend.exists("small")
    await backend.exists("small")  # closes what came late
    counts = backend.requests_sent
    assert counts["CLOSE"] == counts.get("OPEN", 0) + counts.get("OPENDIR", 0)
    assert all(channel.users == 0 for channel in latest._channels)
    assert hidden(shelf.base) == []
    await backend.aclose()


def race(backend: SFTPBackend, key: str, mine: bytes, start: threading.Barrier, outcomes: list[object]) -> None:
    """Create a file when all are there; add the content if it was written, else the error."""
    backend.exists("x")
    start.wait()
    try:
        backend.write(key, mine)
        outcomes.append(mine)
    except AlreadyExists as error:
        outcomes.append(error)


def racers(shelf: Shelf, rounds: int, count: int) -> None:
    """Let so many backends create the same file at once; each has its own connection."""
    backends = [SFTPBackend(**shelf.options) for _ in range(count)]
    for number in range(rounds):
        outcomes: list[object] = []
        start = threading.Barrier(count)
        threads = [
            threading.Thread(target=race, args=(backend, f"round/{number}", b"%d" % index, start, outcomes))
            for index, backend in enumerate(backends)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
        assert len(outcomes) == count
        assert winners == [shelf.peek(f"round/{number}")]
    for backend in backends:
        backend.close()
    assert hidden(shelf.base) == []


def test_of_racing_creates_one_wins(shelf: Shelf) -> None:
    """Issue 9, DECISIONS 36: 20 racers, 3 rounds."""
    racers(shelf, 3, 20)


@pytest.mark.soak
def test_of_a_hundred_racing_creates_one_wins(shelf: Shelf) -> None:
    """DECISIONS 36: the full count."""
    racers(shelf, 100, 100)


def test_leftovers_of_killed_writers_are_removed_by_age(backend: SFTPBackend, shelf: Shelf) -> None:
    """DECISIONS 12: by an explicit call with an age; files of others stay."""
    for name in (".~tmp.a.0123abcd", "deep/.~bak.b.0123abcd", "deep/file", ".~tmp.young.0123abcd", ".~tmp.mine"):
        shelf.poke(name, b"x")
        os.utime(shelf.base / name, (1e9, 1e9) if "young" not in name else None)
    assert backend.abort_uploads(older_than=3600) == 2
    assert shelf.names() == [".~tmp.mine", ".~tmp.young.0123abcd", "deep/file"]


def test_hidden_names_are_no_keys(backend: SFTPBackend) -> None:
    """DECISIONS 12: keys that look like files being written are InvalidPath."""
    with pytest.raises(InvalidPath):
        backend.write(".~tmp.a.0123abcd", b"")


# Links and other things that are no files


@pytest.fixture
def outside(shelf: Shelf) -> Path:
    """A folder beside the root, with a file."""
    outside = shelf.base.parent / f"{shelf.base.name}-outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    return outside


def test_links_that_lead_out_of_the_root_are_refused_by_every_call(
    backend: SFTPBackend, shelf: Shelf, outside: Path
) -> None:
    """DECISIONS 34: a realpath outside base_path is InvalidPath, for a linked folder and for a linked file."""
    (shelf.base / "folder").symlink_to(outside)
    (shelf.base / "file").symlink_to(outside / "secret")
    for key in ("folder/secret", "file"):
        calls: list[Any] = [
            lambda key=key: backend.read_bytes(key),
            lambda key=key: backend.read(key),
            lambda key=key: backend.write(key, b"x", overwrite=True),
            lambda key=key: backend.get_file_info(key),
            lambda key=key: backend.exists(key),
            lambda key=key: backend.copy(key, "c"),
            lambda key=key: backend.move(key, "c"),
            lambda key=key: backend.read_ranges(key, [(0, 1)]),
        ]
        for call in calls:
            with pytest.raises(InvalidPath, match="escapes root"):
                call()
    with pytest.raises(InvalidPath, match="escapes root"):
        backend.write("folder/new", b"x")
    assert list(backend.iter_children("")) == []
    assert (outside / "secret").read_bytes() == b"secret"
    assert sorted(path.name for path in outside.iterdir()) == ["secret"]


def test_links_that_stay_inside_are_followed(backend: SFTPBackend, shelf: Shelf) -> None:
    """DECISIONS 34; a linked folder is listed but not descended into."""
    shelf.poke("real/file", b"inside")
    (shelf.base / "folder").symlink_to("real")
    (shelf.base / "link").symlink_to("real/file")
    assert backend.read_bytes("folder/file") == b"inside"
    assert backend.read_bytes("link") == b"inside"
    backend.write("link", b"through", overwrite=True)
    assert (shelf.base / "link").is_symlink()
    assert shelf.peek("real/file") == b"through"
    assert sorted(str(info.path) for info in backend.list_files("", recursive=True)) == ["link", "real/file"]
    assert sorted(entry.name for entry in backend.list_folders("")) == ["folder", "real"]
    backend.delete("link")
    backend.delete_folder("folder", recursive=True)
    assert shelf.peek("real/file") == b"through"


def test_a_link_that_is_put_in_place_of_a_folder_is_seen(backend: SFTPBackend, shelf: Shelf, outside: Path) -> None:
    """A folder is taken for where it was found for two seconds at most: here the connection is a new one."""
    backend.write("folder/a", b"a")
    backend.close()
    (shelf.base / "folder").rename(shelf.base / "moved")
    (shelf.base / "folder").symlink_to(outside)
    with pytest.raises(InvalidPath, match="escapes root"):
        backend.write("folder/b", b"b")


def test_links_in_a_circle_and_into_nothing(backend: SFTPBackend, shelf: Shelf) -> None:
    """They are no files."""
    (shelf.base / "round").symlink_to("round")
    (shelf.base / "nowhere").symlink_to("nothing")
    assert backend.exists("nowhere") is False
    with pytest.raises((InvalidPath, NotFound)):
        backend.read_bytes("round")
    assert list(backend.list_files("")) == []


def test_a_pipe_is_no_file_and_hangs_nobody(backend: SFTPBackend, shelf: Shelf) -> None:
    """RELIABILITY, paths: opening it would block the server's process."""
    os.mkfifo(shelf.base / "pipe")
    with pytest.raises(InvalidPath):
        backend.read_bytes("pipe")
    with pytest.raises(InvalidPath):
        backend.write("pipe", b"x", overwrite=True)
    assert list(backend.list_files("")) == []


# Names


def test_names_of_255_bytes_work(backend: SFTPBackend, shelf: Shelf) -> None:
    """Issue 9: whatever the hidden name adds."""
    for name in ("n" * 255, "ü" * 127, "a" * 254 + "b"):
        backend.write(name, b"long")
        backend.write(name, b"longer", overwrite=True)
        assert backend.read_bytes(name) == b"longer"
        assert shelf.peek(name) == b"longer"
    assert hidden(shelf.base) == []


def test_names_that_can_t_be_keys_are_left_out_with_one_warning_and_removed_with_their_folder(
    backend: SFTPBackend, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    """Issue 9: names in another encoding; DECISIONS 10: names with a backslash."""
    folder = os.fsencode(shelf.base / "mixed")
    os.mkdir(folder)
    for name in (b"caf\xe9", b"a\\b", "café".encode()):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(b"x")
    with caplog.at_level(logging.WARNING, logger="remote_store.sftp"):
        for _ in range(2):
            assert [info.name for info in backend.list_files("mixed")] == ["café"]
    assert caplog.text.count("Left out of listings") == 1
    with pytest.raises(DirectoryNotEmpty):
        backend.delete_folder("mixed")
    backend.delete_folder("mixed", recursive=True)
    assert not os.path.exists(folder)


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_a_folder_may_have_many_files(backend: SFTPBackend, shelf: Shelf, count: int) -> None:
    """Issue 9: 100,000 files in a folder (soak); each once."""
    for number in range(count):
        (shelf.base / str(number)).touch()
    names = [info.name for info in backend.list_files("")]
    assert len(names) == count
    assert set(names) == {str(number) for number in range(count)}


def test_info_has_mode_owner_and_times(backend: SFTPBackend, shelf: Shelf) -> None:
    """Issue 9: modes and times in FileInfo."""
    shelf.poke("a", b"abc")
    os.chmod(shelf.base / "a", 0o640)
    os.utime(shelf.base / "a", (1_000_000_000, 1_100_000_000))
    for info in (backend.get_file_info("a"), next(iter(backend.list_files("")))):
        assert info.size == 3
        assert info.modified_at.timestamp() == 1_100_000_000
        assert info.extra["mode"] == 0o100640
        assert info.extra["uid"] == os.getuid()
        accessed: Any = info.extra["accessed_at"]
        assert accessed.timestamp() == 1_000_000_000


# The root


def test_an_absent_root_reads_as_empty_and_is_made_by_the_first_write(shelf: Shelf) -> None:
    """CONTRACT 88, 155."""
    with SFTPBackend(**{**shelf.options, "base_path": f"{shelf.base}/not/yet"}) as backend:
        assert backend.exists("") is True
        assert backend.exists("a") is False
        assert list(backend.list_files("", recursive=True)) == []
        with pytest.raises(NotFound):
            backend.read_bytes("a")
        with pytest.raises(NotFound):
            backend.check_health()
        backend.delete("a", missing_ok=True)
        backend.delete_folder("f", missing_ok=True)
        assert backend.get_folder_info("").file_count == 0
        backend.write("a", b"made")
        assert shelf.peek("not/yet/a") == b"made"


def test_a_root_that_is_removed_is_made_again(backend: SFTPBackend, shelf: Shelf) -> None:
    """What is remembered of folders must not outlive them."""
    backend.write("f/a", b"1")
    subprocess.run(["rm", "-r", str(shelf.base)], check=True)
    assert backend.exists("f/a") is False
    backend.write("f/a", b"2")
    assert shelf.peek("f/a") == b"2"


# Servers of another kind


def test_a_read_only_server_is_permission_denied(ssh_server: OpenSSH) -> None:
    """Issue 9: server read-only."""
    with openssh(sftp=["-R"]) as server:
        (server.root / "a").write_bytes(b"a")
        with SFTPBackend(**server.options(server.root)) as backend:
            assert backend.read_bytes("a") == b"a"
            for call in (lambda: backend.write("b", b""), lambda: backend.delete("a"), lambda: backend.move("a", "b")):
                with pytest.raises(PermissionDenied):
                    call()
        assert Shelf(server, server.root).names() == ["a"]


def test_a_full_disk_is_no_space_and_leaves_nothing(ssh_server: OpenSSH, tmp_path: Path) -> None:
    """Issue 9: server full; OpenSSH calls that Failure."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.decode().strip()}")
    try:
        with SFTPBackend(**ssh_server.options(tmp_path)) as backend:
            with pytest.raises(NoSpace):
                backend.write("a", bytes(4 * MIB))
            backend.write("b", b"fits")
        assert [path.name for path in tmp_path.iterdir()] == ["b"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


PLAIN = ("posix-rename@openssh.com", "hardlink@openssh.com", "fsync@openssh.com", "copy-data", "limits@openssh.com")


def test_a_server_without_extensions_is_served_and_says_so(tmp_path: Path) -> None:
    """Issue 9: an honest fallback, told in the capabilities."""
    with AsyncsshServer(tmp_path, without=PLAIN) as server, SFTPBackend(**server.options()) as backend:
        assert Capability.ATOMIC_WRITE in backend.capabilities
        backend.write("a", os.urandom(100_000))
        assert Capability.ATOMIC_WRITE not in backend.capabilities
        backend.write("a", b"replaced", overwrite=True)
        with pytest.raises(AlreadyExists):
            backend.write("a", b"lost")
        backend.copy("a", "b")
        backend.move("b", "c")
        backend.move("c", "a", overwrite=True)
        backend.copy("a", "a2")
        with pytest.raises(AlreadyExists):
            backend.move("a", "a2")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a2"]
        assert backend.read_bytes("a") == b"replaced"
        with SFTPBackend(**server.options(fsync=True)) as durable, pytest.raises(CapabilityNotSupported, match="fsync"):
            durable.write("d", b"")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a2"]


def test_a_server_that_gives_one_channel_alone_is_enough() -> None:
    """Issue 9: a limit on channels; long transfers then share the one there is."""
    with openssh("MaxSessions 1") as server, SFTPBackend(**server.options(server.root)) as backend:
        content = os.urandom(3 * MIB)
        backend.write("a", content)
        assert backend.read_bytes("a") == content
        assert sent(backend)["LIMITS"] == 1


def test_passwords_let_in_and_wrong_ones_don_t(losing: AsyncsshServer) -> None:
    """Issue 9: a wrong password, no such user; neither text has the password."""
    with SFTPBackend(**losing.options()) as backend:
        backend.write("a", b"a")
    for wrong in ({"password": "hunter2"}, {"username": "nobody-here"}):
        with SFTPBackend(**losing.options(**wrong)) as backend:
            with pytest.raises(PermissionDenied) as raised:
                backend.exists("a")
            assert "hunter2" not in str(raised.value)
            assert "correct horse" not in repr(raised.value)


# Faces, loops, processes


def test_what_is_not_supported_is_refused_before_any_connection() -> None:
    """DECISIONS 8, CONTRACT 47: if_match and metadata."""
    backend = SFTPBackend("127.0.0.1", port=1)
    with pytest.raises(CapabilityNotSupported, match="conditional_write"):
        backend.write("a", b"", if_match="x")
    with pytest.raises(CapabilityNotSupported, match="user_metadata"):
        backend.write("a", b"", metadata={"k": "v"})
    backend.close()


def test_a_backend_pickles_by_its_arguments_and_shows_no_secret(shelf: Shelf) -> None:
    """DECISIONS 19, CONTRACT 145."""
    options = {**shelf.options, "pkey": shelf.server.key.read_text(), "passphrase": "hunter2"}
    backend = SFTPBackend(**options)
    assert repr(backend) == (
        f"SFTPBackend(host='127.0.0.1', port={shelf.server.port}, username={shelf.server.username!r}, password=None,"
        f" pkey='***', base_path={str(shelf.base)!r})"
    )
    again = pickle.loads(pickle.dumps(backend))
    again.write("a", b"by another")
    assert backend.read_bytes("a") == b"by another"
    assert "hunter2" not in repr(again)
    again.close()
    backend.close()


def test_a_forked_child_makes_its_own_connection(backend: SFTPBackend, shelf: Shelf) -> None:
    """DECISIONS 18: and the parent's goes on."""
    backend.write("a", b"parent")

    def child() -> None:
        backend.write("b", backend.read_bytes("a") + b"'s child")
        backend.close()
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert backend.read_bytes("b") == b"parent's child"


def test_an_unclosed_backend_warns_when_it_is_collected(shelf: Shelf) -> None:
    """CONTRACT 93: with a live connection, and only then."""
    backend = SFTPBackend(**shelf.options)
    with pytest.warns(ResourceWarning, match="Unclosed SFTPBackend"):
        backend.exists("a")
        del backend
        gc.collect()
    unused = SFTPBackend(**shelf.options)
    del unused
    gc.collect()


def test_it_can_be_used_again_after_it_was_closed(backend: SFTPBackend) -> None:
    """CONTRACT 90."""
    backend.write("a", b"a")
    for _ in range(2):
        backend.close()
        assert backend.read_bytes("a") == b"a"


def test_many_threads_share_a_connection(backend: SFTPBackend, ssh_server: OpenSSH) -> None:
    """Issue 9: many threads at once on one backend are correct."""
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                content = b"%d-%d" % (number, turn) * 50_000
                backend.write(f"t/{number}/{turn}", content)
                assert backend.read_bytes(f"t/{number}/{turn}") == content
        except BaseException as error:  # noqa: BLE001  # shown by the main thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert backend.get_folder_info("t").file_count == 60


@pytest.mark.anyio
async def test_a_backend_closed_in_use_lets_every_call_end(shelf: Shelf) -> None:
    """CONTRACT 108: on trio a stream goes on from another thread's loop than it began on, and must not wait for that."""
    backend = AsyncSFTPBackend(**shelf.options)
    data = os.urandom(16 * MIB)
    shelf.poke("large", data)
    outcomes: list[bytes] = []

    async def whole() -> None:
        outcomes.append(await backend.read_bytes("large"))

    async def streamed() -> None:
        outcomes.append(b"".join([chunk async for chunk in backend.read("large")]))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            for function in (whole, streamed, streamed):
                group.start_soon(function)
            while sum(backend.requests_sent.values()) < 60:
                await anyio.lowlevel.checkpoint()
            await backend.aclose()
    assert outcomes == [data] * 3
    await backend.aclose()


@pytest.mark.anyio
async def test_many_tasks_share_a_connection(shelf: Shelf) -> None:
    """Issue 9: many tasks at once on one backend are correct, on trio too, with channels of their own for long ones."""
    backend = AsyncSFTPBackend(**shelf.options)
    contents = {f"k{number}": os.urandom(MIB + number) for number in range(10)}

    async def round_trip(key: str) -> None:
        await backend.write(key, contents[key])
        assert await backend.read_bytes(key) == contents[key]

    async with anyio.create_task_group() as group:
        for key in contents:
            group.start_soon(round_trip, key)
    assert {key: shelf.peek(key) for key in contents} == contents
    await backend.aclose()


def test_one_backend_serves_several_loops_one_after_the_other(shelf: Shelf) -> None:
    """CONTRACT 113, DESIGN 5: asyncio, trio and asyncio again; a connection ends with its loop."""
    backend = AsyncSFTPBackend(**shelf.options)

    async def use(name: str) -> None:
        await backend.write(name, name.encode())
        assert await backend.read_bytes(name) == name.encode()
        await backend.aclose()

    for name, loop in (("a", "asyncio"), ("b", "trio"), ("c", "asyncio")):
        anyio.run(use, name, backend=loop)
    assert shelf.names() == ["a", "b", "c"]


def test_a_url_opens_a_store(shelf: Shelf, tmp_path: Path) -> None:
    """Issue 9: sftp:// and ssh:// with user, host, port and path; other options in the query."""
    known = tmp_path / "known"
    known.write_text(shelf.server.known_hosts)
    rest = f"//{shelf.server.username}@127.0.0.1:{shelf.server.port}{shelf.base}/sub?host_keys_path={known}"
    for scheme in ("sftp", "ssh"):
        with open_store(f"{scheme}:{rest}", pkey=str(shelf.server.key)) as store:
            store.write(f"{scheme}.txt", b"hello")
            assert store.native_path("x") == f"{shelf.base}/sub/x"
    assert shelf.names() == ["sub/sftp.txt", "sub/ssh.txt"]


@pytest.mark.anyio
async def test_an_async_store_opens_by_url_too(shelf: Shelf, tmp_path: Path) -> None:
    """Issue 9; the stream knows its size once it is open, and reads over more than one window."""
    url = f"sftp://{shelf.server.username}@127.0.0.1:{shelf.server.port}{shelf.base}"
    content = os.urandom(5 * MIB)
    shelf.poke("a", content)
    options = {"pkey": str(shelf.server.key), "known_host_keys": shelf.server.known_hosts}
    async with open_async_store(url, **options) as store:
        assert isinstance(store, AsyncStore)
        async with store.read("a") as stream:
            assert stream.size == len(content)
            assert b"".join([chunk async for chunk in stream]) == content


def test_a_stream_seeks_by_ranges(backend: SFTPBackend) -> None:
    """Issue 9: a seekable sync stream."""
    content = os.urandom(3 * MIB)
    backend.write("a", content)
    with backend.read("a") as stream:
        assert stream.seek(-10, os.SEEK_END) == len(content) - 10
        assert stream.read() == content[-10:]
        stream.seek(MIB)
        assert stream.read(100) == content[MIB : MIB + 100]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("port", 0), ("port", 99_999), ("timeout", 0), ("timeout", -1), ("io_timeout", 0), ("keepalive", float("nan")),
        ("max_channels", 0), ("host_key", "SHA1:abc"), ("jump_hosts", "user@host:port"), ("username", "-oProxyCommand=x"),
        ("base_path", "/a/../b"), ("base_path", "a\0b"),
    ],
)  # fmt: skip
def test_options_that_can_t_be_are_value_errors(option: str, value: object) -> None:
    """RELIABILITY, configuration; CONTRACT 155."""
    with pytest.raises(ValueError, match=option.split("_", maxsplit=1)[0]):
        SFTPBackend("host", **{option: value})


@pytest.mark.parametrize(
    ("option", "value"), [("port", "22"), ("timeout", "1"), ("retry", 3), ("pkey", 3), ("nope", 1)]
)
def test_options_of_a_wrong_type_are_type_errors(option: str, value: object) -> None:
    """CONTRACT C: unknown keywords too."""
    with pytest.raises(TypeError):
        SFTPBackend("host", **{option: value})


def test_a_check_can_t_be_switched_off_by_connect_kwargs(shelf: Shelf) -> None:
    """Strict host keys stay: known_hosts=None is asyncssh's way to trust anybody."""
    with SFTPBackend(**shelf.options, connect_kwargs={"known_hosts": None}) as backend:
        with pytest.raises(ValueError, match="known_hosts"):
            backend.exists("a")
