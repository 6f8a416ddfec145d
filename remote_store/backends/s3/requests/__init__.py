"""The wire verbs that the backend needs, one function each: the seam where the transport can be replaced.

Every function sends one request, counts it, and raises Fault for whatever goes wrong. Nothing here retries.
"""

from __future__ import annotations

from .answers import Head, Page, Put, Upload
from .download import Download
from .listings import ListingRequests
from .objects import ObjectRequests
from .uploads import UploadRequests

__all__ = ["Download", "Head", "Page", "Put", "Upload", "Wire"]


class Wire(ObjectRequests, ListingRequests, UploadRequests):
    """The verbs, for one bucket."""
