"""Text from a server, made safe to print."""

from __future__ import annotations


def clean(text: str) -> str:
    """The text without control and formatting characters, safe for a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def preview(value: str) -> str:
    """A value from a server as it may stand in a message: short, and with no control character."""
    return ascii(value if len(value) <= 60 else value[:57] + "...")
