"""Plain values. Imports the standard library and msgspec alone."""
