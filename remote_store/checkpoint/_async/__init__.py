"""The async face of the checkpoint manager."""
