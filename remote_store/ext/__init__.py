"""Optional features on top of a store, one module each."""
