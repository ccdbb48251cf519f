"""Escalation: what waits for a person, and how a decision goes back into the log."""
