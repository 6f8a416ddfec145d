"""A proxy that spoils a connection on demand: how a backend is shown that it survives a bad wire.

It stands between a client and a real server, on loopback, in a process of its own, and does what its script says:
the same script with the same seed spoils the same bytes. Nothing here needs more than the standard library.

```python
from remote_store.testing.faults import Fault, FaultProxy

with FaultProxy("http://127.0.0.1:8333") as proxy:
    proxy.script(Fault("cut", verb="GetObject", offset=1000))
    ...  # read through proxy.endpoint; the first body ends after 1,000 bytes
    print(proxy.log(), proxy.counters())
```
"""

from __future__ import annotations

from .dialects import AZURE, HTTP, S3, Dialect
from .fault import KINDS, Fault, Kind, noise
from .proxy import Counters, Decision, FaultProxy, ProxyFailed

__all__ = [
    "AZURE",
    "HTTP",
    "KINDS",
    "S3",
    "Counters",
    "Decision",
    "Dialect",
    "Fault",
    "FaultProxy",
    "Kind",
    "ProxyFailed",
    "noise",
]
