"""Tensors as the bytes they are, without a copy."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import torch

__all__ = ["bytes_of", "compact", "is_plain"]


def is_plain(tensor: torch.Tensor) -> bool:
    """Return whether a tensor's memory is its values in row-major order and nothing else."""
    return (
        tensor.layout is torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_quantized
        and tensor.is_contiguous()
        and not tensor.is_conj()
        and not tensor.is_neg()
    )


def bytes_of(tensor: torch.Tensor) -> memoryview:
    """Return the memory of a plain tensor, writable; the view keeps the tensor alive."""
    size = tensor.numel() * tensor.element_size()
    if not size:
        return memoryview(b"")
    memory: Any = (ctypes.c_char * size).from_address(tensor.data_ptr())
    memory.owner = tensor
    return memoryview(memory).cast("B")


def compact(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor whose storage holds its own bytes and no others; a copy only where its values have gaps."""
    if tensor.layout is not torch.strided or tensor.is_quantized:
        return tensor.clone() if tensor.is_quantized and _storage_size(tensor) != tensor.nbytes else tensor
    size = tensor.numel() * tensor.element_size()
    if _storage_size(tensor) == size:
        return tensor
    if not size or not _is_dense(tensor):
        return tensor.clone()
    start = tensor.storage_offset() * tensor.element_size()
    own: Any = tensor.untyped_storage()[start : start + size]
    shared = torch.empty(0, dtype=tensor.dtype).set_(own, 0, tensor.size(), tensor.stride())
    if tensor.is_conj():
        shared = shared.conj()  # the bit is no part of the storage
    return torch._neg_view(shared) if tensor.is_neg() else shared


def _storage_size(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage().nbytes())


def _is_dense(tensor: torch.Tensor) -> bool:
    """Return whether the values, in whatever order, lie side by side and none twice."""
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.size(), strict=True)):
        if size == 1:
            continue
        if stride != expected:
            return False
        expected *= size
    return expected == math.prod(tensor.size())
