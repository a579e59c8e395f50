"""How many examples Hypothesis tries: few in the test command, many in the nightly run (``--hypothesis-profile=thorough``)."""

from __future__ import annotations

from typing import Final

from hypothesis import HealthCheck, settings

FACTOR: Final = 25
"""How many times as many examples the thorough profile tries."""


def register() -> None:
    """Register the profiles ``fast`` and ``thorough``, and load ``fast``."""
    # A deadline and a health check measure the machine, not the code.
    common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("fast", common, max_examples=40)
    settings.register_profile("thorough", common, max_examples=40 * FACTOR)
    settings.load_profile("fast")


def profile() -> str:
    """The name of the profile in use."""
    return settings.get_current_profile_name()


def examples(fast: int) -> settings:
    """Settings for a test whose examples cost more, or matter more, than usual: ``fast`` of them, or ``FACTOR`` times that."""
    return settings(max_examples=fast * FACTOR if profile() == "thorough" else fast)
