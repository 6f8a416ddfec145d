"""Health and closing (CONTRACT B6, B11)."""

from __future__ import annotations

import copy
import pickle

from ..._core.capability import Capability
from ..._core.errors import BackendUnavailable, NotFound
from ..asserting import equal, raises
from ..case import Case
from ..registry import check


@check("B6", 73)
async def a_fresh_backend_is_healthy(case: Case) -> None:
    """`check_health` of a reachable backend raises nothing."""
    await case.backend.check_health()


@check("B11", 90)
async def closing_twice_does_nothing(case: Case) -> None:
    """Closing returns None, and closing again does nothing."""
    for _ in range(3):
        found: object = await case.backend.aclose()  # type: ignore[func-returns-value]  # that is the question
        equal(found, None, "the result of closing")


@check("B11", 90, needs={Capability.READ, Capability.WRITE}, bare=False)
async def after_closing(case: Case) -> None:
    """A closed backend works again, or says of itself that closing is for good and then refuses everything."""
    await case.put("file")
    await case.backend.aclose()
    if not case.backend.close_is_terminal:
        await case.backend.write("again", b"again")
        equal(await case.backend.read_bytes("again"), b"again", "content written after closing")
        return
    for path in ("file", "", "../x"):
        with raises(BackendUnavailable, "is closed", when=f"exists({path!r})"):
            await case.backend.exists(path)
        with raises(BackendUnavailable, "is closed", when=f"read_bytes({path!r})"):
            await case.backend.read_bytes(path)
        with raises(BackendUnavailable, "is closed", when=f"write({path!r})"):
            await case.backend.write(path, b"")


@check("B11", 91, bare=True)
async def a_closed_adapter_refuses_everything(case: Case) -> None:
    """After closing, every call on a bare adapter raises RuntimeError "AsyncBackendSyncAdapter is closed"."""
    await case.backend.aclose()
    for path in ("file", ""):
        with raises(RuntimeError, "AsyncBackendSyncAdapter is closed", when=f"exists({path!r})") as caught:
            await case.backend.exists(path)
        assert isinstance(caught.error, BackendUnavailable), f"{caught.error!r} is no BackendUnavailable"


@check("A2", 3)
async def a_block_closes_the_backend(case: Case) -> None:
    """A backend is a context manager that yields itself and closes at the end."""
    if case.blocking is not None:
        with case.blocking as itself:
            assert itself is case.blocking, "the block has another object"
        return
    async with case.backend as entered:
        assert entered is case.backend, "the block has another object"


@check("A6", 18, needs={Capability.READ})
async def errors_survive_a_pickle(case: Case) -> None:
    """An error of the backend pickles and copies with class, text, path and backend."""
    with raises(NotFound) as caught:
        await case.backend.read_bytes("missing")
    for made in (pickle.loads(pickle.dumps(caught.error)), copy.copy(caught.error)):  # noqa: S301  # our own bytes
        equal(type(made), type(caught.error), "class")
        equal(str(made), str(caught.error), "text")
        equal((made.path, made.backend), ("missing", case.backend.name), "path and backend")
