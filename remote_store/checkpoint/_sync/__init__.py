"""The blocking face of the checkpoint manager."""
