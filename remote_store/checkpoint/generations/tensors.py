"""Arrays and tensors at the border: bytes out of them and into them, without a copy where memory allows.

numpy and torch are used only if the caller's values are theirs; torch's side is `remote_store.checkpoint.torch.items`.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ..errors import CheckpointFormatError, CheckpointMismatch

__all__ = ["Target", "Tensor", "check_target", "is_tensor", "made", "nbytes_of", "target_of", "tensor_of"]

# Sizes in bytes of the dtypes that checkpoints know, by the names that numpy, torch and ml_dtypes share.
ITEM_SIZES = {
    **dict.fromkeys(["bool", "int8", "uint8", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"], 1),
    **dict.fromkeys(["float8_e8m0fnu", "float4_e2m1fn_x2"], 1),
    **dict.fromkeys(["int16", "uint16", "float16", "bfloat16", "complex32"], 2),
    **dict.fromkeys(["int32", "uint32", "float32"], 4),
    **dict.fromkeys(["int64", "uint64", "float64", "complex64"], 8),
    "complex128": 16,
}
_NUMPY_KINDS = "biufc"
_NUMPY_OTHERS = "mMSU"
"""Times and fixed-width text: stored under numpy's own name, such as ``<M8[ns]``."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A value's memory: row-major, little-endian. `codec` says whose it was: ``"numpy"`` or ``"torch"``."""

    codec: str
    dtype: str
    shape: tuple[int, ...]
    view: memoryview
    owner: object
    """Kept so that the memory stays."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a tensor is loaded into. Without a `view` (its memory is not in one piece) `assign` takes a whole value."""

    dtype: str
    shape: tuple[int, ...]
    view: memoryview | None
    value: Any

    def assign(self, codec: str, data: bytearray) -> None:
        """Put the elements where they belong, however the memory is laid out."""
        filled = made(codec, self.dtype, self.shape, data)
        if _is_torch(self.value):
            _torch().assign(self.value, filled)
        else:
            self.value[...] = filled


def _is_torch(value: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _is_numpy(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic))


def _torch() -> Any:
    return import_module("remote_store.checkpoint.torch.items")


def is_tensor(value: object) -> bool:
    """Return whether a value is an array or tensor: numpy's, torch's, or one that speaks DLPack."""
    return _is_torch(value) or _is_numpy(value) or (hasattr(value, "__dlpack__") and hasattr(value, "shape"))


def tensor_of(value: Any, name: str) -> Tensor:
    """Return the memory of a tensor, copied only where it is not row-major, little-endian and in main memory.

    Raises TypeError for what has no such memory: objects, structured dtypes, sparse and quantised tensors.
    """
    if _is_torch(value):
        dtype, shape, view, owner = _torch().memory_of(value, name)
        return Tensor("torch", dtype, shape, view, owner)
    if not _is_numpy(value):
        value = _numpy("a tensor of another library").from_dlpack(value)
    numpy = sys.modules["numpy"]
    if isinstance(value, numpy.ma.MaskedArray):
        raise TypeError(f"item {name!r} is a masked array; save its data and its mask as two items")
    dtype = _numpy_dtype(value.dtype, name)
    array = numpy.ascontiguousarray(value, dtype=_little(value.dtype)).reshape(value.shape)
    flat = array.reshape(-1).view(numpy.uint8) if array.size else numpy.empty(0, numpy.uint8)
    return Tensor("numpy", dtype, tuple(value.shape), memoryview(flat), array)


def _numpy(what: str) -> Any:
    try:
        return import_module("numpy")
    except ImportError as error:
        raise ImportError(f"{what} needs numpy; pip install numpy") from error


def _numpy_dtype(dtype: Any, name: str) -> str:
    if dtype.kind in _NUMPY_KINDS and dtype.name in ITEM_SIZES:
        return str(dtype.name)
    if dtype.kind in _NUMPY_OTHERS:
        return str(dtype.newbyteorder("<").str)
    if dtype.name in ITEM_SIZES and dtype.fields is None:  # of ml_dtypes
        return str(dtype.name)
    raise TypeError(
        f"item {name!r} has dtype {dtype}, whose elements are no plain numbers; save it as bytes, or as JSON"
    )


def _little(dtype: Any) -> Any:
    is_big = dtype.byteorder == ">" or (dtype.byteorder == "=" and sys.byteorder == "big")
    return dtype.newbyteorder("<") if is_big else dtype


def nbytes_of(dtype: str, shape: tuple[int, ...], key: str) -> int:
    """Return the bytes that a tensor must have. Raises CheckpointFormatError for an unknown dtype."""
    size = ITEM_SIZES.get(dtype)
    if size is None:
        size = _itemsize(dtype, key)
    return size * math.prod(shape)


def _itemsize(dtype: str, key: str) -> int:
    if dtype[:1] in "<|" and dtype[1:2] in tuple(_NUMPY_OTHERS):
        try:
            return int(_numpy(f"dtype {dtype!r}").dtype(dtype).itemsize)
        except TypeError:
            pass
    raise CheckpointFormatError(f"dtype {dtype[:40]!r} is unknown here; use a newer version", path=key)


# Into memory


def target_of(value: Any, name: str) -> Target:
    """Return the memory of a tensor that is to be filled. Raises TypeError for one that can't be."""
    if _is_torch(value):
        dtype, shape, view = _torch().target_of(value, name)
        return Target(dtype, shape, view, value)
    numpy = _numpy("loading into an array")
    if not isinstance(value, numpy.ndarray) or isinstance(value, numpy.ma.MaskedArray):
        raise TypeError(f"item {name!r} can't be loaded into {type(value).__name__}")
    if not value.flags.writeable:
        raise TypeError(f"item {name!r} can't be loaded into a read-only array")
    dtype = _numpy_dtype(value.dtype, name)
    plain = value.flags.c_contiguous and value.dtype == _little(value.dtype)
    view = memoryview(value.reshape(-1).view(numpy.uint8)) if plain and value.size else None
    return Target(dtype, tuple(value.shape), view, value)


def check_target(target: Target, dtype: str, shape: tuple[int, ...], name: str) -> None:
    """Raise CheckpointMismatch for a target of another shape or dtype."""
    if target.shape != shape:
        raise CheckpointMismatch(f"item {name!r} was saved with shape {shape}, the target has {target.shape}")
    if target.dtype != dtype:
        raise CheckpointMismatch(f"item {name!r} was saved as {dtype}, the target has {target.dtype}")


def made(codec: str, dtype: str, shape: tuple[int, ...], data: bytearray) -> Any:
    """Return a new tensor over `data`, of the library that it was saved from.

    A torch tensor comes as a numpy array where torch is not installed. Raises ImportError where that can't be.
    """
    if codec == "torch":
        try:
            return _torch().made(dtype, shape, data)
        except ImportError:
            if dtype in ("bfloat16", "complex32") or dtype.startswith("float8"):
                raise
    numpy = _numpy("loading a tensor without into=")
    return numpy.frombuffer(data, dtype=_dtype_for(dtype)).reshape(shape)


def _dtype_for(dtype: str) -> Any:
    numpy = _numpy("loading a tensor")
    try:
        return numpy.dtype(dtype)
    except TypeError:
        pass
    try:
        return numpy.dtype(getattr(import_module("ml_dtypes"), dtype))
    except (ImportError, AttributeError) as error:
        raise ImportError(f"numpy has no dtype {dtype!r}; pip install ml_dtypes brings it") from error
