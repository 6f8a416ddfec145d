"""Many keys at once: deleting, copying, asking whether they exist."""

from remote_store.ext._async.batch import batch_copy, batch_delete, batch_exists
from remote_store.ext._results import BatchResult

__all__ = ["BatchResult", "batch_copy", "batch_delete", "batch_exists"]
