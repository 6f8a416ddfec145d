"""User metadata (CONTRACT B3)."""

from __future__ import annotations

from ..._core.capability import Capability
from ..._core.errors import CapabilityNotSupported
from ..asserting import equal, raises
from ..case import Case
from ..registry import check

NOTHING: tuple[dict[str, str] | None, ...] = (None, {})
NEEDS = {Capability.WRITE, Capability.METADATA, Capability.USER_METADATA}


async def _stored(case: Case, key: str) -> dict[str, str]:
    return dict((await case.backend.get_file_info(key)).metadata or {})


@check("B3", 45, 48, needs=NEEDS)
async def metadata_comes_back(case: Case) -> None:
    """Metadata of a write is echoed in its result and comes back in `get_file_info`."""
    for verb, write in case.writers():
        wanted = {"author": "Ann", "note": "größer & <more>"}
        result = await write(verb, b"content", metadata=wanted)
        equal(dict(result.metadata or {}), wanted, f"metadata in the result of {verb}")
        equal(await _stored(case, verb), wanted, f"metadata after {verb}")


@check("B3", 48, needs=NEEDS)
async def an_overwrite_replaces_metadata(case: Case) -> None:
    """An overwrite replaces the metadata, and one without any removes it."""
    for verb, write in case.writers():
        await write(verb, b"1", metadata={"a": "1", "b": "2"})
        await write(verb, b"2", metadata={"c": "3"}, overwrite=True)
        equal(await _stored(case, verb), {"c": "3"}, f"metadata after a second {verb}")
        await write(verb, b"3", overwrite=True)
        equal(await _stored(case, verb), {}, f"metadata after {verb} without any")


@check("B3", 47, needs=NEEDS)
async def no_metadata_is_fine(case: Case) -> None:
    """`None` and `{}` store no metadata."""
    for number, nothing in enumerate(NOTHING):
        await case.backend.write(f"{number}", b"", metadata=nothing)
        equal(await _stored(case, f"{number}"), {}, f"metadata after metadata={nothing}")


@check("B3", 48, 78, needs=NEEDS)
async def metadata_goes_along(case: Case) -> None:
    """Metadata survives `move` and `copy`."""
    wanted = {"author": "Ann"}
    await case.backend.write("file", b"content", metadata=wanted)
    if case.has(Capability.COPY):
        await case.backend.copy("file", "copied")
        equal(await _stored(case, "copied"), wanted, "metadata of the copy")
    if case.has(Capability.MOVE):
        await case.backend.move("file", "moved")
        equal(await _stored(case, "moved"), wanted, "metadata of the moved file")


@check("B3", 48, needs=NEEDS)
async def metadata_is_copied_when_it_is_written(case: Case) -> None:
    """A change of the caller's dict after the write does not reach the store."""
    given = {"author": "Ann"}
    await case.backend.write("file", b"content", metadata=given)
    given["author"] = "Bob"
    equal(await _stored(case, "file"), {"author": "Ann"}, "metadata after the caller changed its dict")


@check("B3", 48, needs={Capability.WRITE, Capability.METADATA}, lacks={Capability.USER_METADATA})
async def without_the_capability_there_is_none(case: Case) -> None:
    """Without USER_METADATA `get_file_info().metadata` is None, and `None` and `{}` may be given."""
    for number, nothing in enumerate(NOTHING):
        await case.backend.write(f"{number}", b"", metadata=nothing)
        equal((await case.backend.get_file_info(f"{number}")).metadata, None, "metadata")


@check("B3", 47, needs={Capability.WRITE}, lacks={Capability.USER_METADATA})
async def metadata_is_refused_without_the_capability(case: Case) -> None:
    """Without USER_METADATA a store refuses metadata with CapabilityNotSupported and writes nothing."""
    with raises(CapabilityNotSupported, "user_metadata") as caught:
        await case.store().write("file", b"", metadata={"author": "Ann"})
    equal(caught.error.capability, "user_metadata", ".capability")
    await case.holds({})
