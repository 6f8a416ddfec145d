"""Finding the name that a misspelt one was meant to be.

Every error about an unknown backend, option, profile or key ends with what comes from here, so that they all
read alike.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["nearest", "unknown"]


def nearest(name: str, options: Iterable[str]) -> str:
    """Return ``" Did you mean 'local'?"`` for the option most like `name`, or ``""`` when none is near.

    Case is ignored in the comparison. The text starts with a blank, so that it can be added to any sentence.
    """
    # Imported here: only a failing call pays for it.
    from difflib import get_close_matches

    by_lower = {option.lower(): option for option in options}
    close = get_close_matches(name.lower(), by_lower, n=1)
    return f" Did you mean {by_lower[close[0]]!r}?" if close else ""


def unknown(what: str, name: str, options: Iterable[str]) -> str:
    """Return the sentence for an unknown name: what it is, the nearest one, all that exist (sorted).

    >>> unknown("profile", "prd", ["prod", "test"])
    "Unknown profile 'prd'. Did you mean 'prod'? Available: 'prod', 'test'."
    """
    known = sorted(options)
    available = ", ".join(repr(option) for option in known) if known else "none"
    return f"Unknown {what} {name!r}.{nearest(name, known)} Available: {available}."
