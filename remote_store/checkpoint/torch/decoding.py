"""Tensors in the forms that savers store them in: torch.save's archives, its older files, safetensors."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

import torch

from ..errors import CheckpointCorrupted
from .safetensors import entry_in, read_header
from .stored import Stored

__all__ = ["checked_blob", "tensor_in"]

ARCHIVE = b"PK\x03\x04"
LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""How torch.save's files without an archive begin: its magic number, pickled."""

Read = Callable[[str, list[tuple[int, int]]], list[bytes]]


def tensor_in(file: io.BytesIO, where: Stored, read: Read) -> torch.Tensor:
    """Return the tensor that an item holds. Raises CheckpointCorrupted for one that can't be read."""
    view = file.getbuffer()
    begins = bytes(view[: len(LEGACY)])
    view.release()
    if begins.startswith(ARCHIVE):
        if where.blocks is None:
            _check_archive(file, where)
        return _torch_load(file, where)
    if begins == LEGACY:
        return _torch_load(file, where)
    found = _from_safetensors(where, read)
    if found is None:
        raise _broken(where, "it is neither torch.save's nor safetensors")
    return found


def checked_blob(content: io.BytesIO, name: str) -> None:
    """Raise pickle.UnpicklingError for an item that torch's weights_only rules refuse."""
    try:
        torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:
        raise pickle.UnpicklingError(f"item {name!r} is refused by safe_bytes=True: {error}") from error
    content.seek(0)


def _check_archive(file: io.BytesIO, where: Stored) -> None:
    """Check the CRC32 of all records, which torch doesn't."""
    try:
        with zipfile.ZipFile(file) as archive:
            # torch.serialization.set_crc32_options(False) stores zeros: then there is nothing to compare with.
            is_summed = any(record.CRC for record in archive.infolist())
            broken = archive.testzip() if is_summed else None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise _broken(where, f"its archive can't be read: {error}") from error
    if broken is not None:
        raise _broken(where, f"its record {broken!r} has another checksum")
    file.seek(0)


def _torch_load(file: io.BytesIO, where: Stored) -> torch.Tensor:
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise _broken(where, f"torch.load refuses it: {error}") from error
    if not isinstance(found, torch.Tensor):
        raise _broken(where, f"it holds a {type(found).__name__}, not a tensor")
    return found


def _from_safetensors(where: Stored, read: Read) -> torch.Tensor | None:
    """Look for a header where the item begins, as torch writes them, then where the file begins, as NeMo does."""
    for base in dict.fromkeys((where.offset, 0)):
        head = read(where.file, [(base, base + 8)])[0]
        size = int.from_bytes(head, "little")
        header = read_header(head, read(where.file, [(base + 8, base + 8 + size)])[0]) if size <= 100_000_000 else None
        entry = _safely(header, where) if header is not None else None
        if entry is None:
            continue
        dtype, shape, start, stop = entry
        first = base + 8 + size
        data = bytearray(read(where.file, [(first + start, first + stop)])[0])
        if len(data) != stop - start:
            raise _broken(where, "its file ends too early")
        if not data:
            return torch.empty(shape, dtype=dtype)
        return torch.frombuffer(data, dtype=torch.uint8).view(dtype).view(shape)
    return None


def _safely(header: dict[str, Any], where: Stored) -> Any:
    try:
        return entry_in(header, where.name)
    except ValueError as error:
        raise _broken(where, str(error)) from error


def _broken(where: Stored, why: str) -> CheckpointCorrupted:
    return CheckpointCorrupted(
        f"item {where.name!r} in data file {where.file!r} can't be read: {why}", path=where.file, name=where.name,
        part=where.file, offset=where.offset,
    )  # fmt: skip
