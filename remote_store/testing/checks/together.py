"""Many calls at the same time (CONTRACT C, RELIABILITY)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from ..._core.capability import Capability
from ..._core.errors import AlreadyExists, NotFound, PreconditionFailed
from ..asserting import equal
from ..case import Case, Pieces
from ..registry import Face, check

WRITE = Capability.WRITE
RACERS = 12


async def _race(attempt: Callable[[int], Awaitable[Any]], *losing: type[BaseException]) -> list[int]:
    """Run the attempts at the same time and return the numbers of those that did not lose by such an error."""
    winners: list[int] = []

    async def one(number: int) -> None:
        try:
            await attempt(number)
        except losing:
            return
        winners.append(number)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(RACERS):
                tasks.start_soon(one, number)
    return winners


@check("C", 150, needs={WRITE}, face=Face.LOOP)
async def writers_of_different_files_all_succeed(case: Case) -> None:
    """Writes of different files at the same time, below folders that none of them finds, all arrive."""

    async def write(number: int) -> None:
        await case.backend.write(f"new/deep/{number % 3}/{number}", Pieces(b"a", f"{number}".encode()))

    winners = await _race(write)
    equal(sorted(winners), list(range(RACERS)), "writers that succeeded")
    await case.holds({f"new/deep/{number % 3}/{number}": f"a{number}".encode() for number in range(RACERS)})


@check("B3", 43, needs={WRITE, Capability.CONDITIONAL_WRITE}, face=Face.LOOP)
async def one_creator_wins(case: Case) -> None:
    """Of writers without `overwrite` at the same time one wins; the others get AlreadyExists; the bytes are its own."""
    for verb, write in case.writers():
        for content in (bytes, Pieces):

            async def create(number: int, write: Any = write, key: str = f"{verb}{content.__name__}") -> None:
                data = f"{number}".encode() * 1000
                await write(key, data if content is bytes else Pieces(data))  # noqa: B023  # runs within the turn

            winners = await _race(create, AlreadyExists)
            equal(len(winners), 1, f"winners among {RACERS} calls of {verb}")
            stored = await case.content(f"{verb}{content.__name__}")
            equal(stored, f"{winners[0]}".encode() * 1000, "content, which the winner wrote")


@check(
    "DECISIONS 8",
    needs={WRITE, Capability.CONDITIONAL_WRITE, Capability.METADATA, Capability.READ},
    face=Face.LOOP,
)
async def no_conditional_update_is_lost(case: Case) -> None:
    """Tasks that count in one file by `if_match`, trying again after PreconditionFailed, lose no count."""
    await case.put("counter", b"0")

    async def count(_: int) -> None:
        while True:
            etag = (await case.backend.get_file_info("counter")).etag
            value = int(await case.backend.read_bytes("counter"))
            try:
                await case.backend.write("counter", b"%d" % (value + 1), if_match=etag)
            except PreconditionFailed:
                continue
            return

    await _race(count)
    equal(await case.content("counter"), b"%d" % RACERS, "the counter")


@check("B3", 49, needs={Capability.ATOMIC_WRITE, Capability.READ}, face=Face.LOOP)
async def overwriters_never_mix(case: Case) -> None:
    """Atomic overwrites of one file at the same time leave the whole content of one of them."""
    contents = [bytes([number]) * 100_000 for number in range(RACERS)]

    async def overwrite(number: int) -> None:
        data = contents[number]
        await case.backend.write_atomic("file", Pieces(data[:50_000], data[50_000:]), overwrite=True)
        assert await case.backend.read_bytes("file") in contents, "a reader saw a mixture"

    await _race(overwrite)
    assert await case.content("file") in contents, "the file is a mixture"
    stored = await case.content("file")
    await case.holds({"file": stored or b""})


@check("B4", 52, needs={WRITE, Capability.DELETE, Capability.CONDITIONAL_WRITE}, face=Face.LOOP)
async def one_deleter_wins(case: Case) -> None:
    """Of tasks that delete one file at the same time at least one succeeds, and the others get NotFound."""
    await case.put("folder/file")

    async def delete(_: int) -> None:
        await case.backend.delete("folder/file")

    winners = await _race(delete, NotFound)
    assert winners, "nobody deleted the file"
    assert not await case.backend.exists("folder/file"), "the file is still there"


@check("B7", 77, needs={WRITE, Capability.MOVE, Capability.CONDITIONAL_WRITE}, face=Face.LOOP)
async def a_moved_file_is_never_lost(case: Case) -> None:
    """Of tasks that move one file to places of their own at the same time, what remains is one full copy or more."""
    data = await case.put("file")

    async def move(number: int) -> None:
        await case.backend.move("file", f"moved/{number}")

    winners = await _race(move, NotFound)
    assert winners, "nobody moved the file"
    copies = [await case.content(f"moved/{number}") for number in range(RACERS)]
    assert data in copies, "the file is lost"
    assert {copy for copy in copies if copy is not None} == {data}, "a copy is not whole"
