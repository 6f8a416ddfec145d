"""The extensions for async stores, one module each."""
