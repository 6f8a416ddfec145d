"""Signatures and arguments, as documented and as other releases of torch have them (CHECKPOINT A2, A3, F1, F8, F10)."""

from __future__ import annotations

import inspect
import pickle
import queue
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint._extension import ExtensionRegistry, ZStandard
from torch.distributed.checkpoint.metadata import StorageMeta
from torch.distributed.checkpoint.planner import SavePlan

from remote_store import open_store
from remote_store.checkpoint import FileSystem, FsspecReader, FsspecWriter, SerializationFormat
from tests.checkpoint.torch.places import Place
from tests.checkpoint.torch.states import differences, load, save

TORCH_SAVE, SAFETENSORS = SerializationFormat.TORCH_SAVE, SerializationFormat.SAFETENSORS


def test_the_signatures_are_those_of_the_seed() -> None:
    assert list(inspect.signature(FsspecWriter).parameters) == [
        "path", "single_file_per_rank", "sync_files", "thread_count", "per_thread_copy_ahead", "overwrite", "_extensions",
        "serialization_format", "kwargs",
    ]  # fmt: skip
    defaults = {name: entry.default for name, entry in inspect.signature(FsspecWriter).parameters.items()}
    del defaults["path"], defaults["kwargs"]
    assert list(defaults.values()) == [True, True, 1, 10_000_000, True, None, TORCH_SAVE]
    assert list(inspect.signature(FsspecReader).parameters) == ["path", "kwargs"]
    assert list(inspect.signature(FileSystem).parameters) == []


@pytest.mark.parametrize(
    "method", [FsspecWriter.set_up_storage_writer, FsspecReader.set_up_storage_reader, FsspecReader.read_metadata]
)
def test_torch_finds_the_name_kwargs(method: Any) -> None:
    """G1: without that very name rank and use_collectives never arrive."""
    assert "kwargs" in inspect.signature(method).parameters


def test_a_writer_has_torchs_attributes(here: Place) -> None:
    writer = FsspecWriter(here.path, False, False, 3, 7, False, [], TORCH_SAVE)
    told = {name: getattr(writer, name) for name in (
        "path", "single_file_per_rank", "sync_files", "thread_count", "per_thread_copy_ahead", "overwrite",
        "serialization_format", "rank", "use_collectives", "cache_staged_state_dict", "type_check", "state_dict_cache",
    )}  # fmt: skip
    assert list(told.values()) == [here.path, False, False, 3, 7, False, TORCH_SAVE, None, True, False, False, None]
    assert isinstance(writer.fs, FileSystem)
    assert writer.transforms.extensions == []
    assert len(writer.save_id) == 36
    assert writer.checkpoint_id == here.path
    assert writer.storage_meta() == StorageMeta(checkpoint_id=here.path, save_id=writer.save_id)
    assert writer._get_metadata_path() == f"{here.path}/.metadata"
    assert writer._get_metadata_path(3) == f"{here.path}/__3.metadata"


def test_torch_2_15s_order_is_understood(here: Place) -> None:
    """A2, G2: a bool in the seventh place tells; there the sixth is cache_staged_state_dict."""

    def meant(*more: Any, **named: Any) -> tuple[Any, ...]:
        writer = FsspecWriter(here.path, True, True, 1, 0, *more, **named)
        return (
            writer.cache_staged_state_dict,
            writer.overwrite,
            writer.transforms.extensions,
            writer.serialization_format,
        )

    assert meant(True, False) == (True, False, (), TORCH_SAVE)
    assert meant(True, False, None) == (True, False, (), TORCH_SAVE)
    assert meant(False, True, [], SAFETENSORS) == (False, True, [], SAFETENSORS)
    assert meant(True, True, serialization_format=SAFETENSORS) == (True, True, (), SAFETENSORS)
    assert meant(False) == (False, False, (), TORCH_SAVE)
    assert meant(False, None, SAFETENSORS) == (False, False, (), SAFETENSORS)
    assert meant(True, cache_staged_state_dict=True)[0] is True
    with pytest.raises(TypeError):
        meant(False, None, SAFETENSORS, 1)
    with pytest.raises(TypeError):
        meant(False, True, None, SAFETENSORS, 1)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, False, "2", None])
def test_a_thread_count_that_is_none_is_refused_at_once(here: Place, count: Any) -> None:
    """C17, F1."""
    with pytest.raises((TypeError, ValueError), match="thread_count"):
        FsspecWriter(here.path, thread_count=count)


