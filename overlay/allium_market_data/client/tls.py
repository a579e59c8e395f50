"""The verification of certificates. No argument and no environment variable disables it."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import certifi

from ..errors import UsageError


def context() -> ssl.SSLContext:
    """The TLS context of all connections.

    The authorities are those of certifi, or those of SSL_CERT_FILE or SSL_CERT_DIR if one of them is set and not empty.
    Raises ``UsageError`` if they cannot be read.
    """
    file, folder = (os.environ.get(name) or None for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    if file is None and folder is None:
        return ssl.create_default_context(cafile=certifi.where())
    try:
        if file is None and not Path(str(folder)).is_dir():
            raise UsageError(f"SSL_CERT_DIR is not a folder: {folder}")
        return ssl.create_default_context(cafile=file, capath=None if file else folder)
    except OSError as error:  # ssl.SSLError is an OSError
        raise UsageError(f"SSL_CERT_FILE has no readable certificates: {file} ({error.strerror or error})") from None
