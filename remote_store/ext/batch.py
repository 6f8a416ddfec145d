"""Many keys at once: deleting, copying, asking whether they exist."""

from remote_store.ext._results import BatchResult
from remote_store.ext._sync.batch import batch_copy, batch_delete, batch_exists

__all__ = ["BatchResult", "batch_copy", "batch_delete", "batch_exists"]
