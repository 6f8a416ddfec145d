"""A request that failed, between the wire that saw it and the backend that names it."""

from __future__ import annotations

__all__ = ["Fault"]


class Fault(Exception):
    """A request that failed, as the wire tells it; the backend's `errors` makes the user's error of it.

    `code` is the service's word (or our own for what happened below it), `status` the HTTP status, 0 for none.
    `may_retry`: it may pass. `maybe_done`: the request may have been carried out although it failed.
    `pause`: seconds that the service asks to wait. `stale`: the connection was closed before any answer, as pooled
    ones are after a rest. `verb` is the request's name.
    """

    def __init__(
        self,
        code: str,
        text: str,
        *,
        status: int = 0,
        verb: str = "",
        may_retry: bool = False,
        maybe_done: bool = False,
        pause: float | None = None,
        stale: bool = False,
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status
        self.verb = verb
        self.may_retry = may_retry
        self.maybe_done = maybe_done
        self.pause = pause
        self.stale = stale
        self.attempts = 1

    def again(self) -> Fault:
        """Return the same fault for another caller, whose attempts are its own."""
        return Fault(
            self.code,
            self.text,
            status=self.status,
            verb=self.verb,
            may_retry=self.may_retry,
            maybe_done=self.maybe_done,
            pause=self.pause,
            stale=self.stale,
        )
