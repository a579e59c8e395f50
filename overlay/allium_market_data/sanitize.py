"""Makes text from a server safe to print."""

from __future__ import annotations


def clean(text: str) -> str:
    """The text with control and formatting characters replaced by spaces, safe for a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def preview(value: str) -> str:
    """A value from a server for an error message: quoted, short, and with control characters escaped."""
    return ascii(value if len(value) <= 60 else value[:57] + "...")
