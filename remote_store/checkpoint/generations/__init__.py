"""Checkpoints as generations: parts, an index, and a manifest whose existence is the commit (CHECKPOINT D)."""
