"""A fake of an Azure account with a hierarchical namespace: it proves what we send, not what the service does.

Nothing that could be installed has such a namespace (Azurite has none), so this one was written from the public REST
reference of Data Lake Storage Gen2 and of Blob Storage. It is strict: a request with a wrong signature, a header or a
parameter that the reference does not have, or a position that does not fit is refused with the documented code.
"""

from .serving import FakeAccount, Filesystem, fake_account

__all__ = ["FakeAccount", "Filesystem", "fake_account"]
