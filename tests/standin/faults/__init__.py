"""Faults to order: failures that a test asks for, seeded so that they happen again the same way."""
