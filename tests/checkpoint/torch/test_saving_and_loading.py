"""dcp.save and dcp.load with our writer and reader, on every kind of place, and beside torch's own (CHECKPOINT B)."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint import FileSystemReader, FileSystemWriter, StorageReader, StorageWriter
from torch.distributed.checkpoint.staging import AsyncStager

from remote_store.checkpoint import FsspecReader, FsspecWriter
from tests.checkpoint.torch.places import Place
from tests.checkpoint.torch.states import blank, differences, load, mixed, save


@pytest.mark.parametrize("threads", [1, 3])
def test_what_is_saved_comes_back_bit_by_bit(place: Place, threads: int) -> None:
    state = mixed(1)
    save(state, place, thread_count=threads)
    assert differences(state, load(state, place)) == []


def test_every_item_may_have_a_file_of_its_own(place: Place) -> None:
    """B2: single_file_per_rank=False gives one file an item, in plan order."""
    state = {f"t{number}": torch.randn(20) for number in range(5)}
    save(state, place, single_file_per_rank=False, thread_count=2)
    assert place.names() == [".metadata", *(f"__0_{number}.distcp" for number in range(5))]
    assert differences(state, load(state, place)) == []


def test_a_first_save_has_torchs_names_and_leaves_nothing_else(place: Place) -> None:
    """B1: `__{rank}_{n}.distcp` and `.metadata`; no temporary remains."""
    save(mixed(1), place)
    assert place.names() == [".metadata", "__0_0.distcp"]


def test_saving_again_replaces_the_checkpoint_and_deletes_its_files(place: Place) -> None:
    """B17, C12: new data have names of their own; what nothing refers to any more is deleted."""
    save(mixed(1), place, thread_count=4)
    writer = save(mixed(2), place)
    unique = writer.save_id.replace("-", "")[:12]
    assert place.names() == [".metadata", f"__0_0-{unique}.distcp"]
    assert differences(mixed(2), load(mixed(2), place)) == []


def test_torch_reads_what_we_write(here: Place) -> None:
    """B12: TORCH_SAVE files load in torch's own reader."""
    state = mixed(3)
    save(state, here, thread_count=2)
    target = blank(state)
    dcp.load(target, storage_reader=FileSystemReader(here.path), no_dist=True)
    assert differences(state, target) == []


def test_torchs_fsspec_reader_reads_what_we_write(here: Place) -> None:
    fsspec_filesystem = pytest.importorskip("torch.distributed.checkpoint._fsspec_filesystem")
    state = mixed(3)
    save(state, here)
    target = blank(state)
    dcp.load(target, storage_reader=fsspec_filesystem.FsspecReader(here.path), no_dist=True)
    assert differences(state, target) == []


def test_we_read_what_torch_writes(here: Place) -> None:
    state = mixed(4)
    dcp.save(state, storage_writer=FileSystemWriter(here.path, thread_count=2), no_dist=True)
    assert differences(state, load(state, here)) == []


def test_an_item_is_what_torch_save_writes(here: Place) -> None:
    """B6: byte for byte a torch.save of the tensor alone."""
    state = {"t": torch.randn(300, 300), "view": torch.randn(100, 10)[5:7]}
    save(state, here)
    reader = FsspecReader(here.path)
    for index, info in reader.read_metadata().storage_data.items():
        data = here.peek(info.relative_path)[info.offset : info.offset + info.length]
        alone = io.BytesIO()
        torch.save(state[index.fqn].clone(), alone)
        assert data == alone.getvalue()
        assert torch.equal(torch.load(io.BytesIO(data), weights_only=True), state[index.fqn])


def test_a_tensor_is_cast_to_the_targets_type(place: Place) -> None:
    """B20: dtype of the target, also where its memory is not in row-major order."""
    values = torch.randn(64, 32)
    save({"t": values}, place)
    for target in (torch.zeros(64, 32, dtype=torch.float64), torch.zeros(32, 64).t(), torch.zeros(64, 64)[:, ::2]):
        dcp.load({"t": target}, storage_reader=FsspecReader(place.path, **place.options), no_dist=True)
        assert torch.equal(target, values.to(target.dtype))


def test_writer_and_reader_are_torchs_kinds(here: Place) -> None:
    """A2: callers ask by isinstance; without all five names of AsyncStager torch would stage by itself."""
    writer, reader = FsspecWriter(here.path), FsspecReader(here.path)
    assert isinstance(writer, FileSystemWriter)
    assert isinstance(writer, StorageWriter)
    assert isinstance(writer, AsyncStager)
    assert isinstance(reader, StorageReader)
    assert writer.should_synchronize_after_execute is False


def test_a_writer_can_be_pickled_before_and_after_use(place: Place) -> None:
    """A2: a spawned process gets the writer through a pipe, and saves with it."""
    if place.kind in ("store", "memory"):
        pytest.skip("memory does not travel between processes")
    writer = FsspecWriter(place.path, **place.options)
    for seed in (1, 2):
        writer = pickle.loads(pickle.dumps(writer))
        dcp.save(mixed(seed), storage_writer=writer, no_dist=True)
        assert differences(mixed(seed), load(mixed(seed), place)) == []


def test_reset_goes_to_another_checkpoint_with_the_same_options(place: Place) -> None:
    """A2, C16: a checkpoint_id given to dcp.save keeps store and options."""
    other = str(place.path).replace("ckpt", "other")
    writer = FsspecWriter(place.path, **place.options)
    dcp.save(mixed(1), storage_writer=writer, checkpoint_id=other, no_dist=True)
    target = blank(mixed(1))
    reader = FsspecReader(place.path, **place.options)
    dcp.load(target, storage_reader=reader, checkpoint_id=other, no_dist=True)
    assert differences(mixed(1), target) == []
    with pytest.raises(FileNotFoundError):
        FsspecReader(place.path, **place.options).read_metadata()


def test_nothing_is_written_where_a_reader_finds_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FsspecReader(tmp_path / "missing" / "ckpt").read_metadata()
    assert list(tmp_path.iterdir()) == []
