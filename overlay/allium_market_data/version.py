"""The version of this distribution."""

VERSION = __version__ = "0.1.0"
