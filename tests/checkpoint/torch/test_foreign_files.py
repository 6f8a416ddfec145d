"""Checkpoints of other writers, and of torch's other releases (CHECKPOINT B9-B13, C15, C20)."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import sys
import types
from pathlib import Path
from typing import IO, Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint._extension import ExtensionRegistry, StreamTransformExtension, ZStandard
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter, _StorageInfo
from torch.distributed.checkpoint.metadata import TensorProperties

from remote_store.checkpoint import FsspecReader, FsspecWriter, SerializationFormat
from tests.checkpoint.torch.places import Place
from tests.checkpoint.torch.states import blank, differences, load, mixed, save, tensors

SAFETENSORS = SerializationFormat.SAFETENSORS


def packable(seed: int = 1) -> dict[str, Any]:
    """Tensors that safetensors have types for; strided and shared ones too."""
    state = {name: value for name, value in tensors(seed).items() if name != "conjugate"}
    return {**state, "tied": state["large"]}


def test_safetensors_of_ours_come_back(place: Place) -> None:
    """B9, B10, C15: tied, strided and empty tensors too."""
    save(packable(), place, serialization_format=SAFETENSORS, thread_count=2)
    assert differences(packable(), load(packable(), place)) == []


def test_safetensors_of_ours_are_safetensors(here: Place) -> None:
    """B9: the library reads the file; offsets in the metadata are those of the raw bytes."""
    save(packable(), here, serialization_format=SAFETENSORS)
    whole = here.peek("__0_0.distcp")
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    told = header.pop("__metadata__")
    assert (told["format"], told["DCP_VERSION"]) == ("pt", "1.0")
    assert json.loads(told["DCP_SHARDING_INFO"])["large"] == {"saved_offsets": [0, 0]}
    for index, info in FsspecReader(here.path).read_metadata().storage_data.items():
        start, stop = header[index.fqn]["data_offsets"]
        assert (info.offset, info.length) == (8 + size + start, stop - start)
    library = pytest.importorskip("safetensors.torch")
    assert differences(packable(), library.load(whole)) == []


def test_safetensors_of_torch_come_back(here: Place) -> None:
    """B10: torch records offset 0 for every tensor and can't load it itself."""
    pytest.importorskip("safetensors")
    state = {"a": torch.randn(30, 4), "b": torch.arange(7), "c": torch.randn(3).bfloat16()}
    dcp.save(state, storage_writer=FileSystemWriter(here.path, serialization_format=SAFETENSORS), no_dist=True)
    assert differences(state, load(state, here)) == []


def test_safetensors_after_items_that_are_none_come_back(here: Place) -> None:
    """B10: torch writes bytes items before the header."""
    pytest.importorskip("safetensors")
    state = {"a": torch.randn(30, 4), "b": torch.arange(7), "text": "x", "step": 3}
    dcp.save(state, storage_writer=FileSystemWriter(here.path, serialization_format=SAFETENSORS), no_dist=True)
    assert differences(state, load(state, here)) == []


def test_safetensors_of_nemo_come_back(here: Place) -> None:
    """B9, B10: absolute offsets of the raw bytes, nothing of ours beside them."""
    state = {"a": torch.randn(30, 4), "b": torch.arange(7)}
    save(state, here, serialization_format=SAFETENSORS)
    forget(here)
    assert differences(state, load(state, here)) == []


def test_items_that_are_no_tensors_dont_fit_safetensors(here: Place) -> None:
    """F7: RuntimeError, and nothing is published."""
    with pytest.raises(CheckpointException, match="safetensors") as caught:
        save({"a": torch.ones(2), "text": "x"}, here, serialization_format=SAFETENSORS)
    assert isinstance(caught.value.failures[0][0], RuntimeError)
    assert here.names() == []


