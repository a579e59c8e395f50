"""The version of this distribution."""

__version__: str = "0.1.0"
VERSION = __version__
