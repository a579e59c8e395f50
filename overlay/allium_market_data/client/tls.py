"""Which servers are trusted: those with a certificate of a known authority, for their name, that is in force.

There is no way around it: no argument, and no variable of the environment.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from ..errors import UsageError


def context() -> ssl.SSLContext:
    """How connections are verified.

    The authorities are those that come with httpx, or instead of them those of SSL_CERT_FILE or SSL_CERT_DIR: to name one is
    a decision. An empty name is none. Raises ``UsageError`` for a name with nothing readable behind it.
    """
    file, folder = (os.environ.get(name) or None for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    if file is None and folder is None:
        import httpx  # only here: it takes long

        return httpx.create_ssl_context(trust_env=False)
    try:
        if file is None and not Path(str(folder)).is_dir():
            raise UsageError(f"SSL_CERT_DIR is no folder: {folder}")
        return ssl.create_default_context(cafile=file, capath=None if file else folder)
    except OSError as error:  # of which an unreadable certificate is one
        raise UsageError(f"SSL_CERT_FILE holds no certificates: {file} ({error.strerror or error})") from None
