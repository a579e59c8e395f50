"""The outcomes of a test beside *passed* and *violation*: not shown, and not asked.

*Not shown*: the requests were sent, and what came back cannot decide: the market is too quiet or too constant. The message
says what would show it. *Not asked*: the requests were not sent, because an option was left out, because the budget is
used up, or because the server answers 429 only. In a JUnit file both are ``skipped``, with the outcome as a property.
"""

from __future__ import annotations

from typing import Final, NoReturn

from _pytest.outcomes import Skipped

PROPERTY: Final = "outcome"
"""The name of the property of a test report that holds the outcome."""
EXIT_NOT_SHOWN: Final = 6
"""The exit status of a run without violations in which a test was not shown; pytest itself uses 0 to 5."""
BUSIER: Final = "a busier market (--market) or other days (--around)"
"""What shows most things that a quiet market does not."""


class UndecidedError(Skipped):
    """A test that neither passed nor found a violation."""

    outcome = ""
    is_choice = False
    """True if the options of the run leave the request out."""


class NotShownError(UndecidedError):
    """The responses do not decide whether the server conforms."""

    outcome = "not shown"


class NotAskedError(UndecidedError):
    """A request was not sent."""

    outcome = "not asked"


class LeftOutError(NotAskedError):
    """A request was not sent because the options of the run leave it out."""

    is_choice = True


def not_shown(reason: str, shown_by: str = BUSIER) -> NoReturn:
    """End a test whose responses cannot decide; ``shown_by`` would."""
    raise NotShownError(f"{reason}. What would show it: {shown_by}")


def not_asked(reason: str) -> NoReturn:
    """End a test whose request cannot be sent."""
    raise NotAskedError(reason)


def left_out(reason: str) -> NoReturn:
    """End a test whose request the options leave out."""
    raise LeftOutError(reason)
