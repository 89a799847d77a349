"""Tests; the stand-ins and fakes that they need live here too."""
