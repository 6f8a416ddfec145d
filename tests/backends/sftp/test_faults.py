"""Bad wires: what is lost is done again where that is safe, and told truly where it is not (RELIABILITY 1 to 8, 23)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from remote_store import AlreadyExists, BackendUnavailable, PreconditionFailed, RetryPolicy, TimeoutExceeded
from remote_store.aio.backends import AsyncSFTPBackend
from remote_store.backends import SFTPBackend
from remote_store.testing.faults import Fault
from tests.backends.sftp.conftest import QUICK, Wire, hidden
from tests.servers.asyncssh_server import AsyncsshServer

MIB = 1024 * 1024
DATA = random.Random(9).randbytes(3 * MIB + 17)


# An answer is lost: the server does the nth request and closes

Operation = Callable[[SFTPBackend], object]

OPERATIONS: dict[str, tuple[Operation, dict[str, bytes]]] = {
    "create": (lambda backend: backend.write("new/a", b"new"), {"new/a": b"new", "old": b"old"}),
    "replace": (lambda backend: backend.write("old", b"new", overwrite=True), {"old": b"new"}),
    "stream": (lambda backend: backend.write("a", iter([b"x" * 300_000] * 4)), {"a": b"x" * 1_200_000, "old": b"old"}),
    "move": (lambda backend: backend.move("old", "new/a"), {"new/a": b"old"}),
    "move-over": (lambda backend: backend.move("old", "a", overwrite=True), {"a": b"old"}),
    "copy": (lambda backend: backend.copy("old", "a"), {"a": b"old", "old": b"old"}),
    "delete": (lambda backend: backend.delete("old"), {}),
    "delete-folder": (lambda backend: backend.delete_folder("deep", recursive=True), {"old": b"old"}),
    "read": (lambda backend: backend.read_bytes("old"), {"old": b"old"}),
    "list": (lambda backend: list(backend.list_files("", recursive=True)), {"old": b"old"}),
    "info": (lambda backend: backend.get_file_info("old"), {"old": b"old"}),
}


def stored(server: AsyncsshServer) -> dict[str, bytes]:
    """All files in the server's folder, hidden ones too."""
    root = server.root
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


LONGEST = {"create": 12, "stream": 12, "move": 12, "copy": 12, "delete-folder": 14, "delete": 6, "info": 5}
"""Requests of the longer operations and of the shortest ones, those of the connection included; 9 for the others."""


@pytest.mark.parametrize(
    ("name", "nth"), [(name, nth) for name in OPERATIONS for nth in range(1, LONGEST.get(name, 9) + 1)]
)
def test_a_lost_answer_is_found_out_and_nothing_happens_twice(losing: AsyncsshServer, name: str, nth: int) -> None:
    """RELIABILITY 19, 23: whatever answer is lost, the operation ends as if none had been, with nothing left over."""
    operation, wanted = OPERATIONS[name]
    (losing.root / "old").write_bytes(b"old")
    if name == "delete-folder":
        for path in ("deep/x", "deep/er/y"):
            (losing.root / path).parent.mkdir(parents=True, exist_ok=True)
            (losing.root / path).touch()
    backend = SFTPBackend(**losing.options(retry=QUICK))
    losing.lose(nth)
    try:
        operation(backend)
        backend.check_health()  # what a lost connection left behind is removed by the next one
    finally:
        losing.lose(0)
        backend.close()
    assert stored(losing) == wanted
    assert not (losing.root / "deep").exists()


@pytest.mark.parametrize("nth", range(1, 11))
def test_a_lost_answer_never_makes_a_winner_of_a_loser(losing: AsyncsshServer, nth: int) -> None:
    """CONTRACT 43: the file of somebody else is AlreadyExists, whatever answer was lost on the way, and stays."""
    (losing.root / "taken").write_bytes(b"theirs")
    backend = SFTPBackend(**losing.options(retry=QUICK))
    losing.lose(nth)
    try:
        with pytest.raises(AlreadyExists):
            backend.write("taken", b"ours")
        backend.check_health()
    finally:
        losing.lose(0)
        backend.close()
    assert stored(losing) == {"taken": b"theirs"}


@pytest.mark.parametrize("every", [2, 3, 5, 8])
def test_a_server_that_closes_again_and_again_is_an_error_and_not_a_torso(losing: AsyncsshServer, every: int) -> None:
    """Issue 9: a server that closes after n operations: done, or BackendUnavailable and nothing in sight."""
    backend = SFTPBackend(**losing.options(retry=QUICK))
    losing.lose(every, each=True)
    try:
        backend.write("a", iter([b"x" * 300_000] * 4))
        outcome = {"a": b"x" * 1_200_000}
    except BackendUnavailable:
        outcome = {}
    finally:
        losing.lose(0)
    backend.check_health()
    backend.close()
    visible = {name: data for name, data in stored(losing).items() if ".~" not in name}
    assert visible in (outcome, {"a": b"x" * 1_200_000})


