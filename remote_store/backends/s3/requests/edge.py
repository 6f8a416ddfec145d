"""The edge between us and the SDK: requests are counted, wait for their turn, and fail as faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from ..clients import Clients, Connection
from ..errors import fault_of

__all__ = ["Edge", "faults_of"]


class Edge:
    """What the verbs of one bucket share."""

    def __init__(self, bucket: str, clients: Clients) -> None:
        self.bucket = bucket
        self.clients = clients
        self.sent: Counter[str] = Counter()
        """Requests by verb since the backend was made."""

    async def _connection(self) -> Connection:
        return await self.clients.get()

    async def _client(self) -> Any:
        return (await self.clients.get()).client

    @asynccontextmanager
    async def _edge(self, verb: str) -> AsyncIterator[None]:
        """Count a request, wait for its turn, and raise a fault for whatever the SDK raises in the block."""
        turns = (await self.clients.get()).turns
        await turns.take()
        try:
            self.sent[verb] += 1
            yield
        except Exception as error:
            raise fault_of(error, verb) from error
        finally:
            turns.give()


@contextmanager
def faults_of(verb: str) -> Iterator[None]:
    """Raise a fault for whatever is raised in the block."""
    try:
        yield
    except Exception as error:
        raise fault_of(error, verb) from error
