"""Who asks for keys, and when: renewed before their end, once when the service says that they have expired."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeAlias

import anyio
from aiobotocore.credentials import AioCredentials
from botocore.credentials import ReadOnlyCredentials

from ..._contract.threads import within
from ..._http.retrying import Fault, seconds_left
from .keys import LATE, Keys, keys_from, no_keys

__all__ = ["CredentialProvider", "Keychain", "Signer", "Source", "provided"]

log = logging.getLogger("remote_store.s3")

CredentialProvider: TypeAlias = Callable[[], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]
"""A function, blocking or async, that returns ``access_key_id``, ``secret_access_key``, ``token`` and ``expires_at``."""
Source: TypeAlias = Callable[[float], Awaitable[Keys]]
"""Gets keys within so many seconds, or raises a fault."""

FETCH_SECONDS = 60.0
"""For a source to give keys: STS and SSO with their retries take 45 at most, and somebody may be typing a code."""
SHARE = 0.8
"""Of what is left before the operation's deadline, so that the error tells what was waited for."""
EARLY_SECONDS = 10.0
"""The longest that a request waits for new keys while the old ones are good."""
RENEW_SECONDS = 15 * 60.0
"""Keys with less time left are renewed: botocore's own advisory window."""
PAUSE_SECONDS = 60.0
"""Between two attempts to renew keys that are still good."""
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
"""Codes of a request that was signed with keys past their end."""
_NAMELESS = frozenset({"400", "401", "403"})
"""What is left of those codes in the answer to a HEAD, which has no body; it may mean any other refusal too."""


@dataclass(frozen=True, slots=True)
class _Held:
    keys: Keys
    again: float
    """When to look for others at the earliest, by the monotonic clock."""


_signed_with: ContextVar[tuple[Keychain, Keys, float] | None] = ContextVar("remote_store_signed_with", default=None)
"""The keys of this task's last request, and when it was signed by the monotonic clock; whoever renews them must know
whether others have done so meanwhile, or have tried to."""


class Keychain:
    """The keys of one backend. They are replaced whole, so that loops of several threads may share them.

    No pickle has it: what is rebuilt asks its source again.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._held: _Held | None = None
        self._doubted = -PAUSE_SECONDS

    @property
    def keys(self) -> Keys | None:
        """The keys, unless they are past their end."""
        held = self._held
        return held.keys if held is not None and held.keys.seconds_left() > 0 else None

    @property
    def due(self) -> bool:
        """Whether it is time to look for newer keys."""
        held = self._held
        return held is not None and held.keys.seconds_left() < RENEW_SECONDS and monotonic() >= held.again

    async def fetch(self, seconds: float) -> Keys:
        """Ask the source, and keep what it gives."""
        keys = await self._source(seconds)
        # A set near its end may be the rest of one that was cached: the first is followed by a second look at once.
        self._keep(keys, pause=0 if self._held is None else PAUSE_SECONDS)
        return keys

    def put_off(self) -> None:
        """Wait a while before the keys are renewed: that has just failed."""
        if self._held is not None:
            self._keep(self._held.keys)

    def may_doubt(self) -> bool:
        """Whether a refusal without a reason is worth new keys: once a minute, lest every refusal asks for some."""
        now = monotonic()
        if now < self._doubted + PAUSE_SECONDS:
            return False
        self._doubted = now
        return True

    def _keep(self, keys: Keys, pause: float = PAUSE_SECONDS) -> None:
        self._held = _Held(keys, monotonic() + min(pause, max(0.0, keys.seconds_left() / 2)))


class Signer(AioCredentials):  # type: ignore[misc]  # the SDK has no types
    """What the SDK's client on one loop asks for keys at each request; of many that wait for keys, one gets them."""

    def __init__(self, chain: Keychain) -> None:
        super().__init__("", "", method="remote-store")  # it has none of its own
        self._chain = chain
        self._lock = anyio.Lock()
        self._failed: tuple[float, Fault] | None = None

    async def load_credentials(self) -> Signer:
        """Stand in for the SDK's chain of providers. Nothing is fetched before the first request."""
        return self

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the keys to sign a request with, new ones if it is time. Raises a fault if there are none."""
        keys = self._chain.keys
        if keys is None:
            keys = await self._needed()
        elif self._chain.due and not self._lock.locked():
            keys = await self._early(keys)
        _signed_with.set((self._chain, keys, monotonic()))
        return ReadOnlyCredentials(keys.access, keys.secret, keys.token)

    async def renew(self, fault: Fault) -> bool:
        """Get new keys after the fault of this task's last request; false if that can't help.

        Raises the fault of the source, if that has none.
        """
        chain, used, signed = _signed_with.get() or (None, None, 0.0)
        if chain is not self._chain or (fault.code not in EXPIRED and not self._doubtful(fault)):
            return False
        async with self._lock:
            if self._chain.keys not in (None, used):
                return True  # somebody has renewed them meanwhile
            return await self._fetched(signed) != used

    def _doubtful(self, fault: Fault) -> bool:
        return fault.code in _NAMELESS and fault.verb.startswith("Head") and self._chain.may_doubt()

    async def _needed(self) -> Keys:
        asked = monotonic()
        async with self._lock:
            return self._chain.keys or await self._fetched(asked)

    async def _fetched(self, asked: float) -> Keys:
        """Ask the source, with the lock held; what failed since then is not asked again by each that waited."""
        if self._failed is not None and self._failed[0] >= asked:
            raise self._failed[1].again()
        seconds = _patience()
        try:
            return await self._chain.fetch(seconds)
        except Fault as fault:
            if fault.code != LATE or seconds == FETCH_SECONDS:
                self._failed = (monotonic(), fault)
            raise

    async def _early(self, keys: Keys) -> Keys:
        async with self._lock:
            try:
                return await self._chain.fetch(min(EARLY_SECONDS, _patience()))
            except Fault as reason:
                self._chain.put_off()
                left = keys.seconds_left()
                log.warning("the keys could not be renewed, and are good for another %.0f s: %s", left, reason)
                return keys


def _patience() -> float:
    return min(FETCH_SECONDS, max(0.0, seconds_left()) * SHARE)


def provided(provider: CredentialProvider) -> Source:
    """Return the source that is a function of the user's: awaited on the loop, or run in a thread of its own."""
    name = "credential_provider"

    async def source(seconds: float) -> Keys:
        try:
            with anyio.fail_after(seconds):
                if inspect.iscoroutinefunction(provider) or inspect.iscoroutinefunction(type(provider).__call__):
                    answer: Any = provider()
                else:
                    answer = await within(seconds, provider)
                if inspect.isawaitable(answer):
                    answer = await answer
        except TimeoutError as error:
            raise no_keys(f"{name} gave nothing within {seconds:.1f} s, or raised TimeoutError", late=True) from error
        except Exception as error:
            # Its own text may have a secret in it, and an error of ours would be taken for one about the file.
            raise no_keys(f"{name} raised {type(error).__name__}") from error
        return keys_from(answer, name)

    return source
