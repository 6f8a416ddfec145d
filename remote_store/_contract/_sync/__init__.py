"""The sync twins of the contract: generated, but for the pairs that differ by hand."""
