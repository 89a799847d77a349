"""Journeys: what happens to a change, in the words of the core and the ports."""
