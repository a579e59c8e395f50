"""What changed between two specifications: documents, operations, requests, security, prose."""
