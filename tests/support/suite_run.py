"""A whole run of the suite in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from conformance.document import ROOT


def run(*options: str, key: str | None = None, files: str = "tests/conformance") -> subprocess.CompletedProcess[str]:
    """Run the suite, or some of its ``files``, with these options."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    if key is not None:
        environment["ALLIUM_API_KEY"] = key
    command = [sys.executable, "-m", "pytest", files, "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
