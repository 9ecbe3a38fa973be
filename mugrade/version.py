"""Which mugrade this is, as pyproject.toml says."""

import importlib.metadata

try:
    __version__ = importlib.metadata.version("mugrade")
except importlib.metadata.PackageNotFoundError:  # sources that nobody has installed
    __version__ = "unknown"
