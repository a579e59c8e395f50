"""Whether every value that one JSON schema allows is allowed by another."""
