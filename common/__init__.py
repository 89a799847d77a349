"""Rooms and core of Isthmus; doors are in functions/."""