def test_a_type_that_safetensors_dont_have_is_named(here: Place) -> None:
    """F7: ValueError naming the tensor."""
    with pytest.raises(CheckpointException, match="'odd'") as caught:
        save({"odd": torch.ones(2, dtype=torch.complex128)}, here, serialization_format=SAFETENSORS)
    assert isinstance(caught.value.failures[0][0], ValueError)
    assert here.names() == []


def forget(place: Place, **changes: Any) -> None:
    """Rewrite the metadata as somebody else would have written them: without what is ours."""
    metadata = pickle.loads(place.peek(".metadata"))
    metadata.storage_data = {
        index: _StorageInfo(info.relative_path, info.offset, info.length)
        for index, info in metadata.storage_data.items()
    }
    vars(metadata).pop("remote_store", None)
    for name, value in changes.items():
        setattr(metadata, name, value)
    place.poke(".metadata", pickle.dumps(metadata))


def test_files_without_our_marks_are_read(place: Place) -> None:
    """B12: storage_meta None, no version, plain `_StorageInfo`."""
    save(mixed(1), place)
    forget(place, storage_meta=None, version=None)
    assert differences(mixed(1), load(mixed(1), place)) == []


def test_our_marks_are_ignored_by_torch_and_kept_by_pickle(here: Place) -> None:
    """B13."""
    save(mixed(1), here)
    metadata = FileSystemReader(here.path).read_metadata()
    assert all(hasattr(info, "rs_blocks") for info in metadata.storage_data.values())
    assert vars(metadata)["remote_store"]["version"] == 1


