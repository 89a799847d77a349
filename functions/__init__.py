"""Doors: one folder, one place where the world starts us."""