@pytest.mark.parametrize("ahead", [-1, 1.5, True, "x"])
def test_a_copy_ahead_that_is_none_is_refused(here: Place, ahead: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="per_thread_copy_ahead"):
        FsspecWriter(here.path, per_thread_copy_ahead=ahead)


class Foreign(Enum):
    TORCH_SAVE = "torch_save"
    SAFETENSORS = "safetensors"
    OTHER = "other"


def test_a_format_may_be_another_packages_enum_or_a_text(here: Place) -> None:
    """F1: NeMo has its own SerializationFormat."""
    for form in (Foreign.SAFETENSORS, "safetensors", SAFETENSORS):
        assert FsspecWriter(here.path, serialization_format=form).serialization_format is SAFETENSORS  # type: ignore[arg-type]
    for none in (Foreign.OTHER, "zip", 3, None):
        with pytest.raises(ValueError, match="serialization_format"):
            FsspecWriter(here.path, serialization_format=none)  # type: ignore[arg-type]


def test_safetensors_with_extensions_are_refused_at_once(here: Place) -> None:
    """B11: torch writes a file that nobody can read."""
    with pytest.raises(ValueError, match="extensions"):
        FsspecWriter(here.path, _extensions=[ZStandard.__new__(ZStandard)], serialization_format=SAFETENSORS)


@pytest.mark.parametrize("make", [FsspecWriter, FsspecReader])
def test_an_unknown_option_is_refused_with_those_that_are_known(make: Any, here: Place) -> None:
    """CHECKPOINT 0: fsspec swallows it."""
    with pytest.raises(TypeError, match="acces_key.*'endpoint_url'"):
        make("s3://bucket/x", acces_key="x")
    with pytest.raises(TypeError, match="local"):
        make(here.path, anon=True)
    with pytest.raises(TypeError, match="store"):
        make("key", store=open_store("memory:"), anon=True)
    with pytest.raises(TypeError, match="Store"):
        make("key", store="s3://bucket")


def test_options_go_by_fsspecs_names() -> None:
    for options in (
        {"key": "a", "secret": "b", "endpoint_url": "http://127.0.0.1:1"},
        {"anon": True, "client_kwargs": {"region_name": "eu-west-1"}},
    ):
        assert FsspecWriter("s3://bucket/x", **options).path == "s3://bucket/x"


@pytest.mark.parametrize("make", [FsspecWriter, FsspecReader])
@pytest.mark.parametrize("path", ["nosuchscheme://a/b", "s3://UPPER/x", "memory:///x"])
def test_a_url_that_cant_be_is_a_value_error(make: Any, path: str) -> None:
    """F8."""
    with pytest.raises(ValueError):
        make(path)
    with pytest.raises(TypeError):
        make(3)


def test_a_checkpoint_id_that_is_a_file_is_refused_and_stays(place: Place) -> None:
    """F8: FileExistsError, as from torch."""
    place.poke("file", b"mine")
    path = FileSystem().concat_path(place.path, "file")
    with pytest.raises(dcp.api.CheckpointException) as caught:  # type: ignore[attr-defined]
        dcp.save({"a": 1}, storage_writer=FsspecWriter(path, **place.options), no_dist=True)
    assert isinstance(caught.value.failures[0][0], (FileExistsError, NotADirectoryError))
    assert place.peek("file") == b"mine"


def test_options_that_can_only_be_two_things_are_checked(here: Place) -> None:
    with pytest.raises(ValueError, match="small_tensor_format"):
        FsspecWriter(here.path, small_tensor_format="zap")
    with pytest.raises(ValueError, match="layout"):
        FsspecWriter(here.path, layout="tree")


def test_secrets_are_neither_shown_nor_stored(bucket: Any) -> None:
    """F10: not in metadata, reprs or errors; user and query of a URL stay out of the metadata."""
    path = f"s3://{bucket.name}/ckpt?endpoint={bucket.server.endpoint}"
    writer = FsspecWriter(path, key=bucket.server.key, secret=bucket.server.secret)
    dcp.save({"a": torch.ones(2)}, storage_writer=writer, no_dist=True)
    stored = bucket.peek("ckpt/.metadata")
    assert bucket.server.secret.encode() not in stored
    assert bucket.server.endpoint.encode() not in stored
    reader = FsspecReader(path, key=bucket.server.key, secret="wrong-secret-value")
    with pytest.raises(PermissionError) as caught:
        reader.read_metadata()
    for text in (str(caught.value), repr(caught.value), repr(reader), repr(reader.fs), repr(reader.fs.fs), repr(writer.fs.fs)):  # fmt: skip
        assert "wrong-secret-value" not in text
        assert bucket.server.secret not in text


