"""Registry configurations out of pydantic models; needs the extra `pydantic`."""

from remote_store.ext.pydantic import from_pydantic

__all__ = ["from_pydantic"]
