"""The two faces of an account, flat and hierarchical: which one it has is told, or asked for once."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ..._http.retrying import Fault
from .core import Core
from .errors import NO_CONTAINER, failure
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
        self._paths = paths
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
                    hierarchical = await self._asked()
                    if hierarchical is None:
                        return self._flat
                    self.known = self._face(hierarchical)
        return self.known

    async def _asked(self) -> bool | None:
        """Ask for the account, then for the container; None where that is missing, so that nobody can tell yet.

        The service takes the first question from keys and signatures. It answers most tokens with 404 or 403.
        """
        core = self._core
        try:
            return await core.run(core.wire.account_has_hns)
        except Fault as fault:
            self._raise_unless_refused(fault)
        if core.config.account.has_dfs:
            try:
                return await core.run(self._paths.filesystem_has_hns)
            except Fault as fault:
                self._raise_unless_refused(fault)
                if fault.code in NO_CONTAINER or fault.status == 404:
                    return None
        # A signature for single blobs may read them, and ask neither.
        log.info("The account does not tell these credentials whether its namespace is hierarchical: taken as flat")
        return False

    def _raise_unless_refused(self, fault: Fault) -> None:
        """Raise what is no word on the question: an outage, a credential that gave no token, a wrong key."""
        account = self._core.config.account
        signs = account.key is not None or hasattr(account.credential, "named_key")
        if fault.status not in (401, 403, 404) or (signs and fault.code == "AuthenticationFailed"):
            raise failure(fault, self._core.place("")) from fault.__cause__