def test_a_server_that_closes_at_every_read_is_given_up(losing: AsyncsshServer) -> None:
    """RELIABILITY 23, DECISIONS 24: a few connections without a single block got, then BackendUnavailable."""
    (losing.root / "a").write_bytes(b"a" * 300_000)
    backend = SFTPBackend(**losing.options(retry=QUICK))
    # A connection costs six requests up to the first READ, which is lost each time; opening works.
    losing.lose(6, each=True)
    with pytest.raises(BackendUnavailable, match="READ"):
        backend.read_bytes("a")
    requests = len(losing.verbs())
    losing.lose(0)
    assert backend.read_bytes("a") == b"a" * 300_000
    backend.close()
    assert requests < 60


def test_a_server_that_falls_silent_is_a_timeout_that_names_io_timeout(losing: AsyncsshServer) -> None:
    """RELIABILITY 4, CONTRACT 155: no hang; the connection that is silent is not used again."""
    backend = SFTPBackend(**losing.options(retry=RetryPolicy.disabled(), io_timeout=0.5))
    backend.write("a", b"a")
    losing.lose(1, silent=True)
    with pytest.raises(TimeoutExceeded, match="io_timeout"):
        backend.read_bytes("a")
    losing.lose(0, silent=False)
    assert backend.read_bytes("a") == b"a"
    backend.close()


@pytest.mark.anyio
async def test_a_call_cancelled_while_leftovers_are_removed_forgets_none(losing: AsyncsshServer) -> None:
    """Issue 9: a hidden file that was left is removed by the next connection, and if not by that, by the one after."""
    backend = AsyncSFTPBackend(**losing.options(retry=QUICK, io_timeout=0.5))
    leftover = losing.root / ".~tmp.a.00000000"
    backend._core.clients.debris.add(str(leftover).encode())
    leftover.touch()
    losing.lose(2, silent=True)
    async with anyio.create_task_group() as group:
        group.start_soon(backend.exists, "a")
        while "REMOVE" not in backend.requests_sent:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    left = set(backend._core.clients.debris)
    losing.lose(0, silent=False)
    assert left == {str(leftover).encode()}
    await backend.aclose()
    await backend.check_health()
    assert backend._core.clients.debris == set()
    assert not leftover.exists()
    await backend.aclose()


def test_a_file_that_was_replaced_while_the_connection_was_lost_is_not_mixed(losing: AsyncsshServer) -> None:
    """RELIABILITY 12: the bytes of two versions never come as one."""
    (losing.root / "a").write_bytes(DATA)
    backend = SFTPBackend(**losing.options(retry=QUICK))
    with backend.read("a") as stream:
        assert stream.read(10) == DATA[:10]
        losing.lose(1)
        (losing.root / "a").write_bytes(DATA[:-1])
        with pytest.raises(PreconditionFailed):
            while stream.read(MIB):
                pass
    backend.close()


# The wire itself: bytes cut, delayed, spoilt


@pytest.mark.parametrize("offset", [0, 1, 100, 3000, 6000, 200_000, 1_500_000])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_read_goes_on_where_its_connection_was_cut(wire: Wire, offset: int, how: str) -> None:
    """RELIABILITY 6, 23: cut at any byte, of the handshake or of the data."""
    wire.shelf.poke("a", DATA)
    wire.proxy.script(Fault("cut", verb="connect", offset=offset, argument=how if how == "reset" else ""))
    assert wire.backend().read_bytes("a") == DATA
    assert wire.proxy.counters().opened == 2


@pytest.mark.parametrize("offset", [100, 4000, 4500, 5000, 5200])
def test_a_write_goes_on_where_its_connection_was_cut(wire: Wire, offset: int) -> None:
    """RELIABILITY 6, 23: the answers of a write are short, so that these offsets are all over it."""
    wire.proxy.script(Fault("cut", verb="connect", offset=offset))
    backend = wire.backend()
    backend.write("a", DATA)
    backend.check_health()
    assert wire.shelf.peek("a") == DATA
    assert hidden(wire.shelf.base) == []


def test_a_connection_that_is_always_cut_is_given_up(wire: Wire) -> None:
    """RELIABILITY 6: within the policy's attempts; nothing is in sight, and the hidden file goes with the next connection."""
    wire.proxy.script(Fault("cut", verb="connect", offset=4500), Fault("cut", verb="connect", nth=2, offset=0, count=0))
    backend = wire.backend()
    with pytest.raises(BackendUnavailable):
        backend.write("a", DATA)
    assert wire.shelf.peek("a") is None
    wire.proxy.script()
    assert [info.name for info in backend.list_files("")] == []
    assert hidden(wire.shelf.base) == []


