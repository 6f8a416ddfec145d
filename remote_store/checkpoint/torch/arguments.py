"""What a writer may be made with: checked at once, whichever release of torch the arguments were meant for."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

__all__ = ["Format", "Rebound", "checked_count", "checked_format", "rebound"]

try:
    from torch.distributed.checkpoint.filesystem import SerializationFormat as Format
except ImportError:  # torch before 2.8 has one format and no name for it

    class Format(Enum):  # type: ignore[no-redef]
        """How tensors are stored in data files."""

        TORCH_SAVE = "torch_save"
        SAFETENSORS = "safetensors"


def checked_count(name: str, value: object, at_least: int) -> int:
    """Return a whole number. Raises TypeError for anything else, bool too, ValueError for one that is too small."""
    if isinstance(value, (bool, float)):
        raise TypeError(f"{name} must be an int, not {value!r}")
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        raise TypeError(f"{name} must be an int, not {type(value).__name__}") from None
    if number < at_least:
        raise ValueError(f"{name} must be >= {at_least}, not {number}")
    return number


def checked_format(value: object) -> Any:
    """Return torch's own format for it, for its text, or for another package's enum of the same value."""
    if isinstance(value, Format):
        return value
    text = getattr(value, "value", value)
    try:
        return Format(text)
    except ValueError:
        known = ", ".join(repr(item.value) for item in Format)
        raise ValueError(f"serialization_format must be one of {known}, not {value!r}") from None


@dataclass(frozen=True)
class Rebound:
    """The arguments whose places differ between releases of torch."""

    overwrite: Any
    extensions: Sequence[Any] | None
    serialization_format: Any
    cache_staged_state_dict: Any


def rebound(overwrite: Any, extensions: Any, serialization_format: Any, more: tuple[Any, ...], cache: Any) -> Rebound:
    """Return the arguments after `per_thread_copy_ahead`, as they were meant.

    torch 2.15 has `cache_staged_state_dict` before `overwrite`: a bool where extensions should be tells. Raises
    TypeError for more positional arguments than that.
    """
    if not isinstance(extensions, bool):
        if more:
            raise TypeError("FsspecWriter takes at most 8 positional arguments; name the others")
        return Rebound(overwrite, extensions, serialization_format, cache)
    if len(more) > 1:
        raise TypeError("FsspecWriter takes at most 9 positional arguments in torch 2.15's order; name the others")
    given = serialization_format
    if isinstance(given, (Enum, str)):  # the eighth place was left out, or names the format by its keyword
        return Rebound(extensions, None, given, overwrite)
    return Rebound(extensions, given, more[0] if more else Format.TORCH_SAVE, overwrite)
