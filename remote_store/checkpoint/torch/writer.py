"""FsspecWriter: torch's distributed checkpoints into any store (seeds/000)."""

from __future__ import annotations

import inspect
import os
import queue
import uuid
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch.distributed.checkpoint import filesystem as torch_filesystem
from torch.distributed.checkpoint.filesystem import FileSystemWriter, _split_by_size_and_type, _StoragePrefix
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta
from torch.distributed.checkpoint.planner import SavePlan, SavePlanner
from torch.distributed.checkpoint.storage import WriteResult
from torch.futures import Future

from ..._core.keys import join
from . import committing
from .arguments import Format as SerializationFormat
from .arguments import checked_count, checked_format, rebound
from .blocks import BLOCK
from .content import Recipe
from .filesystem import FileSystem
from .locations import AnyPath, is_valid_id, joined, shown
from .uploading import DataFile, upload

__all__ = ["FsspecWriter", "SerializationFormat"]

DEFAULT_SUFFIX = ".distcp"
VERSION = getattr(torch_filesystem, "CURRENT_DCP_VERSION", "1.0.0")
LEGACY_BELOW = 1 << 20
"""Bytes below which ``small_tensor_format="legacy"`` stores a tensor without an archive around it."""


class FsspecWriter(FileSystemWriter):
    """Saves distributed checkpoints into a folder of any store, for `torch.distributed.checkpoint.save`.

    `path` is a local path or a URL as `open_store` takes it; with `store` (a Store or an AsyncStore) it is a key in
    that. `single_file_per_rank` gives `thread_count` files a rank, written at once, else every item a file of its
    own. `sync_files` has local files survive a power failure. `overwrite` allows replacing a checkpoint. `_extensions`
    transform what is stored (torch's, such as ZStandard). `per_thread_copy_ahead` is kept for torch's stagers.
    `kwargs` are the store's options, `store`, `cache_staged_state_dict`, `small_tensor_format` (``"zip"``, or
    ``"legacy"``: a quarter of the bytes for tensors below 1 MiB, without checksums that torch knows) and `layout`
    (``"flat"``, or ``"generation"``: data in a folder for each save).

    A checkpoint can be read when `.metadata` is in place, which one atomic, conditional write does at the end. Until
    then a checkpoint that was there stays loadable: new data have other names. If anything fails, nothing of the save
    can be read, and the error reaches every rank. Of two saves into one folder at a time one wins; the other gets
    CheckpointConflict. The committing rank then deletes data files that nothing refers to.

    A pickled writer has its options with it, secrets included.

    Raises TypeError and ValueError for arguments that can't be, ImportError for a store whose extra is missing.
    """

    fs: Any
    """The FileSystem that paths are opened by."""

    def __init__(
        self,
        path: AnyPath,
        single_file_per_rank: bool = True,
        sync_files: bool = True,
        thread_count: int = 1,
        per_thread_copy_ahead: int = 10_000_000,
        overwrite: bool = True,
        _extensions: Sequence[Any] | None = None,
        serialization_format: SerializationFormat = SerializationFormat.TORCH_SAVE,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        cache = kwargs.pop("cache_staged_state_dict", False)
        meant = rebound(overwrite, _extensions, serialization_format, args, cache)
        self._small_tensors = _one_of("small_tensor_format", kwargs.pop("small_tensor_format", "zip"), "zip", "legacy")
        self._layout = _one_of("layout", kwargs.pop("layout", "flat"), "flat", "generation")
        form = checked_format(meant.serialization_format)
        if form is SerializationFormat.SAFETENSORS and meant.extensions:
            raise ValueError("safetensors files can't have extensions: nobody could read them")
        _init_base(
            super().__init__,
            path=os.curdir,  # torch's own file system would refuse or rewrite a URL
            single_file_per_rank=single_file_per_rank,
            sync_files=sync_files,
            thread_count=checked_count("thread_count", thread_count, 1),
            per_thread_copy_ahead=checked_count("per_thread_copy_ahead", per_thread_copy_ahead, 0),
            cache_staged_state_dict=bool(meant.cache_staged_state_dict),
            overwrite=meant.overwrite,
            _extensions=meant.extensions,
            serialization_format=form,
        )
        self.fs = FileSystem()
        self.fs._durable = bool(sync_files)
        self.path = self.fs.init_path(path, **kwargs)
        self.overwrite = meant.overwrite
        self.serialization_format = form
        self.rank: int | None = None
        self.use_collectives = True
        self._seen: committing.Seen | None = None

    # Steps, in torch's order

    def reset(self, checkpoint_id: AnyPath | None = None) -> None:
        """Begin a new save, of another checkpoint if one is named; store and options stay."""
        if checkpoint_id:
            self.path = self.fs._move_to(checkpoint_id)
        self.save_id = str(uuid.uuid4())
        self._seen = None

    def set_up_storage_writer(self, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:
        """Take note of this process's rank, and whether ranks work together (torch's `rank`, `use_collectives`)."""
        self.rank = kwargs.get("rank")
        self.use_collectives = kwargs.get("use_collectives", True)

    def prepare_local_plan(self, plan: SavePlan) -> SavePlan:
        """Look at what is there. Raises RuntimeError for a checkpoint that must not be replaced, FileExistsError for a file."""
        self._look()
        if self._metadata_exists():
            if not self.overwrite:
                raise RuntimeError(f"Checkpoint already exists and {self.overwrite=}.")
            warnings.warn(
                f"Detected an existing checkpoint in {shown(self.path)}, overwriting since {self.overwrite=}."
                " Set it to False to have an error instead.",
                stacklevel=2,
            )
        if self.rank is not None and not self.use_collectives:
            plan = replace(plan, storage_data=_StoragePrefix(f"__{self.rank}_"))
        return plan

    def _look(self) -> None:
        access = self.fs._access
        self._seen = access.call(committing.look, access, access.key(self.path))
        if not self._seen:
            self.fs.mkdir(self.path)

    def _metadata_exists(self) -> bool:
        name = committing.metadata_name(None if self.use_collectives else 0)
        return self._seen is not None and name in self._seen

    def prepare_global_plan(self, plans: list[SavePlan]) -> list[SavePlan]:
        """Give each rank the beginning of its files' names, unless it has one."""
        return [
            replace(plan, storage_data=_StoragePrefix(f"__{number}_")) if plan.storage_data is None else plan
            for number, plan in enumerate(plans)
        ]

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        """Write this rank's data files; the future is done when it is returned. Raises what went wrong."""
        buckets = [[item] for item in plan.items]
        if self.single_file_per_rank:
            buckets = _split_by_size_and_type(self.thread_count, plan.items)
        names = [f"{plan.storage_data.prefix}{number}" for number in range(len(buckets))]
        return self._upload(
            planner, [self._data_file(name, items) for name, items in zip(names, buckets, strict=True) if items]
        )

    def _data_file(self, name: str, items: list[Any]) -> DataFile:
        folder = self.fs._access.key(self.path)
        unique = self.save_id.replace("-", "")[:12]
        if self._layout == "generation":
            own = f"g-{unique}/{name}{DEFAULT_SUFFIX}"
            return DataFile(join(folder, own), own, items)
        own, plain = f"{name}-{unique}{DEFAULT_SUFFIX}", f"{name}{DEFAULT_SUFFIX}"
        # A checkpoint that may be there needs its files; so does a save that is under way beside this one.
        if self._seen is None or plain in self._seen or any(entry.endswith(".metadata") for entry in self._seen):
            return DataFile(join(folder, own), own, items)
        return DataFile(join(folder, plain), plain, items, otherwise=(join(folder, own), own))

    def _write_data(self, planner: SavePlanner, file_queue: queue.Queue[Any]) -> Future[list[WriteResult]]:
        """Write files that the caller has named: (path, name in the metadata, items) each. Semi-public in torch."""
        files = []
        while True:
            try:
                path, storage_key, items = file_queue.get_nowait()
            except queue.Empty:
                break
            files.append(DataFile(self.fs._access.key(path), storage_key, items))
        return self._upload(planner, files)

    def _upload(self, planner: SavePlanner, files: list[DataFile]) -> Future[list[WriteResult]]:
        recipe = Recipe(
            planner,
            self.transforms,
            safetensors=self.serialization_format is SerializationFormat.SAFETENSORS,
            legacy_below=LEGACY_BELOW if self._small_tensors == "legacy" else 0,
        )
        access = self.fs._access
        future: Future[list[WriteResult]] = Future()
        future.set_result(access.call(upload, access, files, recipe, self.thread_count))
        return future

    def finish(self, metadata: Metadata, results: list[list[WriteResult]]) -> None:
        """Commit the checkpoint, if all its data are in place, and delete what it replaces.

        Raises CheckpointConflict if another save was faster, CheckpointCorrupted for a data file that is gone.
        """
        metadata.version = VERSION
        metadata.storage_data = {item.index: item.storage_data for found in results for item in found}
        metadata.storage_meta = StorageMeta(checkpoint_id=shown(self.path), save_id=self.save_id)
        vars(metadata)["remote_store"] = {"version": 1, "save_id": self.save_id, "block": BLOCK}
        access = self.fs._access
        access.call(self._commit, metadata)

    async def _commit(self, metadata: Metadata) -> None:
        access = self.fs._access
        folder = access.key(self.path)
        name = committing.metadata_name(None if self.use_collectives else self.rank)
        deep = any("/" in str(getattr(info, "relative_path", "")) for info in metadata.storage_data.values())
        seen = await committing.look(access, folder, deep=deep or self._layout == "generation")
        committing.check_complete(metadata, seen, folder)
        await committing.commit(access, folder, name, metadata, self._seen, overwrite=bool(self.overwrite))
        await committing.collect(access, folder, seen, metadata, name)
        if self._seen:  # in a new folder nobody has been interrupted
            await committing.abort_leftovers(access, folder)

    # What torch asks besides

    def storage_meta(self) -> StorageMeta:
        """Return what is told of this save beside the tensors."""
        return StorageMeta(checkpoint_id=self.checkpoint_id, save_id=self.save_id)

    @property
    def checkpoint_id(self) -> AnyPath:
        """The path, as it was given."""
        return self.path

    def _get_metadata_path(self, rank: int | None = None) -> str:  # type: ignore[override]  # torch joins paths as text too
        return joined(self.path, committing.metadata_name(rank))

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: AnyPath) -> bool:
        """Return whether a checkpoint can have this id: text, with a scheme that is known here or none."""
        return is_valid_id(checkpoint_id)


def _documented(function: Any) -> inspect.Signature:
    """Return the signature without ``*args``, which is there for torch 2.15's order of arguments alone."""
    signature = inspect.signature(function)
    kept = [entry for entry in signature.parameters.values() if entry.kind is not inspect.Parameter.VAR_POSITIONAL]
    return signature.replace(parameters=kept)


FsspecWriter.__init__.__signature__ = _documented(FsspecWriter.__init__)  # type: ignore[attr-defined]


def _init_base(init: Any, **arguments: Any) -> None:
    """Call the base's `__init__` with what this release of torch takes."""
    known = inspect.signature(init).parameters
    init(**{name: value for name, value in arguments.items() if name in known})


def _one_of(name: str, value: object, *choices: str) -> str:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")
    return str(value)
