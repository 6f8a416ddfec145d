"""State dicts of every kind of value, and how to tell that two are the same."""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.distributed.checkpoint as dcp

from remote_store.checkpoint import FsspecReader, FsspecWriter
from tests.checkpoint.torch.places import Place

__all__ = ["blank", "differences", "load", "mixed", "save", "tensors"]


def tensors(seed: int = 0) -> dict[str, Any]:
    """Tensors alone: large, small, empty, strided, and of types that have no numpy."""
    made = torch.Generator().manual_seed(seed)
    base = torch.randn(300, 200, generator=made)
    return {
        "large": torch.randn(700, 900, generator=made),
        "small": torch.randn(16, generator=made),
        "scalar": torch.tensor(3.5 + seed),
        "empty": torch.zeros(0, 4),
        "none-wide": torch.zeros(3, 0),
        "transposed": base.t(),
        "rows-of-more": base[10:40],
        "columns-of-more": base[:, 5:9],
        "expanded": torch.full((3,), float(seed)).expand(50, 3),
        "half": torch.randn(65, generator=made).half(),
        "bfloat16": torch.randn(100, 100, generator=made).bfloat16(),
        "float8": torch.randn(64, generator=made).to(torch.float8_e4m3fn),
        "complex": torch.randn(10, dtype=torch.complex64, generator=made),
        "conjugate": torch.randn(10, dtype=torch.complex64, generator=made).conj(),
        "imaginary": torch.randn(10, dtype=torch.complex64, generator=made).imag,
        "bool": torch.rand(9, generator=made) > 0.5,
        "int": torch.randint(0, 99, (7, 3), generator=made),
        "uint8": torch.randint(0, 255, (40_001,), generator=made, dtype=torch.uint8),
        "a/name/with slashes": torch.randn(3, generator=made),
        "名前.é\N{COMBINING ACUTE ACCENT}": torch.randn(3, generator=made),
    }


def mixed(seed: int = 0) -> dict[str, Any]:
    """Tensors, numbers, texts and objects, nested."""
    return {
        **tensors(seed),
        "step": seed,
        "text": f"run {seed}",
        "none": None,
        "options": {"lr": 0.1 * seed, "betas": [0.9, 0.99], "deep": [torch.ones(3) * seed, "x"]},
        "object": {1, 2, seed},
    }


def blank(value: Any) -> Any:
    """The same shape without the values."""
    if isinstance(value, torch.Tensor):
        dense = torch.empty(value.shape, dtype=value.dtype)
        return (
            dense.fill_(0) if dense.dtype != torch.float8_e4m3fn else dense.view(torch.uint8).fill_(0).view(dense.dtype)
        )
    if isinstance(value, dict):
        return {key: blank(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [blank(entry) for entry in value]
    return None


def differences(one: Any, other: Any, name: str = "") -> list[str]:
    """The names under which two states differ, bit by bit for tensors."""
    if isinstance(one, torch.Tensor):
        if not isinstance(other, torch.Tensor) or one.shape != other.shape or one.dtype != other.dtype:
            return [name]
        # Bytes and not numbers: NaN is like itself here, and -0 is not like 0.
        bits = [part.detach().resolve_conj().resolve_neg().contiguous().view(-1).view(torch.uint8) if part.numel() else part for part in (one, other)]  # fmt: skip
        return [] if torch.equal(*bits) else [name]
    if isinstance(one, dict):
        if not isinstance(other, dict) or one.keys() != other.keys():
            return [name]
        return [found for key in one for found in differences(one[key], other[key], f"{name}.{key}")]
    if isinstance(one, list):
        return [
            found
            for at, pair in enumerate(zip(one, other, strict=True))
            for found in differences(*pair, f"{name}.{at}")
        ]
    return [] if one == other and type(one) is type(other) else [name]


def save(state: dict[str, Any], place: Place, *, planner: Any = None, **options: Any) -> FsspecWriter:
    """Save in one process; return the writer."""
    writer = FsspecWriter(place.path, **place.options, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save(state, storage_writer=writer, planner=planner, no_dist=True)
    return writer


def load(state: dict[str, Any], place: Place, **options: Any) -> dict[str, Any]:
    """Load into a blank copy of `state` in one process; return it."""
    target: dict[str, Any] = blank(state)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.load(target, storage_reader=FsspecReader(place.path, **place.options, **options), no_dist=True)
    return target
