"""The two faces of an account, flat and hierarchical: which one it has is told, or asked for once."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ..._core.errors import PermissionDenied
from ..._http.retrying import Fault
from .core import Core
from .errors import failure
from .folders import Folders
from .hierarchical.files import TreeFiles
from .hierarchical.folders import TreeFolders
from .hierarchical.leftovers import Leftovers
from .hierarchical.requests import PathWire
from .objects import Objects
from .uploads import Uploads

__all__ = ["Face", "Faces"]

log = logging.getLogger("remote_store.azure")


@dataclass(frozen=True, slots=True)
class Face:
    """The operations as one kind of account has them."""

    files: Objects
    folders: Folders
    uploads: Uploads | Leftovers
    hierarchical: bool


class Faces:
    """Both faces of one backend."""

    def __init__(self, core: Core) -> None:
        paths = PathWire(core.config, core.wire)
        self._core = core
        self._flat = Face(Objects(core), Folders(core), Uploads(core), hierarchical=False)
        self._tree = Face(TreeFiles(core, paths), TreeFolders(core, paths), Leftovers(core, paths), hierarchical=True)
        self.known = None if core.config.hns is None else self._face(core.config.hns)
        """The face, once it is known."""

    def _face(self, hierarchical: bool) -> Face:
        return self._tree if hierarchical else self._flat

    async def get(self) -> Face:
        """Return the face that the account has; the first call asks, unless the user has told."""
        if self.known is None:
            connection = await self._core.clients.get()
            async with connection.asking:
                if self.known is None:
                    self.known = self._face(await self._asked())
        return self.known

    async def _asked(self) -> bool:
        core = self._core
        try:
            return await core.run(core.wire.account_has_hns)
        except Fault as fault:
            error = failure(fault, core.place(""))
            if not isinstance(error, PermissionDenied):
                raise error from fault.__cause__
        # A signature for single blobs may read them and yet not ask this. A wrong key fails at the next request.
        log.info("The account does not tell these credentials whether its namespace is hierarchical: taken as flat")
        return False
