"""The bridge between async and blocking code: the only place that knows both worlds."""
