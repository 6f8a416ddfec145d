"""Slices of row-major tensors as runs of bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from ..errors import CheckpointMismatch

__all__ = ["Runs", "runs_of"]


@dataclass(frozen=True, slots=True)
class Runs:
    """The bytes of a slice: its shape, its size in bytes, and where its runs lie in the tensor."""

    shape: tuple[int, ...]
    size: int
    _bounds: tuple[tuple[int, int], ...]
    _strides: tuple[int, ...]
    """Bytes from one index of an axis to the next."""

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Yield (start, length in bytes) of each run, in the order of the slice's own memory."""
        if not self.size:
            return
        # The axes after the last one that is cut are whole: with that one they make a run.
        cut = next(
            (axis for axis in reversed(range(len(self.shape))) if not self._is_whole(axis)), 0 if self.shape else -1
        )
        if cut < 0:
            yield 0, self.size
            return
        low, high = self._bounds[cut]
        start, length = low * self._strides[cut], (high - low) * self._strides[cut]
        for place in product(*(range(*bounds) for bounds in self._bounds[:cut])):
            offset = sum(at * stride for at, stride in zip(place, self._strides, strict=False))
            yield offset + start, length

    def _is_whole(self, axis: int) -> bool:
        low, high = self._bounds[axis]
        before = self._strides[axis - 1] if axis else None
        return low == 0 and (before is None or (high - low) * self._strides[axis] == before) and axis > 0


def runs_of(shape: tuple[int, ...], nbytes: int, wanted: Any, name: str) -> Runs:
    """Return the runs of a slice: None for all, a slice or a pair (start, stop) of the first axis, or a tuple of them.

    Raises CheckpointMismatch for more slices than axes and for a step other than 1, TypeError for what is no slice.
    """
    elements = math.prod(shape)
    strides: list[int] = []
    stride = nbytes // elements if elements else 0
    for size in reversed(shape):
        strides.insert(0, stride)
        stride *= size
    given = wanted if isinstance(wanted, tuple) and not _is_pair(wanted) else () if wanted is None else (wanted,)
    if len(given) > len(shape):
        raise CheckpointMismatch(f"item {name!r} has {len(shape)} axes; {len(given)} slices were given")
    bounds = [_bounds(one, size, name) for one, size in zip(given, shape, strict=False)]
    bounds += [(0, size) for size in shape[len(given) :]]
    sliced = tuple(high - low for low, high in bounds)
    size = nbytes if not given else math.prod(sliced) * (nbytes // elements if elements else 0)
    return Runs(sliced, size, tuple(bounds), tuple(strides))


def _is_pair(one: Any) -> bool:
    return isinstance(one, tuple) and len(one) == 2 and all(isinstance(end, int) for end in one)


def _bounds(one: Any, size: int, name: str) -> tuple[int, int]:
    if _is_pair(one):
        one = slice(*one)
    if not isinstance(one, slice):
        raise TypeError(f"item {name!r}: a slice was expected, not {type(one).__name__}")
    low, high, step = one.indices(size)
    if step != 1:
        raise CheckpointMismatch(f"item {name!r}: slices with a step are not loaded; take all and cut it")
    return low, max(low, high)
