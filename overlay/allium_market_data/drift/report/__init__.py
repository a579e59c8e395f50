"""A judgement as terminal text, Markdown, HTML and JSON."""
