"""The version of the distribution, read by the build and by nothing at import."""

__version__ = "0.1.0"
