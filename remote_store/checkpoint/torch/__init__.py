"""PyTorch on top of checkpoints; the only package here that imports torch."""