def test_a_readers_registry_is_taken_by_keyword(here: Place) -> None:
    """A3: the seed would hand it to fsspec."""
    registry = ExtensionRegistry()
    assert FsspecReader(here.path, _extension_registry=registry).transforms.extension_registry is registry


def test_global_plans_keep_the_data_they_have() -> None:
    """A2: the path without collectives needs its own prefix kept."""
    writer = FsspecWriter("memory://x/y")
    own = object()
    plans = writer.prepare_global_plan([SavePlan([]), SavePlan([], storage_data=own), SavePlan([])])
    assert plans[1].storage_data is own
    assert [plans[at].storage_data.prefix for at in (0, 2)] == ["__0_", "__2_"]


def test_staging_copies_to_memory_and_turns_copying_ahead_off(here: Place) -> None:
    writer = FsspecWriter(here.path)
    state = {"a": torch.ones(3)}
    staged = writer.stage(state)
    assert staged["a"].data_ptr() != state["a"].data_ptr()
    assert writer.per_thread_copy_ahead == 0
    writer.synchronize_staging()
    writer.close()


def test_metadata_name_the_checkpoint_as_text(tmp_path: Path) -> None:
    """B4: Python 3.13 pickles a Path under another module's name."""
    dcp.save({"a": 1}, storage_writer=FsspecWriter(tmp_path / "x"), no_dist=True)
    metadata = pickle.loads((tmp_path / "x" / ".metadata").read_bytes())
    assert metadata.storage_meta.checkpoint_id == str(tmp_path / "x")
    assert metadata.version == "1.0.0"


def test_a_generation_layout_is_readable_by_torch(here: Place) -> None:
    """B14: data in a folder for each save."""
    state = {"a": torch.randn(30), "b": torch.randn(40)}
    save(state, here, layout="generation", thread_count=2)
    writer = save(state, here, layout="generation", thread_count=2)
    unique = writer.save_id.replace("-", "")[:12]
    assert here.names() == [".metadata", f"g-{unique}/__0_0.distcp", f"g-{unique}/__0_1.distcp"]
    target = {"a": torch.zeros(30), "b": torch.zeros(40)}
    dcp.load(target, storage_reader=dcp.FileSystemReader(here.path), no_dist=True)
    assert torch.equal(target["a"], state["a"])
    assert torch.equal(target["b"], state["b"])


def test_small_tensors_may_be_stored_without_an_archive(here: Place) -> None:
    """B8: a quarter of the bytes; torch reads them too."""
    state = {f"t{number}": torch.randn(16) for number in range(20)}
    save(state, here, small_tensor_format="legacy")
    assert len(here.peek("__0_0.distcp")) < 20 * 450
    for reader in (dcp.FileSystemReader(here.path), FsspecReader(here.path)):
        target = {name: torch.zeros(16) for name in state}
        dcp.load(target, storage_reader=reader, no_dist=True)
        assert all(torch.equal(state[name], target[name]) for name in state)


class OwnNames(FsspecWriter):
    """Names its files itself, as NeMo's and torch's writers for Hugging Face do."""

    def write_data(self, plan: SavePlan, planner: Any) -> Any:
        files: queue.Queue[Any] = queue.Queue()
        for item in plan.items:
            name = f"model-{item.index.fqn}.bin"
            files.put((self.fs.concat_path(self.path, name), name, [item]))
        return super()._write_data(planner, files)


def test_a_subclass_may_name_its_files(place: Place) -> None:
    """A2, G3: `_write_data` uses the names as given, in place of what is there; nobody deletes them."""
    for seed in (1, 2):
        state = {"a": torch.full((30,), float(seed)), "b": torch.full((4,), float(seed))}
        dcp.save(state, storage_writer=OwnNames(place.path, thread_count=2, **place.options), no_dist=True)
        assert place.names() == [".metadata", "model-a.bin", "model-b.bin"]
        assert differences(state, load(state, place)) == []