def test_a_refused_connection_is_tried_again_and_told_with_its_host(wire: Wire) -> None:
    """RELIABILITY 1, CONTRACT 155."""
    backend = wire.backend()
    wire.proxy.script(Fault("refuse"))
    with pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1.*3 attempts"):
        backend.exists("a")
    wire.proxy.script()
    assert backend.exists("a") is False


def test_a_server_that_lets_nobody_in_is_a_timeout(wire: Wire) -> None:
    """RELIABILITY 4: `timeout` is for the connection to be made."""
    wire.proxy.script(Fault("blackhole", verb="connect", count=0))
    with pytest.raises(TimeoutExceeded, match=r"127\.0\.0\.1.*timeout=0\.5"):
        wire.backend(timeout=0.5, retry=RetryPolicy.disabled()).exists("a")


def test_a_trickle_is_a_timeout(wire: Wire) -> None:
    """RELIABILITY 7: a byte now and then keeps nothing alive; whole answers do."""
    wire.shelf.poke("a", DATA)
    wire.proxy.script(Fault("trickle", verb="connect", offset=100_000, seconds=0.1, count=0))
    with pytest.raises(TimeoutExceeded, match="io_timeout"):
        wire.backend(io_timeout=0.7, retry=RetryPolicy.disabled()).read_bytes("a")


def test_an_upload_that_stalls_is_a_timeout(wire: Wire) -> None:
    """RELIABILITY 8: the server takes nothing more."""
    wire.proxy.script(Fault("stall-upload", verb="connect", offset=100_000, count=0))
    with pytest.raises(TimeoutExceeded, match="io_timeout"):
        wire.backend(io_timeout=0.7, retry=RetryPolicy.disabled()).write("a", DATA * 4)
    assert wire.shelf.peek("a") is None


@pytest.mark.parametrize("kind", ["flip-down", "flip-up"])
def test_a_flipped_bit_is_found_by_ssh_and_cured_by_another_connection(wire: Wire, kind: str) -> None:
    """RELIABILITY 9: the cipher's seal breaks; nothing wrong is returned or stored."""
    wire.shelf.poke("a", DATA)
    wire.proxy.script(Fault(kind, verb="connect", offset=100_000))
    backend = wire.backend()
    backend.write("b", DATA)
    assert backend.read_bytes("a") == DATA
    assert wire.shelf.peek("b") == DATA


def test_a_connection_that_died_at_rest_costs_nobody_a_failure(wire: Wire) -> None:
    """RELIABILITY 5: one attempt, no pause: the other is made at once and not counted."""
    backend = wire.backend(retry=RetryPolicy.disabled())
    backend.write("a", b"a")
    wire.proxy.script(Fault("refuse", seconds=0.01))
    wire.proxy.script()
    assert backend.read_bytes("a") == b"a"


def test_a_name_that_is_not_known_is_told_at_once() -> None:
    """RELIABILITY 2: not retried."""
    backend = SFTPBackend("no-such-host.invalid", retry=RetryPolicy(backoff_base=30.0), agent=False)
    with pytest.raises(BackendUnavailable, match=r"no-such-host\.invalid"):
        backend.exists("a")


# Kills at random moments (the full count is in the soak runs)


def cuts(count: int) -> Iterator[int]:
    """Yield offsets into the server's bytes of one connection: the handshake, and the answers of a write."""
    chance = random.Random(36)
    for _ in range(count):
        yield chance.randrange(3000, 7000)


def killed(wire: Wire, count: int) -> tuple[int, int]:
    """Cut the connection of so many writes; return how many were done and how many were not."""
    done = lost = 0
    backend: Any = wire.backend(retry=RetryPolicy.disabled())
    for number, offset in enumerate(cuts(count)):
        backend.close()
        wire.proxy.script(Fault("cut", verb="connect", offset=offset, count=0))
        key = f"k/{number}"
        try:
            backend.write(key, iter([DATA[:700_000]] * 2))
            done += 1
            assert wire.shelf.peek(key) == DATA[:700_000] * 2
        except BackendUnavailable:
            lost += 1
            assert wire.shelf.peek(key) in (None, DATA[:700_000] * 2)
    wire.proxy.script()
    backend.check_health()
    assert hidden(wire.shelf.base) == []
    return done, lost


def test_kills_of_the_connection_leave_only_whole_files(wire: Wire) -> None:
    """Issue 9, DECISIONS 36: 20 here, 300 in the soak runs."""
    done, lost = killed(wire, 20)
    assert done + lost == 20
    assert lost


@pytest.mark.soak
def test_many_kills_of_the_connection_leave_only_whole_files(wire: Wire) -> None:
    """DECISIONS 36: the full count."""
    done, lost = killed(wire, 300)
    assert done + lost == 300
    assert lost
