"""The pure core: errors, models, keys and settings; standard library only, no I/O, no await."""
