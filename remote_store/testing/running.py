"""Running one check, with or without pytest."""

from __future__ import annotations

from inspect import isawaitable

from .case import CannotArrange, Case
from .registry import Check

__all__ = ["run"]


async def run(check: Check, case: Case) -> None:
    """Run a check on a fresh backend and close the backend.

    Raises AssertionError, with the sentence of the contract as a note, where the backend breaks it; any other
    exception is one that the backend let out. Raises CannotArrange where the check needs a file that nobody can put
    there.
    """
    try:
        found = check.function(case)
        if isawaitable(found):
            await found
        await case.backend.aclose()
    except Exception as error:
        if not isinstance(error, CannotArrange):
            error.add_note(check.sentence)
        await _close_after(error, case)
        raise


async def _close_after(error: Exception, case: Case) -> None:
    try:
        await case.backend.aclose()
    except Exception as problem:  # noqa: BLE001  # the first error is the one to be seen
        error.add_note(f"Closing the backend raised too: {problem!r}")
