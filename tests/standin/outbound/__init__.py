"""Outbound messages: definitions, what waits, how it is written and sent."""
