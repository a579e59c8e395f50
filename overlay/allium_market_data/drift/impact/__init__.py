"""What a change does to this client."""
