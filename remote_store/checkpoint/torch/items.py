"""torch tensors as items of the checkpoint manager: their memory out, new ones over memory, old ones filled."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["assign", "made", "memory_of", "target_of"]


def memory_of(tensor: torch.Tensor, name: str) -> tuple[str, tuple[int, ...], memoryview, object]:
    """Return a tensor's dtype, shape, bytes in row-major order, and the object that keeps them.

    A contiguous tensor on the CPU is not copied. Raises TypeError for one whose memory says only a part of what it
    is: sparse, quantised, nested, on the meta device, or distributed.
    """
    _refuse(tensor, name)
    plain = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous()
    return dtype_name(plain.dtype), tuple(plain.shape), _bytes_of(plain), plain


def target_of(tensor: torch.Tensor, name: str) -> tuple[str, tuple[int, ...], memoryview | None]:
    """Return a tensor's dtype, shape, and its memory, if that is in one piece in main memory."""
    _refuse(tensor, name)
    plain = tensor.detach()
    direct = plain.device.type == "cpu" and plain.is_contiguous() and not plain.is_conj() and not plain.is_neg()
    view = _bytes_of(plain) if direct and plain.numel() else None
    return dtype_name(plain.dtype), tuple(plain.shape), view


def assign(target: torch.Tensor, value: torch.Tensor) -> None:
    """Copy elements into a tensor, whatever its strides and device."""
    with torch.no_grad():
        target.copy_(value)


def made(dtype: str, shape: tuple[int, ...], data: bytearray) -> torch.Tensor:
    """Return a new tensor over `data`, which is not copied. Raises ImportError for a dtype that this torch lacks."""
    kind = getattr(torch, dtype, None)
    if not isinstance(kind, torch.dtype):
        raise ImportError(f"torch {torch.__version__} has no dtype {dtype!r}; use a newer one")
    if not data:
        return torch.empty(shape, dtype=kind)
    return torch.frombuffer(data, dtype=torch.uint8).view(kind).reshape(shape)


def dtype_name(dtype: torch.dtype) -> str:
    """Return a dtype's name, such as ``bfloat16``."""
    return str(dtype).removeprefix("torch.")


def _refuse(tensor: torch.Tensor, name: str) -> None:
    reason = _reason(tensor)
    if reason is not None:
        raise TypeError(f"item {name!r} is {reason}")


def _reason(tensor: Any) -> str | None:
    if tensor.layout != torch.strided:
        return f"a sparse tensor ({tensor.layout}); save its indices and values as items of their own"
    if tensor.is_quantized:
        return "a quantised tensor; save its int_repr(), scales and zero points as items of their own"
    if tensor.is_nested:
        return "a nested tensor; save its values() and offsets() as items of their own"
    if tensor.device.type == "meta":
        return "a tensor on the meta device, which has no data"
    if hasattr(tensor, "placements"):
        return "a distributed tensor; save its to_local() under a name of its own, or use torch.distributed.checkpoint"
    return None


def _bytes_of(tensor: torch.Tensor) -> memoryview:
    if not tensor.numel():
        return memoryview(b"")
    flat = tensor.reshape(-1)
    if flat.is_complex():
        flat = torch.view_as_real(flat).reshape(-1)
    array: Any = flat.view(torch.uint8).numpy()
    return memoryview(array)