def test_nemos_metadata_are_read_without_nemo(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """B12, C20: its `_StorageInfo` stands under its own module's name; with three fields, as torch's before 2.7."""
    save(mixed(1), here)
    metadata = pickle.loads(here.peek(".metadata"))
    module = "nemo_automodel.components.checkpoint._backports.filesystem"
    made = dataclasses.make_dataclass("_StorageInfo", ["relative_path", "offset", "length"])
    made.__module__ = module
    for at in range(1, len(module.split(".")) + 1):
        package = ".".join(module.split(".")[:at])
        monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
    vars(sys.modules[module])["_StorageInfo"] = made
    metadata.storage_data = {
        index: made(info.relative_path, info.offset, info.length) for index, info in metadata.storage_data.items()
    }
    here.poke(".metadata", pickle.dumps(metadata))
    monkeypatch.undo()
    assert b"nemo_automodel" in here.peek(".metadata")
    assert differences(mixed(1), load(mixed(1), here)) == []


def test_torch_2_15s_metadata_are_read(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """B12, C20: TensorProperties have a sixth field there."""
    save(tensors(1), here)
    metadata = pickle.loads(here.peek(".metadata"))
    old = TensorProperties.__getstate__
    monkeypatch.setattr(TensorProperties, "__getstate__", lambda self: (*old(self), (1, 2)))
    here.poke(".metadata", pickle.dumps(metadata))
    monkeypatch.undo()
    with pytest.raises(ValueError, match="too many values"):
        pickle.loads(here.peek(".metadata"))
    assert differences(tensors(1), load(tensors(1), here)) == []
    found = FsspecReader(here.path).read_metadata()
    described: Any = found.state_dict_metadata["large"]
    assert type(described.properties) is TensorProperties


class Rotated(StreamTransformExtension):
    """Adds one to every byte."""

    @staticmethod
    def registry_name() -> str:
        return "test.rotated"

    @staticmethod
    def from_descriptor(version: str) -> Rotated:
        return Rotated()

    def get_descriptor(self) -> str:
        return f"{self.registry_name()}/1"

    def transform_to(self, output: IO[bytes]) -> IO[bytes]:
        return _Turning(output, 1)  # type: ignore[return-value]

    def transform_from(self, input: IO[bytes]) -> IO[bytes]:
        return io.BytesIO(bytes((byte - 1) % 256 for byte in input.read()))


class _Turning(io.RawIOBase):
    def __init__(self, output: IO[bytes], by: int) -> None:
        self._output = output
        self._by = by

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._output.write(bytes((byte + self._by) % 256 for byte in bytes(data)))
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._output.close()
        super().close()


def small(seed: int = 1) -> dict[str, Any]:
    return {"a": torch.full((40, 5), float(seed)), "b": torch.arange(7), "text": f"run {seed}"}


def registry() -> ExtensionRegistry:
    made = ExtensionRegistry()
    made.register(Rotated)
    return made


def test_extensions_are_applied_in_order_and_found_again(here: Place) -> None:
    """B11: descriptors reversed, found in the reader's registry; torch reads the file with the same registry."""
    extensions = [Rotated(), ZStandard()] if ZStandard.is_available() else [Rotated(), Rotated()]
    save(small(), here, _extensions=extensions, thread_count=2)
    infos = FsspecReader(here.path).read_metadata().storage_data.values()
    assert all(list(info.transform_descriptors) == [entry.get_descriptor() for entry in reversed(extensions)] for info in infos)  # fmt: skip
    assert differences(small(), load(small(), here, _extension_registry=registry())) == []
    target = blank(small())
    dcp.load(target, storage_reader=FileSystemReader(here.path, _extension_registry=registry()), no_dist=True)
    assert differences(small(), target) == []


def test_torchs_extensions_are_undone(here: Place) -> None:
    dcp.save(small(), storage_writer=FileSystemWriter(here.path, _extensions=[Rotated()]), no_dist=True)
    assert differences(small(), load(small(), here, _extension_registry=registry())) == []


def test_an_unknown_extension_is_a_value_error(here: Place) -> None:
    """F7."""
    save(small(), here, _extensions=[Rotated()])
    with pytest.raises(CheckpointException, match="test.rotated") as caught:
        load(small(), here)
    assert isinstance(caught.value.failures[0][0], ValueError)


# What metadata may claim


def claim(place: Place, **facts: Any) -> None:
    """Have every item of the checkpoint claim something."""
    metadata = pickle.loads(place.peek(".metadata"))
    for info in metadata.storage_data.values():
        vars(info).update(facts)
    place.poke(".metadata", pickle.dumps(metadata))


PATHS = ["", "../other/__0_0.distcp", "/etc/passwd", "a/../../x", "./x", "a//b", "a\\b", "s3://bucket/x", "C:/x", "a\0b", 3, None]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_leaves_the_folder_is_refused(here: Place, path: Any) -> None:
    """C11, F2: a ValueError that names the item, before anything is read."""
    save(small(), here)
    claim(here, relative_path=path)
    with pytest.raises(CheckpointException, match="relative_path") as caught:
        load(small(), here)
    assert isinstance(caught.value.failures[0][0], ValueError)


def test_a_link_that_leaves_the_folder_is_refused(here: Place, tmp_path: Path) -> None:
    """F2."""
    save(small(), here)
    folder = Path(here.path)
    (folder / "__0_0.distcp").rename(tmp_path / "outside")
    (folder / "__0_0.distcp").symlink_to(tmp_path / "outside")
    with pytest.raises(CheckpointException) as caught:
        load(small(), here)
    assert isinstance(caught.value.failures[0][0], (ValueError, OSError))


NUMBERS = [-1, 1 << 63, 1 << 80, 10**12, 1.5, True, "1", None]


@pytest.mark.parametrize("field", ["offset", "length"])
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("marked", [True, False], ids=["ours", "foreign"])
def test_a_place_that_cant_be_is_refused_without_allocating_it(here: Place, field: str, number: Any, marked: bool) -> None:  # fmt: skip
    """F3."""
    save(small(), here)
    if not marked:
        forget(here)
    claim(here, **{field: number})
    with pytest.raises(CheckpointException) as caught:
        load(small(), here)
    assert isinstance(caught.value.failures[0][0], ValueError)


MARKS = [
    {"rs_raw": (0, 1 << 40)}, {"rs_raw": "x"}, {"rs_raw": (-1, 5)}, {"rs_raw": (0.5, 5)}, {"rs_blocks": "x"},
    {"rs_blocks": ("crc64nvme", 0, b"")}, {"rs_blocks": ("crc64nvme", 32768, b"123")}, {"rs_blocks": ("md5", 32768, bytes(8))},
    {"rs_blocks": ("crc64nvme", 32768, b"")}, {"rs_blocks": ("crc64nvme", True, bytes(8))}, {"transform_descriptors": [3]},
    {"transform_descriptors": 3}, {"transform_descriptors": "x"},
]  # fmt: skip


@pytest.mark.parametrize("marks", MARKS, ids=str)
def test_marks_that_cant_be_ours_are_refused(here: Place, marks: dict[str, Any]) -> None:
    save(small(), here)
    claim(here, **marks)
    with pytest.raises(CheckpointException) as caught:
        load(small(), here)
    assert isinstance(caught.value.failures[0][0], ValueError)


def test_an_item_without_a_place_is_named(here: Place) -> None:
    """F6: KeyError."""
    save(small(), here)
    metadata = pickle.loads(here.peek(".metadata"))
    metadata.storage_data = {index: info for index, info in metadata.storage_data.items() if index.fqn != "b"}
    here.poke(".metadata", pickle.dumps(metadata))
    with pytest.raises(CheckpointException, match="'b'") as caught:
        load(small(), here)
    assert isinstance(caught.value.failures[0][0], KeyError)


ran: list[str] = []


class Hostile:
    def __reduce__(self) -> Any:
        return ran.append, ("ran",)


def test_items_that_are_no_tensors_can_be_checked_first(here: Place) -> None:
    """C10, F4: torch's default planner unpickles them without restriction; safe_bytes=True refuses."""
    save({"a": Hostile(), "b": 1}, here)
    ran.clear()
    with pytest.raises(CheckpointException, match="safe_bytes") as caught:
        load({"a": None, "b": 0}, here, safe_bytes=True)
    assert isinstance(caught.value.failures[0][0], pickle.UnpicklingError)
    assert ran == []
    assert load({"b": 0}, here, safe_bytes=True) == {"b": 1}


def test_wrong_shapes_and_missing_keys_are_torchs_errors(here: Place) -> None:
    """B20."""
    save(small(), here)
    for state, error in (({"a": torch.zeros(3)}, ValueError), ({"zzz": torch.zeros(3)}, RuntimeError)):
        with pytest.raises(CheckpointException) as caught:
            dcp.load(state, storage_reader=FsspecReader(here.path), no_dist=True)
        assert isinstance(caught.value.failures[0][0], error)
    # What else is in the checkpoint does no harm.
    assert differences({"b": torch.arange(7)}, load({"b": torch.arange(7)}, here)) == []


def odd(name: str, scale: float) -> torch.Tensor:
    if name == "quantised":
        return torch.quantize_per_tensor(torch.arange(10) * scale, 0.1, 0, torch.qint8)
    dense = torch.eye(6) * scale
    return dense.to_sparse() if name == "sparse" else dense.to_sparse_csr()


def values(tensor: torch.Tensor) -> list[Any]:
    plain = tensor.dequantize() if tensor.is_quantized else tensor.to_dense()
    found: list[Any] = plain.tolist()
    return found


@pytest.mark.parametrize("name", ["sparse", "csr", "quantised"])
def test_tensors_of_odd_layouts_come_back_or_are_refused(here: Place, name: str) -> None:
    """Bad input: saved whole where torch's planner takes them, else its own error; never anything wrong."""
    state, target = {name: odd(name, 0.5)}, {name: odd(name, 0.25)}
    try:
        dcp.save(state, storage_writer=FsspecWriter(here.path), no_dist=True)
    except CheckpointException:
        assert here.names() == []
        return
    dcp.load(target, storage_reader=FsspecReader(here.path), no_dist=True)
    assert values(target[name]) == values(state[name])
