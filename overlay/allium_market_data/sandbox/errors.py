"""The one exception that starting a sandbox raises."""

from __future__ import annotations


class SandboxError(Exception):
    """What a user can get wrong about a sandbox: a file, a name, a port, a missing extra.

    The message says what happened and what to do; it is meant to be printed as it is.
    """
