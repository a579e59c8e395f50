"""Plain values. They import the standard library and msgspec alone."""
