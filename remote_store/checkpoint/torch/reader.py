"""FsspecReader: torch's distributed checkpoints out of any store (seeds/000)."""

from __future__ import annotations

from typing import Any

from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta
from torch.distributed.checkpoint.planner import LoadPlan, LoadPlanner
from torch.futures import Future

from .committing import metadata_name
from .filesystem import FileSystem
from .loading import Loader
from .locations import AnyPath, is_valid_id, joined
from .unpickling import MAX_BYTES, read_metadata

__all__ = ["FsspecReader"]


class FsspecReader(FileSystemReader):
    """Loads distributed checkpoints from a folder of any store, for `torch.distributed.checkpoint.load`.

    It reads what `FsspecWriter`, torch's own writers and NeMo's wrote. `path` and `kwargs` are as there;
    `_extension_registry` finds the extensions that transformed a file. Near ranges are fetched together, several at a
    time, into the tensors themselves; every byte that is used is verified: against the checksums of our files, else
    against those in torch.save's archives. `.metadata` is unpickled by name of a few classes alone.

    torch's default planner unpickles items that are no tensors without restriction. With ``safe_bytes=True`` each is
    first tried with torch's `weights_only` rules, and refused if it breaks them; without it don't load a checkpoint
    from a place that you don't trust.

    Raises FileNotFoundError for a missing checkpoint, CheckpointCorrupted (a ValueError) naming the file for bytes that
    are not those that were saved, ValueError for metadata that can't be meant, pickle.UnpicklingError for no metadata.
    """

    fs: Any
    """The FileSystem that paths are opened by."""

    def __init__(self, path: AnyPath, **kwargs: Any) -> None:
        registry = kwargs.pop("_extension_registry", None)
        self._safe_bytes = bool(kwargs.pop("safe_bytes", False))
        super().__init__(".", registry)
        self.fs = FileSystem()
        self.path = self.fs.init_path(path, **kwargs)
        self._metadata: Metadata | None = None

    def reset(self, checkpoint_id: AnyPath | None = None) -> None:
        """Begin a new load, of another checkpoint if one is named; store and options stay."""
        path, here = self.path, self.fs
        super().reset()
        self.path, self._metadata = path, None
        if checkpoint_id:
            self.path = here._move_to(checkpoint_id)

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        """Return the checkpoint's metadata, or with `rank` those of that rank's part. Raises FileNotFoundError."""
        access = self.fs._access
        path = self._get_metadata_path(kwargs.get("rank"))
        metadata = read_metadata(access.call(_read, access, access.key(path)))
        if metadata.storage_meta is None:
            metadata.storage_meta = StorageMeta()
        metadata.storage_meta.load_id = self.load_id
        return metadata

    def set_up_storage_reader(self, metadata: Metadata, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:
        """Take note of what is stored, of this process's rank, and whether ranks work together."""
        self.storage_data = metadata.storage_data
        self._metadata = metadata
        self.rank = kwargs.get("rank")
        self.use_collectives = kwargs.get("use_collectives", True)
        assert self.storage_data is not None, "storage_data must not be None in metadata"

    def prepare_local_plan(self, plan: LoadPlan) -> LoadPlan:
        """Return the plan as it is."""
        return plan

    def prepare_global_plan(self, plans: list[LoadPlan]) -> list[LoadPlan]:
        """Return the plans as they are."""
        return plans

    def read_data(self, plan: LoadPlan, planner: LoadPlanner) -> Future[None]:
        """Load all items of the plan; the future is done when it is returned."""
        access = self.fs._access
        loader = Loader(
            access, access.below(self.path), self.storage_data, self._metadata, planner, self.transforms,
            safe_bytes=self._safe_bytes,
        )  # fmt: skip
        loader.load(plan.items)
        future: Future[None] = Future()
        future.set_result(None)
        return future

    def _get_metadata_path(self, rank: int | None = None) -> str:  # type: ignore[override]  # torch joins paths as text too
        return joined(self.path, metadata_name(rank))

    @property
    def checkpoint_id(self) -> AnyPath:
        """The path, as it was given."""
        return self.path

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: AnyPath) -> bool:
        """Return whether a checkpoint can have this id: text, with a scheme that is known here or none."""
        return is_valid_id(checkpoint_id)


async def _read(access: Any, key: str) -> bytes:
    async with access.store.read(key) as stream:
        data: bytes = await stream.read(MAX_BYTES + 1)
    return data
