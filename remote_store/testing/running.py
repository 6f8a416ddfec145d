"""Running one check, with or without pytest."""

from __future__ import annotations

from inspect import isawaitable

from .case import CannotArrange, Case
from .registry import Check

__all__ = ["run"]


async def run(check: Check, case: Case) -> None:
    """Run a check on a fresh backend and close the backend.

    Raises AssertionError, with the sentence of the contract as a note, where the backend breaks it; any other
    exception is one that the backend let out.
    """
    try:
        found = check.function(case)
        if isawaitable(found):
            await found
    except CannotArrange:
        raise
    except Exception as error:
        error.add_note(check.sentence)
        raise
    finally:
        await case.backend.aclose()
