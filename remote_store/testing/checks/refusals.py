"""What a backend does not declare is refused (CONTRACT B9): asserted, not skipped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..._core.capability import Capability
from ..._core.errors import CapabilityNotSupported
from ..asserting import equal, raises
from ..case import Case, drain, listed
from ..registry import check


async def _refused(capability: Capability, calls: dict[str, Callable[[], Awaitable[Any]]]) -> None:
    for name, call in calls.items():
        with raises(CapabilityNotSupported, capability.value, when=name) as caught:
            await call()
        equal(caught.error.capability, capability.value, f".capability for {name}")


@check("B9", 84, lacks={Capability.READ})
async def reading_is_refused(case: Case) -> None:
    """A store over a backend without READ refuses to read."""
    store = case.store()
    await _refused(
        Capability.READ,
        {
            "read": lambda: drain(store.read("file")),
            "read_bytes": lambda: store.read_bytes("file"),
            "read_text": lambda: store.read_text("file"),
        },
    )


@check("B9", 84, lacks={Capability.WRITE})
async def writing_is_refused(case: Case) -> None:
    """A store over a backend without WRITE refuses to write."""
    store = case.store()
    await _refused(
        Capability.WRITE,
        {"write": lambda: store.write("file", b""), "write_text": lambda: store.write_text("file", "")},
    )


@check("B9", 84, lacks={Capability.ATOMIC_WRITE})
async def atomic_writing_is_refused(case: Case) -> None:
    """A store over a backend without ATOMIC_WRITE refuses `write_atomic`."""
    store = case.store()
    await _refused(Capability.ATOMIC_WRITE, {"write_atomic": lambda: store.write_atomic("file", b"")})


@check("B9", 84, lacks={Capability.DELETE})
async def deleting_is_refused(case: Case) -> None:
    """A store over a backend without DELETE refuses to delete, also with `missing_ok`."""
    store = case.store()
    await _refused(
        Capability.DELETE,
        {
            "delete": lambda: store.delete("file", missing_ok=True),
            "delete_folder": lambda: store.delete_folder("folder", missing_ok=True),
        },
    )


@check("B9", 84, lacks={Capability.LIST})
async def listing_is_refused(case: Case) -> None:
    """A store over a backend without LIST refuses to list."""
    store = case.store()
    await _refused(
        Capability.LIST,
        {
            "list_files": lambda: listed(store.list_files("")),
            "list_folders": lambda: listed(store.list_folders("")),
            "iter_children": lambda: listed(store.iter_children("")),
        },
    )


@check("B9", 65, 84, lacks={Capability.GLOB})
async def globbing_is_refused(case: Case) -> None:
    """A store over a backend without GLOB refuses `glob`."""
    store = case.store()
    await _refused(Capability.GLOB, {"glob": lambda: listed(store.glob("*"))})


@check("B9", 84, lacks={Capability.MOVE})
async def moving_is_refused(case: Case) -> None:
    """A store over a backend without MOVE refuses to move."""
    store = case.store()
    await _refused(Capability.MOVE, {"move": lambda: store.move("a", "b")})


@check("B9", 84, lacks={Capability.COPY})
async def copying_is_refused(case: Case) -> None:
    """A store over a backend without COPY refuses to copy."""
    store = case.store()
    await _refused(Capability.COPY, {"copy": lambda: store.copy("a", "b")})


@check("B9", 84, lacks={Capability.METADATA})
async def informing_is_refused(case: Case) -> None:
    """A store over a backend without METADATA refuses both infos and `head`."""
    store = case.store()
    await _refused(
        Capability.METADATA,
        {
            "get_file_info": lambda: store.get_file_info("file"),
            "get_folder_info": lambda: store.get_folder_info(""),
            "head": lambda: store.head("file"),
        },
    )


@check("DECISIONS 8", needs={Capability.WRITE}, lacks={Capability.CONDITIONAL_WRITE})
async def conditions_are_refused(case: Case) -> None:
    """A store over a backend without CONDITIONAL_WRITE refuses `if_match` and writes nothing."""
    store = case.store()
    await _refused(
        Capability.CONDITIONAL_WRITE,
        {"write": lambda: store.write("file", b"", if_match="some-etag", overwrite=True)},
    )
    await case.holds({})
