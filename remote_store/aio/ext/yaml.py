"""Registry configurations out of YAML files; needs the extra `yaml`."""

from remote_store.ext.yaml import from_yaml

__all__ = ["from_yaml"]
