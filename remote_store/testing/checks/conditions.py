"""Conditional writes (DECISIONS 8, 23; CONTRACT A5)."""

from __future__ import annotations

from ..._core.capability import Capability
from ..._core.errors import NotFound, PreconditionFailed
from ..asserting import anything, equal, raises
from ..case import Case, Pieces
from ..registry import check

NEEDS = {Capability.WRITE, Capability.METADATA, Capability.CONDITIONAL_WRITE}


@check("DECISIONS 8", needs=NEEDS)
async def every_file_has_an_etag(case: Case) -> None:
    """With CONDITIONAL_WRITE `get_file_info` has a non-empty etag, and a WriteResult has the same."""
    for verb, write in case.writers():
        result = await write(verb, b"content")
        info = await case.backend.get_file_info(verb)
        assert info.etag, f"etag is {info.etag!r} after {verb}"
        equal(result.etag, info.etag, f"etag of the result of {verb}")


@check("DECISIONS 8", needs=NEEDS)
async def a_change_changes_the_etag(case: Case) -> None:
    """Another content, also of the same size and written at once, has another etag."""
    seen = set()
    for number in range(5):
        await case.backend.write("file", f"content {number}".encode(), overwrite=True)
        seen.add((await case.backend.get_file_info("file")).etag)
    equal(len(seen), 5, "different etags of five contents")


@check("DECISIONS 8", needs=NEEDS)
async def a_matching_etag_replaces(case: Case) -> None:
    """`if_match` with the present etag replaces the file, although `overwrite` is false."""
    for verb, write in case.writers():
        etag = (await case.backend.write(verb, b"old")).etag
        for content in (b"newer", Pieces(b"new", b"est")):
            etag = (await write(verb, content, if_match=etag)).etag
        equal(await case.content(verb), b"newest", f"content after {verb}")


@check("DECISIONS 8", needs=NEEDS)
async def a_stale_etag_changes_nothing(case: Case) -> None:
    """`if_match` with an etag that is no longer the file's raises PreconditionFailed, also with `overwrite`."""
    stale = (await case.backend.write("file", b"old")).etag
    await case.backend.write("file", b"new", overwrite=True)
    for verb, write in case.writers():
        for overwrite in (False, True):
            for etag in (stale, "no-such-etag"):
                with raises(PreconditionFailed, path="file", when=f"{verb}, overwrite={overwrite}"):
                    await write("file", b"lost", if_match=etag, overwrite=overwrite)
    await case.holds({"file": b"new"})


@check("DECISIONS 8", needs=NEEDS)
async def nothing_matches_a_missing_file(case: Case) -> None:
    """`if_match` for a missing file raises PreconditionFailed or NotFound and makes none."""
    for verb, write in case.writers():
        with raises((PreconditionFailed, NotFound), path="missing", when=verb):
            await write("missing", b"new", if_match="some-etag")
    await case.holds({})


@check("DECISIONS 8", needs=NEEDS)
async def an_etag_is_a_non_empty_text(case: Case) -> None:
    """An empty `if_match` raises ValueError, one that is no str TypeError; the file stays."""
    await case.put("file", b"old")
    for verb, write in case.writers():
        with raises(ValueError, when=f"{verb} with an empty etag"):
            await write("file", b"new", if_match="")
        with raises(TypeError, when=f"{verb} with a number"):
            await write("file", b"new", if_match=anything(5))
    await case.holds({"file": b"old"})
