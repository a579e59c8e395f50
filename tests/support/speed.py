"""A pytest plugin: a test outside tests/system may use 5 seconds of processor time, under the ``fast`` profile.

Processor time is what a test costs however busy the machine is. A test that waits instead is ended by pytest-timeout.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest

from support import budget

SYSTEM: Final = Path(__file__).parents[1] / "system"
LONGEST_SECONDS: Final = 5.0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that passed and cost too much."""
    began = time.process_time()
    result = yield
    seconds = time.process_time() - began
    is_bounded = budget.profile() == "fast" and not item.path.is_relative_to(SYSTEM)
    if is_bounded and seconds > LONGEST_SECONDS:
        pytest.fail(
            f"used {seconds:.1f} s of processor time: a test outside tests/system may use {LONGEST_SECONDS:g} s. "
            "Make it cheaper, or move it to tests/system if it starts processes",
            pytrace=False,
        )
    return result
