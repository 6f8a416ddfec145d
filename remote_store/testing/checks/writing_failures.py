"""Writes that fail (CONTRACT B3): nothing is to be seen of them."""

from __future__ import annotations

from ..._core.capability import Capability
from ..asserting import anything, equal, raises
from ..case import Case, Pieces
from ..registry import check

WRITE = Capability.WRITE


class Trouble(Exception):
    """What a source of content raises here."""


def _failing(*pieces: bytes) -> tuple[Pieces, Trouble]:
    problem = Trouble("the source went away")
    return Pieces(*pieces, error=problem), problem


@check("B3", 49, 51, needs={WRITE})
async def a_failing_source_leaves_nothing(case: Case) -> None:
    """If the content raises half-way, its very error propagates and no file appears, nor any other."""
    await case.put("kept", b"kept")
    for verb, write in case.writers():
        for pieces in ((), (b"half",), (b"x" * 300_000, b"y" * 300_000)):
            content, problem = _failing(*pieces)
            with raises(Trouble, when=f"{verb} after {len(pieces)} pieces") as caught:
                await write(f"new/{verb}", content)
            assert caught.error is problem, f"another error came out: {caught.error!r}"
            equal(await case.content(f"new/{verb}"), None, f"content after a failed {verb}")
    await case.holds({"kept": b"kept"})


@check("B3", 49, 51, needs={WRITE})
async def a_failing_source_keeps_the_old_content(case: Case) -> None:
    """If the content of an overwrite raises half-way, the old content stays."""
    await case.put("file", b"old")
    for verb, write in case.writers():
        content, _ = _failing(b"half", b"x" * 300_000)
        with raises(Trouble, when=verb):
            await write("file", content, overwrite=True)
    await case.holds({"file": b"old"})


@check("B3", 51, needs={WRITE})
async def the_path_is_free_after_a_failure(case: Case) -> None:
    """After a failed write the same path can be written without `overwrite`."""
    for verb, write in case.writers():
        content, _ = _failing(b"half")
        with raises(Trouble, when=verb):
            await write(verb, content)
        await write(verb, b"whole")
        equal(await case.content(verb), b"whole", f"content after a second {verb}")


@check("B3", 41, needs={WRITE})
async def text_is_refused(case: Case) -> None:
    """A str, and an iterator that yields str, fail with a TypeError or the like and leave nothing."""
    for verb, write in case.writers():
        for number, content in enumerate(("text", Pieces("text"), Pieces(b"half", "text"), None, 5)):
            with raises((TypeError, AttributeError, ValueError), when=f"{verb} of content {number}"):
                await write(f"{verb}{number}", anything(content))
    await case.holds({})


@check("B3", 41, needs={WRITE})
async def refused_text_keeps_the_old_content(case: Case) -> None:
    """An overwrite with a str, or an iterator that yields one, keeps the old content."""
    await case.put("file", b"old")
    for verb, write in case.writers():
        for content in ("text", Pieces(b"half", "text")):
            with raises((TypeError, AttributeError, ValueError), when=verb):
                await write("file", anything(content), overwrite=True)
    await case.holds({"file": b"old"})


@check("B3", 43, needs={WRITE})
async def a_refused_write_leaves_no_folders(case: Case) -> None:
    """A write that is refused or fails makes no file in any listing, and its own folders are no files."""
    for verb, write in case.writers():
        content, _ = _failing()
        with raises(Trouble, when=verb):
            await write(f"{verb}/deep/file", content)
        assert not await case.backend.is_file(f"{verb}/deep/file"), "the file is there"
        assert not await case.backend.is_file(f"{verb}/deep"), "a folder became a file"
    await case.holds({})
