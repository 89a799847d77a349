"""Whole stacks."""
