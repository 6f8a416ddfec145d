"""The parts of `remote-store demo`."""
